//! The way to one server over all connections of a run: whether each is encrypted, and which key the server must have.
//!
//! It dials, shakes hands, and keeps what is known of the server, in the run and in the file. The thread that
//! connects runs it: the main thread first, then the receiver. `bond` is locked for a moment only, and nothing else
//! is done with it.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::NaiveDate;
use log::info;

use super::connection::{Connection, Openness};
use super::dial::{Dialed, NoAnswer, dial};
use super::known_servers::Address;
use super::known_servers::file::KnownServersFile;
use super::origin::{Familiarity, Origin};
use super::secrecy::{Acquaintance, Secrecy};
use super::tls::Tls;
use super::tls::handshake::{Failure, HANDSHAKE, shake_hands};
use super::tls::verifier::Expected;
use crate::client::clock;
use crate::client::config::{Destination, Encryption, ServerAddress};
use crate::client::mutex::lock;
use crate::client::turns::Manner;
use crate::problem::{Lost, Problem, Wrong, WrongServer};
use crate::protocol::name::Name;
use crate::tls::ServerKey;
use plan::{Aim, Bond, Hold, Plan};
use verdict::{unencrypted, wrong_tls};

mod plan;
mod remembering;
mod verdict;

/// How many connections are made, at most, to a server that takes us for a plain client each time.
const TRIES: usize = 4;

/// How long connecting may take, and a handshake, where another server is there to be tried.
const IN_PASSING: Duration = Duration::from_secs(1);

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
    /// Whether the room has other servers.
    is_one_of_several: bool,
    /// Whether the user was told that servers cannot be remembered. Shared by the ways to all servers of the room.
    is_loss_told: Arc<AtomicBool>,
}

/// What a connection is made for.
#[derive(Debug)]
pub(in crate::client) struct Approach {
    /// How the server is to be treated.
    pub(in crate::client) manner: Manner,
    /// How the session began that is to go on, if one is.
    pub(in crate::client) session: Option<Origin>,
    /// Whether another server of the room is known to encrypt, so that this one has to.
    pub(in crate::client) is_room_encrypted: bool,
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
    /// The way to one of the servers that the user wants.
    pub(super) fn new(
        to: &Destination,
        server: &ServerAddress,
        is_one_of_several: bool,
        is_loss_told: &Arc<AtomicBool>,
    ) -> Route {
        let ServerAddress { host, port } = server.clone();
        Route {
            address: Address::new(&host, port),
            host,
            port,
            encryption: to.encryption.clone(),
            file: to.known_servers.clone().map(KnownServersFile::new),
            learns: to.learns_servers,
            is_here: is_this_machine,
            bond: Mutex::new(Bond::Free),
            is_one_of_several,
            is_loss_told: Arc::clone(is_loss_told),
        }
    }

