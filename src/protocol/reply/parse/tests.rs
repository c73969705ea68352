use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::ServerLine::{Earlier, EarlierDay, EarlierUnknown};
use super::*;
use crate::protocol::arbitrary::{name, text};
use crate::protocol::foreign::Foreign;
use crate::protocol::name::BadName;
use crate::protocol::network::Network;
use crate::protocol::reply::{
    CONSOLE, LeaveReason, Listed, Missing, NameNotice, NameRefusal, Names, Notice, OrderNotice,
    OrderRefusal, Refusal, SetBack, SharedNotice, Speech, Tenure, who, who_goes_on,
};
use crate::protocol::request::{Command, Misuse};
use crate::protocol::tag::Limits;
use crate::protocol::words::BadQuery;

fn said<'a>(speech: ReadSpeech<'a>) -> ServerLine<'a> {
    ServerLine::Message(Message::Speech(speech))
}

fn told(notice: ReadNotice<'_>) -> ServerLine<'_> {
    ServerLine::Message(Message::Notice(notice))
}

fn refused(refusal: ReadRefusal<'_>) -> ServerLine<'_> {
    ServerLine::Message(Message::Refusal(refusal))
}

/// What is read of a notice that is written. Without `_`, so that a new notice comes here.
fn read<'a>(notice: &Notice<'a>) -> ReadNotice<'a> {
    match *notice {
        Notice::Banner(offer) => ReadNotice::Banner { version: VERSION, offer },
        Notice::YouAre { name, .. } => ReadNotice::YouAre(name.as_str()),
        Notice::YouAreNow(name) => ReadNotice::YouAreNow(name.as_str()),
        Notice::Joined(name) => ReadNotice::Joined(name.as_str()),
        Notice::Left(name, _) => ReadNotice::Left(name.as_str()),
        Notice::CameAndWent { .. } => ReadNotice::CameAndWent,
        Notice::IsNow { old, new } => ReadNotice::IsNow { old: old.as_str(), new: new.as_str() },
        Notice::Help(_) | Notice::HelpToSay => ReadNotice::Help,
        Notice::LastLines(0) => ReadNotice::NoLastLines,
        Notice::LastLines(_) => ReadNotice::LastLines,
        Notice::UpToDate => ReadNotice::UpToDate,
        Notice::Found { .. } => ReadNotice::Found,
        Notice::ThatIsAll | Notice::SearchedBackTo(_) => ReadNotice::ThatIsAll,
        Notice::SlowDown(_) => ReadNotice::SlowDown,
        Notice::Missed(lines, _) => ReadNotice::Missed(lines),
        Notice::WelcomeBack(name) => ReadNotice::WelcomeBack(name.as_str()),
        Notice::IsAway(name) => ReadNotice::IsAway(name.as_str()),
        Notice::DidNotComeBack { name, .. } => ReadNotice::DidNotComeBack(name.as_str()),
        Notice::Kept(_)
        | Notice::NotKeptHere(_)
        | Notice::NotKept(_)
        | Notice::KeptAgain(_)
        | Notice::NotInHistory(_)
        | Notice::MachineFailed
        | Notice::MayBeMissing => ReadNotice::History,
        Notice::Name(ref notice) => read_name(notice),
        Notice::Order(ref notice) => read_order(notice),
        Notice::Shared(notice) => read_shared(notice),
        Notice::Here => ReadNotice::SignOfLife,
        Notice::ShuttingDown => ReadNotice::ShuttingDown,
    }
}

fn read_name<'a>(notice: &NameNotice<'a>) -> ReadNotice<'a> {
    match *notice {
        NameNotice::Owned { name, .. } => ReadNotice::Owned(name.as_str()),
        NameNotice::RoomPassword => ReadNotice::RoomPassword,
        NameNotice::ForInvited => ReadNotice::ForInvited,
        NameNotice::LetIn => ReadNotice::LetIn,
        NameNotice::PrivateLines(_) => ReadNotice::PrivateLines,
        NameNotice::Protected(_)
        | NameNotice::FreeAgain(_)
        | NameNotice::ProvedInPlain
        | NameNotice::Code { .. }
        | NameNotice::MayComeIn(_)
        | NameNotice::Waits { .. }
        | NameNotice::HasRead { .. } => ReadNotice::Order,
    }
}

