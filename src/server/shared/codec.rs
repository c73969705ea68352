//! Groups as bytes, as they stand in the log (docs/ARCHITECTURE.md has the format). Pure.
//!
//! What is read may be any bytes. A group is read whole or not at all: lengths, texts and names are looked at before
//! anything is done, and a malformed group is ignored by all servers alike.
//!
//! Groups of all versions begin with their version, a byte, and the room's number. So bytes that are none are
//! told from what a newer program has written.

use std::fmt;

use crate::server::bytes::{Reader, Writer};
use crate::server::room::group::{Group, Logged, Position};

/// The version that this program writes, and the highest that it reads.
pub(crate) const VERSION: u8 = 1;

/// The most bytes that a group may have.
pub(crate) const MAX_GROUP: usize = 64 * 1024;

/// The bytes of a group without entries.
pub(crate) const HEADER: usize = 2 + 6 * size_of::<u64>();

/// What a group with one line's text has at most besides it, in bytes: two heads, lengths, and the name without case of
/// whom a private line is for.
const BESIDES_TEXT: usize = 4096;

/// The longest line that a client may send, in bytes. A byte that is no UTF-8 becomes three (U+FFFD), and an entry with
/// such a line has to fit a group.
pub(crate) const MAX_LINE: usize =
    (MAX_GROUP - BESIDES_TEXT) / char::REPLACEMENT_CHARACTER.len_utf8();

/// Entries of these kinds and higher mean nothing to whoever does not know them.
const FIRST_TO_SKIP: u8 = 128;

/// Why bytes are no group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// A newer program has written it, in a way that this one cannot read: with a higher version, or with a kind of
    /// entry that this one does not know.
    Newer {
        /// Which room's it says to be.
        room: u64,
        /// What is newer.
        form: Form,
    },
    /// It is malformed. All servers ignore it.
    Malformed,
}

/// What this program cannot read, and the highest that it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A version.
    Version(u8),
    /// A kind of entry.
    Kind(u8),
}

/// For the log.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Form::Version(version) => write!(f, "version {version}, and this one reads {VERSION}"),
            Form::Kind(kind) => {
                write!(f, "kind {kind}, and this one reads up to {}", Logged::HIGHEST_KIND)
            }
        }
    }
}

/// What stands before the entries of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Header {
    /// As [`Group::room`].
    pub(crate) room: u64,
    /// As [`Group::engine`].
    pub(crate) engine: u64,
    /// As [`Group::producer`].
    pub(crate) producer: u64,
    /// As [`Group::number`].
    pub(crate) number: u64,
    /// As [`Group::seen`].
    pub(crate) seen: Position,
}

/// The entries of a group that is being made, as bytes: whoever brings one adds it, and the header is made when the
/// group is sent, and once more when it is sent again.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// The entries.
    out: Writer,
    /// How many there are.
    count: usize,
}

impl Entries {
    /// Adds an entry if the group has room for it; false if it has not. An entry for which an empty group has no room
    /// is never added.
    pub(crate) fn push(&mut self, entry: &Logged<'_>) -> bool {
        let before = self.out.len();
        entry.write(&mut self.out);
        let fits = HEADER + self.out.len() <= MAX_GROUP;
        if fits {
            self.count += 1;
        } else {
            self.out.truncate(before);
        }
        fits
    }

    /// How many entries there are.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How many bytes the group has with that header.
    pub(crate) fn bytes(&self) -> usize {
        HEADER + self.out.len()
    }

    /// The group with that header, as bytes.
    pub(crate) fn group(&self, header: &Header) -> Vec<u8> {
        let mut group = Writer::default();
        group.put(&version());
        group.put(&0_u8);
        let Header { room, engine, producer, number, seen } = header;
        group.put(room).put(engine).put(producer).put(number).put(seen);
        group.raw(self.out.as_bytes());
        #[cfg(planted_faults)]
        super::planted::add_unknown(&mut group);
        group.into_bytes()
    }
}

/// The group as bytes; `None` if it has more than it may.
#[cfg(any(test, fuzzing))]
pub(crate) fn encode(group: &Group<'_>) -> Option<Vec<u8>> {
    let Group { room, engine, producer, number, seen, ref entries } = *group;
    let mut bytes = Entries::default();
    let fits = entries.iter().all(|entry| bytes.push(entry));
    fits.then(|| bytes.group(&Header { room, engine, producer, number, seen }))
}

