//! TLS as both programs speak it: which library, which versions, how keys are shown, and what binds a proof to one
//! connection. The server's half is in `server::net`, the client's in `client::net`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::{BASE32_NOPAD, BASE64, BASE64_NOPAD};
use rustls::ConnectionCommon;
use rustls::crypto::CryptoProvider;
use rustls::version::TLS13;
use rustls::{SupportedProtocolVersion, crypto};

use crate::protocol::proof::Binding;

#[cfg(any(test, fuzzing))]
#[path = "../tests/it/common/anyone.rs"]
pub(crate) mod anyone;
#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub(crate) mod fuzzing;

/// The only version: both ends are ours or as new.
pub(crate) const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13];

/// The name of the protocol over TLS (ALPN, RFC 7301), which both programs offer and neither requires.
pub(crate) const ALPN: &[u8] = b"chatroom/1";

/// How many bytes the first records of a connection hold at most, either way: less than one packet. Nothing of a record
/// can be read before all of it has come. So over a connection that is cut again and again after some kilobytes, full
/// records would bring no line at all to whoever is far behind, and over a slow one the first line late.
pub(crate) const FIRST_RECORD: usize = 1200;

/// How many bytes go in such records, either way. From then on records are full: those cost less.
pub(crate) const IN_FIRST_RECORDS: usize = 16 * 1024;

/// The common name of a certificate whose key is kept.
pub(crate) const COMMON_NAME: &str = "chatroom";

/// The common name of a certificate whose key ends with the server's process: nobody can know it again.
pub(crate) const COMMON_NAME_OF_ONE_RUN: &str = "chatroom, this run only";

/// How many characters of a key's base32 people see: 100 bits.
const SHOWN: usize = 20;

/// How many of them stand between two hyphens.
const GROUP: usize = 5;

/// The cryptography of both programs. It is never installed as the process's default: what another crate installs
/// there must not change this one.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(crypto::ring::default_provider())
}

/// A server's key as clients know it: the SHA-256 of its certificate's `SubjectPublicKeyInfo`.
///
/// It is shown as its fingerprint, `k3vqd-7m2xa-pz6lt-4wbne`: the first 20 characters of its base32 (RFC 4648, in
/// lower case), which has no 0, 1, 8 or 9 and can be read aloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerKey([u8; 32]);

impl ServerKey {
    /// The key of a `SubjectPublicKeyInfo` in DER.
    #[must_use]
    pub fn of_spki(spki: &[u8]) -> ServerKey {
        let hash = ring::digest::digest(&ring::digest::SHA256, spki);
        ServerKey(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// All 52 characters, as files keep them.
    #[must_use]
    pub fn whole(&self) -> String {
        BASE32_NOPAD.encode(&self.0).to_ascii_lowercase()
    }

    /// The key of the 52 characters, in either case; `None` if they are none.
    #[must_use]
    pub fn parse(whole: &str) -> Option<ServerKey> {
        let bytes = BASE32_NOPAD.decode(whole.to_ascii_uppercase().as_bytes()).ok()?;
        bytes.try_into().ok().map(ServerKey)
    }
}

impl fmt::Display for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.whole();
        let groups = whole.as_bytes()[..SHOWN].chunks(GROUP);
        for (at, group) in groups.enumerate() {
            let hyphen = if at == 0 { "" } else { "-" };
            let group = str::from_utf8(group).expect("base32 is ASCII");
            write!(f, "{hyphen}{group}")?;
        }
        Ok(())
    }
}

/// What a user gives to say which key a server must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fingerprint {
    /// The 20 characters that people see, in lower case, without hyphens.
    Shown(String),
    /// All of the key.
    Whole(ServerKey),
}

/// The text that stands for no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoFingerprint;

impl fmt::Display for NoFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it must be a fingerprint, as in k3vqd-7m2xa-pz6lt-4wbne")
    }
}

impl std::error::Error for NoFingerprint {}

