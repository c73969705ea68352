//! What the hook's program says: its standard output, line by line, as lines of the hook's member.

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::CHUNK;
use crate::logging::SAID;
use crate::protocol::lines::{Line, LineSplitter};
use crate::protocol::name::Name;
use crate::protocol::reply::Speech as Said;
use crate::protocol::request::{self, Request};
use crate::protocol::text::make_safe;
use crate::server::audience::{Audience, Envelope, Kind, MemberId};
use crate::server::chunk::Chunk;
use crate::server::figures::hook::HookFigures;
use crate::server::hub::Hub;
use crate::server::hub::hook::Heard;
use crate::server::hub::weight::Volume;
use crate::server::kinds::HOOK_ERRORS;
use crate::server::system::{instant, thread};
use crate::server::token_bucket::{Pass, TokenBucket, lines_in};

/// The longest sleep at once of a program that says too much: after it, the thread looks whether it is over.
const NAP: Duration = Duration::from_millis(100);

/// What the program may say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The longest line, in bytes.
    pub(super) line: usize,
    /// Lines a second, for long; 0 is no limit.
    pub(super) rate: u32,
}

/// The work of the thread `says`.
pub(super) struct Speech {
    /// The room.
    hub: Arc<Hub>,
    /// The hook's name.
    name: Name,
    /// How much of its allowance is left.
    bucket: TokenBucket,
    /// How much it brings.
    volume: Volume,
    /// The longest line, in bytes.
    most: usize,
    /// What is counted.
    figures: Arc<HookFigures>,
    /// What is read and not said yet.
    gathered: Chunk,
    /// How many lines that is.
    lines: u64,
}

impl Speech {
    pub(super) fn new(
        hub: &Arc<Hub>,
        name: &Name,
        limits: Limits,
        figures: &Arc<HookFigures>,
    ) -> Speech {
        Speech {
            hub: Arc::clone(hub),
            name: name.clone(),
            bucket: TokenBucket::new(limits.rate, 0.0, instant()),
            volume: Volume::new(),
            most: limits.line,
            figures: Arc::clone(figures),
            gathered: Chunk::default(),
            lines: 0,
        }
    }

    /// Says each line of the program's output, until that has ended or `is_over`.
    pub(super) fn say_all(mut self, mut output: impl Read, member: MemberId, is_over: &AtomicBool) {
        let mut splitter = LineSplitter::new(self.most);
        let mut buffer = vec![0; CHUNK];
        loop {
            let mut chunk = match output.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => &buffer[..length],
                Err(why) if why.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            while let Some(line) = splitter.next(&mut chunk) {
                let heard = match line {
                    Line::Whole(line) => self.take(line, member, is_over),
                    Line::TooLong(_) => {
                        let most = self.most;
                        log::warn!(target: HOOK_ERRORS, "on-event: a line of more than {most} bytes was not said");
                        Heard::Yes
                    }
                };
                if heard == Heard::Gone {
                    return;
                }
            }
            if self.say(member, is_over) == Heard::Gone {
                return;
            }
        }
        if let Some(last) = splitter.finish()
            && self.take(last, member, is_over) == Heard::Yes
        {
            self.say(member, is_over);
        }
    }

    /// Gathers a line, once the program may say one more.
    fn take(&mut self, line: &[u8], member: MemberId, is_over: &AtomicBool) -> Heard {
        while let Pass::After(wait) = self.bucket.take(instant()) {
            if is_over.load(Ordering::SeqCst) || self.say(member, is_over) == Heard::Gone {
                return Heard::Gone;
            }
            thread::sleep(wait.min(NAP));
        }
        self.bucket.charge(lines_in(line.len()) - 1);
        let safe = make_safe(line);
        let line = request::saying(&safe);
        let Ok(Request::Say(text)) = request::parse(&line) else {
            return Heard::Yes;
        };
        log::debug!(target: SAID, "<{}> {text}", self.name);
        let envelope = Envelope::new(Audience::AllBut(member), Kind::Said);
        self.gathered.push(envelope, Said::Said(&self.name, &text));
        self.gathered.count_said(&text);
        self.lines += 1;
        Heard::Yes
    }

    /// Says what was gathered.
    fn say(&mut self, member: MemberId, is_over: &AtomicBool) -> Heard {
        if is_over.load(Ordering::SeqCst) {
            return Heard::Gone;
        }
        if self.gathered.is_empty() {
            return Heard::Yes;
        }
        let (hub, volume) = (&self.hub, &mut self.volume);
        let heard = hub.speak_as_hook(member, &mut self.gathered, volume, is_over);
        self.gathered.clear();
        let lines = std::mem::take(&mut self.lines);
        if heard == Heard::Yes {
            self.figures.on_said(lines);
        }
        heard
    }
}
