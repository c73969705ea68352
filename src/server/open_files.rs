//! The system's limit on open files, of which every client takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files the server has open besides its clients: the listener, standard streams, pipes that wake
/// threads, the log, and files of `/proc` for a moment.
const OWN: u64 = 16;

/// Raises the limit as far as `max_clients` need, if the system allows it: a client that is refused takes a file
/// for a moment, too. If not all clients fit, it returns how many do.
pub(super) fn make_room(max_clients: usize) -> Option<TooFew> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = 2 * max_clients as u64 + OWN;
    let raised = raised(limit, wanted);
    if let Some(raised) = raised {
        setrlimit(Resource::Nofile, raised).ok();
    }
    TooFew::of(getrlimit(Resource::Nofile).current?, max_clients)
}

/// The limit to be set, if it is higher than the present one: only the soft limit, which every process may raise.
fn raised(limit: Rlimit, wanted: u64) -> Option<Rlimit> {
    let possible = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let is_more = limit.current.is_some_and(|current| current < possible);
    is_more.then_some(Rlimit { current: Some(possible), ..limit })
}

/// There are too few files for all clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooFew {
    /// How many clients fit.
    pub(super) clients: u64,
    /// How many files may be open.
    pub(super) files: u64,
}

impl TooFew {
    fn of(files: u64, max_clients: usize) -> Option<TooFew> {
        let clients = files.saturating_sub(OWN);
        (clients < max_clients as u64).then_some(TooFew { clients, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_as_far_as_it_is_needed_and_may_be() {
        let limit = |current, maximum| Rlimit { current, maximum };
        for (before, wanted, after) in [
            (limit(Some(1024), Some(4096)), 216, None),
            (limit(Some(1024), Some(4096)), 2024, Some(2024)),
            (limit(Some(1024), Some(4096)), 9000, Some(4096)),
            (limit(Some(1024), Some(1024)), 9000, None),
            (limit(Some(256), None), 9000, Some(9000)),
            (limit(None, None), 9000, None),
        ] {
            let raised = raised(before, wanted);
            assert_eq!(raised.and_then(|limit| limit.current), after, "{before:?} {wanted}");
            assert!(raised.is_none_or(|limit| limit.maximum == before.maximum));
        }
    }

    #[test]
    fn it_is_told_how_many_clients_fit() {
        assert_eq!(TooFew::of(116, 100), None);
        assert_eq!(TooFew::of(115, 100), Some(TooFew { clients: 99, files: 115 }));
        assert_eq!(TooFew::of(12, 100), Some(TooFew { clients: 0, files: 12 }));
    }
}