fn read_order<'a>(notice: &OrderNotice<'a>) -> ReadNotice<'a> {
    match *notice {
        OrderNotice::Removed { name, .. } => ReadNotice::Left(name.as_str()),
        OrderNotice::Banned { whom, .. } if Network::parse(whom).is_none() => {
            ReadNotice::Left(whom)
        }
        OrderNotice::Topic(_) | OrderNotice::TopicSet { .. } => ReadNotice::Topic,
        OrderNotice::Says(_) => ReadNotice::Announcement,
        OrderNotice::Muted { .. }
        | OrderNotice::Unmuted(_)
        | OrderNotice::Banned { .. }
        | OrderNotice::NameAlone(_)
        | OrderNotice::MayComeBack(_)
        | OrderNotice::Bans(_)
        | OrderNotice::Ban { .. }
        | OrderNotice::Mute { .. }
        | OrderNotice::Operator { .. }
        | OrderNotice::NoOperator { .. }
        | OrderNotice::Erased { .. }
        | OrderNotice::Stats(_) => ReadNotice::Order,
    }
}

fn read_shared(notice: SharedNotice) -> ReadNotice<'static> {
    match notice {
        SharedNotice::Away | SharedNotice::AwayAtDoor => ReadNotice::RoomAway,
        SharedNotice::Back | SharedNotice::JoinedAgain(_) => ReadNotice::RoomBack,
        SharedNotice::SetBack(_) | SharedNotice::LinesGone | SharedNotice::OtherRoom => {
            ReadNotice::SetBack
        }
        SharedNotice::TooOld => ReadNotice::TooOld,
    }
}

fn shared_notices(number: u64) -> Vec<SharedNotice> {
    let time = Duration::from_secs(number);
    vec![
        SharedNotice::Away,
        SharedNotice::AwayAtDoor,
        SharedNotice::Back,
        SharedNotice::JoinedAgain(time),
        SharedNotice::SetBack(SetBack::Newest(time)),
        SharedNotice::SetBack(SetBack::Everything),
        SharedNotice::SetBack(SetBack::MayBeMissing),
        SharedNotice::LinesGone,
        SharedNotice::TooOld,
        SharedNotice::OtherRoom,
    ]
}

fn name_notices<'a>(name: &'a Name, text: &'a str, number: u64) -> Vec<NameNotice<'a>> {
    let (owner, time) = (name.as_str(), Duration::from_secs(number / 2));
    vec![
        NameNotice::Owned { name, tenure: Tenure::WhileVisiting(time) },
        NameNotice::Owned { name, tenure: Tenure::UntilTheEnd },
        NameNotice::Owned { name, tenure: Tenure::ForEver },
        NameNotice::Protected(name),
        NameNotice::FreeAgain(name),
        NameNotice::ProvedInPlain,
        NameNotice::RoomPassword,
        NameNotice::ForInvited,
        NameNotice::LetIn,
        NameNotice::Code { code: text, within: time },
        NameNotice::Code { code: "7q4k-2mpx", within: Duration::from_secs(86_400) },
        NameNotice::MayComeIn(owner),
        NameNotice::Waits { name: owner, time },
        NameNotice::PrivateLines(number),
        NameNotice::HasRead { name: owner, at: 1_790_000_000_000, lines: 1 },
        NameNotice::HasRead { name: owner, at: 1_790_000_000_000, lines: number },
    ]
}

fn order_notices<'a>(name: &'a Name, text: &'a str, number: u64) -> Vec<OrderNotice<'a>> {
    let (whom, time) = (name.as_str(), Duration::from_secs(number / 2));
    let mut notices = vec![
        OrderNotice::Unmuted(name),
        OrderNotice::NameAlone(whom),
        OrderNotice::MayComeBack(whom),
        OrderNotice::MayComeBack("192.0.2.0/24"),
        OrderNotice::Bans(0),
        OrderNotice::Bans(1),
        OrderNotice::Bans((number % 1000) as usize),
        OrderNotice::Topic(text),
        OrderNotice::Topic(""),
        OrderNotice::Says(text),
        OrderNotice::Stats(text),
    ];
    for (by, why) in [(whom, ""), (whom, text), (CONSOLE, text)] {
        notices.extend([
            OrderNotice::Removed { name, by, why },
            OrderNotice::Muted { name, time, by, why },
            OrderNotice::Banned { whom, by, time: Some(time), why },
            OrderNotice::Banned { whom: "192.0.2.0/24", by, time: None, why },
            OrderNotice::Banned { whom: "2001:db8::7", by, time: None, why },
            OrderNotice::Ban { whom, until: None, by, why },
            OrderNotice::Ban { whom: "192.0.2.0/24", until: Some(1_790_000_000_000), by, why },
            OrderNotice::Mute { whom, until: Some(1_790_000_000_000), by, why },
            OrderNotice::Operator { name: whom, by },
            OrderNotice::NoOperator { name: whom, by },
            OrderNotice::Erased { lines: 1, name: whom, by },
            OrderNotice::Erased { lines: number, name: whom, by },
            OrderNotice::TopicSet { by, topic: why },
        ]);
    }
    notices
}

