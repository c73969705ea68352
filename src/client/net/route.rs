//! The way to one server over all connections of a run: whether each is encrypted, and which key the server must have.
//!
//! It dials, shakes hands, and keeps what is known of the server, in the run and in the file. The thread that
//! connects runs it: the main thread first, then the receiver. `bond` is locked for a moment only, and nothing else
//! is done with it.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use chrono::NaiveDate;
use log::{info, warn};

use super::connection::{Connection, Openness};
use super::dial::{Dialed, NoAnswer, dial};
use super::known_servers::file::KnownServersFile;
use super::known_servers::{Address, Known, KnownServers, Trust};
use super::secrecy::{Acquaintance, Secrecy};
use super::tls::Tls;
use super::tls::handshake::{Failure, shake_hands};
use super::tls::verifier::{Expected, Shown};
use crate::client::clock;
use crate::client::config::{Destination, Encryption};
use crate::client::mutex::lock;
use crate::problem::{Lost, Problem, Wrong, WrongServer};
use crate::protocol::name::Name;
use crate::tls::ServerKey;
use plan::{Aim, Bond, Hold, Plan};
use verdict::{unencrypted, wrong_tls};

mod plan;
mod verdict;

/// How many connections are made, at most, to a server that takes us for a plain client each time.
const TRIES: usize = 4;

/// The way to one server.
#[derive(Debug)]
pub(in crate::client) struct Route {
    /// The server's name or address, as the user gave it.
    host: String,
    /// Its port.
    port: u16,
    /// Both, as the file has them.
    address: Address,
    /// What the user wants.
    encryption: Encryption,
    /// Which servers are known; `None` if there is no place for that.
    file: Option<KnownServersFile>,
    /// Whether new servers are added.
    learns: bool,
    /// Which addresses do not leave this machine.
    is_here: fn(IpAddr) -> bool,
    /// What the run has seen of the server so far.
    bond: Mutex<Bond>,
    /// Whether the user was told that servers cannot be remembered.
    is_loss_told: AtomicBool,
}

/// A connection that was made.
#[derive(Debug)]
pub(in crate::client) struct Opened {
    /// The connection.
    pub(in crate::client) connection: Arc<Connection>,
    /// What the user has to know besides.
    pub(in crate::client) trouble: Option<Problem>,
    /// Whether the server may be given the token of the session that we had.
    pub(in crate::client) may_resume: bool,
}

/// What a handshake has come to, if the server may be the right one.
enum Met {
    /// It is, and the same as before if this is true.
    Server(Arc<Connection>, bool),
    /// It is to be tried once more, over another connection: it has not waited for the beginning of TLS, or another
    /// client has remembered another server meanwhile.
    Again(SocketAddr),
}

/// What has become of remembering a server.
enum Learned {
    /// It is known as well as this.
    As(Acquaintance),
    /// Another client has remembered another server at this address meanwhile.
    AnotherMeanwhile,
}

impl Route {
    /// The way to the server that the user wants.
    pub(in crate::client) fn new(to: Destination) -> Route {
        Route {
            address: Address::new(&to.host, to.port),
            host: to.host,
            port: to.port,
            encryption: to.encryption,
            file: to.known_servers.map(KnownServersFile::new),
            learns: to.learns_servers,
            is_here: is_this_machine,
            bond: Mutex::new(Bond::Free),
            is_loss_told: AtomicBool::new(false),
        }
    }

    /// Connects to the first of the host's addresses that answers, in the way that the user, the file and the run so
    /// far ask for. If that takes a while, `tell` is given to which address.
    ///
    /// # Errors
    ///
    /// Why there is no connection, or none to the right server. Nothing was sent then.
    pub(in crate::client) fn open(&self, tell: impl Fn(&str)) -> Result<Opened, Problem> {
        let (mut trouble, mut tries) = (None, 0);
        loop {
            tries += 1;
            let Dialed { stream, addresses } = self.dial(&tell)?;
            let is_here = addresses.iter().all(|address| (self.is_here)(address.ip()));
            let aim = match self.plan(is_here, &mut trouble) {
                Plan::Plain(secrecy, openness) => {
                    let connection = self.open_plain(stream, secrecy, openness)?;
                    return Ok(Opened { connection, trouble, may_resume: true });
                }
                Plan::Tls(aim) => aim,
            };
            match self.open_tls(stream, &aim, &mut trouble)? {
                Met::Server(connection, may_resume) => {
                    return Ok(Opened { connection, trouble, may_resume });
                }
                Met::Again(peer) if tries == TRIES => {
                    return Err(Problem::ConnectionLost { to: peer, why: Lost::Late });
                }
                Met::Again(_) => {}
            }
        }
    }

