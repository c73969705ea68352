//! What the members do, at random.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

/// How many may be in the room at once.
pub(crate) const MEMBERS: usize = 5;

/// The longest line that the server takes, in bytes.
pub(crate) const MAX_LINE: usize = 200;

/// An event that never happens.
pub(crate) const FAR: u64 = 1_000_000;

/// Names that are good. Some differ in their case only, or only look alike.
const GOOD: [&str; 11] = [
    "alice",
    "bob",
    "carol",
    "Alice",
    "BOB",
    "\u{430}lice",
    "aIice",
    "max",
    "rnax",
    // Each guest's own, and nobody else's.
    "guest2",
    "vvill",
];

/// Names that are not, and what is said of them.
const BAD: [(&str, &str); 10] = [
    ("-x", "/nick: a name cannot start with - or ."),
    ("you", "/nick: nobody can be called you"),
    ("ADMIN", "/nick: nobody can be called admin"),
    ("Guest1", "/nick: the server alone gives names like Guest1"),
    (
        "ali\u{1a65}ce",
        "/nick: a name cannot have U+1A65 there: it goes with letters of its own script",
    ),
    ("\u{1d43}", "/nick: a name cannot have '\u{1d43}' in it: write a"),
    ("c<d", "/nick: a name cannot have '<' in it: letters, digits, _, - and . can be"),
    ("aaaaabbbbbcccccdddddeeeee", "/nick: that name is too long: the most is 24 characters"),
    ("two words", "/nick goes like this: /nick NAME"),
    ("", "/nick goes like this: /nick NAME"),
];

const TEXTS: [&str; 6] =
    ["hi", "  two  words ", "<alice> forged", "-- bob left", "@7 7 + 7", "ahoj \u{1f44b}"];

/// A line that a member sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Say(&'static str),
    /// With a second slash before it.
    SaySlash(&'static str),
    Act(&'static str),
    Nick(&'static str),
    /// With what is wrong with it.
    BadNick(&'static str, &'static str),
    Msg(&'static str, &'static str),
    Who,
    History(usize),
    Quit(&'static str),
    Blank,
    TooLong,
    /// No command is called that.
    Unknown(String),
    /// A command without what it needs, and what it needs.
    Misused(&'static str, &'static str),
    Tags,
    /// `/resume` where it cannot be done.
    Resume(Hopeless),
}

/// What is wrong with a `/resume`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hopeless {
    WrongToken,
    Malformed,
    /// From an event that has not happened, with that member's token.
    FromTheFuture(usize),
}

/// What one of the members does.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) who: usize,
    /// In which form it gets its lines, if it comes now.
    pub(crate) tagged: bool,
    pub(crate) way: Way,
    pub(crate) lines: Vec<Line>,
    /// Each line is sent by itself, and not all of them as one.
    pub(crate) apart: bool,
}

/// How it does it. Whoever is not here comes; whoever is away comes back.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// It sends its lines.
    Talk,
    /// If it comes now, it says nothing until it is a guest.
    Silent,
    /// It sends its lines, perhaps the beginning of one more, and then nothing more.
    HalfClose(Option<&'static str>),
    /// Its connection breaks.
    Reset,
    /// It takes up on another connection.
    Resume(From),
}

/// Where somebody who comes back takes up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From {
    /// After the last event that it has seen.
    Last,
    /// After one of all the events whose numbers anyone has seen.
    Any(usize),
    /// At the beginning.
    Zero,
}

impl Line {
    /// The line as it is sent, without its end. `tokens` are what the members were told.
    pub(crate) fn text(&self, tokens: &[Option<String>]) -> String {
        match self {
            Line::Say(text) => (*text).to_owned(),
            Line::SaySlash(text) => format!("//{text}"),
            Line::Act(text) => format!("/me {text}"),
            Line::Nick(name) | Line::BadNick(name, _) => format!("/nick {name}"),
            Line::Msg(to, text) => format!("/msg {to} {text}"),
            Line::Who => "/who".to_owned(),
            Line::History(most) => format!("/history {most}"),
            Line::Quit(farewell) => format!("/quit {farewell}"),
            Line::Blank => "  ".to_owned(),
            Line::TooLong => format!("say {}", "x".repeat(MAX_LINE)),
            Line::Unknown(word) => format!("{word} and more"),
            Line::Misused(word, _) => (*word).to_owned(),
            Line::Tags => "/tags".to_owned(),
            Line::Resume(Hopeless::WrongToken) => format!("/resume {} 0", "0".repeat(32)),
            Line::Resume(Hopeless::Malformed) => "/resume x".to_owned(),
            Line::Resume(Hopeless::FromTheFuture(of)) => {
                let token = tokens[*of].clone().unwrap_or_else(|| "0".repeat(32));
                format!("/resume {token} {FAR}")
            }
        }
    }
}

/// Turns of a whole case.
pub(crate) fn turns() -> impl Strategy<Value = Vec<Turn>> {
    vec(turn(), 1..32)
}

fn turn() -> impl Strategy<Value = Turn> {
    let way = prop_oneof![
        12 => Just(Way::Talk),
        1 => Just(Way::Silent),
        2 => option::of(select(&TEXTS[..])).prop_map(Way::HalfClose),
        2 => Just(Way::Reset),
        3 => from().prop_map(Way::Resume),
    ];
    (0..MEMBERS, any::<bool>(), way, vec(line(), 1..4), any::<bool>())
        .prop_map(|(who, tagged, way, lines, apart)| Turn { who, tagged, way, lines, apart })
}

fn from() -> impl Strategy<Value = From> {
    prop_oneof![
        3 => Just(From::Last),
        3 => any::<usize>().prop_map(From::Any),
        1 => Just(From::Zero),
    ]
}

fn line() -> impl Strategy<Value = Line> {
    let text = || select(&TEXTS[..]);
    let name = || select(&GOOD[..]);
    let to = prop_oneof![6 => name(), 2 => select(&["guest1", "nobody"][..])];
    prop_oneof![
        8 => text().prop_map(Line::Say),
        2 => text().prop_map(Line::SaySlash),
        3 => text().prop_map(Line::Act),
        8 => name().prop_map(Line::Nick),
        2 => select(&BAD[..]).prop_map(|(name, why)| Line::BadNick(name, why)),
        6 => (to, text()).prop_map(|(to, text)| Line::Msg(to, text)),
        2 => Just(Line::Who),
        2 => (1..30_usize).prop_map(Line::History),
        1 => select(&["", "good night", " bye  "][..]).prop_map(Line::Quit),
        2 => Just(Line::Blank),
        1 => Just(Line::TooLong),
        1 => select(&["/etc", "/etc/passwd", "/whois", "/hsitory"][..]).prop_map(|word| Line::Unknown(word.to_owned())),
        1 => select(&[("/me", "/me TEXT"), ("/msg bob", "/msg NAME TEXT"), ("/who x", "/who")][..])
            .prop_map(|(line, usage)| Line::Misused(line, usage)),
        1 => Just(Line::Tags),
        3 => hopeless().prop_map(Line::Resume),
    ]
}

fn hopeless() -> impl Strategy<Value = Hopeless> {
    prop_oneof![
        1 => Just(Hopeless::WrongToken),
        1 => Just(Hopeless::Malformed),
        3 => (0..MEMBERS).prop_map(Hopeless::FromTheFuture),
    ]
}