/// The place of a notice in the list of all, so that [`notices`] can be seen to have each.
fn place(notice: &Notice<'_>) -> usize {
    match notice {
        Notice::Banner(_) => 0,
        Notice::YouAre { .. } => 1,
        Notice::YouAreNow(_) => 2,
        Notice::Joined(_) => 3,
        Notice::Left(..) => 4,
        Notice::CameAndWent { .. } => 5,
        Notice::IsNow { .. } => 6,
        Notice::Help(_) => 7,
        Notice::HelpToSay => 8,
        Notice::LastLines(_) => 9,
        Notice::UpToDate => 10,
        Notice::Found { .. } => 11,
        Notice::ThatIsAll => 12,
        Notice::SlowDown(_) => 13,
        Notice::Missed(..) => 14,
        Notice::WelcomeBack(_) => 15,
        Notice::IsAway(_) => 16,
        Notice::DidNotComeBack { .. } => 17,
        Notice::Here => 18,
        Notice::ShuttingDown => 19,
        Notice::Kept(_) => 20,
        Notice::NotKeptHere(_) => 21,
        Notice::NotKept(_) => 22,
        Notice::KeptAgain(_) => 23,
        Notice::NotInHistory(_) => 24,
        Notice::MachineFailed => 25,
        Notice::SearchedBackTo(_) => 26,
        Notice::MayBeMissing => 27,
        Notice::Name(notice) => 28 + name_place(notice),
        Notice::Order(notice) => 40 + order_place(notice),
        Notice::Shared(notice) => 56 + shared_place(*notice),
    }
}

fn name_place(notice: &NameNotice<'_>) -> usize {
    match notice {
        NameNotice::Owned { .. } => 0,
        NameNotice::Protected(_) => 1,
        NameNotice::FreeAgain(_) => 2,
        NameNotice::ProvedInPlain => 3,
        NameNotice::RoomPassword => 4,
        NameNotice::ForInvited => 5,
        NameNotice::LetIn => 6,
        NameNotice::Code { .. } => 7,
        NameNotice::MayComeIn(_) => 8,
        NameNotice::Waits { .. } => 9,
        NameNotice::PrivateLines(_) => 10,
        NameNotice::HasRead { .. } => 11,
    }
}

fn order_place(notice: &OrderNotice<'_>) -> usize {
    match notice {
        OrderNotice::Removed { .. } => 0,
        OrderNotice::Muted { .. } => 1,
        OrderNotice::Unmuted(_) => 2,
        OrderNotice::Banned { .. } => 3,
        OrderNotice::NameAlone(_) => 4,
        OrderNotice::MayComeBack(_) => 5,
        OrderNotice::Bans(_) => 6,
        OrderNotice::Ban { .. } => 7,
        OrderNotice::Operator { .. } => 8,
        OrderNotice::NoOperator { .. } => 9,
        OrderNotice::Erased { .. } => 10,
        OrderNotice::Topic(_) => 11,
        OrderNotice::TopicSet { .. } => 12,
        OrderNotice::Says(_) => 13,
        OrderNotice::Stats(_) => 14,
        OrderNotice::Mute { .. } => 15,
    }
}

fn shared_place(notice: SharedNotice) -> usize {
    match notice {
        SharedNotice::Away => 0,
        SharedNotice::AwayAtDoor => 1,
        SharedNotice::Back => 2,
        SharedNotice::JoinedAgain(_) => 3,
        SharedNotice::SetBack(SetBack::Newest(_)) => 4,
        SharedNotice::SetBack(SetBack::Everything) => 5,
        SharedNotice::SetBack(SetBack::MayBeMissing) => 6,
        SharedNotice::LinesGone => 7,
        SharedNotice::TooOld => 8,
        SharedNotice::OtherRoom => 9,
    }
}

