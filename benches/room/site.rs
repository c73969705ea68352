//! The servers of a target: one, or several that are one room together, and what these share.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::dialect::Dialect;
use crate::line::{self, Line};
use crate::load::NOBODY;
use crate::running::{Running, free_ports, part};
use crate::scenario::Scenario;
use crate::supplies::Supplies;
use crate::target::{Sharing, Target};

/// How long servers may take to find each other.
const UNION: Duration = Duration::from_secs(60);

/// How long a probe waits for lines before it says its own again.
const PAUSE: Duration = Duration::from_millis(20);

/// How the servers of a room get to each other.
#[derive(Debug, Default)]
pub struct Union {
    /// The ports at which they are there for clients, in the order of the servers.
    pub ports: Vec<u16>,
    /// The ports at which they are there for each other, where these are others.
    pub routes: Vec<u16>,
    /// Where the store is that they share.
    pub store: Option<SocketAddr>,
}

/// The servers of a target.
#[derive(Debug)]
pub struct Site {
    /// They end before the store does.
    servers: Vec<Running>,
    /// What they share; `None` where that is nothing.
    store: Option<Running>,
}

impl Site {
    /// Starts what the scenario wants, and waits until a line said at any server comes to all.
    pub fn start(target: Target, scenario: &Scenario, supplies: &Supplies) -> io::Result<Site> {
        let clients = scenario.most_clients();
        let Some(count) = scenario.shared else {
            let server = Running::start(target, clients, supplies)?;
            return Ok(Site { servers: vec![server], store: None });
        };
        let store = match target.sharing() {
            Some(Sharing::Store(store)) => Some(Running::start(store, clients, supplies)?),
            Some(Sharing::Links) | None => None,
        };
        let ports = free_ports(2 * count)?;
        let (ports, routes) = ports.split_at(count);
        let union = Union {
            ports: ports.to_vec(),
            routes: routes.to_vec(),
            store: store.as_ref().map(|store| store.address),
        };
        let server = |place| Running::start_in(target, clients, &union, place, supplies);
        let servers = (0..count).map(server).collect::<io::Result<_>>()?;
        let site = Site { servers, store };
        site.await_union(target.dialect())?;
        Ok(site)
    }

    /// How many servers there are.
    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// The server of the client with that number: they are spread evenly.
    pub fn server(&self, number: usize) -> &Running {
        &self.servers[self.place(number)]
    }

    /// Which server that is.
    pub fn place(&self, number: usize) -> usize {
        number % self.servers.len()
    }

    /// What the servers have or use in all, without the store. `None` where a system does not tell.
    pub fn total<T: std::iter::Sum>(&self, of_process: impl Fn(u32) -> Option<T>) -> Option<T> {
        self.servers.iter().map(|server| of_process(server.id())).sum()
    }

    /// What the store has or uses.
    pub fn of_store<T>(&self, of_process: impl Fn(u32) -> Option<T>) -> Option<T> {
        self.store.as_ref().and_then(|store| of_process(store.id()))
    }

    /// Has a probe at each server say lines until each has got those of all the others.
    pub fn await_union(&self, dialect: Dialect) -> io::Result<()> {
        let probes = self.servers.iter().enumerate();
        let probes = probes.map(|(place, server)| Probe::join(place, server, dialect));
        let mut probes: Vec<Probe> = probes.collect::<io::Result<_>>()?;
        let everyone = (1_u64 << probes.len()) - 1;
        let deadline = Instant::now() + UNION;
        while !probes.iter().all(|probe| probe.heard == everyone) {
            if Instant::now() > deadline {
                return Err(io::Error::new(ErrorKind::TimedOut, "the servers are not one room"));
            }
            probes.iter_mut().try_for_each(|probe| probe.speak(dialect))?;
            probes.iter_mut().try_for_each(Probe::listen)?;
        }
        probes.into_iter().for_each(|probe| part(probe.stream));
        Ok(())
    }
}

/// A client that finds out whether the servers are one room.
struct Probe {
    /// At which server it is.
    place: usize,
    /// Its connection.
    stream: TcpStream,
    /// The beginning of a line that has come in part.
    carry: Vec<u8>,
    /// A bit for each server whose probe it has heard, and its own.
    heard: u64,
}

impl Probe {
    /// One at that server.
    fn join(place: usize, server: &Running, dialect: Dialect) -> io::Result<Probe> {
        let mut stream = TcpStream::connect(server.address)?;
        stream.set_read_timeout(Some(PAUSE))?;
        // No client of the load has such a number.
        stream.write_all(dialect.hello(NOBODY + place).as_bytes())?;
        Ok(Probe { place, stream, carry: Vec::new(), heard: 1 << place })
    }

    /// Says which server it is at.
    fn speak(&mut self, dialect: Dialect) -> io::Result<()> {
        let line = Line { sender: NOBODY, number: self.place as u32, sent_at: 0 };
        let mut said = Vec::new();
        dialect.publish(&line.bytes(line::LENGTH), &mut said);
        self.stream.write_all(&said)
    }

    /// Takes what comes until nothing comes for a moment.
    fn listen(&mut self) -> io::Result<()> {
        let mut some = [0; 4096];
        loop {
            match self.stream.read(&mut some) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.carry.extend_from_slice(&some[..length]),
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Ok(());
                }
                Err(why) => return Err(why),
            }
            let left = line::scan(&self.carry, line::LENGTH, |line| {
                self.heard |= 1_u64.checked_shl(line.number).unwrap_or(0);
            });
            self.carry.drain(..self.carry.len() - left);
        }
    }
}
