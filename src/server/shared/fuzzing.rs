//! What the fuzzer and the tests of its seeds do to the log of a room that several servers hold.

use super::codec::{self, MAX_GROUP};
use super::snapshot;
use crate::protocol::name::Name;
use crate::protocol::tag::Format;
use crate::safety::assert_safe;
use crate::server::bytes::Reader;
use crate::server::config::Config;
use crate::server::room::Room;
use crate::server::room::effects::{Aside, Effects};
use crate::server::room::entry::{Credentials, Encryption, Whence};
use crate::server::room::group::{Act, Group, Joining, Logged, Position};
use crate::server::room::token::TokenHash;

/// The server whose room it is, and whose members are there before anything comes.
const HERE: u64 = 1;

/// Bytes as groups of a log, one after the other, and as a snapshot. Before each group stand a byte and its length in
/// two more. An even byte says that the bytes are entries, for which a header is made that fits; an odd one, that they
/// are all of a group. What is said anywhere has to be safe, and the room has to be the same once it was written down
/// and read again.
///
/// # Panics
///
/// One of these rules is broken.
pub fn log(bytes: &[u8]) {
    let config = Config { memory: 1 << 20, ..Config::default() };
    read_snapshot(&config, bytes);
    let mut room = Room::shared(&config, 0);
    let mut effects = Effects::of(HERE);
    let mut numbers = [0_u64; 4];
    apply(&mut room, 0, &codec::encode(&first()).expect("it is short"), &mut effects);
    numbers[0] = 1;
    let mut rest = Reader::new(bytes);
    for place in 1.. {
        let Some((kind, length)) = rest.get::<(u8, u16)>() else { break };
        let Some(given) = rest.raw(length.into()) else { break };
        let producer = usize::from(kind >> 1) % numbers.len();
        let group = if kind % 2 == 1 {
            given.to_vec()
        } else {
            numbers[producer] += 1;
            let mut group = header(producer as u64 + HERE, numbers[producer]);
            group.extend_from_slice(given);
            group
        };
        let ms = 1_000 * place + 3_000 * u64::from(kind >> 4);
        apply(&mut room, ms, &group, &mut effects);
    }
    let written = snapshot::encode(&room);
    let read = snapshot::decode(&config, &written).expect("it was written so");
    assert_eq!(snapshot::encode(&read), written);
    assert_shown_is_safe(&mut room, &mut effects);
}

/// A server with two members.
fn first() -> Group<'static> {
    let join = |connection: u32, format| {
        let whence = Whence { encryption: Encryption::None, address: None, origin: None };
        let wanted = Name::parse("alice").ok().map(|name| (name.clone(), name.likeness()));
        let wanted = wanted.filter(|_| format == Format::Tagged);
        let token = (format == Format::Tagged).then_some(TokenHash([7; 32]));
        let (credentials, is_let_in) = (Credentials::default(), false);
        let joining = Joining { format, whence, credentials, is_let_in, token, wanted };
        Logged { connection, line: 0, act: Act::Join(joining) }
    };
    let entries = vec![join(1, Format::Tagged), join(2, Format::Plain)];
    let seen = Position::default();
    Group { room: 0, engine: 0, producer: HERE, number: 1, seen, entries }
}

fn header(producer: u64, number: u64) -> Vec<u8> {
    let seen = Position::default();
    let entries = Vec::new();
    let group = Group { room: 0, engine: 0, producer, number, seen, entries };
    codec::encode(&group).expect("it is short")
}

fn apply(room: &mut Room, ms: u64, bytes: &[u8], effects: &mut Effects) {
    let position = Position { ms, n: 0 };
    match codec::decode(bytes) {
        Ok(group) => {
            assert!(bytes.len() <= MAX_GROUP);
            let written = codec::encode(&group).expect("it was short");
            assert_eq!(codec::decode(&written), Ok(group.clone()));
            room.apply_group(position, bytes.len(), &group, effects);
        }
        Err(_) => room.pass_over(position),
    }
}

fn read_snapshot(config: &Config, bytes: &[u8]) {
    let mut whole = vec![snapshot::VERSION];
    whole.extend_from_slice(bytes);
    let hash = snapshot::hash(&whole);
    whole.extend_from_slice(&hash.to_le_bytes());
    if let Ok(room) = snapshot::decode(config, &whole) {
        let written = snapshot::encode(&room);
        let read = snapshot::decode(config, &written).expect("it was written so");
        assert_eq!(snapshot::encode(&read), written);
    }
}

fn assert_shown_is_safe(room: &mut Room, effects: &mut Effects) {
    room.transcript_mut().seal();
    for batch in room.transcript().read(0, usize::MAX) {
        batch.events().for_each(|event| assert_safe(event.line));
    }
    let followed = effects.take();
    followed.attached.iter().for_each(|it| it.greeting.lines().for_each(assert_safe));
    for (_, _, aside) in followed.asides {
        if let Aside::Lines(lines) = aside {
            lines.lines().for_each(assert_safe);
        }
    }
}
