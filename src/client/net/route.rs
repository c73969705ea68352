//! The way to one server over all connections of a run: whether each is encrypted, and which key the server must have.
//!
//! It dials, shakes hands, and keeps what is known of the server, in the run and in the file. The thread that
//! connects runs it: the main thread first, then the receiver. `bond` is locked for a moment only, and nothing else
//! is done with it.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use chrono::NaiveDate;
use log::{info, warn};
use rustls::CertificateError;

use super::connection::{Connection, Openness};
use super::dial::{Dialed, NoAnswer, dial};
use super::known_servers::file::KnownServersFile;
use super::known_servers::{Address, Known, KnownServers, Trust};
use super::secrecy::{Acquaintance, Secrecy};
use super::tls::Tls;
use super::tls::handshake::{Failure, shake_hands};
use super::tls::verifier::{Expected, Shown};
use crate::client::clock;
use crate::client::config::{Config, Encryption};
use crate::client::mutex::lock;
use crate::problem::{Lost, Problem, Wrong, WrongServer};
use crate::protocol::name::Name;
use crate::tls::ServerKey;

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

/// What the run has seen of the server so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bond {
    /// Nothing that binds it: it was not reached, or talked to in plain.
    Free,
    /// It has offered TLS, so nothing is said to it in plain any more.
    Offered,
    /// It was talked to over TLS, with this key. The session goes to no other.
    Encrypted {
        /// The key.
        key: ServerKey,
        /// Since when it is known.
        since: NaiveDate,
        /// Why it was trusted.
        hold: Hold,
    },
}

/// Why a key was trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// For itself: it is the server's from then on.
    Key,
    /// The system accepts its certificate: another one may be as good.
    Vouched,
    /// For want of anything better: it ends with the server's process.
    OneRun,
}

/// How a connection is made.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Plan {
    /// Plain.
    Plain(Secrecy, Openness),
    /// Over TLS.
    Tls(Aim),
}

/// Which server a connection over TLS has to lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Aim {
    /// The right one.
    expected: Expected,
    /// What is known of it: the key and since when, the newest last. None for `ca`.
    keys: Vec<(ServerKey, NaiveDate)>,
    /// Whether it was encrypted before.
    was_encrypted: bool,
}

impl Aim {
    /// A server of which nothing is known.
    fn unknown(was_encrypted: bool) -> Aim {
        Aim { expected: Expected::Any, keys: Vec::new(), was_encrypted }
    }

    /// The server with one of these keys.
    fn with_keys(keys: Vec<(ServerKey, NaiveDate)>) -> Aim {
        let expected = Expected::Keys(keys.iter().map(|(key, _)| *key).collect());
        Aim { expected, keys, was_encrypted: true }
    }

    /// The server whose certificate the system accepts.
    fn vouched() -> Aim {
        Aim { expected: Expected::Vouched, keys: Vec::new(), was_encrypted: true }
    }

