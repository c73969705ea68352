//! What a process holds and uses, as Linux tells it in `/proc`.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::DEADLINE;

/// A process of the test's.
#[derive(Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// How many files, sockets and pipes it has open.
    pub fn descriptors(self) -> usize {
        std::fs::read_dir(self.path("fd")).expect("it runs").count()
    }

    /// How many threads it has.
    pub fn threads(self) -> usize {
        self.status("Threads:")
    }

    /// How many parts its address space has.
    pub fn mappings(self) -> usize {
        std::fs::read_to_string(self.path("maps")).expect("it runs").lines().count()
    }

    /// How much memory it uses, in KiB.
    pub fn memory(self) -> usize {
        self.status("VmRSS:")
    }

    /// The most memory that it has ever used, in KiB.
    pub fn peak_memory(self) -> usize {
        self.status("VmHWM:")
    }

    /// How long its threads have run on a processor, those that have ended too.
    pub fn ran(self) -> Duration {
        let text = std::fs::read_to_string(self.path("stat")).expect("it runs");
        let after_name = text.rsplit(')').next().expect("its name stands in brackets");
        let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        ticks.map(|ticks| ticks.expect("a number") * Duration::from_millis(10)).sum()
    }

    /// How long its main thread has run on a processor.
    pub fn main_thread_ran(self) -> Duration {
        let path = self.path(&format!("task/{}/schedstat", self.0));
        let text = std::fs::read_to_string(path).expect("it runs");
        let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
        Duration::from_nanos(nanoseconds.expect("the first number is nanoseconds"))
    }

    fn status(self, field: &str) -> usize {
        let text = std::fs::read_to_string(self.path("status")).expect("it runs");
        let value = text.lines().find_map(|line| line.strip_prefix(field)).expect(field);
        value.split_whitespace().next().and_then(|word| word.parse().ok()).expect(field)
    }

    fn path(self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.0))
    }
}

/// Waits until what is measured is what it should be.
#[track_caller]
pub fn await_that<T: Debug>(measure: impl Fn() -> T, is_right: impl Fn(&T) -> bool) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let measured = measure();
        if is_right(&measured) {
            return;
        }
        assert!(Instant::now() < deadline, "it is still {measured:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
