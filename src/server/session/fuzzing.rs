//! Fuzzing of a session: any bytes of a client go through it into the room, and the lines that come out are safe,
//! bounded, and nobody else's. So do any records of a client over TLS, and what they say is what plain bytes would.
//!
//! There is no broadcaster: the lines that the room has for it are checked and thrown away, one by one.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::input::Input;
use super::{Greeting, Limits, Next, Phase, Session};
use crate::protocol::name::Name;
use crate::protocol::reply::{LeaveReason, Offer};
use crate::protocol::tag::{Body, Format, Seq, Tag};
use crate::safety::assert_safe;
use crate::server::audience::Kind;
use crate::server::config::Config;
use crate::server::connection::{Connection, ConnectionId};
use crate::server::hub::Hub;
use crate::server::hub::membership::Membership;
use crate::server::hub::permit::{Permit, Shown};
use crate::server::net::tls::fuzzing as tls;
use crate::server::replay::Made;
use crate::server::room::effects::Aside;
use crate::server::secrets::Secrets;
use crate::server::waker::Waker;
use crate::tls::fuzzing::Over;

/// The byte that stands for a while in which nothing comes. As a character, it is a control character, which is
/// removed as all of them are.
const SILENCE: u8 = 0x1c;

/// The longest line, in bytes: short, so that longer ones are met with.
const MAX_LINE: usize = 200;

/// The longest line that may become of that: each byte may be none of UTF-8, and there are names
/// and words around it.
const MOST: usize = 3 * MAX_LINE + 400;

/// The most that is read of the room at once, in bytes.
const READ: usize = 1 << 20;

/// Whatever a line says, it begins with one of these.
const FRONTS: [&str; 6] = ["<", "* ", "[", "-- ", "!! ", "| "];

/// A client's bytes, of which the first says into how large chunks they are cut.
///
/// # Panics
///
/// Something is wrong with the session.
pub fn input(data: &[u8]) {
    let Some((&size, bytes)) = data.split_first() else { return };
    let in_chunks = Stage::new().play(bytes, usize::from(size) + 1);
    assert_eq!(in_chunks, Stage::new().play(bytes, usize::MAX), "chunks make a difference");
}

/// A script of a client's over TLS, of which the first byte says into how large pieces its records are cut.
///
/// # Panics
///
/// Something is wrong with the framing or the session, or TLS makes a difference.
pub fn records(data: &[u8]) {
    let Some((&size, data)) = data.split_first() else { return };
    let (stream, _client) = pair();
    let (script, chunks, over) = tls::receive(data, usize::from(size) + 1, stream);
    let over_tls = Stage::new().play_chunks(chunks.iter().map(Vec::as_slice), over);
    let plain = &script.plain;
    let as_plain = Stage::new().play_chunks([&plain[..]], over);
    assert_eq!(over_tls, as_plain, "TLS makes a difference");
    if over != Over::Told {
        let end = plain.iter().rposition(|byte| b"\r\n".contains(byte)).map_or(0, |at| at + 1);
        let whole = Stage::new().play_chunks([&plain[..end]], over);
        assert_eq!(said(&over_tls), said(&whole), "half a line was said");
    }
}

/// The lines that somebody has said.
fn said(lines: &[String]) -> Vec<&String> {
    lines.iter().filter(|line| ["<", "* ", "["].iter().any(|it| line.starts_with(it))).collect()
}

/// A session in a room with another member.
struct Stage {
    /// The session that gets the bytes.
    session: Session,
    /// The hub that it is in.
    hub: Arc<Hub>,
    /// The other member, which stays for as long as it is held.
    _bob: Membership,
    /// The client's end of the session's connection, which stays open for as long as it is held.
    _client: TcpStream,
    /// The number of the first event that was not checked yet.
    seen: Seq,
    /// The lines of the events and answers that were checked.
    lines: Vec<String>,
}

const STALL_TIMEOUT: Duration = Duration::from_secs(30);

impl Stage {
    fn new() -> Stage {
        let config = Config {
            max_clients: 2,
            max_line: MAX_LINE,
            memory: 16 * READ,
            stall_timeout: STALL_TIMEOUT,
            ..Config::default()
        };
        let hub = Arc::new(Hub::new(Waker::new().expect("a pipe"), &config));
        let (stream, client) = pair();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let connection = Connection::new(ConnectionId::local(1), stream, peer, STALL_TIMEOUT);
        let connection = connection.expect("a connection");
        let connection = Arc::new(connection);
        let permit = || Permit::take(&hub, Some(peer.ip())).expect("there are two places");
        let name = Name::parse("bob").ok();
        let bob = permit()
            .join(name.as_ref(), &connection, Format::Plain, 0, Shown::default())
            .expect("it is free");
        let limits = Limits { line: MAX_LINE, rate: 0, last_words: STALL_TIMEOUT };
        let greeting = Greeting { offer: Offer::Nothing, waited: Duration::ZERO };
        let (hers, its) = (Arc::clone(&connection), Arc::clone(&hub));
        let secrets = Secrets::open(&config).expect("everybody may come in");
        let phase = Phase::unnamed(permit());
        let session = Session::new(hers, its, secrets, phase, None, greeting, limits);
        Stage { session, hub, _bob: bob.membership, _client: client, seen: 1, lines: Vec::new() }
    }

