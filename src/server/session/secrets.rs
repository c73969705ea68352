//! What a client shows to be let in, the room's password or a code, and how a client waits that guesses. The session's
//! thread runs it, with no lock held. Passwords of names are next to it (`owning`).

use std::ops::ControlFlow;
use std::time::Duration;

use super::rate_limit::NAP;
use super::{Ending, GO_ON, Next, Phase, Session};
use crate::protocol::reply::{NameNotice, NameRefusal, Notice, Refusal};
use crate::server::admission::Origin;
use crate::server::codes::may_be_code;
use crate::server::guesses::Attempt;
use crate::server::kinds::GUESSED_WRONG;
use crate::server::room::entry::Encryption;
use crate::server::room::people::invitations::CodeHash;
use crate::server::system::{instant, thread};

/// How many wrong guesses end a connection.
const MOST_WRONG: u32 = 10;

impl Session {
    /// Takes the room's password, or a code.
    pub(super) fn pass(&mut self, secret: &str) -> Next {
        if self.is_readable() {
            self.refuse_name(&Refusal::Name(NameRefusal::InPlain));
            return GO_ON;
        }
        let is_outside = matches!(self.phase, Phase::Outside(_));
        if !is_outside && !may_be_code(secret) {
            return self.pass_in_room();
        }
        let attempt = self.attempt(None);
        self.wait_for_turn(&attempt)?;
        if is_outside && self.secrets.entrance.opens_for(secret) {
            self.secrets.guesses.succeed(&attempt);
            return self.let_in();
        }
        let code = CodeHash::of(secret);
        if self.hub.claims_name(code) {
            self.secrets.guesses.succeed(&attempt);
            return self.claim(code);
        }
        if is_outside && self.hub.use_code(code, self.proof.key(), self.connection.id()) {
            self.secrets.guesses.succeed(&attempt);
            self.given.has_used_code = true;
            return self.let_in();
        }
        self.on_wrong(&attempt)
    }

    /// Lets a client in that has the code of an operator's name, and lets it have that name if it was refused before.
    fn claim(&mut self, code: CodeHash) -> Next {
        (self.given.code, self.given.has_used_code) = (Some(code), true);
        if let Phase::Outside(_) = self.phase {
            return self.let_in();
        }
        match self.refused.clone() {
            Some(name) => self.have(&name),
            None => {
                self.answer_with(Notice::Name(NameNotice::LetIn));
                GO_ON
            }
        }
    }

    /// Answers a client that gives a password and needs none.
    fn pass_in_room(&mut self) -> Next {
        match self.secrets.entrance.question() {
            Some(_) => self.answer_with(Notice::Name(NameNotice::LetIn)),
            None => self.answer(&Refusal::Name(NameRefusal::OpenToAll)),
        }
        GO_ON
    }

    /// Whether others could read a secret along that is given on this connection.
    pub(super) fn is_readable(&self) -> bool {
        self.connection.encryption() == Encryption::None
    }

    /// What a guess of this client counts for: the name, without case, if it is at a name's password.
    pub(super) fn attempt(&self, name: Option<String>) -> Attempt {
        Attempt { origin: Origin::of(self.connection.peer().ip()), name }
    }

    /// Has the client wait for as long as others have to who have guessed wrong before it.
    pub(super) fn wait_for_turn(&mut self, attempt: &Attempt) -> Next {
        if self.wait(self.secrets.guesses.begin(attempt))? {
            return GO_ON;
        }
        self.append();
        self.quit("")
    }

    /// Tells the client that its guess was wrong, once it has waited for that. The tenth time is the last one, and so
    /// is that of a client which has sent everything: it would guess on without waiting for the answer.
    pub(super) fn on_wrong(&mut self, attempt: &Attempt) -> Next {
        let peer = self.connection.peer();
        match &attempt.name {
            Some(name) => {
                log::warn!(target: GUESSED_WRONG, "{peer} gave a wrong password for {name}");
            }
            None => log::warn!(target: GUESSED_WRONG, "{peer} gave a wrong password"),
        }
        self.wrong += 1;
        let delay = self.secrets.guesses.fail(attempt);
        // One that sends nothing more is told at once: whoever guesses next waits all the same.
        let _is_over = self.wait(delay)?;
        self.refuse_name(&Refusal::Name(NameRefusal::WrongSecret));
        if self.wrong < MOST_WRONG && !self.connection.has_peer_finished() {
            return GO_ON;
        }
        self.append();
        self.quit("")
    }

