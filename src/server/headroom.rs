//! Whether the system has enough address space left for another thread.
//!
//! Rust's standard library gives each thread a second stack, for signals. A thread that does not get it panics
//! before any code that could catch the panic, and the process aborts. So a server whose memory is
//! limited (`ulimit -v`, `ulimit -d`) starts no thread when little memory is left, and keeps a reserve for the
//! allocations of its threads. Only Linux tells how much is left; elsewhere nothing is checked.

use std::io;

#[cfg(target_os = "linux")]
pub(super) use linux::Headroom;

#[cfg(target_os = "linux")]
mod linux {
    use std::io::ErrorKind::OutOfMemory;

    use rustix::process::{Resource, getrlimit};

    use super::io;

    /// The address space that has to be left for another thread, in bytes. Its stacks take 0.3 MB; where the
    /// allocator finds no 64 MB for a heap, each allocation takes a page or more.
    const NEEDED: u64 = 1 << 20;

    /// The size of the reserve, in bytes, which is given up when less than [`NEEDED`] is left.
    const RESERVE: u64 = 4 << 20;

    /// How many mappings a thread takes: two stacks, each with a page that guards it.
    const MAPPINGS: usize = 4;

    /// A limit of the process's memory.
    #[derive(Debug)]
    struct Limit {
        /// The limit, in bytes.
        most: u64,
        /// The field of `/proc/self/status` that tells how much of it is taken.
        field: &'static str,
    }

    /// The address space that is left.
    #[derive(Debug)]
    pub(in crate::server) struct Headroom {
        /// The limits that are set. Without any, nothing is checked and nothing is reserved.
        limits: Vec<Limit>,
        /// The reserve: address space without memory, since it is never written to.
        reserve: Vec<u8>,
    }

    impl Headroom {
        pub(in crate::server) fn new() -> Headroom {
            let limit = |(resource, field)| {
                let most = getrlimit(resource).current?;
                Some(Limit { most, field })
            };
            let limits = [(Resource::As, "VmSize:"), (Resource::Data, "VmData:")];
            let limits = limits.into_iter().filter_map(limit).collect();
            let mut headroom = Headroom { limits, reserve: Vec::new() };
            // Without it, the first check asks for more.
            headroom.take_reserve().ok();
            headroom
        }

        /// Whether there is a limit, and each thread has to have begun before the next is asked for.
        pub(in crate::server) fn is_limited(&self) -> bool {
            !self.limits.is_empty()
        }

        /// How many threads there may be, so that their mappings are three quarters of those that the
        /// system allows a process.
        pub(in crate::server) fn most_threads(&self) -> usize {
            let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
            let most = most.and_then(|most| most.trim().parse::<usize>().ok());
            most.map_or(usize::MAX, |most| most / 4 * 3 / MAPPINGS)
        }

        /// Whether there is enough for one more.
        ///
        /// # Errors
        ///
        /// There is not, and the reserve was given up.
        pub(in crate::server) fn check(&mut self) -> io::Result<()> {
            if !self.is_limited() {
                return Ok(());
            }
            let status = std::fs::read_to_string("/proc/self/status")?;
            let left = self.limits.iter().map(|limit| limit.left(&status)).min();
            if left.unwrap_or(u64::MAX) < self.wanted() {
                self.reserve = Vec::new();
                let why = "its memory is limited (ulimit -v), and almost all of that is taken";
                return Err(io::Error::new(OutOfMemory, why));
            }
            self.take_reserve()
        }

        fn take_reserve(&mut self) -> io::Result<()> {
            let bytes = if self.is_limited() { RESERVE as usize } else { 0 };
            self.reserve.try_reserve_exact(bytes).map_err(io::Error::from)
        }

        fn wanted(&self) -> u64 {
            if self.reserve.capacity() > 0 { NEEDED } else { NEEDED + RESERVE }
        }
    }

    impl Limit {
        /// How much is left, in bytes.
        fn left(&self, status: &str) -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(self.field));
            let taken = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            self.most.saturating_sub(taken.unwrap_or(0) * 1024)
        }
    }

    #[cfg(all(test, not(shuttle)))]
    mod tests {
        use super::*;

        /// What there is where `field` of this process is limited to so much more than it has now.
        fn limited_to(more: u64, field: &'static str) -> Headroom {
            let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
            let taken = u64::MAX - Limit { most: u64::MAX, field }.left(&status);
            assert!(taken > 0, "{field} is in {status}");
            let limits = vec![Limit { most: taken + more, field }];
            Headroom { limits, reserve: Vec::new() }
        }

        #[test]
        fn little_that_is_left_is_too_little_and_costs_the_reserve() {
            for field in ["VmSize:", "VmData:"] {
                // The other tests of this process take some of it meanwhile.
                let mut ample = limited_to(1 << 40, field);
                assert!(ample.check().is_ok() && ample.reserve.capacity() > 0);
                ample.limits[0].most = 0;
                assert_eq!(ample.check().map_err(|why| why.kind()), Err(OutOfMemory));
                assert_eq!(ample.reserve.capacity(), 0);
                assert!(limited_to(0, field).check().is_err());
            }
        }

        #[test]
        fn where_nothing_is_limited_nothing_is_kept() {
            let mut headroom = Headroom { limits: Vec::new(), reserve: Vec::new() };
            assert!(headroom.check().is_ok() && headroom.reserve.capacity() == 0);
            assert!(headroom.most_threads() > 1000);
        }
    }
}

/// Elsewhere nothing is known of the address space.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(super) struct Headroom;

#[cfg(not(target_os = "linux"))]
impl Headroom {
    pub(super) fn new() -> Headroom {
        Headroom
    }

    pub(super) fn is_limited(&self) -> bool {
        false
    }

    pub(super) fn most_threads(&self) -> usize {
        usize::MAX
    }

    pub(super) fn check(&mut self) -> io::Result<()> {
        Ok(())
    }
}
