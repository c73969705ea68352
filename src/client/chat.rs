//! The client in a terminal: keys become lines, and lines are sent.
//!
//! The main thread reads keys and owns the editor. It never waits for the network: what is to be
//! sent goes to a thread of its own, so that a server that reads nothing cannot keep Ctrl+C from
//! being heard.

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crossterm::event::{self, Event};
use log::{debug, info, warn};

use super::Session;
use super::echo::echo;
use super::editor::{Editor, Outcome};
use super::handshake::Server;
use super::keys::editor_key;
use super::link::Link;
use super::output::Output;
use super::terminal::{Bell, Terminal};
use super::way_out::{End, wait_for_the_end};
use crate::problem::Problem;
use crate::protocol::{DEFAULT_MAX_LINE, text};

/// How long leaving may take: what was typed is still sent, and the server says goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a repaint waits for more keys: too short to be seen. With no time at all crossterm does
/// not even look at those that it has read.
const MORE_KEYS: Duration = Duration::from_millis(1);

/// How many events may become one repaint. Enough to make a paste quick, and few enough to see it
/// happen.
const EVENTS_A_REPAINT: usize = 1000;

/// Roughly how many bytes of lines are sent, and shown as ours, at once.
const BATCH: usize = 16 * 1024;

/// Chats until somebody has had enough.
pub(super) fn run(session: &Session<Terminal>) -> End {
    match begin(session).map(Keyboard::run) {
        Ok(Ok(())) => {
            // The sender and the receiver end it sooner, if all goes well.
            thread::sleep(FAREWELL);
            End::Clean
        }
        Ok(Err(end)) | Err(end) => end,
    }
}

fn begin(session: &Session<Terminal>) -> Result<Keyboard<'_>, End> {
    session.output.begin()?;
    session.receive().map_err(End::Failed)?;
    #[cfg(unix)]
    session.way_out.spawn("hang-up", wait_for_hang_up).map_err(End::Failed)?;
    let (to_send, lines) = mpsc::channel();
    let (link, terminal) = (Arc::clone(&session.link), Arc::clone(&session.output));
    let sender = Sender { lines, link, terminal };
    session.way_out.spawn("sender", move || sender.run()).map_err(End::Failed)?;
    let editor = Editor::new(DEFAULT_MAX_LINE);
    let link = &session.link;
    Ok(Keyboard { editor, terminal: &session.output, link, to_send })
}

/// Waits until the terminal is gone, which is a way to leave. A signal tells it too, but not to a
/// program that ignores that one or has the terminal from elsewhere; and reading keys from a
/// terminal that is gone would never end.
#[cfg(unix)]
fn wait_for_hang_up() -> End {
    use rustix::event::{PollFd, PollFlags, poll};
    let stdin = io::stdin();
    loop {
        // Asked for nothing, it tells of a hang-up and of errors all the same.
        let mut terminal = [PollFd::new(&stdin, PollFlags::empty())];
        match poll(&mut terminal, None) {
            Err(rustix::io::Errno::INTR) => {}
            // It cannot be waited for; then the keys have to tell.
            Err(_) => wait_for_the_end(),
            Ok(_) if terminal[0].revents().contains(PollFlags::NVAL) => wait_for_the_end(),
            Ok(_) => {
                info!("the terminal is gone");
                return End::Clean;
            }
        }
    }
}

/// The work of the main thread.
struct Keyboard<'a> {
    editor: Editor,
    terminal: &'a Terminal,
    link: &'a Link,
    /// The lines for the sender. Dropping it tells the sender to finish.
    to_send: mpsc::Sender<String>,
}

impl Keyboard<'_> {
    /// Reads keys until the user wants to leave.
    fn run(mut self) -> Result<(), End> {
        while self.read_and_repaint()?.is_continue() {}
        info!("the user leaves");
        self.link.want_to_part();
        Ok(())
    }

    fn read_and_repaint(&mut self) -> Result<ControlFlow<()>, End> {
        let mut bell = Bell::Silent;
        for _ in 0..EVENTS_A_REPAINT {
            let event = event::read().map_err(broken)?;
            if self.handle(&event, &mut bell)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if !event::poll(MORE_KEYS).map_err(broken)? {
                break;
            }
        }
        self.terminal.edit(&self.editor, bell)?;
        Ok(ControlFlow::Continue(()))
    }

    fn handle(&mut self, event: &Event, bell: &mut Bell) -> Result<ControlFlow<()>, End> {
        match event {
            Event::Resize(..) => self.terminal.resize()?,
            Event::Key(key) => match editor_key(key).map(|key| self.editor.press(key)) {
                Some(Outcome::Edited) | None => {}
                Some(Outcome::Full) => *bell = Bell::Rings,
                Some(Outcome::TooLong(length)) => {
                    *bell = Bell::Rings;
                    self.terminal.notice(&format!(
                        "that line has {length} bytes and was not sent: the most is {DEFAULT_MAX_LINE}"
                    ));
                }
                Some(Outcome::Submit(line)) => self.submit(line),
                Some(Outcome::Quit) => return Ok(ControlFlow::Break(())),
            },
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    fn submit(&mut self, line: String) {
        info!("input: {}", safe(&line));
        if self.to_send.send(line).is_err() {
            debug!("nobody sends any more, so the program is about to end");
        }
    }
}

/// For the log, which somebody will read in a terminal.
fn safe(line: &str) -> Cow<'_, str> {
    text::make_safe(line.as_bytes())
}

fn broken(why: io::Error) -> End {
    End::Failed(Problem::System("read the keyboard", why))
}

/// The work of the thread that sends.
struct Sender {
    /// What the user has entered; it ends when the user leaves.
    lines: mpsc::Receiver<String>,
    link: Arc<Link>,
    terminal: Arc<Terminal>,
}

impl Sender {
    fn run(self) -> End {
        self.link.wait_for_greeting();
        while let Ok(line) = self.lines.recv() {
            if let Err(end) = self.send(&self.with_what_waits(line)) {
                return end;
            }
        }
        match self.link.server_as_known() {
            // It closes the connection when it has taken everything, and the receiver ends it.
            Server::Ours => match self.link.close_our_side() {
                Ok(()) => wait_for_the_end(),
                Err(_) => End::Clean,
            },
            Server::Foreign => End::Clean,
        }
    }

    fn with_what_waits(&self, line: String) -> Vec<String> {
        let mut length = line.len();
        let mut lines = vec![line];
        while length < BATCH
            && let Ok(line) = self.lines.try_recv()
        {
            length += line.len();
            lines.push(line);
        }
        lines
    }

    fn send(&self, lines: &[String]) -> Result<(), End> {
        let server = self.link.server_as_known();
        self.terminal.show_own(|name| {
            let ours = lines.iter().filter_map(|line| echo(server, name, line));
            ours.map(|line| line + "\n").collect()
        })?;
        lines.iter().for_each(|line| self.link.about_to_send(line.as_bytes()));
        match self.link.send((lines.join("\n") + "\n").as_bytes()) {
            Ok(()) => lines.iter().for_each(|line| info!("sent: {}", safe(line))),
            // The receiver learns it too, and ends the program.
            Err(why) => warn!("not sent: {why}"),
        }
        Ok(())
    }
}
