//! Any bytes from a server, and any keys, through what the client makes of them to what a terminal
//! gets; and that is safe and bounded.
//!
//! Sockets and threads are left out, so is what only they need (`receiver`, `link`, `terminal`).

use std::sync::Arc;
use std::time::Instant;

use super::clock;
use super::colours::Colours;
use super::config::WrapChoice;
use super::conversation::{Conversation, Medium, Moment, Shown};
use super::echo::echo;
use super::handshake::{Progress, Server};
use super::identity::Identity;
#[cfg(any(all(test, not(shuttle)), fuzzing))]
pub use super::net::records;
use super::outbox::Asker;
use super::prompt::{Label, Status};
use super::screen::{Screen, Size};
use super::session::ClientSession;
pub use super::terminal::fuzzing::input as from_terminal;
use super::typed::Typed;
use crate::protocol::lines::{self, LineSplitter};
use crate::protocol::name::Name;
use crate::protocol::proof::Binding;
use crate::protocol::tag::{Format, Millis};
use crate::protocol::telnet::{Decoder, Piece};
use crate::protocol::text::make_safe;
use crate::safety::assert_safe;

#[cfg(test)]
pub(crate) use keyboard::assert_valid;
pub use keyboard::keys;

mod keyboard;

/// Stand for what happens besides in the midst of the server's bytes. As characters they would be
/// removed like any others of their kind.
const CONNECTION_LOST: u8 = 0x1c;
const LINE_ENTERED: u8 = 0x1d;

/// What is entered, one after the other.
const ENTERED: [&str; 6] = ["hi", "/msg bob psst", "/nick eve", "/who", "//x", "/me waits"];

/// The longest line that is received, in bytes: short, so that longer ones are met with.
const MAX_LINE: usize = 1000;

const NOW: Millis = 1_790_000_000_000;

/// What a screen commands its terminal to do, and a conversation without colours never.
const COMMANDS: [&str; 15] = [
    "\x1b[?2026h",
    "\x1b[?2026l",
    "\x1b[?2004h",
    "\x1b[?1004h",
    "\x1b[?1004l",
    "\x1b[?2004l",
    "\x1b[?7l",
    "\x1b[?7h",
    "\x1b[999;1H",
    "\x1b[1A",
    "\x1b[2A",
    "\r\x1b[J",
    "\x1b7",
    "\x1b8",
    "\r\n",
];

/// A server's bytes, of which the first says into how large chunks they are cut, and the second how
/// wide the terminal is.
///
/// # Panics
///
/// Something is wrong with the client.
pub fn from_server(data: &[u8]) {
    let [size, columns, bytes @ ..] = data else { return };
    let in_chunks = Client::new(*columns).play(bytes, usize::from(*size) + 1);
    assert_eq!(
        in_chunks,
        Client::new(*columns).play(bytes, usize::MAX),
        "chunks make a difference"
    );
}

/// A client in a terminal.
struct Client {
    session: ClientSession,
    telnet: Decoder,
    splitter: LineSplitter,
    plain: Conversation,
    coloured: Conversation,
    screen: Screen<Vec<u8>>,
    columns: usize,
    entered: usize,
    /// All that was shown and asked for.
    told: String,
}

impl Client {
    fn new(columns: u8) -> Client {
        let size = Size { columns: u16::from(columns % 100) + 1, rows: 9 };
        let mut screen = Screen::new(Vec::new(), size, WrapChoice::Words);
        screen.begin(size).expect("a Vec takes all");
        // With a key, a server's nonce is waited for.
        let identity = (columns >= 128).then(|| Identity::of_seed([7; 32]));
        let mut session = ClientSession::new(Name::parse("alice").ok(), identity);
        session.begin(Binding::PLAIN);
        Client {
            session,
            telnet: Decoder::default(),
            splitter: LineSplitter::new(MAX_LINE),
            plain: Conversation::new(Colours::None, Medium::Screen),
            coloured: Conversation::new(Colours::Many, Medium::Screen),
            screen,
            columns: usize::from(size.columns),
            entered: 0,
            told: String::new(),
        }
    }

    fn play(mut self, bytes: &[u8], size: usize) -> String {
        let is_besides = |byte: &u8| matches!(*byte, CONNECTION_LOST | LINE_ENTERED);
        for part in bytes.split_inclusive(is_besides) {
            let besides = part.last().copied().filter(is_besides);
            let part = &part[..part.len() - usize::from(besides.is_some())];
            part.chunks(size).for_each(|chunk| self.take(chunk));
            match besides {
                Some(LINE_ENTERED) => self.enter(),
                Some(_) => self.come_back(),
                None => {}
            }
        }
        self.finish();
        self.told
    }

    fn take(&mut self, mut chunk: &[u8]) {
        let mut splitter = std::mem::replace(&mut self.splitter, LineSplitter::new(0));
        while let Some(piece) = self.telnet.next(&mut chunk) {
            let Piece::Text(mut text) = piece else { continue };
            while let Some(line) = splitter.next(&mut text) {
                match line {
                    lines::Line::Whole(line) => self.hear(line),
                    lines::Line::TooLong(_) => self.told.push_str("(too long)\n"),
                }
            }
        }
        self.splitter = splitter;
    }

