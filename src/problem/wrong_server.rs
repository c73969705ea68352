//! The words for a server that is not the one that it should be, or not encrypted as it should be.

use std::fmt;

use chrono::NaiveDate;

use crate::tls::{Fingerprint, ServerKey};

/// Why a client does not talk to a server. Nothing was sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongServer {
    /// The server's address as its user typed it, with the port.
    pub address: String,
    /// The arguments that stand for it on the command line.
    pub arguments: String,
    /// What is wrong.
    pub why: Wrong,
}

/// What is wrong with a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// It has another key than before.
    OtherKey {
        /// The key that is known.
        before: ServerKey,
        /// Since when.
        since: NaiveDate,
        /// The key that it shows.
        now: ServerKey,
        /// Another address, whose server is known by the key that this one shows.
        known_as: Option<String>,
    },
    /// It shows the key that is known, and does not prove that it has it.
    Unproven {
        /// The key.
        before: ServerKey,
        /// Since when it is known.
        since: NaiveDate,
    },
    /// It does not encrypt, and did before.
    UnencryptedNow,
    /// Its certificate is not valid any more, for this reason.
    BadCertificate(String),
    /// It has another key than the one that the user asked for.
    NotTheKey {
        /// What the user asked for.
        wanted: Fingerprint,
        /// The key that it shows; `None` if it shows that one, and does not prove that it has it.
        now: Option<ServerKey>,
    },
    /// It does not encrypt, and the user asked for that, or it had offered it.
    Unencrypted,
}

impl fmt::Display for WrongServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = &self.address;
        match &self.why {
            Wrong::OtherKey { .. } | Wrong::Unproven { .. } => {
                write!(f, "THE SERVER AT {at} HAS A DIFFERENT KEY THAN BEFORE.")?;
            }
            Wrong::UnencryptedNow => write!(
                f,
                "the server at {at} answers without encryption, and was encrypted before."
            )?,
            Wrong::BadCertificate(why) => write!(
                f,
                "the server at {at} has no valid certificate ({why}), and had one before."
            )?,
            Wrong::NotTheKey { wanted, now } => {
                write!(f, "the server at {at} does not have the key {wanted}")?;
                now.map_or(Ok(()), |now| write!(f, ", but {now}"))?;
                f.write_str(".")?;
            }
            Wrong::Unencrypted => write!(f, "the server at {at} does not encrypt.")?,
        }
        f.write_str(" Nothing was sent.")
    }
}

/// What a changed key may mean.
const REASONS: &str = "Somebody may be listening in. Or the server was reinstalled, or another machine has its \
                       address now.";

/// What to do about it.
const COMPARE: &str = "Ask whoever runs it: 'chatserver --fingerprint' prints the key there. If it is the new one, \
                       type";

/// What a missing encryption may mean, and what to do.
const NO_LONGER: &str = "Somebody may be listening in. Or the server no longer encrypts. Ask whoever runs it; if that \
                         is so, type";

/// What a certificate that is not valid may mean, and what to do.
const NOT_RENEWED: &str = "Somebody may be listening in. Or its certificate was not renewed. Ask whoever runs it; to \
                           trust its key instead, type";

impl WrongServer {
    /// The lines below the first: what is known, what it may mean, and what to do.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        let mut lines = match &self.why {
            Wrong::OtherKey { before, since, now, known_as } => {
                let known = known_as.as_ref();
                let known = known.map(|at| format!("That is the server you know as {at}."));
                let reasons = known.unwrap_or_else(|| REASONS.to_owned());
                keys(before, since, &now.to_string(), reasons)
            }
            Wrong::Unproven { before, since } => {
                keys(before, since, &format!("{before}, without a proof of it"), REASONS.to_owned())
            }
            Wrong::UnencryptedNow => vec![NO_LONGER.to_owned()],
            Wrong::BadCertificate(_) => vec![NOT_RENEWED.to_owned()],
            Wrong::NotTheKey { .. } | Wrong::Unencrypted => return Vec::new(),
        };
        lines.push(format!("  chatclient --forget {}", self.arguments));
        lines
    }
}

fn keys(before: &ServerKey, since: &NaiveDate, now: &str, reasons: String) -> Vec<String> {
    vec![
        format!("  before  {before}   since {since}"),
        format!("  now     {now}"),
        reasons,
        COMPARE.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(why: Wrong) -> String {
        let arguments = "192.168.1.7 5000".to_owned();
        let wrong = WrongServer { address: "192.168.1.7:5000".to_owned(), arguments, why };
        format!("{wrong}\n{}", wrong.details().join("\n"))
    }

    #[test]
    fn a_changed_key_is_told_with_both_keys_and_what_to_do() {
        let [before, now] = [&b"one"[..], b"two"].map(ServerKey::of_spki);
        let since = NaiveDate::from_ymd_opt(2026, 11, 28).expect("a day");
        let head =
            "THE SERVER AT 192.168.1.7:5000 HAS A DIFFERENT KEY THAN BEFORE. Nothing was sent.";
        let reasons = "Somebody may be listening in. Or the server was reinstalled, or another machine has \
                       its address now.";
        let ask = "Ask whoever runs it: 'chatserver --fingerprint' prints the key there. If it is the new \
                   one, type\n  chatclient --forget 192.168.1.7 5000";
        let keys = format!("  before  {before}   since 2026-11-28\n  now     {now}");
        let other = |known_as| Wrong::OtherKey { before, since, now, known_as };
        assert_eq!(told(other(None)), format!("{head}\n{keys}\n{reasons}\n{ask}"));
        let known = "That is the server you know as 192.168.1.9:5000.";
        let known_as = Some("192.168.1.9:5000".to_owned());
        assert_eq!(told(other(known_as)), format!("{head}\n{keys}\n{known}\n{ask}"));
        let unproven = told(Wrong::Unproven { before, since });
        assert!(unproven.contains(&format!("\n  now     {before}, without a proof of it\n")));
    }

    #[test]
    fn a_server_that_does_not_encrypt_as_it_should_is_told_with_what_to_do() {
        let forget = "type\n  chatclient --forget 192.168.1.7 5000";
        let [wanted, now] = [&b"one"[..], b"two"].map(ServerKey::of_spki);
        let cases = [
            (
                Wrong::UnencryptedNow,
                "the server at 192.168.1.7:5000 answers without encryption, and was encrypted before. \
                 Nothing was sent.\nSomebody may be listening in. Or the server no longer encrypts. Ask \
                 whoever runs it; if that is so, "
                    .to_owned()
                    + forget,
            ),
            (
                Wrong::BadCertificate("it has expired".to_owned()),
                "the server at 192.168.1.7:5000 has no valid certificate (it has expired), and had one \
                 before. Nothing was sent.\nSomebody may be listening in. Or its certificate was not \
                 renewed. Ask whoever runs it; to trust its key instead, "
                    .to_owned()
                    + forget,
            ),
            (
                Wrong::NotTheKey { wanted: Fingerprint::Whole(wanted), now: Some(now) },
                format!(
                    "the server at 192.168.1.7:5000 does not have the key {wanted}, but {now}. Nothing \
                     was sent.\n"
                ),
            ),
            (
                Wrong::Unencrypted,
                "the server at 192.168.1.7:5000 does not encrypt. Nothing was sent.\n".to_owned(),
            ),
        ];
        for (why, text) in cases {
            assert_eq!(told(why), text);
        }
    }
}
