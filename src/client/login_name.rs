//! The name that a user is likely to want: the one on this machine. The main thread asks for it once.

use std::ffi::OsString;

use unicode_segmentation::UnicodeSegmentation;

use crate::protocol::name::{BadName, Name};

/// The name that the user has on this machine, without the characters that a name cannot have;
/// `None` if nothing is left of it.
#[must_use]
pub fn login_name() -> Option<Name> {
    let variables = ["USER", "LOGNAME", "USERNAME"];
    let names = variables.into_iter().filter_map(std::env::var_os);
    names.chain(system_name()).find_map(|name| fit(&name.to_string_lossy()))
}

/// The user's name as the system knows it: a service or a container may be told none.
#[cfg(unix)]
fn system_name() -> Option<OsString> {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid());
    user.ok().flatten().map(|user| user.name.into())
}

/// Windows always tells.
#[cfg(windows)]
fn system_name() -> Option<OsString> {
    None
}

fn fit(text: &str) -> Option<Name> {
    let mut kept = String::new();
    for grapheme in text.graphemes(true) {
        let longer = format!("{kept}{grapheme}");
        // A beginning that is a reserved word may go on.
        if matches!(Name::parse(&longer), Ok(_) | Err(BadName::Reserved(_))) {
            kept = longer;
        }
    }
    Name::parse(&kept).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_name_becomes_a_name_by_leaving_characters_out() {
        let cases = [
            ("alice", Some("alice")),
            ("Alice Smith", Some("AliceSmith")),
            ("-alice", Some("alice")),
            ("..a-b.c_", Some("a-b.c_")),
            ("DOMAIN\\alice", Some("DOMAINalice")),
            ("josé", Some("josé")),
            ("yours", Some("yours")),
            ("you", None),
            ("$$$", None),
            ("", None),
            ("abcdefghijklmnopqrstuvwxyz", Some("abcdefghijklmnopqrstuvwx")),
        ];
        for (login, expected) in cases {
            assert_eq!(
                fit(login),
                expected.map(|name| Name::parse(name).expect("a good name")),
                "{login}"
            );
        }
    }
}
