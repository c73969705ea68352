//! Over what kind of connection a session began, and which servers may therefore be told its token. Pure.

use super::secrecy::Secrecy;
use crate::tls::ServerKey;

/// Over what kind of connection a session began: who can know its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Origin {
    /// One that did not leave this machine.
    Here,
    /// One on which anybody could read along.
    Plain,
    /// An encrypted one, to the server with this key.
    Tls(ServerKey),
}

impl Origin {
    /// That of a session that begins over such a connection.
    pub(in crate::client) fn of(secrecy: &Secrecy) -> Origin {
        match secrecy {
            Secrecy::Here => Origin::Here,
            Secrecy::Plain => Origin::Plain,
            Secrecy::Tls(key, _) => Origin::Tls(*key),
        }
    }
}

/// What is known of a server before a session goes on there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Familiarity {
    /// It is the only server of the room.
    Alone,
    /// It is one of several, and its key, or an authority for it, was known for its address before.
    Known,
    /// It is one of several, and was not known.
    New,
    /// It is one of several, and the user wants no encryption.
    Unencrypted,
}

impl Origin {
    /// Whether a session that began so may go on over a connection like that to such a server, which is then told its
    /// token. Whoever has the token can take the session over.
    pub(super) fn may_go_on(self, over: &Secrecy, server: Familiarity) -> bool {
        match (self, over) {
            (Origin::Tls(key), Secrecy::Tls(now, _)) => key == *now || server == Familiarity::Known,
            (Origin::Tls(_), Secrecy::Here | Secrecy::Plain) => false,
            (Origin::Plain, Secrecy::Here | Secrecy::Plain) | (Origin::Here, Secrecy::Here) => true,
            // Whoever has read its token along must not get at an encrypted session.
            (Origin::Plain, Secrecy::Tls(..)) => false,
            (Origin::Here, Secrecy::Plain) => {
                matches!(server, Familiarity::Alone | Familiarity::Unencrypted)
            }
            (Origin::Here, Secrecy::Tls(..)) => server == Familiarity::Known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::secrecy::Acquaintance;
    use super::*;

    #[test]
    fn a_token_goes_where_its_session_began_and_to_servers_that_were_known() {
        use Familiarity::{Alone, Known, New, Unencrypted};
        let [key, other] = [&b"one"[..], b"other"].map(ServerKey::of_spki);
        let tls = |key| Secrecy::Tls(key, Acquaintance::New);
        let (here, plain) = (Secrecy::Here, Secrecy::Plain);
        let all = [Alone, Known, New, Unencrypted];
        let cases: [(Origin, Secrecy, &[Familiarity]); 10] = [
            (Origin::Tls(key), tls(key), &all),
            (Origin::Tls(key), tls(other), &[Known]),
            (Origin::Tls(key), plain.clone(), &[]),
            (Origin::Tls(key), here.clone(), &[]),
            (Origin::Plain, plain.clone(), &all),
            (Origin::Plain, here.clone(), &all),
            (Origin::Plain, tls(key), &[]),
            (Origin::Here, here, &all),
            (Origin::Here, plain, &[Alone, Unencrypted]),
            (Origin::Here, tls(key), &[Known]),
        ];
        for (origin, over, to) in cases {
            let told: Vec<_> = all.into_iter().filter(|it| origin.may_go_on(&over, *it)).collect();
            assert_eq!(told, to, "{origin:?} over {over:?}");
        }
    }
}