    /// Makes TLS of a connection.
    fn open_tls(
        &self,
        stream: TcpStream,
        aim: &Aim,
        trouble: &mut Option<Problem>,
    ) -> Result<Met, Problem> {
        let peer = stream.peer_addr().map_err(|why| self.unreachable(why))?;
        let lost = |why| Problem::ConnectionLost { to: peer, why };
        let (tls, shown) = match shake_hands(&stream, &self.host, aim.expected.clone()) {
            Ok(done) => done,
            Err(Failure::Late) => {
                info!("{peer} has not waited for the beginning of TLS");
                return Ok(Met::Again(peer));
            }
            Err(Failure::Lost(why)) => return Err(lost(Lost::Broken(why))),
            Err(Failure::Closed) => return Err(lost(Lost::Closed)),
            Err(Failure::Plain) => return Err(self.wrong(unencrypted(aim))),
            Err(Failure::Wrong(why, shown)) => {
                info!("{peer}: {why}");
                let elsewhere = |key: &ServerKey| {
                    let known = self.known(&mut None);
                    known.elsewhere(key, &self.address).map(ToString::to_string)
                };
                return Err(self.wrong(wrong_tls(aim, shown.as_deref(), elsewhere)));
            }
        };
        let Learned::As(acquaintance) = self.learn(aim, &shown, trouble) else {
            return Ok(Met::Again(peer));
        };
        let connection = self.encrypted(stream, tls, shown.key, acquaintance)?;
        let is_same = self.bind(aim, &connection);
        Ok(Met::Server(connection, is_same))
    }

    /// Called when the server has offered TLS in plain: from now on it is talked to over TLS alone.
    pub(in crate::client) fn take_offer(&self) {
        let mut bond = lock(&self.bond);
        if *bond == Bond::Free {
            *bond = Bond::Offered;
        }
    }

    fn dial(&self, tell: impl Fn(&str)) -> Result<Dialed, Problem> {
        let to = self.to();
        info!("connecting to {to}");
        let on_slow = |tried: Option<SocketAddr>| match tried {
            Some(address) if address.to_string() != to => {
                tell(&format!("{} ({address})", self.host));
            }
            Some(_) | None => tell(&to),
        };
        dial(&self.host, self.port, on_slow).map_err(|why| match why {
            NoAnswer::UnknownHost(why) => unknown_host(&self.host, why),
            NoAnswer::Unreachable(why) => self.unreachable(why),
        })
    }

    /// How the next connection is made.
    fn plan(&self, is_here: bool, trouble: &mut Option<Problem>) -> Plan {
        let bond = *lock(&self.bond);
        match (&self.encryption, bond) {
            (Encryption::Never, _) if is_here => Plan::Plain(Secrecy::Here, Openness::Closed),
            (Encryption::Never, _) => Plan::Plain(Secrecy::Plain, Openness::Closed),
            (Encryption::Only(fingerprint), _) => {
                let expected = Expected::Fingerprint(fingerprint.clone());
                Plan::Tls(Aim { expected, ..Aim::unknown(false) })
            }
            (_, Bond::Encrypted { key, since, hold }) => Plan::Tls(match hold {
                Hold::Key => Aim::with_keys(vec![(key, since)]),
                Hold::Vouched => Aim::vouched(),
                Hold::OneRun => Aim::unknown(true),
            }),
            (Encryption::WherePossible, Bond::Free) if is_here => {
                Plan::Plain(Secrecy::Here, Openness::Closed)
            }
            (encryption, Bond::Free | Bond::Offered) => {
                match Aim::of(&self.known(trouble), &self.address) {
                    Some(aim) => Plan::Tls(aim),
                    None if *encryption == Encryption::WherePossible && bond == Bond::Free => {
                        Plan::Plain(Secrecy::Plain, Openness::Open)
                    }
                    None => Plan::Tls(Aim::unknown(false)),
                }
            }
        }
    }

    /// Which servers are known, as far as that can be read.
    fn known(&self, trouble: &mut Option<Problem>) -> KnownServers {
        let Some(file) = &self.file else { return KnownServers::default() };
        let known = file.read().unwrap_or_else(|why| {
            self.lose(why, trouble);
            KnownServers::default()
        });
        if known.is_damaged_at(&self.address) {
            let why = format!("the line of {} cannot be read", self.address);
            self.lose(io::Error::new(io::ErrorKind::InvalidData, why), trouble);
        }
        known
    }

