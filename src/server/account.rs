//! One connection's allowance. When the connection ends, the part that it has used up is remembered for its
//! address (`arrears`). The session's thread owns it.

use std::net::IpAddr;
use std::sync::Arc;

use super::admission::Origin;
use super::hub::Hub;
use super::system::instant;
use super::token_bucket::TokenBucket;

/// An allowance. Dropped, the part that it has used up counts for the next connections from its address.
#[derive(Debug)]
pub(super) struct Account {
    /// What the connection may bring now.
    pub(super) bucket: TokenBucket,
    /// The hub, which remembers what was used up.
    hub: Arc<Hub>,
    /// The origin of the connection; `None` once the account is settled.
    origin: Option<Origin>,
}

impl Account {
    /// The allowance of a connection from that address, of `rate` lines a second.
    pub(super) fn open(hub: &Arc<Hub>, from: IpAddr, rate: u32) -> Account {
        let (origin, now) = (Origin::of(from), instant());
        let used = hub.arrears_of(origin, now);
        Account {
            bucket: TokenBucket::new(rate, used, now),
            hub: Arc::clone(hub),
            origin: Some(origin),
        }
    }

    /// Settles the account. The session calls it before its client can see that it has left: a client that
    /// connects again at once then finds the debt remembered.
    pub(super) fn settle(&mut self) {
        if let Some(origin) = self.origin.take() {
            let now = instant();
            let used = self.bucket.used_up(now);
            self.hub.add_arrears(origin, used, now);
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.settle();
    }
}