/// Every notice, about these two, with this text and this number where there is one.
fn notices<'a>(name: &'a Name, other: &'a Name, text: &'a str, number: u64) -> Vec<Notice<'a>> {
    let few = (number % 1000) as usize;
    let mut notices = vec![
        Notice::Banner(Offer::Nothing),
        Notice::Banner(Offer::Tls),
        Notice::YouAre { name, others: few, away: 0 },
        Notice::YouAre { name, others: few + 1, away: few },
        Notice::YouAreNow(name),
        Notice::Joined(name),
        Notice::Left(name, LeaveReason::Quit(text)),
        Notice::Left(name, LeaveReason::Quit("")),
        Notice::Left(name, LeaveReason::ConnectionLost),
        Notice::Left(name, LeaveReason::TooSlow),
        Notice::CameAndWent { joined: number, left: 0 },
        Notice::CameAndWent { joined: 0, left: number },
        Notice::CameAndWent { joined: number, left: 1 },
        Notice::IsNow { old: name, new: other },
        Notice::HelpToSay,
        Notice::LastLines(0),
        Notice::LastLines(1),
        Notice::LastLines(few + 1),
        Notice::UpToDate,
        Notice::Found { lines: few, words: text, since: None },
        Notice::Found { lines: 0, words: text, since: None },
        Notice::Found { lines: 0, words: text, since: Some(NaiveDate::MIN) },
        Notice::SearchedBackTo(NaiveDate::MAX),
        Notice::ThatIsAll,
        Notice::SlowDown(few as u32),
        Notice::Missed(number, Missing::TooSlow),
        Notice::Missed(number, Missing::Away),
        Notice::Missed(number, Missing::ServerTooSlow),
        Notice::WelcomeBack(name),
        Notice::IsAway(name),
        Notice::DidNotComeBack { name, lines: number },
        Notice::Here,
        Notice::ShuttingDown,
        Notice::Kept(Some(Duration::from_secs(number / 2))),
        Notice::Kept(None),
        Notice::NotKeptHere("the server's disk is full"),
        Notice::NotKept("the server's disk failed"),
        Notice::KeptAgain(0),
        Notice::KeptAgain(number),
        Notice::NotInHistory(number),
        Notice::MachineFailed,
        Notice::MayBeMissing,
    ];
    notices.extend(Command::all().map(Notice::Help));
    notices.extend(name_notices(name, text, number).into_iter().map(Notice::Name));
    notices.extend(order_notices(name, text, number).into_iter().map(Notice::Order));
    notices.extend(shared_notices(number).into_iter().map(Notice::Shared));
    notices
}

/// What is read of a refusal that is written.
fn read_refusal<'a>(refusal: &Refusal<'a>) -> ReadRefusal<'a> {
    match *refusal {
        Refusal::NameTaken(name) => ReadRefusal::NameTaken(name.as_str()),
        Refusal::Misuse(Misuse::Name(_)) | Refusal::GuestName(_) => ReadRefusal::Name,
        Refusal::NobodyHere(_)
        | Refusal::HasLeft(_)
        | Refusal::WhisperToSelf
        | Refusal::WhisperToHook(_) => ReadRefusal::Whisper,
        Refusal::LineTooLong(most) => ReadRefusal::LineTooLong(most),
        Refusal::RoomFull(_) | Refusal::MembersFull(_) | Refusal::AddressFull(_) => {
            ReadRefusal::RoomFull
        }
        Refusal::Unencrypted => ReadRefusal::Unencrypted,
        Refusal::TagsTooLate => ReadRefusal::Tags,
        Refusal::ResumeTooLate
        | Refusal::UnknownToken
        | Refusal::NoSuchEvent(_)
        | Refusal::Forgotten(_) => ReadRefusal::Resume,
        Refusal::Misuse(Misuse::Arguments(Command::Tags)) => ReadRefusal::Tags,
        Refusal::Misuse(Misuse::Arguments(Command::Resume)) => ReadRefusal::Resume,
        Refusal::Misuse(Misuse::Arguments(Command::Key)) => ReadRefusal::Key,
        Refusal::Name(ref refusal) => read_name_refusal(refusal),
        Refusal::Order(ref refusal) => read_order_refusal(refusal),
        Refusal::Misuse(Misuse::Unknown(_) | Misuse::Arguments(_) | Misuse::Search(_))
        | Refusal::Foreign(_)
        | Refusal::NoProxyHeader => ReadRefusal::Other,
    }
}