    /// Remembers the server, if it is new and is to be known again.
    fn learn(&self, aim: &Aim, shown: &Shown, trouble: &mut Option<Problem>) -> Learned {
        let trust = match &aim.expected {
            Expected::Keys(_) | Expected::Fingerprint(_) => {
                return Learned::As(Acquaintance::Known);
            }
            Expected::Vouched => return Learned::As(Acquaintance::Vouched),
            Expected::Any if shown.vouched == Some(Ok(())) => Trust::Ca,
            Expected::Any if shown.is_of_one_run => return Learned::As(Acquaintance::OneRun),
            Expected::Any => Trust::Key(shown.key),
        };
        let as_new = |known: &KnownServers| match trust {
            Trust::Ca => Acquaintance::Vouched,
            Trust::Key(key) => match known.elsewhere(&key, &self.address) {
                Some(address) => Acquaintance::KnownAs(address.to_string()),
                None => Acquaintance::New,
            },
        };
        if !self.learns {
            return Learned::As(as_new(&self.known(trouble)));
        }
        let mut learned = Learned::As(match trust {
            Trust::Ca => Acquaintance::Vouched,
            Trust::Key(_) => Acquaintance::New,
        });
        let changed = self.change(|known| {
            if known.at(&self.address).any(|it| it.trust == trust) {
                learned = Learned::As(Acquaintance::Known);
                return false;
            }
            if known.at(&self.address).next().is_some() {
                learned = Learned::AnotherMeanwhile;
                return false;
            }
            learned = Learned::As(as_new(known));
            known.add(Known { address: self.address.clone(), trust, since: today() });
            true
        });
        if let Err(why) = changed {
            self.lose(why, trouble);
        }
        learned
    }

    fn change(&self, change: impl FnOnce(&mut KnownServers) -> bool) -> io::Result<()> {
        match &self.file {
            Some(file) => file.change(change),
            None => Err(io::Error::other("no state folder is known; set HOME")),
        }
    }

    /// Notes that servers cannot be remembered, which is told once.
    fn lose(&self, why: io::Error, trouble: &mut Option<Problem>) {
        let path = self.file.as_ref().map(|file| file.path().display().to_string());
        let problem =
            Problem::ServersLost { path: path.unwrap_or("known_servers".to_owned()), why };
        warn!("{}", problem.cause());
        if !self.is_loss_told.swap(true, Ordering::Relaxed) {
            *trouble = Some(problem);
        }
    }

    fn open_plain(
        &self,
        stream: TcpStream,
        secrecy: Secrecy,
        openness: Openness,
    ) -> Result<Arc<Connection>, Problem> {
        let connection = Connection::plain(stream, secrecy, openness);
        let connection = Arc::new(connection.map_err(|why| self.unreachable(why))?);
        info!("connected to {}", connection.peer());
        Ok(connection)
    }

    fn encrypted(
        &self,
        stream: TcpStream,
        tls: Tls,
        key: ServerKey,
        acquaintance: Acquaintance,
    ) -> Result<Arc<Connection>, Problem> {
        let connection = Connection::encrypted(stream, tls, Secrecy::Tls(key, acquaintance));
        let connection = connection.map_err(|why| self.unreachable(why))?;
        info!("connected to {}, encrypted, key {key}", connection.peer());
        Ok(Arc::new(connection))
    }

    /// Binds the run to the server of this connection, and says whether a session goes on with it: whether it is the
    /// same as before, and was encrypted.
    fn bind(&self, aim: &Aim, connection: &Connection) -> bool {
        let Secrecy::Tls(key, acquaintance) = connection.secrecy() else { return true };
        let known_since = aim.keys.iter().find(|(known, _)| known == key).map(|(_, since)| *since);
        let hold = match acquaintance {
            Acquaintance::New | Acquaintance::Known | Acquaintance::KnownAs(_) => Hold::Key,
            Acquaintance::Vouched => Hold::Vouched,
            Acquaintance::OneRun => Hold::OneRun,
        };
        let since = known_since.unwrap_or_else(today);
        let bond = Bond::Encrypted { key: *key, since, hold };
        let before = std::mem::replace(&mut *lock(&self.bond), bond);
        match before {
            Bond::Encrypted { key: before, .. } => before == *key,
            // If there was a session, it was plain: whoever has read its token along must not get at an encrypted one.
            Bond::Free | Bond::Offered => false,
        }
    }

    fn wrong(&self, why: Wrong) -> Problem {
        let (address, arguments) =
            (self.address.to_string(), format!("{} {}", self.host, self.port));
        Problem::WrongServer(Box::new(WrongServer { address, arguments, why }))
    }

    fn unreachable(&self, why: io::Error) -> Problem {
        Problem::Connect { to: self.to(), why }
    }

    /// The server as it is told.
    fn to(&self) -> String {
        match &*self.host {
            ipv6 if ipv6.contains(':') => format!("[{ipv6}]:{}", self.port),
            host => format!("{host}:{}", self.port),
        }
    }
}

/// Whether what is sent to this address stays on this machine.
fn is_this_machine(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}

fn today() -> NaiveDate {
    clock::local_now().date()
}

/// What it means that a host is not known.
fn unknown_host(host: &str, why: io::Error) -> Problem {
    let host = host.to_owned();
    if Name::parse(&host).is_ok() && !host.contains('.') {
        return Problem::NameForHost { name: host, why };
    }
    Problem::UnknownHost { host, why }
}

#[cfg(all(test, not(shuttle)))]
mod tests;
