//! What the announcer's thread does: when it says what, and whom it answers.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::End;
use crate::discovery::announcement::{Announcement, Asked, Meaning};
use crate::discovery::network::{Channel, Interface, asks_once, interface_of};
use crate::discovery::{MOST_BYTES, network};
use crate::problem::reason;
use crate::server::net::socket::timespec;
use crate::server::system::{PollFd, poll, random_bits};

/// How often the system is asked for its interfaces.
const LOOK: Duration = Duration::from_secs(60);

/// The pause between two questions whether the name is free, and how many there are.
const PROBE: Duration = Duration::from_millis(250);
const PROBES: u8 = 3;

/// The pause between the two times that the room is told of.
const AGAIN: Duration = Duration::from_secs(1);

/// The shortest time between two answers to all on one network: whoever listens has heard the first one.
const BETWEEN: Duration = Duration::from_millis(250);

/// How many are answered alone in a second, so that nobody can have others flooded.
const ALONE: u32 = 50;

/// How many messages are read before the thread rests, and for how long: a flood takes no processor, and what does not
/// fit is dropped by the system.
const BATCH: usize = 64;
const REST: Duration = Duration::from_millis(10);

/// The most names that are tried. Who is refused more of them is on a network where somebody refuses all.
const NAMES: u32 = 10;

/// How long the name stays as it is, once it was asked for, whatever others claim.
const SURE: Duration = Duration::from_secs(60);

/// How far the announcement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// So many times it was asked whether the name is free.
    Probing(u8),
    /// So many times the room was told of.
    Telling(u8),
    /// Questions are answered.
    Settled,
}

/// What the thread works with.
pub(super) struct Work {
    /// What is said.
    announcement: Announcement,
    /// The name that was asked for.
    original: String,
    /// Which name is tried: the first, the second, and so on.
    number: u32,
    /// The address that the room listens at.
    at: IpAddr,
    /// The sockets, one for each kind of addresses.
    channels: Vec<Channel>,
    /// The interfaces that the room can be reached over.
    interfaces: Vec<Interface>,
    /// How far the announcement is.
    phase: Phase,
    /// When the phase goes on.
    due: Instant,
    /// When the name was asked for last.
    probed: Instant,
    /// When the interfaces are looked at next.
    look: Instant,
    /// When all on a network were answered last, by the interface's number.
    answered: BTreeMap<u32, Instant>,
    /// The second that runs, and how many were answered alone in it.
    alone: (Instant, u32),
    /// Whether nothing could be said at the last try.
    in_trouble: bool,
}

impl Work {
    pub(super) fn new(announcement: Announcement, at: IpAddr, channels: Vec<Channel>) -> Work {
        let now = Instant::now();
        // Machines that are switched on at once do not ask at once.
        let jitter = random_bits().unwrap_or_default() % PROBE.as_millis();
        Work {
            original: announcement.name.clone(),
            announcement,
            number: 1,
            at,
            channels,
            interfaces: Vec::new(),
            phase: Phase::Probing(0),
            due: now + Duration::from_millis(jitter as u64),
            probed: now,
            look: now,
            answered: BTreeMap::new(),
            alone: (now, 0),
            in_trouble: false,
        }
    }

    pub(super) fn run(&mut self, end: &End) {
        let mut buffer = [0; MOST_BYTES];
        while !end.asked.load(Ordering::SeqCst) {
            let now = Instant::now();
            if now >= self.look {
                self.look_around(now);
            }
            if self.phase != Phase::Settled && now >= self.due {
                self.go_on(now);
            }
            self.wait(end);
            if self.hear(&mut buffer) == BATCH {
                std::thread::sleep(REST);
            }
        }
        if self.is_announced() {
            self.tell_all(|announcement, _| announcement.goodbye());
        }
    }

    fn wait(&self, end: &End) {
        let due = if self.phase == Phase::Settled { self.look } else { self.due.min(self.look) };
        let timeout = timespec(due.saturating_duration_since(Instant::now()));
        let sockets = self.channels.iter().map(|it| PollFd::new(it.socket(), PollFlags::IN));
        let mut polled: Vec<_> = sockets.chain([end.waker.as_poll()]).collect();
        poll(&mut polled, Some(&timeout)).ok();
    }

    /// Looks whether interfaces have come, gone or changed. The room is told of anew then, on all of them.
    fn look_around(&mut self, now: Instant) {
        self.look = now + LOOK;
        let mut interfaces = network::interfaces();
        interfaces.retain(|interface| !interface.reached(self.at).is_empty());
        // Each time: an address that has gone and come again meanwhile is the same, but nothing is heard there.
        for channel in &self.channels {
            interfaces.iter().for_each(|interface| channel.join(interface));
        }
        let is_new = interfaces != self.interfaces;
        self.interfaces = interfaces;
        if is_new && self.phase == Phase::Settled {
            self.probe_anew(now);
        }
    }

    fn probe_anew(&mut self, now: Instant) {
        (self.phase, self.due, self.probed) = (Phase::Probing(0), now, now);
    }

    fn go_on(&mut self, now: Instant) {
        (self.phase, self.due) = match self.phase {
            Phase::Probing(asked) if asked < PROBES => {
                self.tell_all(|announcement, _| announcement.probe());
                (Phase::Probing(asked + 1), now + PROBE)
            }
            Phase::Probing(_) => {
                if !self.in_trouble {
                    log::info!("announced on this network as {}", self.announcement.name);
                }
                (Phase::Telling(0), now)
            }
            Phase::Telling(0) => {
                self.tell_all(Announcement::told);
                (Phase::Telling(1), now + AGAIN)
            }
            Phase::Telling(_) | Phase::Settled => {
                self.tell_all(Announcement::told);
                (Phase::Settled, now)
            }
        };
    }

