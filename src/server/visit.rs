//! Those who have a thread in the server and no place in the room: who comes when there is none, and who
//! has given it back and is still being shown out. They are bounded, so that threads are.

use std::net::IpAddr;
use std::sync::Arc;

use super::admission::{Origin, Seats};
use super::room::Room;

/// How many may be let in at a time without a place, in all and from one address. One is for a second or
/// so; who comes beside them is refused at the door.
pub(super) const VISITORS: usize = 16;
const VISITORS_PER_ADDRESS: usize = 4;

/// How many may be shown out at a time; beside them, what has arrived is read and no more is waited for.
pub(super) const LEAVERS: usize = 16;

/// Who is in the server without a place.
#[derive(Debug)]
pub(super) struct Visits {
    visitors: Seats,
    leavers: Seats,
}

impl Visits {
    pub(super) fn new() -> Visits {
        Visits {
            visitors: Seats::new(VISITORS, VISITORS_PER_ADDRESS),
            leavers: Seats::new(LEAVERS, 0),
        }
    }

    fn of(&mut self, kind: Kind) -> &mut Seats {
        match kind {
            Kind::Visitor => &mut self.visitors,
            Kind::Leaver => &mut self.leavers,
        }
    }
}

/// Why one is in the server without a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// There is none for it.
    Visitor,
    /// It has left.
    Leaver,
}

/// Being in the server without a place. Dropped, it is over.
#[derive(Debug)]
pub(crate) struct Visit {
    room: Arc<Room>,
    /// For which address it counts; `None` for a proxy's, as long as that has not said more.
    origin: Option<Origin>,
    kind: Kind,
}

impl Visit {
    /// Lets somebody in from there, or from a proxy, who is refused a place; `None` if there are too many.
    pub(super) fn of_refused(room: &Arc<Room>, from: Option<IpAddr>) -> Option<Visit> {
        Visit::begin(room, from, Kind::Visitor)
    }

    /// Lets somebody from there stay who has given its place back; `None` if there are too many.
    pub(crate) fn of_leaver(room: &Arc<Room>, from: IpAddr) -> Option<Visit> {
        Visit::begin(room, Some(from), Kind::Leaver)
    }

    fn begin(room: &Arc<Room>, from: Option<IpAddr>, kind: Kind) -> Option<Visit> {
        let origin = from.map(Origin::of);
        room.lock().visits.of(kind).take(origin).ok()?;
        Some(Visit { room: Arc::clone(room), origin, kind })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.room.lock().visits.of(self.kind).give_back(self.origin);
    }
}