    /// As the receiver does it.
    fn finish(&mut self) {
        let last = self.splitter.finish().map(<[u8]>::to_vec);
        let resuming = self.session.handshake.progress() == Progress::Resuming;
        if let Some(last) = last
            && self.session.format() == Format::Plain
            && !resuming
        {
            self.hear(&last);
        }
    }

    fn hear(&mut self, line: &[u8]) {
        let line = make_safe(line);
        let heard = self.session.hear(&line, Instant::now(), NOW);
        for ask in &heard.asks {
            assert_safe(ask);
            assert!(ask.starts_with('/') && ask.len() < MAX_LINE, "{ask:?}");
            self.told += &format!("({ask})\n");
        }
        self.told += &format!("{:?}", heard.news);
        if let Some(line) = heard.line {
            let at = self.moment().of(line.at);
            self.show(|conversation, shown| conversation.receive(&line, at, shown));
        }
        self.write();
    }

    fn moment(&self) -> Moment {
        Moment::of_showing(clock::local_now()).of(Some(NOW))
    }

    fn enter(&mut self) {
        let line = Arc::new(Typed::new(ENTERED[self.entered % ENTERED.len()]));
        self.entered += 1;
        self.session.outbox.enter(Arc::clone(&line), Asker::User, Instant::now());
        let (server, at) = (Server::Ours, self.moment());
        if let Some(own) = echo(server, self.plain.name(), &line) {
            self.show(|conversation, shown| conversation.own(&own, at, shown));
        }
        self.write();
    }

    /// Once it is clear what the server is, what was entered is written to it.
    fn write(&mut self) {
        if let Progress::Done(server) = self.session.handshake.progress() {
            while self.session.outbox.has_unwritten() {
                self.told += &format!("{:?}\n", self.session.outbox.next_batch(server));
            }
        }
    }

    fn come_back(&mut self) {
        self.finish();
        self.session.lose();
        self.session.begin_again(Instant::now(), true, Binding::PLAIN);
        self.telnet = Decoder::default();
        self.splitter = LineSplitter::new(MAX_LINE);
    }

    /// Shows what is to be seen, and looks at it.
    fn show(&mut self, add: impl Fn(&mut Conversation, &mut Shown)) {
        let (mut plain, mut coloured) = (Shown::default(), Shown::default());
        add(&mut self.plain, &mut plain);
        add(&mut self.coloured, &mut coloured);
        plain.text.lines().for_each(assert_safe);
        assert_eq!(without_colours(&coloured.text), plain.text, "colours make a difference");
        let name = self.plain.name().unwrap_or_default();
        assert_safe(name);
        self.screen.set_prompt(Label::of(Some(name), Status::Ready));
        self.screen.print(coloured.paragraphs());
        let mut rows = String::new();
        for paragraph in plain.paragraphs() {
            paragraph.lay_out(WrapChoice::Words, self.columns, &mut rows);
        }
        assert_commands_are_ours(&mut self.screen, &rows);
        self.told += &plain.text;
    }
}

/// Asserts that the next repaint has this text in it, and besides nothing but what a screen commands.
fn assert_commands_are_ours(screen: &mut Screen<Vec<u8>>, above: &str) {
    screen.out().clear();
    screen.repaint().expect("a Vec takes all");
    let painted = String::from_utf8(screen.out().clone()).expect("it is text");
    let (rest, above) = (without_links(&painted), without_links(above));
    let rest = without_commands(&without_colours(&rest));
    rest.lines().for_each(assert_safe);
    let shown: Vec<&str> = rest.lines().filter(|line| !line.is_empty()).collect();
    let above: Vec<&str> = above.lines().filter(|line| !line.is_empty()).collect();
    assert!(shown.starts_with(&above), "{above:?} is not in {shown:?}");
}

/// The text with a line end for each of a screen's commands.
fn without_commands(mut text: &str) -> String {
    let mut rest = String::with_capacity(text.len());
    while let Some(at) = text.find(['\r', '\x1b']) {
        rest.push_str(&text[..at]);
        text = &text[at..];
        match COMMANDS.iter().find_map(|command| text.strip_prefix(command)) {
            Some(after) => {
                rest.push('\n');
                text = after;
            }
            None => {
                rest.push_str(&text[..1]);
                text = &text[1..];
            }
        }
    }
    rest + text
}

/// The text without the sequences that make a link of an address, each of which opens what is shown.
fn without_links(text: &str) -> String {
    let mut parts = text.split("\x1b]8;;");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    while let (Some(link), Some(after)) = (parts.next(), parts.next()) {
        let (target, shown) = link.split_once("\x1b\\").expect("a link has an address");
        assert_eq!(target, shown, "a link opens something else");
        plain.extend([shown, after.strip_prefix("\x1b\\").expect("a link has an end")]);
    }
    plain
}

/// The text without the sequences of `Colours`.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !matches!(c, '0'..='9' | ';'));
        match end.filter(|&end| part[end..].starts_with('m')) {
            Some(end) => plain.push_str(&part[end + 1..]),
            None => plain.extend(["\x1b[", part]),
        }
    }
    plain
}
