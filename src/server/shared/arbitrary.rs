//! Groups at random, for tests.

use std::net::IpAddr;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

use crate::protocol::arbitrary::{name, text};
use crate::protocol::name::{Likeness, Name, Wanted};
use crate::protocol::network::Network;
use crate::protocol::proof::KeyHash;
use crate::protocol::reply::LeaveReason;
use crate::protocol::request::{Order, Target};
use crate::protocol::tag::Format;
use crate::protocol::text::shortened;
use crate::server::admission::Origin;
use crate::server::audience::MemberId;
use crate::server::erasure::Erased;
use crate::server::room::entry::{Credentials, Encryption, Whence};
use crate::server::room::group::{
    Act, Adopted, Group, Joining, Logged, Manner, Position, Utterance,
};
use crate::server::room::order::MAX_REASON;
use crate::server::room::people::facts::{Fact, FactKey};
use crate::server::room::people::invitations::{CodeHash, Invitation};
use crate::server::room::people::letters::Letter;
use crate::server::room::people::owners::Owner;
use crate::server::room::people::sanctions::Sanction;
use crate::server::room::token::TokenHash;

/// A line, which lives as long as the tests run.
fn line() -> impl Strategy<Value = &'static str> {
    text().prop_map(|text| &*text.leak())
}

/// A reason, as much of it as is told.
fn reason() -> impl Strategy<Value = &'static str> {
    line().prop_map(|line| &*shortened(line, MAX_REASON).into_owned().leak())
}

fn word() -> impl Strategy<Value = &'static str> {
    select(&["", "alice", "\u{430}lice", "a b", "guest7"][..])
}

fn named() -> impl Strategy<Value = (Name, Likeness)> {
    name().prop_map(|name| (name.clone(), name.likeness()))
}

fn bytes() -> impl Strategy<Value = [u8; 32]> {
    any::<u8>().prop_map(|byte| [byte; 32])
}

fn key() -> impl Strategy<Value = Option<KeyHash>> {
    option::of(bytes().prop_map(KeyHash::from_bytes))
}

fn code() -> impl Strategy<Value = CodeHash> {
    bytes().prop_map(CodeHash)
}

fn token() -> impl Strategy<Value = Option<TokenHash>> {
    option::of(bytes().prop_map(TokenHash))
}

fn time() -> impl Strategy<Value = Duration> {
    any::<u32>().prop_map(|millis| Duration::from_millis(millis.into()))
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from),]
}

fn network() -> impl Strategy<Value = Network> {
    let parse = |text: &str| Network::parse(text).expect("a network");
    select(&["192.0.2.7", "192.0.2.0/24", "2001:db8::/32", "::/0"][..]).prop_map(parse)
}

fn encryption() -> impl Strategy<Value = Encryption> {
    select(&[Encryption::Tls, Encryption::Loopback, Encryption::None][..])
}

fn credentials() -> impl Strategy<Value = Credentials> {
    (key(), any::<bool>(), option::of(code()), any::<bool>()).prop_map(
        |(key, has_password, code, may_claim)| Credentials { key, has_password, code, may_claim },
    )
}

fn whence() -> impl Strategy<Value = Whence> {
    (encryption(), option::of(address()), option::of(address())).prop_map(
        |(encryption, address, origin)| {
            let origin = origin.map(Origin::of);
            Whence { encryption, address, origin }
        },
    )
}

fn joining() -> impl Strategy<Value = Act<'static>> {
    (whence(), credentials(), any::<bool>(), token(), option::of(named())).prop_map(
        |(whence, credentials, is_let_in, token, wanted)| {
            let format = if token.is_some() { Format::Tagged } else { Format::Plain };
            Act::Join(Joining { format, whence, credentials, is_let_in, token, wanted })
        },
    )
}

fn utterance() -> impl Strategy<Value = Utterance<'static>> {
    let said = (select(&[Manner::Said, Manner::Done][..]), line());
    let said = said.prop_map(|(manner, text)| Utterance { manner, text });
    prop_oneof![3 => said, 1 => Just(Utterance { manner: Manner::Silent, text: "" })]
}

fn adopted() -> impl Strategy<Value = Act<'static>> {
    let login = option::of(word().prop_map(str::to_owned));
    (any::<u64>(), whence(), token(), named(), any::<u64>(), key(), login, any::<bool>()).prop_map(
        |(id, whence, token, named, since, key, login, is_let_in)| {
            let (id, format) = (MemberId(id), Format::Tagged);
            Act::Adopt(Box::new(Adopted {
                id,
                format,
                whence,
                token,
                named,
                since,
                key,
                login,
                is_let_in,
            }))
        },
    )
}

fn sanction() -> impl Strategy<Value = Sanction> {
    (named(), key(), option::of(network()), any::<bool>(), option::of(any::<i64>()), line())
        .prop_map(|((name, likeness), key, network, is_of_name, until, why)| {
            let (whom, by, why) = (name.as_str().into(), "alice".into(), why.into());
            Sanction { whom, likeness, key, network, is_of_name, until, by, why }
        })
}

