//! What an operator sees of the room: its figures, and who is here from where.
//!
//! The threads that ask are the operator's session, the one of the server's own keyboard and the one of the signals.
//! Each holds the lock for a copy, and asks the system before it has the lock.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Hub, Shared};
use crate::protocol::name::Name;
use crate::protocol::reply::{Listed, Notice, OrderNotice};
use crate::protocol::text::{make_safe, shortened};
use crate::server::figures::shared::{ServerFigures, SharedFigures};
use crate::server::figures::{Figures, History, resident};
use crate::server::history::store::readers::Readers;
use crate::server::room::keeping::Keeping;
use crate::server::room::log::Producer;
use crate::server::system::{instant, now};

/// How much of a server's name and version is shown, in bytes.
const SHOWN: usize = 64;

/// A member, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resident {
    /// What everybody sees of it.
    pub(crate) listed: Listed,
    /// From where it is connected; `None` while it is not.
    pub(crate) address: Option<SocketAddr>,
}

/// For the server's own keyboard.
impl fmt::Display for Resident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.listed)?;
        if let Some(address) = self.address {
            write!(f, ", from {address}")?;
        }
        if self.listed.is_exposed { write!(f, ", not encrypted") } else { Ok(()) }
    }
}

impl Shared {
    /// Those of a room that several servers hold, if it is one.
    fn shared_figures(&self) -> Option<SharedFigures> {
        let (log, side) = (self.room.log()?, self.log.as_deref()?);
        let (groups, bytes) = log.passed();
        // The room's own time stands still meanwhile.
        let away = side.away(instant());
        let unheard = away.as_ref().map_or(Duration::ZERO, |(time, _)| *time);
        let server = |(id, producer): (u64, &Producer)| {
            // They come from other machines.
            let shown = |text: &str| shortened(&make_safe(text.as_bytes()), SHOWN).into_owned();
            Some(ServerFigures {
                name: shown(&producer.server),
                version: shown(&producer.version),
                behind: log.behind(id).filter(|_| away.is_none()),
                silence: log.silence(id)? + unheard,
                is_this: id == self.effects.producer,
                is_coordinator: log.coordinator() == Some(id),
            })
        };
        Some(SharedFigures {
            room: side.room_name(),
            groups,
            bytes,
            servers: log.producers().filter_map(server).collect(),
            away,
        })
    }
}

impl Hub {
    /// The figures now.
    pub(crate) fn figures(&self) -> Figures {
        let (resident, bytes) = (resident(), self.file().and_then(Readers::bytes));
        self.with(|shared| {
            let room = &shared.room;
            let (remembered, memory) = room.transcript().memory();
            let (members, disconnected) = room.count();
            let held = shared.backpressure.held(instant());
            let history = |Keeping { not_now, .. }| History { bytes, not_now };
            Figures {
                members,
                disconnected,
                said: room.said_of_late(now()),
                remembered,
                memory,
                resident,
                history: room.keeping().map(history),
                held_back: held.into_iter().filter_map(|id| room.name_of(id).cloned()).collect(),
                shared: shared.shared_figures(),
                hook: self.hook_figures.get().map(|hook| hook.fact(shared.settled_end().0)),
                since: shared.since,
            }
        })
    }

    /// The answer to `/stats`.
    pub(crate) fn stats(&self) -> Vec<String> {
        let line = |fact: &String| Notice::Order(OrderNotice::Stats(fact)).to_string();
        self.figures().facts().iter().map(line).collect()
    }

    /// Who is here and from where, in the order of the answer to `/who`.
    pub(crate) fn residents(&self) -> Vec<Resident> {
        let (mut members, addresses) = self.with(|shared| {
            let address = |(name, connection): (&Name, _)| {
                Some((name.as_str().to_owned(), shared.connections.get(&connection)?.peer()))
            };
            let addresses: HashMap<_, _> =
                shared.room.connections(shared.effects.producer).filter_map(address).collect();
            (shared.room.list(), addresses)
        });
        // Not with the lock held.
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        let resident = |(_, listed): (String, Listed)| {
            let address = addresses.get(listed.name.as_str()).copied();
            Resident { listed, address }
        };
        members.into_iter().map(resident).collect()
    }
}
