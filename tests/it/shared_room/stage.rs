//! What a trial is made in: the servers, and what is behind them.

use std::net::SocketAddr;
use std::time::Duration;

use super::judge::Loss;
use super::story::Story;
use crate::common::proxy::Budget;

/// What is done to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harm {
    /// A server is killed, and started again.
    KillServer,
    /// Two are killed at once.
    KillTwo,
    /// A server is asked to end, and started again.
    EndServer,
    /// A server stands still for 4 s.
    StopServer,
    /// It stands still for longer than the others wait for a sign of life.
    StopServerLong,
    /// A server that was not there joins the others.
    AddServer,
    /// The connections between a server and what is behind it are cut; of a server alone, those of its clients.
    Cut,
    /// They are cut again and again for some seconds.
    Block,
    /// Nothing passes over them for some seconds.
    Freeze,
    /// The store is killed, and started again with all that it had.
    KillStore,
    /// The store stands still for some seconds.
    StopStore,
    /// The store stands still for three times as long as servers wait for each other's signs of life.
    StopStoreLong,
    /// A replica that has everything takes the store's place.
    FailOver,
    /// A replica that lags takes the store's place.
    FailOverWithLoss,
    /// The store is killed, and started again with nothing.
    KillStoreWithLoss,
    /// Somebody empties the store.
    EmptyStore,
    /// Somebody empties the store, and once more when some servers have come back.
    EmptyStoreTwice,
    /// A replica that lags takes the store's place, and then another one that has nothing of what came since.
    FailOverTwiceWithLoss,
    /// One server after the other becomes another build, and the old one again.
    #[cfg(planted_faults)]
    UpgradeAndBack,
    /// One server becomes a build that the others cannot read.
    #[cfg(planted_faults)]
    UpgradeToNewerFormat,
}

impl Harm {
    /// Whether it is to be done: `SHARED_ROOM_HARMS` may name the only ones.
    pub(super) fn is_wanted(self) -> bool {
        let wanted = std::env::var("SHARED_ROOM_HARMS").unwrap_or_default();
        wanted.is_empty() || wanted.split(',').any(|name| name == format!("{self:?}"))
    }
}

/// Servers of one room, and a nemesis that does them harm.
pub(super) trait Stage {
    /// Where members come.
    fn doors(&self) -> Vec<SocketAddr>;

    /// Does some harm, and undoes it as far as it is to be undone; what the store has lost by it.
    fn suffer(&mut self, harm: Harm, dice: &mut Budget, story: &Story) -> Option<Loss>;

    /// All servers that run. One that has ended by itself is found by `end`.
    fn servers(&mut self) -> Vec<SocketAddr>;

    /// A server that has just been started, and knows nothing but what is behind it.
    fn late(&mut self) -> SocketAddr;

    /// Ends all servers, which have to end well.
    fn end(&mut self);
}

/// So many milliseconds, at random.
pub(super) fn some(dice: &mut Budget, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(range.start + dice.next(range.end - range.start))
}