/// Something that is known of people.
pub(super) fn fact() -> impl Strategy<Value = (FactKey, Fact)> {
    let owner = (named(), key(), option::of(line()), any::<i64>()).prop_map(
        |(named, key, password, seen)| {
            let owner = Owner::new(named, key, password.map(Into::into), seen);
            (FactKey::Owner(owner.word().to_owned()), Fact::Owner(owner))
        },
    );
    let letter = (any::<u64>(), word(), option::of(line()), any::<i64>()).prop_map(
        |(id, reader, text, at)| {
            let (reader, text) = (reader.to_owned(), text.map(Into::into));
            let (other, other_word) = ("Bob".into(), "bob".into());
            (
                FactKey::Letter(id),
                Fact::Letter(Letter { reader, other, other_word, at, text, lines: 2 }),
            )
        },
    );
    prop_oneof![
        owner,
        letter,
        (any::<u64>(), sanction()).prop_map(|(id, it)| (FactKey::Ban(id), Fact::Sanction(it))),
        (any::<u64>(), sanction()).prop_map(|(id, it)| (FactKey::Mute(id), Fact::Sanction(it))),
        (code(), any::<i64>()).prop_map(|(code, until)| {
            (FactKey::Invitation(code), Fact::Invitation(Invitation { until, by: "bob".into() }))
        }),
        bytes().prop_map(|key| (FactKey::LetIn(KeyHash::from_bytes(key)), Fact::LetIn)),
        line().prop_map(|topic| (FactKey::Topic, Fact::Topic(topic.into()))),
    ]
}

fn order() -> impl Strategy<Value = Act<'static>> {
    let order = prop_oneof![
        (word(), reason()).prop_map(|(name, why)| Order::Kick { name, why }),
        (word(), time(), reason()).prop_map(|(name, time, why)| Order::Mute { name, time, why }),
        word().prop_map(Order::Unmute),
        (word(), option::of(time()), reason()).prop_map(|(name, time, why)| Order::Ban {
            whom: Target::Name(name),
            time,
            why
        }),
        (network(), option::of(time()), reason()).prop_map(|(it, time, why)| Order::Ban {
            whom: Target::Network(it),
            time,
            why
        }),
        word().prop_map(|name| Order::Unban(Target::Name(name))),
        network().prop_map(|network| Order::Unban(Target::Network(network))),
        Just(Order::Bans),
        word().prop_map(Order::Op),
        word().prop_map(Order::Deop),
        word().prop_map(Order::Allow),
        (word(), time()).prop_map(|(name, time)| Order::Erase { name, time }),
        line().prop_map(Order::Topic),
        Just(Order::Stats),
    ];
    (order, option::of(named())).prop_map(|(order, whom)| Act::Order { order, whom })
}

fn leave() -> impl Strategy<Value = Act<'static>> {
    prop_oneof![
        word().prop_map(|farewell| Act::Leave(LeaveReason::Quit(farewell))),
        Just(Act::Leave(LeaveReason::ConnectionLost)),
        Just(Act::Leave(LeaveReason::TooSlow)),
    ]
}

fn act() -> impl Strategy<Value = Act<'static>> {
    let wanted = || word().prop_map(|word| Wanted::of(word).expect("it is short"));
    let position = || any::<(u64, u64)>().prop_map(|(ms, n)| Position { ms, n });
    prop_oneof![
        (word(), word(), any::<u64>()).prop_map(|(server, version, settings)| Act::Hello {
            server,
            version,
            settings
        }),
        joining(),
        vec(utterance(), 1..5).prop_map(Act::Speak),
        (line(), wanted(), line()).prop_map(|(to, wanted, text)| Act::Whisper { to, wanted, text }),
        (named(), credentials())
            .prop_map(|(named, credentials)| Act::Rename { named, credentials }),
        (whence(), bytes(), any::<u64>()).prop_map(|(whence, token, seen)| {
            Act::Resume { whence, token: TokenHash(token), seen }
        }),
        select(&[Act::Lost, Act::Bye, Act::Unregister][..]),
        leave(),
        (any::<u64>(), position(), 0..1_u64 << 53, 0..1_u64 << 53, any::<bool>()).prop_map(
            |(old, kept, seq, member, has_lost_lines)| {
                Act::Back { old, kept, seq, member, has_lost_lines }
            }
        ),
        adopted(),
        fact().prop_map(|(key, fact)| Act::AdoptFact(key, Box::new(fact))),
        fact().prop_map(|(key, fact)| Act::DropFact(key, Box::new(fact))),
        Just(Act::Register { password: "$argon2id$v=19$m=19456" }),
        word().prop_map(|word| Act::RenewPassword { word, password: "$argon2id$" }),
        (code(), key()).prop_map(|(code, key)| Act::Pass { code, key }),
        (code(), time()).prop_map(|(code, time)| Act::Invite { code, time }),
        (word(), code()).prop_map(|(word, code)| Act::OfferName { word, code }),
        order(),
        (token(), key()).prop_map(|(token, key)| Act::Tag { token, key }),
        line().prop_map(Act::Announce),
        (word(), any::<u64>()).prop_map(|(name, lines)| {
            Act::Erased(Erased { name: name.to_owned(), by: "alice".to_owned(), lines })
        }),
        (position(), any::<u64>()).prop_map(|(at, digest)| Act::Digest { at, digest }),
    ]
}

/// Any group that may be in the log.
pub(super) fn group() -> impl Strategy<Value = Group<'static>> {
    let logged = (any::<u32>(), any::<u64>(), act()).prop_map(|(connection, line, act)| Logged {
        connection,
        line,
        act,
    });
    let header = (any::<u64>(), any::<u64>(), 1..=u64::MAX, 1..=u64::MAX, any::<(u64, u64)>());
    (header, vec(logged, 0..6)).prop_map(|((room, engine, producer, number, (ms, n)), entries)| {
        Group { room, engine, producer, number, seen: Position { ms, n }, entries }
    })
}
