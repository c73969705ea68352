//! The client in a terminal: keys become lines, and lines are sent.
//!
//! The main thread reads keys and owns the editor. It never waits for the network: what is to be
//! sent goes to a thread of its own, so that a server that reads nothing cannot keep Ctrl+C from
//! being heard.

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crossterm::event::{self, Event, KeyEvent};
use log::{debug, info, warn};

use super::conversation::{self, Action, Focus};
use super::echo::echo;
use super::editor::recall::is_secret;
use super::editor::{Editor, Outcome};
use super::handshake::Server;
use super::history::History;
use super::keys::{self, editor_key};
use super::link::{Link, is_quit};
use super::output::Output;
use super::terminal::{Bell, Terminal};
use super::way_out::{End, wait_for_the_end};
use super::{Config, Session};
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
pub(super) fn run(session: &Session<'_, Terminal>) -> End {
    let unsent = Arc::default();
    match begin(session, &unsent).map(Keyboard::run) {
        Ok(Ok(())) => {
            if !session.link.is_away() {
                // The sender and the receiver end it sooner, if all goes well.
                thread::sleep(FAREWELL);
            }
            match unsent.load(Ordering::Relaxed) {
                0 => {}
                1 => session.output.notice("the last line was not sent"),
                lines => session.output.notice(&format!("the last {lines} lines were not sent")),
            }
            End::Clean
        }
        Ok(Err(end)) | Err(end) => end,
    }
}

fn begin<'a>(
    session: &'a Session<'_, Terminal>,
    unsent: &Arc<AtomicUsize>,
) -> Result<Keyboard<'a>, End> {
    let (terminal, link) = (&session.output, &session.link);
    let (history, sent) = remembered(session.config, terminal);
    terminal.begin()?;
    session.receive(session.config.on_loss).map_err(End::Failed)?;
    #[cfg(unix)]
    {
        session.way_out.spawn("hang-up", wait_for_hang_up).map_err(End::Failed)?;
        super::job_control::watch(terminal, &session.way_out).map_err(End::Failed)?;
    }
    let (to_send, lines) = mpsc::channel();
    let sender = Sender {
        lines,
        unsent: Arc::clone(unsent),
        link: Arc::clone(link),
        terminal: Arc::clone(terminal),
    };
    session.way_out.spawn("sender", move || sender.run()).map_err(End::Failed)?;
    let editor = Editor::new(DEFAULT_MAX_LINE, sent);
    Ok(Keyboard { editor, history, terminal, link, to_send, unsent: Arc::clone(unsent) })
}

/// What was sent in earlier runs, and the file that it is kept in.
fn remembered(config: &Config, terminal: &Terminal) -> (Option<History>, Vec<String>) {
    let Some(path) = &config.history else { return (None, Vec::new()) };
    match History::open(path) {
        Ok((history, sent)) => (Some(history), sent),
        Err(why) => {
            tell_of_lost_history(terminal, path, why);
            (None, Vec::new())
        }
    }
}

