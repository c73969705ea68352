//! Those who have a thread in the server and no place in the room: who comes when there is none, and who
//! has given it back and is still being shown out. They are bounded, so that threads are.

use std::net::IpAddr;
use std::sync::{Arc, Weak};

use super::Hub;
use crate::server::admission::{Admission, Origin};
use crate::server::connection::{CloseReason, Connection, ConnectionId};

/// How many may be let in at a time without a place, in all and from one address. Where there is one more,
/// the one goes that has come first, so that whoever does nothing keeps nobody out who comes back.
pub(crate) const VISITORS: usize = 32;
const VISITORS_PER_ADDRESS: usize = 8;

/// How many may be shown out at a time; beside them, what has arrived is read and no more is waited for.
pub(crate) const LEAVERS: usize = 16;

/// Who is in the server without a place.
#[derive(Debug)]
pub(super) struct Visits {
    /// Who has come when there was none, in this order.
    visitors: Vec<Visitor>,
    /// How many are being shown out.
    leavers: Admission,
}

#[derive(Debug)]
struct Visitor {
    /// Which connection it is.
    id: ConnectionId,
    /// For which address it counts; `None` for one of whom a proxy says nothing.
    origin: Option<Origin>,
    /// To hang up on it, while its session lives.
    connection: Weak<Connection>,
}

impl Visits {
    pub(super) fn new() -> Visits {
        Visits { visitors: Vec::new(), leavers: Admission::new(LEAVERS, 0) }
    }

    /// Adds one, and takes out the one that has to go for it. Their threads may add them in another order than that in
    /// which they have come, so the one that goes may be the same.
    fn add(&mut self, visitor: Visitor) -> Option<Visitor> {
        let (id, origin) = (visitor.id, visitor.origin);
        let place = self.visitors.partition_point(|before| before.id < id);
        self.visitors.insert(place, visitor);
        let same = |visitor: &&Visitor| origin.is_some() && visitor.origin == origin;
        let first = if self.visitors.iter().filter(same).count() > VISITORS_PER_ADDRESS {
            self.visitors.iter().position(|visitor| visitor.origin == origin)
        } else {
            (self.visitors.len() > VISITORS).then_some(0)
        };
        first.map(|first| self.visitors.remove(first))
    }
}

/// Being in the server without a place. Dropped, it is over.
#[derive(Debug)]
pub(crate) struct Visit {
    /// Where it is counted.
    hub: Arc<Hub>,
    /// As what it is counted.
    kind: Kind,
}

/// Why one is in the server without a place.
#[derive(Debug)]
enum Kind {
    /// There is none for it.
    Visitor(ConnectionId),
    /// It has left.
    Leaver(Origin),
}

impl Visit {
    /// Lets somebody in from there, or of whom a proxy says nothing, who is refused a place.
    pub(crate) fn of_refused(
        hub: &Arc<Hub>,
        from: Option<IpAddr>,
        connection: &Arc<Connection>,
    ) -> Visit {
        let (id, origin) = (connection.id(), from.map(Origin::of));
        let visitor = Visitor { id, origin, connection: Arc::downgrade(connection) };
        let first = hub.with(|shared| shared.visits.add(visitor));
        if let Some(first) = first.and_then(|first| first.connection.upgrade()) {
            first.hang_up(CloseReason::Broken);
        }
        Visit { hub: Arc::clone(hub), kind: Kind::Visitor(id) }
    }

    /// Lets somebody from there stay who has given its place back; `None` if there are too many.
    pub(crate) fn of_leaver(hub: &Arc<Hub>, from: IpAddr) -> Option<Visit> {
        let origin = Origin::of(from);
        hub.with(|shared| shared.visits.leavers.take(Some(origin))).ok()?;
        Some(Visit { hub: Arc::clone(hub), kind: Kind::Leaver(origin) })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.hub.with(|shared| match self.kind {
            Kind::Visitor(id) => shared.visits.visitors.retain(|visitor| visitor.id != id),
            Kind::Leaver(origin) => shared.visits.leavers.give_back(Some(origin)),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn who_has_come_first_goes_first_for_one_of_its_address_or_of_too_many() {
        let mut visits = Visits::new();
        let mut add = |id: u32, host: u8| {
            let origin = Some(Origin::of(Ipv4Addr::new(192, 0, 2, host).into()));
            let visitor = Visitor { id: ConnectionId::local(id), origin, connection: Weak::new() };
            visits.add(visitor).map(|first| first.id.number)
        };
        assert!((0..VISITORS_PER_ADDRESS as u32).all(|id| add(id, 1).is_none()));
        assert_eq!(add(100, 1), Some(0));
        assert!(
            (VISITORS_PER_ADDRESS as u32..VISITORS as u32)
                .all(|id| add(id, id as u8 + 2).is_none())
        );
        assert_eq!(add(101, 200), Some(1));
        assert_eq!(add(102, 1), Some(2));
        assert_eq!(add(103, 1), Some(3));
        // It has come before the others, and is late.
        assert_eq!(add(2, 1), Some(2));
    }
}