impl Fingerprint {
    /// Whether a server with that key is the one.
    #[must_use]
    pub fn fits(&self, key: &ServerKey) -> bool {
        match self {
            Fingerprint::Shown(shown) => key.whole().starts_with(shown.as_str()),
            Fingerprint::Whole(whole) => whole == key,
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fingerprint::Whole(key) => key.fmt(f),
            Fingerprint::Shown(shown) => {
                let groups: Vec<_> = shown
                    .as_bytes()
                    .chunks(GROUP)
                    .map(|group| str::from_utf8(group).expect("base32 is ASCII"))
                    .collect();
                f.write_str(&groups.join("-"))
            }
        }
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    /// Takes the 20 characters that people see or all 52, with hyphens or without, in either case; or `SHA256:` and
    /// the base64 that `openssl` makes.
    fn from_str(text: &str) -> Result<Fingerprint, NoFingerprint> {
        let text = text.trim();
        if let Some(base64) = text.strip_prefix("SHA256:") {
            let decoded = BASE64.decode(base64.as_bytes());
            let bytes = decoded.or_else(|_| BASE64_NOPAD.decode(base64.as_bytes()));
            let bytes = bytes.map_err(|_| NoFingerprint)?.try_into().map_err(|_| NoFingerprint)?;
            return Ok(Fingerprint::Whole(ServerKey(bytes)));
        }
        let characters: String = text.replace('-', "").to_ascii_lowercase();
        let is_base32 = characters.bytes().all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7'));
        match characters.len() {
            SHOWN if is_base32 => Ok(Fingerprint::Shown(characters)),
            _ => ServerKey::parse(&characters).map(Fingerprint::Whole).ok_or(NoFingerprint),
        }
    }
}

/// The channel binding `tls-exporter` (RFC 9266): 32 bytes that both ends of one TLS connection have in common, and
/// nobody else. A proof that names them is worth nothing on another connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exporter([u8; 32]);

impl Exporter {
    /// The exporter's label (RFC 9266, 4.2).
    const LABEL: &[u8] = b"EXPORTER-Channel-Binding";

    /// That of a connection after its handshake.
    ///
    /// # Errors
    ///
    /// The handshake is not over.
    pub(crate) fn of<Data>(connection: &ConnectionCommon<Data>) -> Result<Exporter, rustls::Error> {
        connection.export_keying_material([0; 32], Self::LABEL, None).map(Exporter)
    }

    /// What a proof over the connection names.
    pub(crate) fn binding(self) -> Binding {
        Binding::new(self.0)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exporter(…)")
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fingerprint_is_taken_in_every_form_that_people_have_it_in() {
        let key = ServerKey::of_spki(b"a key");
        let shown = key.to_string();
        assert_eq!(shown.len(), 23);
        let base64 = BASE64.encode(&key.0);
        for text in [
            shown.clone(),
            shown.to_uppercase(),
            shown.replace('-', ""),
            key.whole(),
            key.whole().to_uppercase(),
            format!("SHA256:{base64}"),
            format!("SHA256:{}", base64.trim_end_matches('=')),
            format!("  {shown}\n"),
        ] {
            let fingerprint: Fingerprint = text.parse().expect(&text);
            assert!(fingerprint.fits(&key), "{text}");
            assert!(!fingerprint.fits(&ServerKey::of_spki(b"another")), "{text}");
            assert_eq!(fingerprint.to_string(), shown, "{text}");
        }
        for text in ["", "k3vqd", &shown[1..], "SHA256:", "SHA256:AAAA", "01890-01890-01890-01890"]
        {
            assert_eq!(text.parse::<Fingerprint>(), Err(NoFingerprint), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_key_comes_back_from_its_characters(bytes: [u8; 32]) {
            let key = ServerKey(bytes);
            prop_assert_eq!(ServerKey::parse(&key.whole()), Some(key));
            prop_assert!(key.to_string().parse::<Fingerprint>().is_ok_and(|it| it.fits(&key)));
        }

        #[test]
        fn no_text_breaks_the_reading_of_a_fingerprint(text: String) {
            if let Ok(fingerprint) = text.parse::<Fingerprint>() {
                prop_assert!(fingerprint.to_string().parse::<Fingerprint>().is_ok());
            }
        }
    }
}