    /// All that becomes of the bytes.
    fn play(mut self, bytes: &[u8], size: usize) -> Vec<String> {
        let mut input = Input::new(MAX_LINE);
        for (i, part) in bytes.split(|&byte| byte == SILENCE).enumerate() {
            if i > 0 && self.silence(&mut input).is_break() {
                return self.lines;
            }
            for chunk in part.chunks(size) {
                if self.session.look_at_first_byte(chunk).is_break() {
                    return self.lines;
                }
                // However it is cut, it has come at once.
                let next = input
                    .read_at_once(chunk, &mut |item| self.do_one(|session| session.item(item)));
                if next.is_break() {
                    return self.lines;
                }
            }
        }
        let (hub, seen) = (Arc::clone(&self.hub), self.seen);
        Box::new(self.session).end_of_input(&mut input, false);
        look(&hub, seen, &mut self.lines, |_| true);
        self.lines
    }

    /// All that becomes of bytes that come so, without a pause, and of their end.
    fn play_chunks<'a>(
        mut self,
        chunks: impl IntoIterator<Item = &'a [u8]>,
        over: Over,
    ) -> Vec<String> {
        let mut input = Input::new(MAX_LINE);
        for chunk in chunks {
            if self.session.look_at_first_byte(chunk).is_break() {
                return self.lines;
            }
            let next =
                input.read_at_once(chunk, &mut |item| self.do_one(|session| session.item(item)));
            if next.is_break() {
                return self.lines;
            }
        }
        let (hub, seen, session) = (Arc::clone(&self.hub), self.seen, Box::new(self.session));
        match over {
            Over::Told => session.end_of_input(&mut input, false),
            Over::Cut => session.end_of_input(&mut input, true),
            Over::Broken => session.lose(LeaveReason::ConnectionLost),
        }
        look(&hub, seen, &mut self.lines, |_| true);
        self.lines
    }

    fn silence(&mut self, input: &mut Input) -> Next {
        let before = self.name();
        let next = self.session.on_silence(input);
        self.look(before);
        next
    }

    fn do_one(&mut self, act: impl FnOnce(&mut Session) -> Next) -> Next {
        let before = self.name();
        let next = act(&mut self.session);
        self.session.append();
        self.look(before);
        next
    }

    fn name(&self) -> Option<String> {
        match &self.session.phase {
            Phase::Joined { member, .. } => Some(member.name().to_string()),
            Phase::Outside(_) | Phase::Unnamed { .. } | Phase::Gone => None,
        }
    }

    /// Looks at what one has done who was called so before.
    fn look(&mut self, before: Option<String>) {
        let names: Vec<_> = before.into_iter().chain(self.name()).collect();
        let is_own = |line: &str| {
            line.starts_with("[you -> bob] ")
                || names.iter().any(|name| {
                    let fronts = ["<{}> ", "* {} ", "[{} -> you] ", "-- {} is now "];
                    fronts.iter().any(|front| line.starts_with(&front.replace("{}", name)))
                })
        };
        self.seen = look(&self.hub, self.seen, &mut self.lines, is_own);
    }
}

/// Takes all that is new, as the broadcaster does, and looks at it; the number of the next event.
fn look(hub: &Arc<Hub>, from: Seq, lines: &mut Vec<String>, is_own: impl Fn(&str) -> bool) -> Seq {
    let round = hub.round(false, false, Seq::MAX);
    for arrival in &round.following.arrivals {
        arrival.greeting.lines().for_each(assert_line);
    }
    let mut answers = VecDeque::new();
    for (reader, at, aside) in round.following.asides {
        match aside {
            Aside::Lines(told) => {
                hub.on_answered(reader, told.len());
                answers.push_back((at, told));
            }
            Aside::Replay(mut replay) => {
                while let Made::Lines(shown) = replay.next(|event| Some(hub.read(event, READ))) {
                    shown.lines().for_each(assert_line);
                }
                hub.on_replayed(reader);
            }
        }
    }
    let mut answer = |lines: &mut Vec<String>, before: Seq| {
        while answers.front().is_some_and(|(at, _)| *at <= before)
            && let Some((_, told)) = answers.pop_front()
        {
            for line in told.lines() {
                assert_line(line);
                let line = Tag::split(line).map_or(line, |(_, body)| body);
                // Each session has another one.
                lines.push(match Body::parse(line) {
                    Body::Token(_) => "= token".to_owned(),
                    Body::Nonce(_) => "= nonce".to_owned(),
                    _ => line.to_owned(),
                });
            }
        }
    };
    for batch in hub.read(from, READ) {
        for event in from.max(batch.begin())..batch.end() {
            answer(lines, event);
            let line = batch.line(event);
            assert_line(line);
            let kind = batch.index().kind(batch.index().position(event));
            assert!(kind != Kind::Said || is_own(line), "somebody else's: {line:?}");
            lines.push(line.to_owned());
        }
    }
    answer(lines, Seq::MAX);
    round.end
}

fn assert_line(line: &str) {
    let body = Tag::split(line).map_or(line, |(_, body)| body);
    let Body::Line(line) = Body::parse(body) else { return };
    assert_safe(line);
    assert!(FRONTS.iter().any(|front| line.starts_with(front)), "it is nobody's: {line:?}");
    assert!(line.len() <= MOST, "{} bytes", line.len());
}

/// Two ends of a connection over loopback. It leaves nothing behind in the system.
fn pair() -> (TcpStream, TcpStream) {
    thread_local!(static LISTENER: OnceCell<TcpListener> = const { OnceCell::new() });
    LISTENER.with(|listener| {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let listener = listener.get_or_init(bind);
        let address = listener.local_addr().expect("it is bound");
        let client = TcpStream::connect(address).expect("it listens");
        let socket = socket2::SockRef::from(&client);
        socket.set_linger(Some(Duration::ZERO)).expect("a socket has a linger time");
        (listener.accept().expect("it has connected").0, client)
    })
}
