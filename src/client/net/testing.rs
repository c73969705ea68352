//! A server for the tests of this folder, or an attacker in its place: it does one thing with each connection.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::tls::{self, COMMON_NAME, ServerKey};

/// The banner of a room that speaks TLS, to a plain client.
pub(super) const OFFER: &str =
    "-- chatroom 1: welcome (/help for the commands; TLS on this port)\n";

/// The banner over TLS, or of a room without it.
pub(super) const BANNER: &str = "-- chatroom 1: welcome (/help for the commands)\n";

/// How long a server waits for what a client sends.
const PATIENCE: Duration = Duration::from_secs(10);

/// A key with a certificate.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// The key as clients know it.
    pub(super) key: ServerKey,
    /// What proves it.
    pub(super) config: Arc<ServerConfig>,
    /// The certificate.
    certificate: CertificateDer<'static>,
    /// The private key, PKCS#8.
    private: Vec<u8>,
}

impl Identity {
    /// A new one, whose certificate has that common name.
    pub(super) fn new(common_name: &str) -> Identity {
        let pair = KeyPair::generate().expect("there are random numbers");
        let mut params = CertificateParams::new(["chatroom".to_owned()]).expect("a name");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let certificate = params.self_signed(&pair).expect("a certificate").der().clone();
        let key = ServerKey::of_spki(&pair.subject_public_key_info());
        let private = pair.serialize_der();
        let config = config(&certificate, &private);
        Identity { key, config, certificate, private }
    }

    /// One that is kept.
    pub(super) fn usual() -> Identity {
        Identity::new(COMMON_NAME)
    }

    /// What somebody shows who has the certificate, and not the key.
    pub(super) fn stolen(&self) -> Identity {
        let private = Identity::usual().private;
        let config = config(&self.certificate, &private);
        Identity { config, private, ..self.clone() }
    }
}

/// Shows one certificate, whether or not the key is its own.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn config(certificate: &CertificateDer<'static>, private: &[u8]) -> Arc<ServerConfig> {
    let provider = tls::provider();
    let private = PrivateKeyDer::Pkcs8(private.to_vec().into());
    let key = provider.key_provider.load_private_key(private).expect("a key");
    let shows = Shows(Arc::new(CertifiedKey::new(vec![certificate.clone()], key)));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(tls::VERSIONS)
        .expect("it has these versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shows));
    Arc::new(config)
}

/// What is done with one connection.
pub(super) enum Act {
    /// Says this in plain, and takes all that comes.
    Plain(&'static str),
    /// Answers whatever comes first with this, in plain, and hangs up.
    Answer(&'static [u8]),
    /// Hangs up when the first byte has come.
    Close,
    /// The same with a reset.
    Reset,
    /// Speaks TLS with this identity, says the banner, and takes all that comes.
    Tls(Identity),
    /// Does this when the first byte has come, and then the same.
    First(Box<dyn FnOnce() + Send>, Identity),
}

/// A server that does these things, one with each connection in turn.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// What each connection has sent that was not encrypted.
    plain: Arc<Mutex<Vec<Vec<u8>>>>,
    thread: JoinHandle<()>,
}

impl Server {
    pub(super) fn start(acts: Vec<Act>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let plain = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let seen = Arc::clone(&plain);
        let thread = thread::spawn(move || {
            let acts: Vec<_> = acts
                .into_iter()
                .map(|act| {
                    let (stream, _) = listener.accept().expect("it listens");
                    let seen = Arc::clone(&seen);
                    thread::spawn(move || {
                        let plain = play(stream, act);
                        seen.lock().expect("no test has failed").push(plain);
                    })
                })
                .collect();
            // Nobody comes once more than the test says.
            drop(listener);
            acts.into_iter().for_each(|act| act.join().expect("it plays its part"));
        });
        Server { address, plain, thread }
    }

    /// Waits until all has been done, and gives what was sent in plain.
    pub(super) fn end(self) -> Vec<String> {
        self.thread.join().expect("it has played its part");
        let plain = self.plain.lock().expect("no test has failed");
        plain.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

/// Does it, and gives what was sent in plain.
fn play(mut stream: TcpStream, act: Act) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    match act {
        Act::Plain(text) => {
            stream.write_all(text.as_bytes()).ok();
            return rest(&mut stream);
        }
        Act::Answer(bytes) => {
            wait(&stream);
            stream.write_all(bytes).ok();
            // So that it arrives: a socket that is closed with bytes unread resets.
            stream.shutdown(Shutdown::Write).ok();
            rest(&mut stream);
        }
        Act::Close => {
            wait(&stream);
            stream.shutdown(Shutdown::Write).ok();
            rest(&mut stream);
        }
        Act::Reset => {
            wait(&stream);
            let linger = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            linger.expect("a socket has a linger time");
        }
        Act::Tls(identity) => speak_tls(stream, &identity),
        Act::First(work, identity) => {
            wait(&stream);
            work();
            speak_tls(stream, &identity);
        }
    }
    Vec::new()
}

fn speak_tls(stream: TcpStream, identity: &Identity) {
    let state = ServerConnection::new(Arc::clone(&identity.config)).expect("a good configuration");
    let mut tls = StreamOwned::new(state, stream);
    // A client that does not trust it has gone.
    if tls.write_all(BANNER.as_bytes()).and_then(|()| tls.flush()).is_ok() {
        rest(&mut tls);
    }
}

fn wait(stream: &TcpStream) {
    stream.peek(&mut [0]).ok();
}

fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok();
    bytes
}
