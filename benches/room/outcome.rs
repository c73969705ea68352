//! What a run has shown.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest time that is told apart, in nanoseconds.
const LONGEST: u64 = 100_000_000_000;

/// What a run has shown.
#[derive(Debug)]
pub struct Outcome {
    /// How many lines of the senders the members have got, all together.
    pub deliveries: u64,
    /// From the first line sent to the last one received.
    pub time: Duration,
    /// In nanoseconds, from send to receipt.
    pub latency: Histogram<u32>,
    /// The same of lines that came from another server than their receiver's.
    pub across: Histogram<u32>,
    /// In nanoseconds, from a search to the end of its answer; `None` where nobody searches.
    pub searches: Option<Histogram<u32>>,
    /// Those who came, said a line and left; `None` where nobody does.
    pub visits: Option<Visits>,
    /// What the server has used of the processor for it.
    pub cpu: Option<Duration>,
    /// What the store has used, where servers share one.
    pub store_cpu: Option<Duration>,
    /// The most memory that the store has taken, in bytes.
    pub store_memory: Option<u64>,
    /// The most memory that the server has taken, in bytes.
    pub peak_memory: Option<u64>,
    /// What each client has added to the server's memory, in bytes.
    pub memory_per_client: Option<u64>,
    /// How often the server was woken while nobody spoke.
    pub wakeups: Option<u64>,
    /// Lines that were to come and did not.
    pub lost: u64,
    /// Lines that came again, or after a later one of the same sender.
    pub again: u64,
    /// How many different orders those who only listen have seen.
    pub orders: usize,
    /// The share of one processor that this load itself has used.
    pub own_cpu: Option<f64>,
}

/// What became of the visitors.
#[derive(Debug, Clone, Copy)]
pub struct Visits {
    /// How many came.
    pub came: u64,
    /// How many of their lines the members got, on average of the members.
    pub heard: f64,
}

/// For times in nanoseconds.
pub fn histogram() -> Histogram<u32> {
    Histogram::new_with_max(LONGEST, 3).expect("a range that fits")
}
