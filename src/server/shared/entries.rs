//! What each kind of entry has in its body. Pure.

use crate::protocol::name::{Likeness, Name};
use crate::protocol::reply::LeaveReason;
use crate::protocol::request::{Order, Target};
use crate::protocol::tag::Format;
use crate::protocol::text::shortened;
use crate::server::bytes::{Coded, Reader, Writer};
use crate::server::erasure::Erased;
use crate::server::room::group::{Act, Adopted, Joining, Logged, Manner, Utterance};
use crate::server::room::order::MAX_REASON;

/// The largest number that is given to anything: JavaScript's largest exact integer.
pub(super) const MAX_NUMBER: u64 = 1 << 53;

/// The longest hash of a password, a PHC string, in bytes: that of this program has about a hundred.
const MAX_PASSWORD: usize = 512;

/// The longest of the texts that are short by nature, in bytes: a server's name, a reason.
const MAX_SHORT: usize = 1024;

impl Logged<'_> {
    /// The highest kind that is known, of those that cannot be skipped.
    pub(super) const HIGHEST_KIND: u8 = 23;

    /// Whether entries of that kind are known.
    pub(super) fn is_known(kind: u8) -> bool {
        matches!(kind, 1..=Self::HIGHEST_KIND | 128)
    }

    fn kind(&self) -> u8 {
        match self.act {
            Act::Hello { .. } => 1,
            Act::Join(_) => 2,
            Act::Speak(_) => 3,
            Act::Whisper { .. } => 4,
            Act::Rename { .. } => 5,
            Act::Resume { .. } => 6,
            Act::Lost => 7,
            Act::Leave(_) => 8,
            Act::Bye => 9,
            Act::Back { .. } => 10,
            Act::Adopt(_) => 11,
            Act::AdoptFact(..) => 12,
            Act::Register { .. } => 13,
            Act::RenewPassword { .. } => 14,
            Act::Unregister => 15,
            Act::Pass { .. } => 16,
            Act::Invite { .. } => 17,
            Act::OfferName { .. } => 18,
            Act::Order { .. } => 19,
            Act::Tag { .. } => 20,
            Act::Announce(_) => 21,
            Act::Erased(_) => 22,
            Act::DropFact(..) => 23,
            Act::Digest { .. } => 128,
        }
    }

    /// Writes it, with what stands before its body.
    pub(super) fn write(&self, out: &mut Writer) {
        out.put(&self.kind());
        out.put(&self.connection);
        out.put(&self.line);
        out.framed(|out| self.act.write(out));
    }

    /// Reads the body of an entry of that kind.
    pub(super) fn read_act<'a>(kind: u8, bytes: &mut Reader<'a>) -> Option<Act<'a>> {
        Some(match kind {
            1 => {
                let (server, version) = (short(bytes)?, short(bytes)?);
                Act::Hello { server, version, settings: bytes.get()? }
            }
            2 => Act::Join(bytes.get()?),
            3 => Act::Speak(read_utterances(bytes)?),
            4 => Act::Whisper { to: bytes.text()?, wanted: bytes.get()?, text: bytes.text()? },
            5 => Act::Rename { named: bytes.get()?, credentials: bytes.get()? },
            6 => Act::Resume { whence: bytes.get()?, token: bytes.get()?, seen: bytes.get()? },
            7 => Act::Lost,
            8 => Act::Leave(match bytes.get::<u8>()? {
                0 => LeaveReason::Quit(short(bytes)?),
                1 => LeaveReason::ConnectionLost,
                2 => LeaveReason::TooSlow,
                _ => return None,
            }),
            9 => Act::Bye,
            10 => {
                let (old, kept) = bytes.get()?;
                let (seq, member) = bytes.get::<(u64, u64)>()?;
                let has_lost_lines = bytes.get()?;
                // No number is ever larger, and there is room behind it.
                (seq.max(member) <= MAX_NUMBER).then_some(Act::Back {
                    old,
                    kept,
                    seq,
                    member,
                    has_lost_lines,
                })?
            }
            11 => Act::Adopt(Box::new(bytes.get()?)),
            12 => {
                let (key, fact) = bytes.get()?;
                Act::AdoptFact(key, Box::new(fact))
            }
            13 => Act::Register { password: password(bytes)? },
            14 => Act::RenewPassword { word: short(bytes)?, password: password(bytes)? },
            15 => Act::Unregister,
            16 => Act::Pass { code: bytes.get()?, key: bytes.get()? },
            17 => Act::Invite { code: bytes.get()?, time: bytes.get()? },
            18 => Act::OfferName { word: short(bytes)?, code: bytes.get()? },
            19 => Act::Order { order: read_order(bytes)?, whom: bytes.get()? },
            20 => Act::Tag { token: bytes.get()?, key: bytes.get()? },
            21 => Act::Announce(bytes.text()?),
            22 => Act::Erased(bytes.get()?),
            23 => {
                let (key, fact) = bytes.get()?;
                Act::DropFact(key, Box::new(fact))
            }
            128 => Act::Digest { at: bytes.get()?, digest: bytes.get()? },
            _ => return None,
        })
    }
}

