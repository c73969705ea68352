//! A peer over TLS that knows the keys and keeps to no rule: bytes say which records it sends, and what has to come of
//! them is known. Both programs' framings are fuzzed with it.
//!
//! The library's own connection refuses to send what is wrong, so records are sealed here (RFC 8446, 5.2).

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConnection, KeyLog, ServerConfig, ServerConnection};

use super::{VERSIONS, anyone, provider};

/// The most plaintext in one record, in bytes (RFC 8446, 5.1).
const RECORD: usize = 16 * 1024;

/// How often keys are renewed: a library that is asked for it again and again without any lines gives up.
const KEY_UPDATES: usize = 8;

// What a record is of.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// How what a script sends has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The peer says that nothing more comes.
    Told,
    /// It does not.
    Cut,
    /// Something came that is no record of the peer's. Where that only looks like the beginning of one, it is `Cut`.
    Broken,
}

/// What a peer sends, and what has to come of it.
#[derive(Debug)]
pub(crate) struct Script {
    /// The records.
    pub(crate) wire: Vec<u8>,
    /// What has to be decrypted.
    pub(crate) plain: Vec<u8>,
    /// How it has to end.
    pub(crate) over: Over,
}

/// Both ends of a connection whose handshake is over.
pub(crate) struct Shaken {
    /// The client's end.
    pub(crate) client: ClientConnection,
    /// The server's.
    pub(crate) server: ServerConnection,
    /// What seals the client's records.
    pub(crate) by_client: Sealer,
    /// What seals the server's.
    pub(crate) by_server: Sealer,
}

/// What seals the records of one end.
pub(crate) struct Sealer {
    /// The traffic secret that the key is made of.
    secret: Vec<u8>,
    /// The key.
    key: LessSafeKey,
    /// What the number of the record is mixed with.
    iv: [u8; 12],
    /// The number of the next record.
    number: u64,
}

/// Keeps the secrets of one connection.
#[derive(Default)]
struct Secrets(Mutex<Vec<(String, Vec<u8>)>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl KeyLog for Secrets {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        let mut secrets = self.0.lock().expect("nobody panics with it");
        secrets.push((label.to_owned(), secret.to_vec()));
    }
}

impl Secrets {
    fn sealer(&self, label: &str) -> Sealer {
        let secrets = self.0.lock().expect("nobody panics with it");
        let found = secrets.iter().find(|(its, _)| its == label);
        Sealer::new(found.expect("the handshake is over").1.clone())
    }
}

impl Shaken {
    /// A new connection, in memory.
    pub(crate) fn new() -> Shaken {
        let secrets = Arc::new(Secrets::default());
        let mut client = anyone::trusting_with(&[], |config| config.key_log = secrets.clone());
        let mut server = ServerConnection::new(server_config()).expect("a good configuration");
        // Both of the client's flights; the server answers the first one alone, since it gives no tickets.
        for _ in 0..2 {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).expect("memory takes it");
            server.read_tls(&mut &wire[..]).expect("memory gives it");
            server.process_new_packets().expect("it is right");
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).expect("memory takes it");
            }
            let mut left = &wire[..];
            // To read nothing would be the end.
            while !left.is_empty() {
                client.read_tls(&mut left).expect("memory gives it");
                client.process_new_packets().expect("it is right");
            }
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        let [by_client, by_server] =
            ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"].map(|it| secrets.sealer(it));
        Shaken { client, server, by_client, by_server }
    }
}

/// A server's, with one suite: the one that is sealed with here.
fn server_config() -> Arc<ServerConfig> {
    static CONFIG: OnceLock<Arc<ServerConfig>> = OnceLock::new();
    let make = || {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["chatroom".to_owned()]).expect("a certificate");
        let certificate: CertificateDer<'static> = cert.der().clone();
        let private = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let mut provider = (*provider()).clone();
        provider.cipher_suites = vec![TLS13_AES_128_GCM_SHA256];
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(VERSIONS)
            .expect("it has these versions")
            .with_no_client_auth();
        let mut config = config.with_single_cert(vec![certificate], private).expect("a pair");
        config.send_tls13_tickets = 0;
        Arc::new(config)
    };
    Arc::clone(CONFIG.get_or_init(make))
}

/// The length of what is made of a secret.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label without a context (RFC 8446, 7.1).
fn expand(secret: &[u8], label: &str, into: &mut [u8]) {
    let label = format!("tls13 {label}");
    let length = u16::try_from(into.len()).expect("it is short").to_be_bytes();
    let label_length = [u8::try_from(label.len()).expect("it is short")];
    let info: [&[u8]; 4] = [&length, &label_length, label.as_bytes(), &[0]];
    let secret = Prk::new_less_safe(HKDF_SHA256, secret);
    let expanded = secret.expand(&info, Length(into.len())).expect("it is short");
    expanded.fill(into).expect("it has that length");
}

