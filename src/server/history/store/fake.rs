//! A store in memory that does what the one in SQLite does, and fails when it is told to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::kept::{
    Counters, Cut, EraseStep, Fact, FactKey, Gap, KeptMember, KeptWaiting, Loaded, Portion, Size,
};
use super::erasing::{self, Judged, Pending};
use super::rows::{Builder, PASSING, Row, cost, rows_of};
use super::{Checkpoint, Copied, Failure, PORTION_BYTES, PORTION_ROWS, Store};
use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::MemberId;
use gate::Gate;

pub(crate) mod gate;

/// About how many bytes a row has besides its line.
const ROW: u64 = 20;

/// A connection to a file in memory.
#[derive(Debug)]
pub(crate) struct Fake {
    /// What is in the file.
    kept: Arc<Mutex<Kept>>,
    /// How many calls there were.
    calls: u64,
    /// Which calls fail, the first being 0.
    fails: Range<u64>,
    /// How they fail.
    failure: Failure,
    /// Through which each commit goes.
    gate: Arc<Gate>,
}

/// What is in the file.
#[derive(Debug)]
struct Kept {
    /// By number.
    events: BTreeMap<Seq, Event>,
    /// By id.
    members: BTreeMap<MemberId, KeptMember>,
    /// By reader and sender.
    facts: BTreeMap<FactKey, Fact>,
    waiting: BTreeMap<(MemberId, MemberId), u64>,
    /// Orders to erase lines, in their order.
    erasures: Vec<Pending>,
    /// By the event before them.
    gaps: BTreeMap<Seq, Gap>,
    /// The room's.
    counters: Counters,
    /// Bytes since the last checkpoint.
    wal: u64,
    /// The checkpoints that there were.
    checkpoints: Vec<Checkpoint>,
    /// Whether somebody reads, so that none can end its work.
    is_held: bool,
    /// Whether the path names it.
    is_in_place: bool,
}

/// A row of its own.
#[derive(Debug)]
struct Event {
    at: Millis,
    kind: i64,
    author: Option<MemberId>,
    n: Option<u64>,
    only: Option<MemberId>,
    line: Option<String>,
}

impl Event {
    fn row(&self, seq: Seq) -> Row<'_> {
        let Event { at, kind, author, n, only, ref line } = *self;
        Row { seq, at, kind, author, n, only, line: line.as_deref() }
    }

    fn bytes(&self) -> u64 {
        ROW + self.line.as_ref().map_or(0, |line| line.len() as u64)
    }
}

impl Fake {
    /// A new file.
    pub(crate) fn new() -> Fake {
        let kept = Kept {
            events: BTreeMap::new(),
            members: BTreeMap::new(),
            waiting: BTreeMap::new(),
            facts: BTreeMap::new(),
            erasures: Vec::new(),
            gaps: BTreeMap::new(),
            counters: Counters::NEW,
            wal: 0,
            checkpoints: Vec::new(),
            is_held: false,
            is_in_place: true,
        };
        let kept = Arc::new(Mutex::new(kept));
        let gate = Arc::new(Gate::default());
        Fake { kept, calls: 0, fails: 0..0, failure: Failure::Full, gate }
    }

    /// A connection to the same file of which these calls fail so.
    pub(crate) fn failing(&self, fails: Range<u64>, failure: Failure) -> Fake {
        let (kept, gate) = (Arc::clone(&self.kept), Arc::clone(&self.gate));
        Fake { kept, calls: 0, fails, failure, gate }
    }

    /// Another connection to the file, which does not fail.
    pub(crate) fn another(&self) -> Fake {
        self.failing(0..0, Failure::Full)
    }

    /// Somebody reads from now on, or no longer.
    pub(crate) fn hold(&self, is_held: bool) {
        self.kept().is_held = is_held;
    }

    /// The checkpoints that there were.
    pub(crate) fn checkpoints(&self) -> Vec<Checkpoint> {
        self.kept().checkpoints.clone()
    }

    /// Through which each commit of all connections goes.
    pub(crate) fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate)
    }

    /// The lines that the file has, in their order.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.kept().events.values().filter_map(|event| event.line.clone()).collect()
    }

    /// How many lines each of its gaps stands for.
    pub(crate) fn lines_in_gaps(&self) -> Vec<u64> {
        self.kept().gaps.values().map(|gap| gap.lines).collect()
    }

    /// Another file is in its place now.
    pub(crate) fn replace(&self) {
        self.kept().is_in_place = false;
    }

    /// How many calls there were on this connection.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, which fails or has the file to itself.
    fn call(&mut self) -> Result<MutexGuard<'_, Kept>, Failure> {
        let call = self.calls;
        self.calls += 1;
        if self.fails.contains(&call) { Err(self.failure.clone()) } else { Ok(self.kept()) }
    }
}

