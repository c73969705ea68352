//! The addresses that were shown, for `/open`. Pure.

use std::collections::VecDeque;

use crate::client::address::addresses;

/// How many are kept. Nobody counts further back.
const KEPT: usize = 100;

/// The last addresses, the newest at the end, each of them once.
#[derive(Debug, Default)]
pub(super) struct RecentAddresses(VecDeque<String>);

impl RecentAddresses {
    /// Adds those in a text that is shown.
    pub(super) fn add(&mut self, text: &str) {
        for at in addresses(text) {
            let address = &text[at];
            self.0.retain(|known| known != address);
            if self.0.len() == KEPT {
                self.0.pop_front();
            }
            self.0.push_back(address.to_owned());
        }
    }

    /// The last one, or the one before as many.
    pub(super) fn get(&self, number: usize) -> Option<&str> {
        let place = self.0.len().checked_sub(number)?;
        self.0.get(place).map(String::as_str)
    }

    /// How many are known.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
