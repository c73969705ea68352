//! The load: every client of a scenario, on one thread that waits for all of them at once.

use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Poll};

use crate::alarm::Alarm;
use crate::line::Line;
use crate::link::Link;
use crate::outcome::{Outcome, Visits};
use crate::process;
use crate::scenario::Scenario;
use crate::site::Site;
use crate::supplies::Supplies;
use crate::target::Target;
use guessers::Guessers;
use member::Member;
use searcher::Searcher;
use visitors::Visitors;

mod guessers;
mod joining;
mod member;
mod receiving;
mod searcher;
mod visitors;

pub use member::NOBODY;

/// The load is over when nothing has come for so long, whatever is missing.
const PATIENCE: Duration = Duration::from_secs(4);

/// How many lines a flooding sender makes at once.
const BURST: u32 = 64;

/// A slow reader takes `SLOW_BYTES` each `SLOW_EVERY`.
const SLOW_BYTES: usize = 1024;
const SLOW_EVERY: Duration = Duration::from_millis(100);

/// Puts the load on a running program.
pub fn run(target: Target, scenario: &Scenario, supplies: &Supplies) -> io::Result<Outcome> {
    let site = Site::start(target, scenario, supplies)?;
    let memory_before = site.total(process::memory);
    let mut load = Load::join(target, scenario, &site)?;
    let memory_per_client = memory_before
        .zip(site.total(process::memory))
        .map(|(before, after)| after.saturating_sub(before) / scenario.clients as u64);
    if let Some(time) = scenario.idle {
        // Who joined is told for a second longer.
        std::thread::sleep(Duration::from_millis(1200));
        let before = site.total(process::switches);
        std::thread::sleep(time);
        let after = site.total(process::switches);
        let wakeups = before.zip(after).map(|(before, after)| after.saturating_sub(before));
        let peak_memory = site.total(process::memory);
        return Ok(Outcome { memory_per_client, wakeups, peak_memory, ..load.outcome() });
    }
    let cpu_before = site.total(process::cpu);
    let own_before = process::cpu(std::process::id());
    let store_before = site.of_store(process::cpu);
    load.speak()?;
    let elapsed = load.start.elapsed();
    let own = own_before.zip(process::cpu(std::process::id()));
    let cpu = cpu_before.zip(site.total(process::cpu)).map(|(before, after)| after - before);
    let store_cpu = store_before.zip(site.of_store(process::cpu));
    Ok(Outcome {
        cpu,
        store_cpu: store_cpu.map(|(before, after)| after - before),
        store_memory: site.of_store(process::peak_memory),
        peak_memory: site.total(process::peak_memory),
        memory_per_client,
        own_cpu: own.map(|(before, after)| (after - before).as_secs_f64() / elapsed.as_secs_f64()),
        ..load.outcome()
    })
}

/// The clients of a scenario, and what they have seen so far.
struct Load<'a> {
    /// What is measured.
    target: Target,
    /// What is done with it.
    scenario: &'a Scenario,
    /// The program itself, once or several times.
    site: &'a Site,
    /// Tells what happens to all connections.
    poll: Poll,
    /// Wakes the poll when a line is due.
    alarm: Alarm,
    /// The clients that are counted, the senders first. A member's place is its token.
    members: Vec<Member>,
    /// Takes nothing.
    stalled: Option<Link>,
    /// Takes `SLOW_BYTES` each `SLOW_EVERY`.
    slow: Option<Link>,
    /// Searches as long as somebody speaks.
    searcher: Option<Searcher>,
    /// Those who guess at a password, once the others are there.
    guessers: Option<Guessers>,
    /// Come as long as somebody speaks.
    visitors: Visitors,
    /// When the first line was due.
    start: Instant,
    /// When the last counted line came.
    last_receipt: Instant,
    /// In nanoseconds, from when a line was due to its receipt.
    latency: Histogram<u32>,
    /// The same of those that came from another server than their receiver's.
    across: Histogram<u32>,
    /// What was read last; no client has it between two reads.
    buffer: Vec<u8>,
}