impl Kept {
    fn gaps(&self, range: Range<Seq>) -> Vec<Gap> {
        self.gaps.range(range).map(|(_, gap)| *gap).collect()
    }

    fn first_within(&self, memory: usize) -> Seq {
        let (mut first, mut taken) = (None::<Seq>, 0);
        for (&seq, event) in self.events.iter().rev() {
            let missing = first.map_or(0, |newer| newer - seq - 1);
            taken += cost(event.line.as_ref().map_or(0, String::len), missing);
            if taken > memory && first.is_some() {
                break;
            }
            first = Some(seq);
        }
        first.unwrap_or(self.counters.next_seq)
    }

    /// Deletes the first `most` events that are so.
    fn delete(&mut self, most: u32, mut is_so: impl FnMut(&Kept, &Event) -> bool) -> u32 {
        let found: Vec<_> = self.events.iter().filter(|(_, event)| is_so(self, event)).collect();
        let found: Vec<_> = found.iter().take(most as usize).map(|(seq, _)| **seq).collect();
        found.iter().for_each(|seq| drop(self.events.remove(seq)));
        found.len() as u32
    }
}

impl Store for Fake {
    fn load(&mut self, memory: usize) -> Result<Loaded, Failure> {
        let kept = self.call()?;
        let first = kept.first_within(memory);
        let mut builder = Builder::new(None);
        kept.events.range(first..).for_each(|(&seq, event)| builder.push(event.row(seq)));
        let member = |(&id, member): (&MemberId, &KeptMember)| (id, Some(member.clone()));
        let waiting = |(&(reader, sender), &lines): (&(MemberId, MemberId), &u64)| KeptWaiting {
            reader,
            sender,
            lines,
        };
        Ok(Loaded {
            members: kept.members.iter().map(member).collect(),
            facts: kept.facts.iter().map(|(key, fact)| (key.clone(), fact.clone())).collect(),
            waiting: kept.waiting.iter().map(waiting).collect(),
            counters: kept.counters,
            batches: builder.finish(),
            oldest: kept.events.first_key_value().map(|(&seq, event)| (seq, event.at)),
            gaps: kept.gaps(first.saturating_sub(1)..Seq::MAX),
        })
    }

    fn keep(&mut self, cut: &Cut) -> Result<(), Failure> {
        self.gate.pass()?;
        let mut kept = self.call()?;
        for row in cut.batches.iter().flat_map(|batch| rows_of(batch, cut.from)) {
            let Row { seq, at, kind, author, n, only, line } = row;
            let event = Event { at, kind, author, n, only, line: line.map(str::to_owned) };
            kept.wal += event.bytes();
            kept.events.entry(seq).or_insert(event);
        }
        for (key, fact) in &cut.facts {
            match fact {
                Some(fact) => drop(kept.facts.insert(key.clone(), fact.clone())),
                None => drop(kept.facts.remove(key)),
            }
        }
        for (id, member) in &cut.members {
            match member {
                Some(member) => drop(kept.members.insert(*id, member.clone())),
                None => {
                    kept.members.remove(id);
                    kept.waiting.retain(|(reader, _), _| reader != id);
                }
            }
        }
        for &KeptWaiting { reader, sender, lines } in &cut.waiting {
            kept.waiting.insert((reader, sender), lines);
        }
        kept.waiting.retain(|_, lines| *lines > 0);
        kept.gaps.extend(cut.gap.map(|gap| (gap.after, gap)));
        // It has few events: it looks at all of them.
        for order in &cut.erasures {
            if !kept.erasures.iter().any(|pending| pending.erasure == order.erasure) {
                kept.erasures.push(Pending::new(order, 0));
            }
        }
        kept.counters = cut.counters;
        Ok(())
    }

    fn erase(&mut self, most: u32) -> Result<Option<EraseStep>, Failure> {
        let mut kept = self.call()?;
        if kept.erasures.is_empty() {
            return Ok(None);
        }
        let pending = kept.erasures.remove(0);
        let mut rows = kept.events.range(pending.range());
        let Ok(judged) = erasing::Portion::judge(pending, most, |take| {
            let _enough = rows.all(|(&seq, event)| take(event.row(seq)));
            Ok::<_, Infallible>(())
        });
        let Judged { hits, rest, step } = judged;
        for hit in hits {
            kept.events.get_mut(&hit.seq).into_iter().for_each(|event| event.line = None);
        }
        kept.erasures.splice(0..0, rest);
        Ok(Some(step))
    }