fn read_name_refusal<'a>(refusal: &NameRefusal<'a>) -> ReadRefusal<'a> {
    match *refusal {
        NameRefusal::Owned(name) | NameRefusal::ForOperator(name) => {
            ReadRefusal::NameTaken(name.as_str())
        }
        NameRefusal::WrongSignature | NameRefusal::KeyTooLate => ReadRefusal::Key,
        NameRefusal::InPlain => ReadRefusal::InPlain,
        NameRefusal::WrongSecret => ReadRefusal::WrongSecret,
        NameRefusal::NoPasswordInTime => ReadRefusal::NoPasswordInTime,
        NameRefusal::TryLater
        | NameRefusal::NotYours(_)
        | NameRefusal::Guest(_)
        | NameRefusal::PasswordLength
        | NameRefusal::OpenToAll
        | NameRefusal::OwnersInvite
        | NameRefusal::NoMoreNames => ReadRefusal::Other,
        NameRefusal::TooManyWait
        | NameRefusal::YoursWait { .. }
        | NameRefusal::LinesWait { .. } => ReadRefusal::Whisper,
    }
}

fn read_order_refusal<'a>(refusal: &OrderRefusal<'a>) -> ReadRefusal<'a> {
    match *refusal {
        OrderRefusal::Muted { .. } => ReadRefusal::Muted,
        OrderRefusal::Banned { .. } => ReadRefusal::Banned,
        OrderRefusal::NameBanned { .. } => ReadRefusal::Name,
        OrderRefusal::Removed { .. } => ReadRefusal::Removed,
        OrderRefusal::OperatorsOnly
        | OrderRefusal::IsOperator(_)
        | OrderRefusal::NobodyHere(_)
        | OrderRefusal::NobodyOwns(_)
        | OrderRefusal::NoBan(_)
        | OrderRefusal::NoNetworkBan(_)
        | OrderRefusal::ByOption(_)
        | OrderRefusal::OperatorFrom(_)
        | OrderRefusal::Loopback(_)
        | OrderRefusal::NotMuted(_)
        | OrderRefusal::NoOperator(_)
        | OrderRefusal::TopicTooLong => ReadRefusal::Other,
    }
}

fn people_refusals<'a>(name: &'a Name, text: &'a str, number: u64) -> Vec<Refusal<'a>> {
    let (whom, few) = (name.as_str(), (number % 1000) as usize);
    let names = [
        NameRefusal::Owned(name),
        NameRefusal::ForOperator(name),
        NameRefusal::NotYours(name),
        NameRefusal::Guest(name),
        NameRefusal::WrongSignature,
        NameRefusal::KeyTooLate,
        NameRefusal::InPlain,
        NameRefusal::PasswordLength,
        NameRefusal::WrongSecret,
        NameRefusal::TryLater,
        NameRefusal::NoPasswordInTime,
        NameRefusal::OpenToAll,
        NameRefusal::OwnersInvite,
        NameRefusal::NoMoreNames,
        NameRefusal::TooManyWait,
        NameRefusal::YoursWait { most: few, name: whom },
        NameRefusal::LinesWait { most: few, name: whom },
    ];
    let (left, until) = (few as u32, Some(1_790_000_000_000));
    let orders = [
        OrderRefusal::OperatorsOnly,
        OrderRefusal::IsOperator(whom),
        OrderRefusal::NobodyHere(whom),
        OrderRefusal::NobodyOwns(whom),
        OrderRefusal::NoBan(whom),
        OrderRefusal::NoNetworkBan(Network::of(std::net::Ipv4Addr::BROADCAST.into())),
        OrderRefusal::ByOption(whom),
        OrderRefusal::OperatorFrom(Network::of(std::net::Ipv4Addr::BROADCAST.into())),
        OrderRefusal::Loopback(Network::of(std::net::Ipv4Addr::LOCALHOST.into())),
        OrderRefusal::NotMuted(whom),
        OrderRefusal::NoOperator(whom),
        OrderRefusal::TopicTooLong,
        OrderRefusal::Muted { left, by: whom, why: text },
        OrderRefusal::Muted { left, by: CONSOLE, why: "" },
        OrderRefusal::Banned { until, why: text.into() },
        OrderRefusal::Banned { until: None, why: text.into() },
        OrderRefusal::Banned { until: None, why: "".into() },
        OrderRefusal::NameBanned { until, why: text },
        OrderRefusal::NameBanned { until: None, why: "" },
        OrderRefusal::Removed { by: CONSOLE, why: text },
        OrderRefusal::Removed { by: whom, why: "" },
    ];
    names.map(Refusal::Name).into_iter().chain(orders.map(Refusal::Order)).collect()
}

