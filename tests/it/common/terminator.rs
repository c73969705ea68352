//! TLS in front of a server that has none, as `chatserver` has it: the first byte decides. It is also the attacker on
//! the network, who shows another key, answers in plain, cuts connections, and reads all that is not encrypted.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use chatroom::tls::ServerKey;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::DEADLINE;

/// How long the first byte is waited for.
const SNIFF: Duration = Duration::from_millis(100);

/// The end of a banner, and of one that offers TLS.
const BANNER_END: &[u8] = b" commands)\n";
const OFFER_END: &[u8] = b" commands; TLS on this port)\n";

/// A key with a certificate.
#[derive(Clone)]
pub struct Identity {
    pub key: ServerKey,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// A new one, whose certificate is for nobody and has this common name.
    pub fn new(common_name: &str) -> Identity {
        let pair = KeyPair::generate().expect("there are random numbers");
        let mut params = CertificateParams::new(["chatroom".to_owned()]).expect("a name");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let certificate = params.self_signed(&pair).expect("a certificate").der().clone();
        Identity::with(certificate, &pair)
    }

    /// One with this certificate.
    pub fn with(certificate: CertificateDer<'static>, pair: &KeyPair) -> Identity {
        let key = ServerKey::of_spki(&pair.subject_public_key_info());
        let private = PrivateKeyDer::Pkcs8(pair.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("it has TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], private)
            .expect("they belong together");
        Identity { key, config: Arc::new(config) }
    }
}

/// What it does with the next connections.
#[derive(Clone)]
pub enum Manner {
    /// Passes on what is said, over TLS with this identity, or in plain with a banner that offers it.
    Offers(Identity),
    /// Passes on what is said in plain, also where TLS begins, and offers nothing.
    Plain,
    /// Closes each connection when the first byte has come.
    Closes,
}

/// In front of a server, for as long as the test runs.
pub struct Terminator {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    manner: Mutex<Manner>,
    /// Both sockets of each connection.
    open: Mutex<Vec<[TcpStream; 2]>>,
    /// All that clients have sent without encryption.
    plain: Mutex<Vec<u8>>,
    /// How many connections over TLS have ended as TLS has them end.
    told_ends: Mutex<usize>,
}

impl Terminator {
    /// In front of that server, on this machine.
    pub fn start(server: SocketAddr, manner: Manner) -> Terminator {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Terminator::listen(listener, server, manner)
    }

    /// In front of that server, wherever the listener is.
    pub fn listen(listener: TcpListener, server: SocketAddr, manner: Manner) -> Terminator {
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            server,
            manner: Mutex::new(manner),
            open: Mutex::default(),
            plain: Mutex::default(),
            told_ends: Mutex::default(),
        });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().filter_map(Result::ok) {
                let ours = Arc::clone(&ours);
                thread::spawn(move || ours.serve(client));
            }
        });
        Terminator { address, shared }
    }

    /// The arguments that lead a client here.
    pub fn arguments(&self) -> [String; 2] {
        [self.address.ip().to_string(), self.address.port().to_string()]
    }

    /// From now on it is like this, for those who come.
    pub fn be(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// Cuts all connections, without a word of TLS.
    pub fn cut(&self) {
        for socket in self.shared.open.lock().unwrap().drain(..).flatten() {
            socket.shutdown(Shutdown::Both).ok();
        }
    }

    /// All that clients have sent without encryption.
    pub fn plain(&self) -> String {
        String::from_utf8_lossy(&self.shared.plain.lock().unwrap()).into_owned()
    }

    /// Waits until so many connections over TLS have ended as TLS has them end.
    #[track_caller]
    pub fn expect_told_ends(&self, ends: usize) {
        let deadline = Instant::now() + DEADLINE;
        while *self.shared.told_ends.lock().unwrap() < ends {
            assert!(Instant::now() < deadline, "it was not told that nothing more comes");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Shared {
    fn serve(&self, client: TcpStream) {
        client.set_nodelay(true).ok();
        client.set_read_timeout(Some(SNIFF)).expect("not zero");
        let is_tls = matches!(client.peek(&mut [0]), Ok(1)) && first_byte(&client) == Some(22);
        client.set_read_timeout(None).expect("none is one");
        let manner = self.manner.lock().unwrap().clone();
        if let Manner::Closes = manner {
            client.peek(&mut [0]).ok();
            return;
        }
        let Ok(server) = TcpStream::connect(self.server) else { return };
        let handles = [client.try_clone(), server.try_clone()].map(|it| it.expect("a handle"));
        self.open.lock().unwrap().push(handles);
        match manner {
            Manner::Offers(identity) if is_tls => self.pass_tls(&client, &server, &identity),
            Manner::Offers(_) => self.pass_plain(&client, &server, OFFER_END),
            Manner::Plain | Manner::Closes => self.pass_plain(&client, &server, BANNER_END),
        }
        [client, server].iter().for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
    }

    fn pass_plain(&self, client: &TcpStream, server: &TcpStream, banner_end: &[u8]) {
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut is_first = true;
                copy(server, |bytes| {
                    let first = std::mem::replace(&mut is_first, false);
                    let banner = bytes.strip_suffix(BANNER_END).filter(|_| first);
                    let bytes = banner.map_or(bytes.to_vec(), |it| [it, banner_end].concat());
                    (&*client).write_all(&bytes)
                });
                client.shutdown(Shutdown::Write).ok();
            });
            copy(client, |bytes| {
                self.plain.lock().unwrap().extend_from_slice(bytes);
                (&*server).write_all(bytes)
            });
            server.shutdown(Shutdown::Write).ok();
        });
    }

    fn pass_tls(&self, client: &TcpStream, mut server: &TcpStream, identity: &Identity) {
        let state = ServerConnection::new(Arc::clone(&identity.config)).expect("a configuration");
        let state = Mutex::new(state);
        thread::scope(|scope| {
            scope.spawn(|| {
                copy(server, |bytes| {
                    let mut state = state.lock().unwrap();
                    state.writer().write_all(bytes)?;
                    flush(&mut state, client)
                });
                let mut state = state.lock().unwrap();
                state.send_close_notify();
                flush(&mut state, client).ok();
                client.shutdown(Shutdown::Write).ok();
            });
            copy(client, |mut bytes| {
                let mut state = state.lock().unwrap();
                while !bytes.is_empty() {
                    state.read_tls(&mut bytes)?;
                    let done = state.process_new_packets().map_err(std::io::Error::other)?;
                    let mut plain = vec![0; done.plaintext_bytes_to_read()];
                    state.reader().read_exact(&mut plain)?;
                    server.write_all(&plain)?;
                    if done.peer_has_closed() {
                        *self.told_ends.lock().unwrap() += 1;
                        server.shutdown(Shutdown::Write)?;
                    }
                }
                flush(&mut state, client)
            });
            server.shutdown(Shutdown::Write).ok();
        });
    }
}

fn first_byte(stream: &TcpStream) -> Option<u8> {
    let mut byte = [0];
    matches!(stream.peek(&mut byte), Ok(1)).then_some(byte[0])
}

fn flush(state: &mut ServerConnection, mut client: &TcpStream) -> std::io::Result<()> {
    while state.wants_write() {
        state.write_tls(&mut client)?;
    }
    Ok(())
}

/// Gives what comes to `take` until either fails.
fn copy(mut from: &TcpStream, mut take: impl FnMut(&[u8]) -> std::io::Result<()>) {
    let mut bytes = [0; 16 * 1024];
    loop {
        match from.read(&mut bytes) {
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(length) if take(&bytes[..length]).is_err() => return,
            Ok(_) => {}
        }
    }
}