fn tell_of_lost_history(terminal: &Terminal, path: &Path, why: io::Error) {
    let path = path.display().to_string();
    terminal.notice(&Problem::HistoryLost { path, why }.to_string());
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
    /// Where what is sent is kept, as long as that works.
    history: Option<History>,
    terminal: &'a Terminal,
    link: &'a Link,
    /// The lines for the sender. Dropping it tells the sender to finish.
    to_send: mpsc::Sender<String>,
    /// How many of them it has not sent.
    unsent: Arc<AtomicUsize>,
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
            if self.handle(event, &mut bell)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if !event::poll(MORE_KEYS).map_err(broken)? {
                break;
            }
        }
        self.terminal.edit(&self.editor, bell)?;
        Ok(ControlFlow::Continue(()))
    }

    fn handle(&mut self, event: Event, bell: &mut Bell) -> Result<ControlFlow<()>, End> {
        let outcome = match event {
            Event::Resize(..) => {
                self.terminal.resize()?;
                Outcome::Edited
            }
            Event::FocusGained => {
                self.terminal.focus(Focus::Here);
                Outcome::Edited
            }
            Event::FocusLost => {
                self.terminal.focus(Focus::Away);
                Outcome::Edited
            }
            Event::Paste(text) => self.editor.paste(&text),
            Event::Key(key) => self.press(&key),
            Event::Mouse(_) => Outcome::Edited,
        };
        match outcome {
            Outcome::Edited | Outcome::Complete(_) => {}
            Outcome::Full => *bell = Bell::Rings,
            Outcome::TooLong(length) => {
                *bell = Bell::Rings;
                self.terminal.notice(&format!(
                    "that line has {length} bytes and was not sent: the most is {DEFAULT_MAX_LINE}"
                ));
            }
            Outcome::Submit(lines) => return self.submit(lines),
            Outcome::Repaint => self.terminal.pin()?,
            Outcome::Suspend => self.suspend()?,
            Outcome::Quit => return Ok(ControlFlow::Break(())),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn press(&mut self, key: &KeyEvent) -> Outcome {
        let Some(key) = editor_key(key) else { return Outcome::Edited };
        match self.editor.press(key) {
            Outcome::Complete(direction) => self.terminal.complete(&mut self.editor, direction),
            outcome => outcome,
        }
    }

    #[cfg(unix)]
    fn suspend(&self) -> Result<(), End> {
        super::job_control::suspend(self.terminal)
    }

    /// Windows has no such thing.
    #[cfg(windows)]
    fn suspend(&self) -> Result<(), End> {
        Ok(())
    }

    fn submit(&mut self, lines: Vec<String>) -> Result<ControlFlow<()>, End> {
        self.remember(&lines.join("\n"));
        for line in lines {
            info!("input: {}", safe(&line));
            let done = match self.link.server_as_known() {
                Server::Ours => self.obey(&line)?,
                Server::Foreign => self.send(line),
            };
            if done.is_break() {
                return Ok(done);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Does what the line asks of the client itself, and sends what is for the server.
    fn obey(&mut self, line: &str) -> Result<ControlFlow<()>, End> {
        match self.terminal.obey(line) {
            Action::Send(line) => return Ok(self.send(line.into_owned())),
            Action::SendAndHelp => {
                let commands = conversation::help();
                let keys = keys::help().into_iter().map(|line| format!("-- {line}"));
                let lines: Vec<String> = keys.chain(commands).collect();
                self.terminal.tell(lines.iter().map(String::as_str));
                return Ok(self.send(line.to_owned()));
            }
            Action::Tell(line) => self.terminal.tell([line.as_str()]),
            Action::Clear => self.terminal.clear()?,
        }
        Ok(ControlFlow::Continue(()))
    }

    fn remember(&mut self, entry: &str) {
        let Some(history) = &mut self.history else { return };
        if let Err(why) = history.add(entry) {
            tell_of_lost_history(self.terminal, history.path(), why);
            self.history = None;
        }
    }

    fn send(&mut self, line: String) -> ControlFlow<()> {
        if self.link.is_away() {
            if is_quit(line.as_bytes()) {
                return ControlFlow::Break(());
            }
            self.terminal.notice(&format!("waiting to be sent: {}", safe(&line)));
        }
        self.unsent.fetch_add(1, Ordering::Relaxed);
        if self.to_send.send(line).is_err() {
            debug!("nobody sends any more, so the program is about to end");
        }
        ControlFlow::Continue(())
    }
}

/// For the log, which somebody will read in a terminal, and which has no passwords in it.
fn safe(line: &str) -> Cow<'_, str> {
    if is_secret(line) {
        return Cow::Borrowed("(a line that may have a password in it)");
    }
    text::make_safe(line.as_bytes())
}

fn broken(why: io::Error) -> End {
    End::Failed(Problem::System("read the keyboard", why))
}

/// The work of the thread that sends.
struct Sender {
    /// What the user has entered; it ends when the user leaves.
    lines: mpsc::Receiver<String>,
    /// How many of them are not sent.
    unsent: Arc<AtomicUsize>,
    link: Arc<Link>,
    terminal: Arc<Terminal>,
}

impl Sender {
    fn run(self) -> End {
        while let Ok(line) = self.lines.recv() {
            if let Err(end) = self.send(&self.with_what_waits(line)) {
                return end;
            }
        }
        self.link.wait_for_greeting();
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

    /// Sends the lines, however often the connection is lost on the way.
    fn send(&self, lines: &[String]) -> Result<(), End> {
        let mut connection = self.link.wait_for_greeting();
        let server = self.link.server_as_known();
        self.terminal
            .show_own(|name| lines.iter().filter_map(|line| echo(server, name, line)).collect())?;
        lines.iter().for_each(|line| self.link.about_to_send(line.as_bytes()));
        let mut left = lines;
        while let Err((sent, why)) = connection.send_lines(left) {
            // The receiver learns it too, and makes another connection or ends the program.
            warn!("not sent: {why}");
            left = &left[sent..];
            self.link.wait_for_loss(&connection);
            connection = self.link.wait_for_greeting();
        }
        self.unsent.fetch_sub(lines.len(), Ordering::Relaxed);
        lines.iter().for_each(|line| info!("sent: {}", safe(line)));
        Ok(())
    }
}
