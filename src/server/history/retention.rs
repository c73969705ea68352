//! What goes from the history, and when: the oldest beyond its time or its room, what was passing after a
//! day, private lines whose reader is gone.
//!
//! The keeper's thread takes one step after the other when it is quiet, or after every thousand lines.
//! A step changes a thousand rows at most, so a commit never waits long for one.

use std::ops::Range;
use std::time::Duration;

use super::kept::Size;
use super::store::{Failure, Store};
use crate::protocol::tag::{Millis, Seq};

/// How many rows a step changes at most.
pub(crate) const STEP: u32 = 1_000;

/// For how long it is kept who joined and left, in milliseconds. Nobody is away for longer.
const PASSING: Millis = 24 * 60 * 60 * 1_000;

/// For how long it is kept where the file is full.
const PASSING_AT_LEAST: Millis = 10 * 60 * 1_000;

/// How many free pages a step gives back to the disk.
const SHRINK: u32 = 64;

/// The part of the file that may be free. It is used again, so it need not be given back.
const FREE_PART: u64 = 10;

/// What bounds the history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    /// For how long events are kept, in milliseconds; `None` is for ever.
    keep: Option<Millis>,
    /// How many bytes of the file may be in use.
    keep_size: u64,
}

/// What a step has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something: there may be more to do.
    Done,
    /// Nothing was to do.
    Idle,
}

impl Retention {
    pub(crate) fn new(keep: Option<Duration>, keep_size: u64) -> Retention {
        let millis = |keep: Duration| Millis::try_from(keep.as_millis()).unwrap_or(Millis::MAX);
        Retention { keep: keep.map(millis), keep_size }
    }

    /// Does the first thing that is to be done. Events that are about to go are shown to `farewell`
    /// before: readers that still need them are told how many they missed.
    ///
    /// # Errors
    ///
    /// What is the matter with the file, which may be another one by now. The step has done nothing then.
    pub(crate) fn step<S: Store>(
        &self,
        store: &mut S,
        now: Millis,
        farewell: impl FnOnce(&mut S, Range<Seq>) -> Result<(), Failure>,
    ) -> Result<Step, Failure> {
        if !store.is_in_place() {
            return Err(Failure::Gone);
        }
        let size = store.size()?;
        // Where there is too much, who came and went goes before what was said: a storm of connections has many of them.
        if size.used > self.keep_size
            && store.forget_passing(now.saturating_sub(PASSING_AT_LEAST), STEP)? > 0
        {
            return Ok(Step::Done);
        }
        if let Some(range) = self.too_old_or_too_much(store, size, now)? {
            farewell(store, range.clone())?;
            store.forget(range.end)?;
            return Ok(Step::Done);
        }
        let has_changed = store.forget_passing(now.saturating_sub(PASSING), STEP)? > 0
            || store.blank(STEP)? > 0
            || store.forget_blank(STEP)? > 0
            || store.forget_parts()? > 0;
        if has_changed {
            return Ok(Step::Done);
        }
        if size.free > (size.used + size.free) / FREE_PART {
            store.shrink(SHRINK)?;
            return Ok(Step::Done);
        }
        Ok(Step::Idle)
    }

    fn too_old_or_too_much(
        &self,
        store: &mut impl Store,
        size: Size,
        now: Millis,
    ) -> Result<Option<Range<Seq>>, Failure> {
        if size.used > self.keep_size
            && let Some(range) = store.prefix(Millis::MAX, STEP)?
        {
            return Ok(Some(range));
        }
        match self.keep {
            Some(keep) => store.prefix(now.saturating_sub(keep), STEP),
            None => Ok(None),
        }
    }
}