impl Sealer {
    fn new(secret: Vec<u8>) -> Sealer {
        let (mut key, mut iv) = ([0; 16], [0; 12]);
        expand(&secret, "key", &mut key);
        expand(&secret, "iv", &mut iv);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("its length fits"));
        Sealer { secret, key, iv, number: 0 }
    }

    /// From now on the key is the next one (RFC 8446, 7.2).
    fn update(&mut self) {
        let mut next = vec![0; self.secret.len()];
        expand(&self.secret, "traffic upd", &mut next);
        *self = Sealer::new(next);
    }

    /// A record with that content, that type, if it has any, and so many zeros.
    fn seal(&mut self, kind: Option<u8>, content: &[u8], padding: usize) -> Vec<u8> {
        let mut inner = content.to_vec();
        inner.extend(kind);
        inner.resize(inner.len() + padding, 0);
        let mut nonce = self.iv;
        nonce[4..].iter_mut().zip(self.number.to_be_bytes()).for_each(|(it, by)| *it ^= by);
        self.number += 1;
        let header = header(inner.len() + AES_128_GCM.tag_len());
        let (nonce, aad) = (Nonce::assume_unique_for_key(nonce), Aad::from(header));
        self.key.seal_in_place_append_tag(nonce, aad, &mut inner).expect("it is short enough");
        [&header, &inner[..]].concat()
    }

    /// What the script in `bytes` sends. Each step of it is a byte that says what is done, one that says with how many
    /// of the bytes behind it, and those.
    pub(crate) fn play(&mut self, mut bytes: &[u8]) -> Script {
        let mut script = Script { wire: Vec::new(), plain: Vec::new(), over: Over::Cut };
        let mut updates = 0;
        while let [what, length, rest @ ..] = bytes {
            let (text, rest) = rest.split_at(rest.len().min(usize::from(*length)));
            bytes = rest;
            let (step, extra) = (what % 16, usize::from(what / 16));
            match step {
                8 => script.add(&self.seal(Some(ALERT), &[1, 0], extra), Some(Over::Told)),
                9.. => script.add(&self.wrong(step, extra, text), Some(Over::Broken)),
                7 if updates < KEY_UPDATES => {
                    updates += 1;
                    let content = [24, 0, 0, 1, u8::from(extra % 2 == 0)];
                    script.add(&self.seal(Some(HANDSHAKE), &content, 0), None);
                    self.update();
                }
                6 | 7 => script.add(&self.seal(Some(APPLICATION_DATA), b"", extra), None),
                _ => {
                    script.add(&self.seal(Some(APPLICATION_DATA), text, extra), None);
                    if script.over == Over::Cut {
                        script.plain.extend_from_slice(text);
                    }
                }
            }
        }
        script
    }

    /// Something that must not come.
    fn wrong(&mut self, step: u8, extra: usize, text: &[u8]) -> Vec<u8> {
        match step {
            // Another alert than that of the end.
            9 => self.seal(Some(ALERT), &[2, 40], extra),
            // A bit is another one.
            10 => {
                let mut record = self.seal(Some(APPLICATION_DATA), text, 0);
                let at = 3 + (text.len() * 7 + extra) % (record.len() - 3);
                record[at] ^= 1 << (extra % 8);
                record
            }
            // The end of a record is missing.
            11 => {
                let mut record = self.seal(Some(APPLICATION_DATA), text, 0);
                record.truncate(1 + (extra * 5) % (record.len() - 1));
                record
            }
            // What is no TLS at all.
            12 => [b"h", text].concat(),
            // Too much for one record, or said to be.
            13 if extra.is_multiple_of(2) => {
                self.seal(Some(APPLICATION_DATA), &vec![b'x'; RECORD + 1 + extra], 0)
            }
            13 => [&header(0xffff), text].concat(),
            // A record that nobody has sealed.
            14 => [&header(text.len()), text].concat(),
            // A record of another type, or of none.
            _ => {
                let kind = [None, Some(HANDSHAKE), Some(24), Some(20)][extra % 4];
                let content: &[u8] = if kind.is_some() { &[11, 0, 0, 0] } else { b"" };
                self.seal(kind, content, extra)
            }
        }
    }
}

impl Script {
    /// Sends that. If it ends what is decrypted, nothing behind it counts.
    fn add(&mut self, record: &[u8], over: Option<Over>) {
        self.wire.extend_from_slice(record);
        if let Some(over) = over.filter(|_| self.over == Over::Cut) {
            self.over = over;
        }
    }

    /// Asserts that this has come of it, and so it has ended.
    pub(crate) fn assert_becomes(&self, plain: &[u8], over: Over) {
        assert_eq!(plain, self.plain, "something else was decrypted");
        let may_be_cut = self.over == Over::Broken && over == Over::Cut;
        assert!(over == self.over || may_be_cut, "{over:?} and not {:?}", self.over);
    }
}

/// What a record begins with whose ciphertext has that length.
fn header(length: usize) -> [u8; 5] {
    let [high, low] = u16::try_from(length).expect("it has two bytes").to_be_bytes();
    [APPLICATION_DATA, 3, 3, high, low]
}
