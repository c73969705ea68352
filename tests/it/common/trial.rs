//! How far a trial is: what its threads tell each other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take after the last kill, and each client's way back.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What the threads of a trial share.
pub struct Trial {
    /// How many say `end of NAME` when the talking is over.
    talkers: usize,
    /// Everyone has joined: the talking begins.
    has_begun: AtomicBool,
    /// The last harm was done: everyone says the last word.
    is_over: AtomicBool,
    /// How many have said and heard everything.
    done: AtomicUsize,
    /// What everyone has is known: they may leave.
    is_released: AtomicBool,
    /// A thread has panicked.
    has_failed: AtomicBool,
}

/// Ends the trial for all when a thread of it panics.
pub struct EndsAll<'a>(&'a Trial);

impl Drop for EndsAll<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.has_failed.store(true, Ordering::SeqCst);
        }
    }
}

impl Trial {
    pub fn new(talkers: usize) -> Trial {
        Trial {
            talkers,
            has_begun: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            done: AtomicUsize::new(0),
            is_released: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
        }
    }

    pub fn ends_all(&self) -> EndsAll<'_> {
        EndsAll(self)
    }

    /// How many last words somebody hears who says one.
    pub fn others(&self) -> usize {
        self.talkers - 1
    }

    pub fn begin(&self) {
        self.has_begun.store(true, Ordering::SeqCst);
    }

    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::SeqCst)
    }

    pub fn wait_until_all_are_here(&self) {
        self.wait("not all have joined", || self.has_begun());
    }

    pub fn is_over(&self) -> bool {
        self.assert_goes_on();
        self.is_over.load(Ordering::SeqCst)
    }

    pub fn stop_talking(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    pub fn mark_done(&self) {
        self.done.fetch_add(1, Ordering::SeqCst);
    }

    #[track_caller]
    pub fn wait_until_all_are_done(&self) {
        self.wait("not all are done", || self.done.load(Ordering::SeqCst) == self.talkers);
    }

    pub fn release(&self) {
        self.is_released.store(true, Ordering::SeqCst);
    }

    pub fn is_released(&self) -> bool {
        self.assert_goes_on();
        self.is_released.load(Ordering::SeqCst)
    }

    pub fn wait_for_release(&self) {
        self.wait("nobody is released", || self.is_released());
    }

    fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + 2 * PATIENCE;
        while !is_so() {
            self.assert_goes_on();
            assert!(Instant::now() < deadline, "{what}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends this thread, too, where another one has failed: without a word, since that one has told why.
    fn assert_goes_on(&self) {
        if self.has_failed.load(Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new("another thread has failed"));
        }
    }
}
