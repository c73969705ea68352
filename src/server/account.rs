//! One connection's allowance, and what becomes of it when the connection ends.

use std::net::IpAddr;
use std::sync::Arc;

use super::admission::Origin;
use super::hub::Hub;
use super::system::instant;
use super::token_bucket::TokenBucket;

/// An allowance. Dropped, what it has used up counts for the next connections from there.
#[derive(Debug)]
pub(super) struct Account {
    /// What the connection may bring now.
    pub(super) bucket: TokenBucket,
    /// Where that is remembered.
    hub: Arc<Hub>,
    /// From where the connection is, until that is settled.
    origin: Option<Origin>,
}

impl Account {
    /// The allowance of a connection from there, of `rate` lines a second.
    pub(super) fn open(hub: &Arc<Hub>, from: IpAddr, rate: u32) -> Account {
        let (origin, now) = (Origin::of(from), instant());
        let used = hub.arrears_of(origin, now);
        Account {
            bucket: TokenBucket::new(rate, used, now),
            hub: Arc::clone(hub),
            origin: Some(origin),
        }
    }

    /// Settles it, before the client can see that it has left: nothing more of it is obeyed.
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