    fn rows(&mut self, range: Range<Seq>, recipient: Option<MemberId>) -> Result<Portion, Failure> {
        let kept = self.call()?;
        let mut builder = Builder::new(recipient);
        let mut end = range.end;
        let first = kept.events.range(range.clone()).next().map_or(range.end, |(&seq, _)| seq);
        let mut last = first;
        for (&seq, event) in kept.events.range(range.clone()) {
            if seq - first >= PORTION_ROWS || builder.bytes() >= PORTION_BYTES {
                end = last + 1;
                break;
            }
            builder.push(event.row(seq));
            last = seq;
        }
        let range = range.start..end;
        Ok(Portion { batches: builder.finish(), gaps: kept.gaps(range.clone()), range })
    }

    #[cfg(test)]
    fn oldest(&mut self) -> Result<Option<(Seq, Millis)>, Failure> {
        let kept = self.call()?;
        Ok(kept.events.first_key_value().map(|(&seq, event)| (seq, event.at)))
    }

    fn size(&mut self) -> Result<Size, Failure> {
        let used = self.call()?.events.values().map(Event::bytes).sum();
        Ok(Size { used, free: 0 })
    }

    fn prefix(&mut self, before: Millis, most: u32) -> Result<Option<Range<Seq>>, Failure> {
        let kept = self.call()?;
        let oldest = kept.events.iter().take(most as usize);
        let mut old = oldest.take_while(|(_, event)| event.at < before).map(|(&seq, _)| seq);
        let Some(first) = old.next() else { return Ok(None) };
        Ok(Some(first..old.last().unwrap_or(first) + 1))
    }

    fn forget(&mut self, end: Seq) -> Result<u32, Failure> {
        let mut kept = self.call()?;
        let before = kept.events.len();
        kept.events = kept.events.split_off(&end);
        Ok((before - kept.events.len()) as u32)
    }

    fn forget_passing(&mut self, before: Millis, most: u32) -> Result<u32, Failure> {
        let is_old = |_: &Kept, event: &Event| event.kind == PASSING && event.at < before;
        Ok(self.call()?.delete(most, is_old))
    }

    fn blank(&mut self, most: u32) -> Result<u32, Failure> {
        let mut kept = self.call()?;
        let Kept { events, members, .. } = &mut *kept;
        let is_gone = |event: &&mut Event| {
            event.line.is_some() && event.only.is_some_and(|only| !members.contains_key(&only))
        };
        let gone = events.values().filter_map(|event| {
            let gone = event.only.filter(|only| !members.contains_key(only));
            event.line.as_ref().and(gone)
        });
        let Some(reader) = gone.min() else { return Ok(0) };
        let lines = events.values_mut().filter(is_gone).filter(|it| it.only == Some(reader));
        Ok(lines.take(most as usize).map(|event| event.line = None).count() as u32)
    }

    fn forget_blank(&mut self, most: u32) -> Result<u32, Failure> {
        let is_over = |kept: &Kept, event: &Event| {
            let is_here = |author| kept.members.contains_key(&author);
            event.line.is_none() && !event.author.is_some_and(is_here)
        };
        Ok(self.call()?.delete(most, is_over))
    }

    fn forget_parts(&mut self) -> Result<u32, Failure> {
        let mut kept = self.call()?;
        let next = kept.counters.next_seq;
        let oldest = kept.events.first_key_value().map_or(next, |(&seq, _)| seq);
        let before = kept.gaps.len();
        kept.gaps = kept.gaps.split_off(&oldest);
        Ok((before - kept.gaps.len()) as u32)
    }

    fn shrink(&mut self, _pages: u32) -> Result<(), Failure> {
        self.call().map(drop)
    }

    fn checkpoint(&mut self, how: Checkpoint) -> Result<Copied, Failure> {
        let mut kept = self.call()?;
        kept.checkpoints.push(how);
        if kept.is_held {
            return Ok(Copied::Held);
        }
        kept.wal = 0;
        Ok(Copied::All)
    }

    fn wal(&self) -> u64 {
        self.kept().wal
    }

    fn is_in_place(&self) -> bool {
        self.kept().is_in_place
    }
}