fn refusals<'a>(name: &'a Name, text: &'a str, number: u64) -> Vec<Refusal<'a>> {
    let few = (number % 1000) as usize;
    let mut refusals = vec![
        Refusal::Misuse(Misuse::Unknown(text)),
        Refusal::Misuse(Misuse::Search(BadQuery::TooMany)),
        Refusal::Misuse(Misuse::Search(BadQuery::NoWord)),
        Refusal::NameTaken(name),
        Refusal::GuestName(name),
        Refusal::NobodyHere(text),
        Refusal::HasLeft(text),
        Refusal::WhisperToHook(text),
        Refusal::WhisperToSelf,
        Refusal::LineTooLong(few),
        Refusal::RoomFull(few),
        Refusal::MembersFull(few),
        Refusal::AddressFull(few),
        Refusal::NoProxyHeader,
        Refusal::TagsTooLate,
        Refusal::Unencrypted,
        Refusal::ResumeTooLate,
        Refusal::UnknownToken,
        Refusal::NoSuchEvent(number),
        Refusal::Forgotten(number),
    ];
    refusals.extend(Command::all().map(|command| Refusal::Misuse(Misuse::Arguments(command))));
    let foreign = [Foreign::Http, Foreign::Proxy, Foreign::Other];
    refusals.extend(foreign.map(Refusal::Foreign));
    let bad = [
        BadName::Empty,
        BadName::TooLong,
        BadName::Character('<'),
        BadName::Styled('ᵃ'),
        BadName::Misplaced('\u{94d}'),
        BadName::Marks,
        BadName::Beginning,
        BadName::Reserved("you"),
    ];
    refusals.extend(bad.map(Refusal::from));
    refusals.extend(people_refusals(name, text, number));
    refusals
}

#[test]
fn every_notice_is_among_those_that_are_read_back() {
    let (alice, bob) = (Name::guest(1), Name::guest(2));
    let mut places: Vec<usize> = notices(&alice, &bob, "x", 3).iter().map(place).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places, (0..66).collect::<Vec<_>>());
    for notice in notices(&alice, &bob, "x", 3) {
        let line = notice.to_string();
        assert_eq!(parse(&line), told(read(&notice)), "{line}");
        assert_ne!(parse(&line), told(ReadNotice::Other), "{line}");
    }
}

#[test]
fn a_line_is_read_from_its_front() {
    use ReadNotice as N;
    use ReadSpeech::{Done, FromYou, Said, ToYou};
    let plain = ServerLine::Message(Message::Plain);
    let names = Names::parse;
    let cases = [
        ("<alice> hi", said(Said("alice", "hi"))),
        ("<alice> <bob> hi", said(Said("alice", "<bob> hi"))),
        ("<alice>  hi ", said(Said("alice", " hi "))),
        ("* bob waits", said(Done("bob", "waits"))),
        ("* bob -- alice joined", said(Done("bob", "-- alice joined"))),
        ("[carol -> you] psst", said(ToYou("carol", "psst"))),
        ("[carol -> you] [you -> bob] x", said(ToYou("carol", "[you -> bob] x"))),
        ("[you -> bob] psst", said(FromYou("bob", "psst"))),
        ("!! /msg: that is you", refused(ReadRefusal::Whisper)),
        ("-- you are alice, with 3 others here", told(N::YouAre("alice"))),
        ("-- you are alice, and more than this version knows", told(N::YouAre("alice"))),
        ("-- you are now, alone here", told(N::YouAre("now"))),
        ("-- you are now bob", told(N::YouAreNow("bob"))),
        ("-- you are late", told(N::Other)),
        ("<x> -- you are now bob", said(Said("x", "-- you are now bob"))),
        ("-- bob joined", told(N::Joined("bob"))),
        ("-- bob left", told(N::Left("bob"))),
        ("-- bob left: good night", told(N::Left("bob"))),
        ("-- bob left: x joined", told(N::Left("bob"))),
        ("-- bob left: is now eve", told(N::Left("bob"))),
        ("-- bob left (connection lost)", told(N::Left("bob"))),
        ("-- bob was too slow and was dropped", told(N::Left("bob"))),
        ("-- bob is now robert", told(N::IsNow { old: "bob", new: "robert" })),
        ("-- 4 joined", told(N::Joined("4"))),
        ("-- 2 here: alice, bob", told(N::Here(names("alice, bob")))),
        ("-- 4 here: alice, bob,", told(N::Here(names("alice, bob,")))),
        ("-- 2 here: al (away), bob", told(N::Here(names("al (away), bob")))),
        ("-- 2 here: al (gone), bob", told(N::Here(names("al (gone), bob")))),
        ("-- carol, dave", told(N::More(names("carol, dave")))),
        ("-- dave", told(N::More(names("dave")))),
        ("-- bob is now not here", told(N::Other)),
        ("-- bob joined us", told(N::Other)),
        ("-- here: bob joined", told(N::Other)),
        ("-- you joined", told(N::Other)),
        ("-- chatroom 2: anything", told(N::Banner { version: 2, offer: Offer::Nothing })),
        ("-- chatroom 1: TLS on this port", told(N::Banner { version: 1, offer: Offer::Tls })),
        ("-- chatroom x: anything", told(N::Other)),
        ("-- the newest 3 with \"bob joined\":", told(N::Found)),
        ("-- the room is away: and more than this version knows", told(N::RoomAway)),
        ("-- the room is away", told(N::Other)),
        ("-- the room is back, somewhat", told(N::Other)),
        ("-- the joined", told(N::Joined("the"))),
        (
            "<x> -- the room is away: you come in when it is back",
            said(Said("x", "-- the room is away: you come in when it is back")),
        ),
        ("-- ", told(N::Other)),
        ("", plain),
        ("--", plain),
        ("!!", plain),
        ("<alice>", plain),
        ("<you> hi", plain),
        ("<a b> hi", plain),
        ("[alice] hi", plain),
        ("[alice -> bob] hi", plain),
        ("é", plain),
        ("日本", plain),
    ];
    for (line, expected) in cases {
        assert_eq!(parse(line), expected, "{line:?}");
    }
}