    /// Connects to the first of the host's addresses that answers, in the way that the user, the file and the run so
    /// far ask for. If that takes a while, `tell` is given to which address.
    ///
    /// # Errors
    ///
    /// Why there is no connection, or none to the right server. Nothing was sent then.
    pub(super) fn open(&self, approach: &Approach, tell: impl Fn(&str)) -> Result<Opened, Problem> {
        let (mut trouble, mut tries) = (None, 0);
        loop {
            tries += 1;
            let Dialed { stream, addresses } = self.dial(approach.manner, &tell)?;
            let is_here = addresses.iter().all(|address| (self.is_here)(address.ip()));
            let aim = match self.plan(is_here, approach.is_room_encrypted, &mut trouble) {
                Plan::Plain(secrecy, openness) => {
                    let may_resume = self.admit(approach, &secrecy, None)?;
                    let connection = self.open_plain(stream, secrecy, openness)?;
                    return Ok(Opened { connection, trouble, may_resume });
                }
                Plan::Tls(aim) => aim,
            };
            match self.open_tls(stream, &aim, approach, &mut trouble)? {
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
        approach: &Approach,
        trouble: &mut Option<Problem>,
    ) -> Result<Met, Problem> {
        let peer = stream.peer_addr().map_err(|why| self.unreachable(why))?;
        let lost = |why| Problem::ConnectionLost { to: peer, why };
        let within = match approach.manner {
            Manner::InPassing => IN_PASSING,
            Manner::AsItIs => HANDSHAKE,
        };
        let (tls, shown) = match shake_hands(&stream, &self.host, aim.expected.clone(), within) {
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
        // Before it is remembered, since it would not be new the next time.
        let secrecy = Secrecy::Tls(shown.key, Acquaintance::New);
        let may_resume = self.admit(approach, &secrecy, Some(aim))?;
        let Learned::As(acquaintance) = self.learn(aim, &shown, trouble) else {
            return Ok(Met::Again(peer));
        };
        let connection = self.encrypted(stream, tls, shown.key, acquaintance)?;
        self.bind(aim, &connection);
        Ok(Met::Server(connection, may_resume))
    }

    /// Whether the session may go on over such a connection, to a server that has met this aim. True if there is none.
    ///
    /// # Errors
    ///
    /// It may not, and another server is there to be tried.
    fn admit(
        &self,
        approach: &Approach,
        secrecy: &Secrecy,
        aim: Option<&Aim>,
    ) -> Result<bool, Problem> {
        let familiarity = match (&self.encryption, aim.map(|aim| &aim.expected)) {
            _ if !self.is_one_of_several => Familiarity::Alone,
            (Encryption::Never, _) => Familiarity::Unencrypted,
            (_, None | Some(Expected::Any)) => Familiarity::New,
            (_, Some(Expected::Keys(_) | Expected::Vouched | Expected::Fingerprint(_))) => {
                Familiarity::Known
            }
        };
        let may = approach.session.is_none_or(|origin| origin.may_go_on(secrecy, familiarity));
        if !may && approach.manner == Manner::InPassing {
            return Err(Problem::NewServer { at: self.to() });
        }
        Ok(may)
    }

    /// Called when the server has offered TLS in plain: from now on it is talked to over TLS alone.
    pub(in crate::client) fn take_offer(&self) {
        let mut bond = lock(&self.bond);
        if *bond == Bond::Free {
            *bond = Bond::Offered;
        }
    }

    /// Whether the server is known to encrypt, from this run or another one.
    pub(super) fn is_known_to_encrypt(&self) -> bool {
        let is_free = *lock(&self.bond) == Bond::Free;
        let known = || self.file.as_ref()?.read().ok();
        !is_free || known().is_some_and(|known| known.at(&self.address).next().is_some())
    }

    fn dial(&self, manner: Manner, tell: impl Fn(&str)) -> Result<Dialed, Problem> {
        let to = self.to();
        info!("connecting to {to}");
        let on_slow = |tried: Option<SocketAddr>| match tried {
            Some(address) if address.to_string() != to => {
                tell(&format!("{} ({address})", self.host));
            }
            Some(_) | None => tell(&to),
        };
        let within = (manner == Manner::InPassing).then_some(IN_PASSING);
        dial(&self.host, self.port, within, on_slow).map_err(|why| match why {
            NoAnswer::UnknownHost(why) if self.is_one_of_several => {
                Problem::UnknownHost { host: self.host.clone(), why }
            }
            NoAnswer::UnknownHost(why) => unknown_host(&self.host, why),
            NoAnswer::Unreachable(why) => self.unreachable(why),
        })
    }

    /// How the next connection is made.
    fn plan(&self, is_here: bool, is_room_encrypted: bool, trouble: &mut Option<Problem>) -> Plan {
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
                    None if *encryption == Encryption::WherePossible
                        && bond == Bond::Free
                        && !is_room_encrypted =>
                    {
                        Plan::Plain(Secrecy::Plain, Openness::Open)
                    }
                    None => Plan::Tls(Aim::unknown(false)),
                }
            }
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

    /// Binds the run to the server of this connection.
    fn bind(&self, aim: &Aim, connection: &Connection) {
        let Secrecy::Tls(key, acquaintance) = connection.secrecy() else { return };
        let known_since = aim.keys.iter().find(|(known, _)| known == key).map(|(_, since)| *since);
        let hold = match acquaintance {
            Acquaintance::New | Acquaintance::Known | Acquaintance::KnownAs(_) => Hold::Key,
            Acquaintance::Vouched => Hold::Vouched,
            Acquaintance::OneRun => Hold::OneRun,
        };
        let since = known_since.unwrap_or_else(today);
        *lock(&self.bond) = Bond::Encrypted { key: *key, since, hold };
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