impl Act<'_> {
    fn write(&self, out: &mut Writer) {
        match self {
            Act::Hello { server, version, settings } => {
                out.text(server).text(version).put(settings);
            }
            Act::Join(joining) => {
                out.put(joining);
            }
            Act::Speak(lines) => lines.iter().for_each(|line| line.write(out)),
            Act::Whisper { to, wanted, text } => {
                out.text(to).put(wanted).text(text);
            }
            Act::Rename { named, credentials } => {
                out.put(named).put(credentials);
            }
            Act::Resume { whence, token, seen } => {
                out.put(whence).put(token).put(seen);
            }
            Act::Lost | Act::Bye | Act::Unregister => {}
            Act::Leave(LeaveReason::Quit(farewell)) => {
                out.put(&0_u8).text(farewell);
            }
            Act::Leave(LeaveReason::ConnectionLost) => {
                out.put(&1_u8);
            }
            Act::Leave(LeaveReason::TooSlow) => {
                out.put(&2_u8);
            }
            Act::Back { old, kept, seq, member, has_lost_lines } => {
                out.put(old).put(kept).put(seq).put(member).put(has_lost_lines);
            }
            Act::Adopt(adopted) => {
                out.put(&**adopted);
            }
            Act::AdoptFact(key, fact) | Act::DropFact(key, fact) => {
                out.put(&(key.clone(), (**fact).clone()));
            }
            Act::Register { password } => {
                out.text(password);
            }
            Act::RenewPassword { word, password } => {
                out.text(word).text(password);
            }
            Act::Pass { code, key } => {
                out.put(code).put(key);
            }
            Act::Invite { code, time } => {
                out.put(code).put(time);
            }
            Act::OfferName { word, code } => {
                out.text(word).put(code);
            }
            Act::Order { order, whom } => {
                write_order(order, out);
                out.put(whom);
            }
            Act::Tag { token, key } => {
                out.put(token).put(key);
            }
            Act::Announce(text) => {
                out.text(text);
            }
            Act::Erased(erased) => {
                out.put(erased);
            }
            Act::Digest { at, digest } => {
                out.put(at).put(digest);
            }
        }
    }
}

fn short<'a>(bytes: &mut Reader<'a>) -> Option<&'a str> {
    bytes.text().filter(|text| text.len() <= MAX_SHORT)
}

/// A password's hash: text in ASCII without blanks.
fn password<'a>(bytes: &mut Reader<'a>) -> Option<&'a str> {
    let is_hash = |text: &&str| {
        text.len() <= MAX_PASSWORD && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    bytes.text().filter(is_hash)
}

impl Utterance<'_> {
    fn write(&self, out: &mut Writer) {
        let manner: u8 = match self.manner {
            Manner::Said => 0,
            Manner::Done => 1,
            Manner::Silent => 2,
        };
        out.put(&manner);
        out.put(&(self.text.len() as u16));
        out.raw(self.text.as_bytes());
    }
}

fn read_utterances<'a>(bytes: &mut Reader<'a>) -> Option<Vec<Utterance<'a>>> {
    let mut lines = Vec::new();
    while !bytes.is_empty() {
        let (manner, length) = bytes.get::<(u8, u16)>()?;
        let text = str::from_utf8(bytes.raw(length.into())?).ok()?;
        let manner = match manner {
            0 => Manner::Said,
            1 => Manner::Done,
            2 if text.is_empty() => Manner::Silent,
            _ => return None,
        };
        lines.push(Utterance { manner, text });
    }
    (!lines.is_empty()).then_some(lines)
}