#[test]
fn an_earlier_line_has_its_own_time() {
    let earlier = |time, text| Earlier { time, text, message: Message::parse(text) };
    let day = NaiveDate::from_ymd_opt(2026, 11, 22).expect("a day");
    let cases = [
        ("| 14:05 <alice> hi", earlier("14:05", "<alice> hi")),
        ("| 14:05 * bob waits", earlier("14:05", "* bob waits")),
        ("| 14:05 -- bob is now eve", earlier("14:05", "-- bob is now eve")),
        ("| -- 2026-11-22", EarlierDay(day)),
        ("| -- 2026-13-22", EarlierUnknown),
        ("| 1:05 <alice> hi", EarlierUnknown),
        ("| hi", EarlierUnknown),
        ("|", ServerLine::Message(Message::Plain)),
    ];
    for (line, expected) in cases {
        assert_eq!(parse(line), expected, "{line:?}");
    }
}

#[test]
fn that_some_came_and_went_is_told_apart_from_what_is_told_of_members() {
    // What is told of somebody who is called 38 or member.
    for line in [
        "-- 38 joined",
        "-- 38 left",
        "-- member joined",
        "-- 38 left: 3 members left",
        "-- bob left: 3 joined, 4 left",
        "-- bob left: 3 members left",
        "<bob> -- 3 joined, 4 left",
        "-- +3 members left",
    ] {
        assert_ne!(parse(line), told(ReadNotice::CameAndWent), "{line}");
    }
}

#[test]
fn what_is_nearly_known_is_not_taken_for_it() {
    for line in ["-- you missed bob (x)", "-- you missed 3 trains", "-- you missed -3 lines (x)"] {
        assert_eq!(parse(line), told(ReadNotice::Other), "{line}");
    }
    for line in ["!! that line was too long", "!! the room is full", "!! the room is full of it"] {
        assert_eq!(parse(line), refused(ReadRefusal::Other), "{line}");
    }
    for line in ["-- chatroom 2: welcome", "-- chatroom 10: welcome", "<a> -- chatroom 1: x", ""] {
        assert!(!parse(line).is_our_banner(), "{line}");
    }
    assert!(parse("-- chatroom 1: anything").is_our_banner());
    assert_eq!(parse("!! /nick: no more names today"), refused(ReadRefusal::Name));
}

const LIMITS: Limits = Limits { max_line: Some(4096), rate: Some(100) };

#[test]
fn a_fact_is_one_in_the_tagged_form_alone() {
    let tagged = |line| ServerLine::parse_tagged(line).map(|(_, body, line)| (body, line));
    let cases = [
        ("@7 5 + 17", Some(("+ 17", ServerLine::Receipt(17)))),
        ("@- 5 = nick alice", Some(("= nick alice", ServerLine::Nick("alice")))),
        (
            "@- 5 = limits max-line 4096 rate 100",
            Some(("= limits max-line 4096 rate 100", ServerLine::Limits(LIMITS))),
        ),
        ("@-7 5 = done", Some(("= done", ServerLine::Done))),
        ("@- 5 = resumed 0", Some(("= resumed 0", ServerLine::Resumed(0)))),
        ("@- 5 = key ok", Some(("= key ok", ServerLine::KeyOk))),
        ("@- 5 = key", Some(("= key", ServerLine::UnknownFact))),
        ("@- 5 = colour red", Some(("= colour red", ServerLine::UnknownFact))),
        ("@7 5 <bob> + 17", Some(("<bob> + 17", said(ReadSpeech::Said("bob", "+ 17"))))),
        ("= nick alice", None),
        ("@x 5 + 17", None),
    ];
    for (line, expected) in cases {
        assert_eq!(tagged(line), expected, "{line}");
        assert_eq!(parse(line), ServerLine::Message(Message::Plain), "{line}");
    }
}

