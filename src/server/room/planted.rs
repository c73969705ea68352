//! Faults for the checker of shared rooms to find (scripts/faults): no other build has them.
//! `CHATROOM_PLANTED_FAULT` says which one a server has. With `CHATROOM_PLANTED_DIGESTS=off` no server finds by itself that
//! its room is not the others'.

use std::sync::LazyLock;
use std::time::Instant;

use super::Change;
use super::group::{Act, Group};
use super::groups::Applied;
use crate::server::connection::ConnectionId;

/// Every how many groups of a server something is done to one.
const EVERY: u64 = 10;

static FAULT: LazyLock<String> =
    LazyLock::new(|| std::env::var("CHATROOM_PLANTED_FAULT").unwrap_or_default());

static HAS_NO_DIGESTS: LazyLock<bool> =
    LazyLock::new(|| std::env::var("CHATROOM_PLANTED_DIGESTS").is_ok_and(|it| it == "off"));

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn is_planted(fault: &str, number: u64) -> bool {
    *FAULT == fault && number % EVERY == 0
}

/// Whether servers have nothing to compare.
pub(crate) fn has_no_digests() -> bool {
    *HAS_NO_DIGESTS
}

/// Whether a group is not applied.
pub(super) fn is_lost(group: &Group<'_>) -> bool {
    is_planted("lost", group.number)
}

/// The room's own time by this server's clock, in place of the log's.
pub(super) fn elapsed(by_log: u64) -> u64 {
    if *FAULT == "local-clock" { START.elapsed().as_millis() as u64 } else { by_log }
}

impl Change<'_> {
    /// Says again what was said in a group, as if nobody knew that it was said before.
    pub(super) fn double(&mut self, group: &Group<'_>, applied: &mut Applied) {
        let entries = group.entries.iter().filter(|_| is_planted("doubled", group.number));
        for entry in entries {
            let connection = ConnectionId { producer: self.via, number: entry.connection };
            let id = self.room.members.of_connection(connection);
            if let (Act::Speak(lines), Some(id)) = (&entry.act, id) {
                if let Some(member) = self.room.members.get_mut(id) {
                    member.taken = entry.line.saturating_sub(lines.len() as u64);
                }
                self.apply_entry(entry, applied);
            }
        }
    }
}