impl Load<'_> {
    /// Sends everything, and receives until all has come or nothing comes any more.
    fn speak(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.start = Instant::now();
        self.last_receipt = self.start;
        let (mut due, mut slow_at) = (0, self.start);
        let mut last_event = self.start;
        loop {
            let now = Instant::now();
            let pending = match self.scenario.every {
                None => self.flood(now)?,
                Some(every) => self.pace(&mut due, every, now)?,
            };
            if now >= slow_at
                && let Some(slow) = &mut self.slow
            {
                slow.skip(&mut self.buffer[..SLOW_BYTES]);
                slow_at += SLOW_EVERY;
            }
            let speaking = self.is_speaking();
            if speaking {
                self.disturb(now)?;
            } else if self.is_complete() {
                return Ok(());
            }
            let mut wait = if pending { Duration::ZERO } else { PATIENCE };
            if speaking && let Some(every) = self.scenario.every {
                wait = self.due_at(due, every).saturating_duration_since(now);
                self.alarm.ring_in(wait)?;
            }
            if self.slow.is_some() {
                wait = wait.min(SLOW_EVERY);
            }
            self.poll.poll(&mut events, Some(wait))?;
            if !events.is_empty() || pending || speaking {
                last_event = now;
            }
            self.receive(&events)?;
            if now.duration_since(last_event) > PATIENCE {
                return Ok(());
            }
        }
    }

    /// Whether a sender has lines left.
    fn is_speaking(&self) -> bool {
        self.members[..self.scenario.senders].iter().any(|member| member.sent < self.scenario.lines)
    }

    /// Has visitors come, and the searcher search.
    fn disturb(&mut self, now: Instant) -> io::Result<()> {
        let (length, registry) = (self.scenario.length, self.poll.registry());
        self.visitors.come(self.target, length, self.site, registry, now)?;
        self.searcher.as_mut().map_or(Ok(()), |searcher| searcher.search(now))
    }

    /// Lets every sender send what its socket takes, up to a burst; true if there is more.
    fn flood(&mut self, now: Instant) -> io::Result<bool> {
        let sent_at = (now - self.start).as_nanos() as u64;
        let mut pending = false;
        for sender in 0..self.scenario.senders {
            let member = &mut self.members[sender];
            if member.link.is_free() {
                let until = self.scenario.lines.min(member.sent + BURST);
                for number in member.sent..until {
                    let line = Line { sender, number, sent_at };
                    let bytes = line.bytes(self.scenario.length);
                    self.target.dialect().publish(&bytes, &mut member.link.out);
                }
                member.sent = until;
            }
            member.link.write()?;
            pending |= member.link.is_writable() && member.sent < self.scenario.lines;
        }
        Ok(pending)
    }

    /// When the `due`th line of all is to be sent: the senders take turns, evenly.
    fn due_at(&self, due: u32, every: Duration) -> Instant {
        self.start + every * due / self.scenario.senders as u32
    }

    /// Sends the lines that are due; there is never more to do at once.
    fn pace(&mut self, due: &mut u32, every: Duration, now: Instant) -> io::Result<bool> {
        let senders = self.scenario.senders as u32;
        while *due < self.scenario.lines * senders && self.due_at(*due, every) <= now {
            let (sender, number) = ((*due % senders) as usize, *due / senders);
            // When it was due: what is late here is late for those who read it, too.
            let sent_at = (self.due_at(*due, every) - self.start).as_nanos() as u64;
            let line = Line { sender, number, sent_at };
            let member = &mut self.members[sender];
            let bytes = line.bytes(self.scenario.length);
            self.target.dialect().publish(&bytes, &mut member.link.out);
            member.sent = number + 1;
            member.link.write()?;
            *due += 1;
        }
        Ok(false)
    }

    /// How many lines that member is to get.
    fn expected(&self, i: usize) -> u64 {
        let own = usize::from(i < self.scenario.senders && !self.target.dialect().echoes());
        (self.scenario.senders - own) as u64 * u64::from(self.scenario.lines)
    }

    /// Whether everyone has got everything.
    fn is_complete(&self) -> bool {
        self.members.iter().enumerate().all(|(i, member)| member.received >= self.expected(i))
    }

    /// What the clients have seen; the server's own figures are left out.
    fn outcome(&self) -> Outcome {
        let lost = self
            .members
            .iter()
            .enumerate()
            .map(|(i, member)| self.expected(i).saturating_sub(member.received - member.again));
        let mut orders: Vec<u64> =
            self.members[self.scenario.senders..].iter().map(|member| member.order).collect();
        orders.sort_unstable();
        orders.dedup();
        let heard: u64 = self.members.iter().map(|member| member.heard).sum();
        let heard = heard as f64 / self.members.len() as f64;
        let came = self.visitors.came();
        Outcome {
            deliveries: self.members.iter().map(|member| member.received).sum(),
            time: self.last_receipt - self.start,
            latency: self.latency.clone(),
            across: self.across.clone(),
            searches: self.searcher.as_ref().map(|searcher| searcher.times.clone()),
            visits: (came > 0).then_some(Visits { came, heard }),
            cpu: None,
            store_cpu: None,
            store_memory: None,
            peak_memory: None,
            memory_per_client: None,
            wakeups: None,
            lost: lost.sum(),
            again: self.members.iter().map(|member| member.again).sum(),
            orders: orders.len(),
            own_cpu: None,
        }
    }
}