    /// Whether the name is the room's.
    fn is_announced(&self) -> bool {
        !matches!(self.phase, Phase::Probing(_))
    }

    /// Says something on every network, where the room has these addresses.
    fn tell_all(&mut self, message: impl Fn(&Announcement, &[IpAddr]) -> Vec<u8>) {
        let mut failure = None;
        let mut has_told = false;
        for interface in &self.interfaces {
            let message = message(&self.announcement, &interface.reached(self.at));
            for channel in &self.channels {
                match channel.tell(interface, &message) {
                    Ok(told) => has_told |= told,
                    Err(why) => failure = Some(why),
                }
            }
        }
        let why = failure.map_or("there is no network".to_owned(), |why| reason(&why));
        match (has_told, self.in_trouble) {
            (false, false) => {
                log::warn!("the room cannot be announced: {why}; trying until it can");
            }
            (true, true) => log::info!("the room can be announced again"),
            _ => {}
        }
        self.in_trouble = !has_told;
    }

    /// Hears what has come, and does what it asks for; how many messages that were.
    fn hear(&mut self, buffer: &mut [u8; MOST_BYTES]) -> usize {
        let mut heard = 0;
        for at in 0..self.channels.len() {
            while heard < BATCH
                && let Some((message, source)) = self.channels[at].next(buffer)
            {
                heard += 1;
                let meaning = self.announcement.meaning(message, self.is_announced());
                self.act(meaning, at, source);
            }
        }
        heard
    }

    fn act(&mut self, meaning: Meaning, channel: usize, source: SocketAddr) {
        let now = Instant::now();
        // What comes from beyond the network is nobody's whom it concerns.
        let Some(interface) = interface_of(&self.interfaces, source) else { return };
        match meaning {
            Meaning::Nothing => {}
            Meaning::Asked(asked) if self.is_announced() => {
                let interface = interface.clone();
                self.answer(asked, &interface, channel, source, now);
            }
            Meaning::Asked(_) => {}
            Meaning::Taken | Meaning::Contested if !self.is_announced() => self.rename(now),
            Meaning::Taken if now.duration_since(self.probed) > SURE => self.probe_anew(now),
            Meaning::Taken | Meaning::Contested => {}
        }
    }

    fn rename(&mut self, now: Instant) {
        if self.number >= NAMES {
            return;
        }
        self.number += 1;
        let taken = self.announcement.name.clone();
        self.announcement.rename(&self.original, self.number);
        log::info!("another room is called {taken}; trying {}", self.announcement.name);
        self.probe_anew(now);
    }

    fn answer(
        &mut self,
        asked: Asked,
        interface: &Interface,
        channel: usize,
        source: SocketAddr,
        now: Instant,
    ) {
        let addresses = interface.reached(self.at);
        let channel = &self.channels[channel];
        if asked.alone || asks_once(source) {
            if now.duration_since(self.alone.0) > Duration::from_secs(1) {
                self.alone = (now, 0);
            }
            self.alone.1 += 1;
            if self.alone.1 <= ALONE {
                let answer = if asks_once(source) {
                    self.announcement.answer_once(asked, &addresses)
                } else {
                    self.announcement.answer(asked, &addresses)
                };
                channel.tell_one(source, &answer);
            }
            return;
        }
        let last = self.answered.get(&interface.index);
        if last.is_none_or(|last| now.duration_since(*last) >= BETWEEN) {
            self.answered.insert(interface.index, now);
            channel.tell(interface, &self.announcement.answer(asked, &addresses)).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::announcement;
    use super::*;

    /// An announcer that hears what it is given, on one network.
    fn work() -> Work {
        let lab = announcement("lab", 5000, "off", None);
        let mut work = Work::new(lab, IpAddr::from([0, 0, 0, 0]), Vec::new());
        let addresses = vec![(IpAddr::from([192, 0, 2, 7]), 24)];
        work.interfaces = vec![Interface { index: 2, name: "eth0".to_owned(), addresses }];
        work
    }

    fn peer() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 66], 5353))
    }

    #[test]
    fn who_claims_every_name_is_not_followed_for_ever() {
        let mut work = work();
        for number in 2..=NAMES {
            work.act(Meaning::Taken, 0, peer());
            assert_eq!(work.announcement.name, format!("lab ({number})"));
        }
        for _ in 0..100 {
            work.act(Meaning::Taken, 0, peer());
            work.act(Meaning::Contested, 0, peer());
        }
        assert_eq!(work.announcement.name, format!("lab ({NAMES})"));
        // It comes to be announced all the same.
        for _ in 0..PROBES + 3 {
            work.go_on(Instant::now());
        }
        assert_eq!(work.phase, Phase::Settled);
        // Nor is it asked for anew all the time.
        work.act(Meaning::Taken, 0, peer());
        assert_eq!(work.phase, Phase::Settled);
        work.probed -= SURE + Duration::from_secs(1);
        work.act(Meaning::Taken, 0, peer());
        assert_eq!(work.phase, Phase::Probing(0));
    }

    #[test]
    fn who_is_on_no_network_of_ours_has_no_say() {
        let mut work = work();
        work.act(Meaning::Taken, 0, SocketAddr::from(([198, 51, 100, 1], 5353)));
        assert_eq!(work.announcement.name, "lab");
    }
}