    /// Waits, with no lock held, unless the client is gone or the server ends. False for a client that has guessed
    /// wrong and sends nothing more, for which nothing is waited.
    fn wait(&mut self, time: Duration) -> ControlFlow<Ending, bool> {
        let until = instant() + time;
        if let Phase::Outside(outside) = &mut self.phase {
            outside.give_time(time);
        }
        loop {
            let left = until.saturating_duration_since(instant());
            if left.is_zero() {
                return ControlFlow::Continue(true);
            }
            if self.is_lost() {
                return ControlFlow::Break(Ending::InputOver);
            }
            if self.wrong > 0 && self.connection.has_peer_finished() {
                return ControlFlow::Continue(false);
            }
            thread::sleep(left.min(NAP));
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::io::Read;
    #[cfg(unix)]
    use std::net::Shutdown;
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
    use std::sync::Arc;

    use super::*;
    use crate::protocol::reply::Offer;
    use crate::server::config::Config;
    use crate::server::connection::{Connection, ConnectionId};
    use crate::server::hub::Hub;
    use crate::server::hub::permit::Permit;
    use crate::server::secrets::Secrets;
    use crate::server::session::{Greeting, Limits};
    use crate::server::waker::Waker;

    /// A session in the room of that configuration, in the tagged form, and its client.
    fn session(config: &Config) -> (Session, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let client = TcpStream::connect(listener.local_addr().expect("it is bound"));
        let (stream, _) = listener.accept().expect("one has connected");
        let hub = Arc::new(Hub::new(Waker::new().expect("a pipe"), config));
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let connection =
            Connection::new(ConnectionId::local(1), stream, peer, config.stall_timeout);
        let connection = Arc::new(connection.expect("an open socket"));
        let secrets = Secrets::open(config).expect("everybody may come in");
        let permit = Permit::take(&hub, Some(peer.ip())).expect("there is a place");
        let greeting = Greeting { offer: Offer::Nothing, waited: Duration::ZERO };
        let limits = Limits { line: 4096, rate: 0, last_words: config.stall_timeout };
        let phase = Phase::unnamed(permit);
        let mut session = Session::new(connection, hub, secrets, phase, None, greeting, limits);
        session.on_tags();
        (session, client.expect("it listens"))
    }

    #[test]
    fn the_tenth_wrong_guess_ends_the_connection() {
        for (before, is_last) in [(MOST_WRONG - 2, false), (MOST_WRONG - 1, true)] {
            let (mut session, mut client) = session(&Config::default());
            session.wrong = before;
            let next = session.pass("7q4k-2mpx");
            assert_eq!(next.is_break(), is_last, "after {before}");
            drop(session);
            let mut told = String::new();
            client.read_to_string(&mut told).expect("it ends well");
            assert!(told.ends_with(" !! that is not it\n"), "{told}");
        }
    }

    /// Windows does not tell of a reset before a send.
    #[cfg(unix)]
    #[test]
    fn a_wait_ends_when_the_server_hangs_up_or_the_client_is_gone() {
        type End = fn(&Session, TcpStream);
        let by_server: End = |session, _| {
            session.connection.hang_up(crate::server::connection::CloseReason::ShuttingDown);
        };
        let by_client: End = |_, client| {
            let socket = socket2::SockRef::from(&client);
            socket.set_linger(Some(Duration::ZERO)).expect("an open socket");
        };
        let after_guess: End =
            |_, client| client.shutdown(Shutdown::Write).expect("an open socket");
        for (wrong, end) in [(0, by_server), (0, by_client), (1, after_guess)] {
            let (mut session, client) = session(&Config::default());
            session.wrong = wrong;
            end(&session, client);
            let began = instant();
            assert_ne!(session.wait(Duration::from_secs(60)), ControlFlow::Continue(true));
            assert!(began.elapsed() < Duration::from_secs(20));
        }
    }
}
