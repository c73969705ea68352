//! What it means that the server is not the one that it has to be. Pure.

use chrono::NaiveDate;
use rustls::CertificateError;

use super::plan::Aim;
use crate::client::net::tls::verifier::{Expected, Shown};
use crate::problem::Wrong;
use crate::tls::ServerKey;

/// What it means that the server does not speak our TLS.
pub(super) fn unencrypted(aim: &Aim) -> Wrong {
    if aim.was_encrypted { Wrong::UnencryptedNow } else { Wrong::Unencrypted }
}

/// What it means that TLS failed with a server that has shown this, or nothing. `elsewhere` finds another address
/// whose server is known by a key.
pub(super) fn wrong_tls(
    aim: &Aim,
    shown: Option<&Shown>,
    elsewhere: impl FnOnce(&ServerKey) -> Option<String>,
) -> Wrong {
    let Some(&Shown { key: now, ref vouched, .. }) = shown else { return unencrypted(aim) };
    match &aim.expected {
        Expected::Any => unencrypted(aim),
        Expected::Fingerprint(wanted) => {
            let now = Some(now).filter(|now| !wanted.fits(now));
            Wrong::NotTheKey { wanted: wanted.clone(), now }
        }
        Expected::Vouched => Wrong::BadCertificate(match vouched {
            Some(Err(why)) => in_words(why),
            Some(Ok(())) | None => "nothing proves that the key is its own".to_owned(),
        }),
        Expected::Keys(_) => {
            let is_shown = |known: &&(ServerKey, NaiveDate)| known.0 == now;
            let known = aim.keys.iter().find(is_shown).or(aim.keys.last());
            match known {
                Some(&(before, since)) if before == now => Wrong::Unproven { before, since },
                Some(&(before, since)) => {
                    Wrong::OtherKey { before, since, now, known_as: elsewhere(&now) }
                }
                None => Wrong::UnencryptedNow,
            }
        }
    }
}

/// Why the system does not accept a certificate.
pub(super) fn in_words(why: &rustls::Error) -> String {
    use CertificateError as Bad;
    let why = match why {
        rustls::Error::InvalidCertificate(why) => why,
        rustls::Error::General(why) => return lower(why),
        other => return lower(&other.to_string()),
    };
    match why {
        Bad::Expired | Bad::ExpiredContext { .. } => "it has expired".to_owned(),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        Bad::Revoked => "it was revoked".to_owned(),
        Bad::UnknownIssuer => "no authority that this system knows vouches for it".to_owned(),
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        other => lower(&other.to_string()),
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