fn write_order(order: &Order<'_>, out: &mut Writer) {
    match *order {
        Order::Kick { name, why } => {
            out.put(&1_u8).text(name);
            write_reason(why, out);
        }
        Order::Mute { name, time, why } => {
            out.put(&2_u8).text(name).put(&time);
            write_reason(why, out);
        }
        Order::Unmute(name) => {
            out.put(&3_u8).text(name);
        }
        Order::Ban { whom: Target::Name(name), time, why } => {
            out.put(&4_u8).text(name).put(&time);
            write_reason(why, out);
        }
        Order::Ban { whom: Target::Network(network), time, why } => {
            out.put(&5_u8).put(&network).put(&time);
            write_reason(why, out);
        }
        Order::Unban(Target::Name(name)) => {
            out.put(&6_u8).text(name);
        }
        Order::Unban(Target::Network(network)) => {
            out.put(&7_u8).put(&network);
        }
        Order::Bans => {
            out.put(&8_u8);
        }
        Order::Op(name) => {
            out.put(&9_u8).text(name);
        }
        Order::Deop(name) => {
            out.put(&10_u8).text(name);
        }
        Order::Allow(name) => {
            out.put(&11_u8).text(name);
        }
        Order::Erase { name, time } => {
            out.put(&12_u8).text(name).put(&time);
        }
        Order::Topic(topic) => {
            out.put(&13_u8).text(topic);
        }
        Order::Stats => {
            out.put(&14_u8);
        }
    }
}

/// A reason, as much of it as is told: where that ends is a matter of Unicode's tables.
fn write_reason(why: &str, out: &mut Writer) {
    out.text(&shortened(why, MAX_REASON));
}

fn reason<'a>(bytes: &mut Reader<'a>) -> Option<&'a str> {
    bytes.text().filter(|why| why.len() <= MAX_REASON)
}

fn read_order<'a>(bytes: &mut Reader<'a>) -> Option<Order<'a>> {
    Some(match bytes.get::<u8>()? {
        1 => Order::Kick { name: bytes.text()?, why: reason(bytes)? },
        2 => Order::Mute { name: bytes.text()?, time: bytes.get()?, why: reason(bytes)? },
        3 => Order::Unmute(bytes.text()?),
        4 => {
            let (whom, time) = (Target::Name(bytes.text()?), bytes.get()?);
            Order::Ban { whom, time, why: reason(bytes)? }
        }
        5 => {
            let (whom, time) = (Target::Network(bytes.get()?), bytes.get()?);
            Order::Ban { whom, time, why: reason(bytes)? }
        }
        6 => Order::Unban(Target::Name(bytes.text()?)),
        7 => Order::Unban(Target::Network(bytes.get()?)),
        8 => Order::Bans,
        9 => Order::Op(bytes.text()?),
        10 => Order::Deop(bytes.text()?),
        11 => Order::Allow(bytes.text()?),
        12 => Order::Erase { name: bytes.text()?, time: bytes.get()? },
        // One that is too long is refused at its place in the order.
        13 => Order::Topic(bytes.text()?),
        14 => Order::Stats,
        _ => return None,
    })
}

/// A program, which alone gets the tagged form, alone resumes.
fn may_resume(format: Format, token: bool) -> bool {
    format == Format::Tagged || !token
}

impl Coded for Joining {
    fn write(&self, out: &mut Writer) {
        let Joining { format, whence, credentials, is_let_in, token, wanted } = self;
        out.put(format).put(whence).put(credentials);
        out.put(is_let_in).put(token).put(wanted);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Joining> {
        let (format, whence, credentials) = (bytes.get()?, bytes.get()?, bytes.get()?);
        let (is_let_in, token, wanted) = (bytes.get()?, bytes.get()?, bytes.get()?);
        let joining = Joining { format, whence, credentials, is_let_in, token, wanted };
        may_resume(format, joining.token.is_some()).then_some(joining)
    }
}

impl Coded for Adopted {
    fn write(&self, out: &mut Writer) {
        let Adopted { id, format, whence, token, named, since, key, login, is_let_in } = self;
        out.put(id).put(format).put(whence);
        out.put(token).put(named).put(since);
        out.put(key).put(login).put(is_let_in);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Adopted> {
        let (id, format, whence) = (bytes.get()?, bytes.get()?, bytes.get()?);
        let (token, named, since) = (bytes.get()?, bytes.get::<(Name, Likeness)>()?, bytes.get()?);
        let (key, login, is_let_in) = (bytes.get()?, bytes.get()?, bytes.get()?);
        let adopted = Adopted { id, format, whence, token, named, since, key, login, is_let_in };
        may_resume(format, adopted.token.is_some()).then_some(adopted)
    }
}

impl Coded for Erased {
    fn write(&self, out: &mut Writer) {
        let Erased { name, by, lines } = self;
        out.put(name).put(by).put(lines);
    }

    fn read(bytes: &mut Reader<'_>) -> Option<Erased> {
        Some(Erased { name: bytes.get()?, by: bytes.get()?, lines: bytes.get()? })
    }
}