/// Reads a group.
///
/// # Errors
///
/// It cannot be read: then nothing of it may be done.
pub(crate) fn decode(bytes: &[u8]) -> Result<Group<'_>, Unread> {
    newer(bytes)?;
    if bytes.len() > MAX_GROUP {
        return Err(Unread::Malformed);
    }
    let mut rest = Reader::new(bytes);
    let mut group = header(&mut rest).ok_or(Unread::Malformed)?;
    while !rest.is_empty() {
        group.entries.extend(entry(&mut rest, group.room)?);
    }
    Ok(group)
}

/// The version that this build writes: a planted one may be newer.
fn version() -> u8 {
    #[cfg(planted_faults)]
    if super::planted::has_higher_version() {
        return VERSION + 1;
    }
    VERSION
}

/// Looks at what the groups of all versions begin with.
fn newer(bytes: &[u8]) -> Result<(), Unread> {
    match Reader::new(bytes).get::<((u8, u8), u64)>() {
        Some(((version, _flags), room)) if version > self::version() => {
            Err(Unread::Newer { room, form: Form::Version(version) })
        }
        _ => Ok(()),
    }
}

fn header(bytes: &mut Reader<'_>) -> Option<Group<'static>> {
    let (version, flags) = bytes.get::<(u8, u8)>()?;
    let ((room, engine), (producer, number)) = bytes.get()?;
    let seen = bytes.get()?;
    let is_known = (VERSION..=self::version()).contains(&version);
    let is_right = is_known && flags == 0 && producer != 0 && number != 0;
    let entries = Vec::new();
    is_right.then_some(Group { room, engine, producer, number, seen, entries })
}

/// Reads an entry; `Ok(None)` is one that may be skipped.
fn entry<'a>(bytes: &mut Reader<'a>, room: u64) -> Result<Option<Logged<'a>>, Unread> {
    let mut framed = || {
        let (kind, connection) = bytes.get::<(u8, u32)>()?;
        Some((kind, connection, bytes.get::<u64>()?, bytes.framed()?))
    };
    let (kind, connection, line, mut body) = framed().ok_or(Unread::Malformed)?;
    if !Logged::is_known(kind) {
        let newer = Unread::Newer { room, form: Form::Kind(kind) };
        return if kind >= FIRST_TO_SKIP { Ok(None) } else { Err(newer) };
    }
    let act = Logged::read_act(kind, &mut body).filter(|_| body.is_empty());
    act.map(|act| Some(Logged { connection, line, act })).ok_or(Unread::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::super::arbitrary::group;
    use super::*;
    use crate::protocol::name::Wanted;
    use crate::protocol::request::Order;
    use crate::server::room::group::{Act, Manner, Utterance};

    fn plain(act: Act<'_>) -> Group<'_> {
        let entries = vec![Logged { connection: 9, line: 300, act }];
        let seen = Position { ms: 5, n: 6 };
        Group { room: 1, engine: 2, producer: 3, number: 4, seen, entries }
    }

    #[test]
    fn a_group_is_laid_out_as_the_format_says() {
        let line = Utterance { manner: Manner::Done, text: "hé" };
        let bytes = encode(&plain(Act::Speak(vec![line]))).expect("it is short");
        let mut expected = vec![1, 0];
        for number in 1..=6_u64 {
            expected.extend(number.to_le_bytes());
        }
        expected.extend([3, 9, 0, 0, 0, 44, 1, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 1, 3, 0]);
        expected.extend("hé".as_bytes());
        assert_eq!(bytes, expected);
    }

    #[test]
    fn what_a_newer_program_has_written_is_told_from_what_is_malformed() {
        let mut bytes = encode(&plain(Act::Bye)).expect("it is short");
        let kind = |kind: u8, bytes: &[u8]| {
            let mut other = bytes.to_vec();
            other[HEADER] = kind;
            decode(&other).map(|group| group.entries.len())
        };
        assert_eq!(kind(9, &bytes), Ok(1));
        assert_eq!(kind(127, &bytes), Err(Unread::Newer { room: 1, form: Form::Kind(127) }));
        assert_eq!((kind(129, &bytes), kind(255, &bytes)), (Ok(0), Ok(0)));
        assert_eq!(kind(128, &bytes), Err(Unread::Malformed), "it has no body");
        bytes[0] = 2;
        let newer = Unread::Newer { room: 1, form: Form::Version(2) };
        assert_eq!(decode(&bytes), Err(newer));
        // A newer version may have a shorter header behind the room, and nobody's has none.
        assert_eq!(
            (decode(&bytes[..10]), decode(&bytes[..9])),
            (Err(newer), Err(Unread::Malformed))
        );
        bytes[0] = 0;
        assert_eq!(decode(&bytes), Err(Unread::Malformed));
        assert_eq!(decode(&[]), Err(Unread::Malformed));
    }

    #[test]
    fn the_longest_line_fits_a_group_whatever_it_is() {
        let text = "\u{fffd}".repeat(MAX_LINE);
        let name = "m\u{301}".repeat(200);
        let wanted = Wanted::of(&name).expect("it could be a name");
        let said = Act::Speak(vec![Utterance { manner: Manner::Said, text: &text }]);
        let to = &text[..text.len() / 2];
        let whispered = Act::Whisper { to, wanted, text: &text[to.len()..] };
        for act in [said, whispered, Act::Order { order: Order::Topic(&text), whom: None }] {
            let bytes = encode(&plain(act.clone())).expect("it fits");
            assert_eq!(decode(&bytes), Ok(plain(act)));
        }
    }

    #[test]
    fn a_group_is_bounded_and_an_entry_that_does_not_fit_leaves_it_as_it_was() {
        let text = "x".repeat(20_000);
        let lines = vec![Utterance { manner: Manner::Said, text: &text }];
        let entry = Logged { connection: 1, line: 1, act: Act::Speak(lines) };
        let mut entries = Entries::default();
        assert!((0..3).all(|_| entries.push(&entry)));
        let before = entries.bytes();
        assert!(!entries.push(&entry));
        assert_eq!((entries.count(), entries.bytes()), (3, before));
        let header = Header { producer: 1, number: 1, ..Header::default() };
        let bytes = entries.group(&header);
        assert_eq!((bytes.len(), decode(&bytes).map(|it| it.entries.len())), (before, Ok(3)));
        let long = [&bytes[..], &[0; MAX_GROUP]].concat();
        assert_eq!(decode(&long), Err(Unread::Malformed));
    }

    #[test]
    fn a_name_that_none_can_be_makes_a_group_malformed() {
        let named = |name: &str| {
            let mut bytes = encode(&plain(Act::Bye)).expect("it is short");
            bytes.truncate(HEADER);
            let mut out = Writer::default();
            out.put(&5_u8);
            out.put(&1_u32);
            out.put(&1_u64);
            out.framed(|out| {
                out.text(name);
                out.text("alice")
                    .text("alice")
                    .text("alice")
                    .put(&crate::server::room::entry::Credentials::default());
            });
            bytes.extend(out.into_bytes());
            decode(&bytes).map(|group| group.entries.len())
        };
        assert_eq!((named("alice"), named("\u{430}lice")), (Ok(1), Ok(1)));
        for name in
            ["", "a b", "a\u{1b}[31m", "a\n", "-a", "a\u{85}", "a\u{a0}b", &"a".repeat(9999)]
        {
            assert_eq!(named(name), Err(Unread::Malformed), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn a_group_is_read_as_it_was_written_and_no_part_of_it_is_another_one(group in group()) {
            let bytes = encode(&group).expect("it is short");
            let read = decode(&bytes);
            prop_assert_eq!(read.as_ref(), Ok(&group));
            for length in 0..bytes.len() {
                let read = decode(&bytes[..length]);
                prop_assert!(read.is_err() || read.is_ok_and(|it| it.entries.len() < group.entries.len()));
            }
        }

        #[test]
        fn what_is_read_of_any_bytes_is_written_as_it_was_read(
            group in group(),
            changes in vec((any::<usize>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = encode(&group).expect("it is short");
            for (place, byte) in changes {
                let place = place % bytes.len();
                bytes[place] = byte;
            }
            if let Ok(read) = decode(&bytes) {
                let written = encode(&read).expect("it was short");
                prop_assert_eq!(decode(&written), Ok(read));
            }
        }
    }
}