proptest! {
    #[test]
    fn what_the_server_writes_is_read_as_it_was_written(
        name in name(),
        other in name(),
        text in text(),
        number in 1..u64::MAX,
    ) {
        let (by, to, words) = (name.as_str(), other.as_str(), text.as_str());
        let speeches = [
            (Speech::Said(&name, words), ReadSpeech::Said(by, words)),
            (Speech::Done(&name, words), ReadSpeech::Done(by, words)),
            (Speech::ToYou(&name, words), ReadSpeech::ToYou(by, words)),
            (Speech::FromYou(&other, words), ReadSpeech::FromYou(to, words)),
        ];
        let speeches = speeches.map(|(written, read)| (written.to_string(), said(read)));
        let notices = notices(&name, &other, words, number).into_iter();
        let notices = notices.map(|notice| (notice.to_string(), told(read(&notice))));
        let refusals = refusals(&name, words, number).into_iter();
        let refusals = refusals.map(|it| (it.to_string(), refused(read_refusal(&it))));
        for (line, expected) in speeches.into_iter().chain(notices).chain(refusals) {
            // An unknown command may begin like the name of any error.
            if line.starts_with("!! unknown command ") {
                prop_assert!(parse(&line).refusal().is_some());
                continue;
            }
            prop_assert_eq!(parse(&line), expected, "{}", &line);
            // It is the same in the tagged form, and no fact.
            let tagged = format!("@7 5 {line}");
            prop_assert_eq!(ServerLine::parse_tagged(&tagged).map(|it| it.2), Some(expected));
            let earlier = format!("| 14:05 {line}");
            let message = expected.message().expect("it is a message");
            prop_assert_eq!(parse(&earlier), Earlier { time: "14:05", text: &line, message });
        }
    }

    #[test]
    fn facts_are_read_as_they_are_written(
        number in any::<u64>(),
        bits in any::<u128>(),
        random: [u8; 32],
        name in text(),
    ) {
        let (token, nonce) = (Token::new(bits), Nonce::new(random));
        let cases = [
            (Body::Receipt(number), ServerLine::Receipt(number)),
            (Body::Token(token), ServerLine::Token(token)),
            (Body::Nick(&name), ServerLine::Nick(&name)),
            (Body::Resumed(number), ServerLine::Resumed(number)),
            (Body::Nonce(nonce), ServerLine::Nonce(nonce)),
            (Body::KeyOk, ServerLine::KeyOk),
        ];
        for (body, expected) in cases {
            let line = format!("{}{body}", Tag { seq: None, answers: None, at: 5 });
            let read = ServerLine::parse_tagged(&line).map(|(_, _, line)| line);
            prop_assert_eq!(read, Some(expected));
            prop_assert!(expected.is_fact());
        }
    }

    #[test]
    fn an_answer_to_who_is_read_as_it_was_written(names in vec((name(), any::<bool>()), 1..10)) {
        let mut read = Vec::new();
        let listed = |(name, is_away): (Name, bool)| Listed {
            is_away,
            is_owner: name.as_str().len().is_multiple_of(2),
            is_operator: name.as_str().len().is_multiple_of(3),
            ..Listed::new(name)
        };
        let members: Vec<_> = names.into_iter().map(listed).collect();
        let lines = who(&members);
        for (i, line) in lines.iter().enumerate() {
            prop_assert_eq!(who_goes_on(line), i + 1 < lines.len());
            match parse(line).notice() {
                Some(ReadNotice::Here(names)) if i == 0 => read.extend(names.iter()),
                Some(ReadNotice::More(names)) if i > 0 => read.extend(names.iter()),
                other => panic!("{line:?} is {other:?}"),
            }
        }
        prop_assert_eq!(read, members.iter().map(|it| it.name.as_str()).collect::<Vec<_>>());
    }

    #[test]
    fn no_text_is_taken_apart_wrongly(line in text()) {
        if let Some(actor) = parse(&line).message().and_then(Message::actor) {
            prop_assert!(Name::parse(actor).is_ok(), "{actor:?} in {line:?}");
        }
    }
}