    /// The server that is known at this address, if one is.
    fn of(known: &KnownServers, address: &Address) -> Option<Aim> {
        let keys = known.at(address).filter_map(|it| Some((it.trust.key()?, it.since)));
        let keys: Vec<_> = keys.collect();
        // A key is never overruled by an authority.
        match keys.is_empty() {
            false => Some(Aim::with_keys(keys)),
            true => known.at(address).next().map(|_| Aim::vouched()),
        }
    }
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
    pub(in crate::client) fn new(config: &Config) -> Route {
        let (host, port) = (config.host.clone(), config.port);
        Route {
            address: Address::new(&host, port),
            host,
            port,
            encryption: config.encryption.clone(),
            file: config.known_servers.clone().map(KnownServersFile::new),
            learns: config.learns_servers,
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
        let bond = *lock(&self.bond);
        let (mut late, mut trouble) = (None, None);
        for _ in 0..TRIES {
            let Dialed { stream, addresses } = self.dial(&tell)?;
            let is_here = addresses.iter().all(|address| (self.is_here)(address.ip()));
            let aim = match self.plan(is_here, bond, &mut trouble) {
                Plan::Plain(secrecy, openness) => {
                    return self.open_plain(stream, secrecy, openness);
                }
                Plan::Tls(aim) => aim,
            };
            let peer = stream.peer_addr().map_err(|why| self.unreachable(why))?;
            let lost = |why| Problem::ConnectionLost { to: peer, why };
            match shake_hands(&stream, &self.host, aim.expected.clone()) {
                Ok((tls, shown)) => match self.learn(&aim, &shown, &mut trouble) {
                    Learned::As(acquaintance) => {
                        let connection = self.encrypted(stream, tls, shown.key, acquaintance)?;
                        let may_resume = self.bind(bond, &aim, &connection);
                        return Ok(Opened { connection, trouble, may_resume });
                    }
                    Learned::AnotherMeanwhile => {}
                },
                Err(Failure::Late) => info!("{peer} has not waited for the beginning of TLS"),
                Err(Failure::Lost(why)) => return Err(lost(Lost::Broken(why))),
                Err(Failure::Closed) => return Err(lost(Lost::Closed)),
                Err(Failure::Plain) => return Err(self.wrong(unencrypted(&aim))),
                Err(Failure::Wrong(why, shown)) => {
                    info!("{peer}: {why}");
                    return Err(self.wrong(self.judge(&aim, shown)));
                }
            }
            late = Some(lost(Lost::Late));
        }
        Err(late.unwrap_or(Problem::Bug))
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
        let on_slow = |tried: Option<std::net::SocketAddr>| match tried {
            Some(address) if address.to_string() != to => {
                tell(&format!("{} ({address})", self.host))
            }
            Some(_) | None => tell(&to),
        };
        dial(&self.host, self.port, on_slow).map_err(|why| match why {
            NoAnswer::UnknownHost(why) => unknown_host(&self.host, why),
            NoAnswer::Unreachable(why) => self.unreachable(why),
        })
    }

    /// How the next connection is made.
    fn plan(&self, is_here: bool, bond: Bond, trouble: &mut Option<Problem>) -> Plan {
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
        file.read().unwrap_or_else(|why| {
            self.lose(why, trouble);
            KnownServers::default()
        })
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
    ) -> Result<Opened, Problem> {
        let connection = Connection::plain(stream, secrecy, openness);
        let connection = Arc::new(connection.map_err(|why| self.unreachable(why))?);
        info!("connected to {}", connection.peer());
        Ok(Opened { connection, trouble: None, may_resume: true })
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

    /// Binds the run to the server of this connection, and says whether it is the same as before.
    fn bind(&self, before: Bond, aim: &Aim, connection: &Connection) -> bool {
        let Secrecy::Tls(key, acquaintance) = connection.secrecy() else { return true };
        let known_since = aim.keys.iter().find(|(known, _)| known == key).map(|(_, since)| *since);
        let hold = match acquaintance {
            Acquaintance::New | Acquaintance::Known | Acquaintance::KnownAs(_) => Hold::Key,
            Acquaintance::Vouched => Hold::Vouched,
            Acquaintance::OneRun => Hold::OneRun,
        };
        let since = known_since.unwrap_or_else(today);
        *lock(&self.bond) = Bond::Encrypted { key: *key, since, hold };
        match before {
            Bond::Encrypted { key: before, .. } => before == *key,
            Bond::Free | Bond::Offered => true,
        }
    }

    /// What it means that TLS failed with a server that has shown this, or nothing.
    fn judge(&self, aim: &Aim, shown: Option<Shown>) -> Wrong {
        let Some(Shown { key: now, vouched, .. }) = shown else { return unencrypted(aim) };
        match &aim.expected {
            Expected::Any => unencrypted(aim),
            Expected::Fingerprint(wanted) => {
                let now = Some(now).filter(|now| !wanted.fits(now));
                Wrong::NotTheKey { wanted: wanted.clone(), now }
            }
            Expected::Vouched => Wrong::BadCertificate(match vouched {
                Some(Err(why)) => in_words(&why),
                Some(Ok(())) | None => "nothing proves that the key is its own".to_owned(),
            }),
            Expected::Keys(_) => {
                let is_shown = |known: &&(ServerKey, NaiveDate)| known.0 == now;
                let known = aim.keys.iter().find(is_shown).or(aim.keys.last());
                match known {
                    Some(&(before, since)) if before == now => Wrong::Unproven { before, since },
                    Some(&(before, since)) => {
                        let known = self.known(&mut None);
                        let known_as =
                            known.elsewhere(&now, &self.address).map(ToString::to_string);
                        Wrong::OtherKey { before, since, now, known_as }
                    }
                    None => Wrong::UnencryptedNow,
                }
            }
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

/// What it means that the server does not speak our TLS.
fn unencrypted(aim: &Aim) -> Wrong {
    if aim.was_encrypted { Wrong::UnencryptedNow } else { Wrong::Unencrypted }
}

fn today() -> NaiveDate {
    clock::local_now().date()
}

/// Why the system does not accept a certificate.
fn in_words(why: &rustls::Error) -> String {
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
