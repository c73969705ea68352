//! The client in a terminal: keys become lines, and lines are sent.
//!
//! The main thread reads keys and owns the editor. It never waits for the network: what is to be
//! sent goes into the outbox and is written by a thread of its own, so that a server that reads
//! nothing cannot keep Ctrl+C from being heard.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use log::info;

use super::answer::Answer;
use super::config::OnLoss;
use super::conversation::{self, Action};
use super::editor::{Editor, Memorable, Outcome, Submission};
use super::exit_reason::ExitReason;
use super::history::History;
use super::keys::{self, Keymap};
use super::link::{Entered, Link, NOT_CARRIED, Watch};
use super::output::Output;
use super::receiver::end::tell_of_unsaid;
use super::run::Run;
use super::sender::Sender;
use super::terminal::{Bell, Event, Events, Terminal};
use super::typed::Typed;
use crate::problem::Problem;
use crate::protocol::DEFAULT_MAX_LINE;
use remembered::{remember_server, remembered, tell_of_lost_history};

mod opening;
mod remembered;
mod writing;

/// How long leaving may take: what was typed is still sent, and the server says goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a repaint waits for more keys: too short to be seen. With no time at all, crossterm does
/// not even look at those that it has read on Windows.
const MORE_KEYS: Duration = Duration::from_millis(1);

/// How long a terminal's size has to stay the same before it is taken over: tmux tells of its sizes four
/// times a second at most, and until then has another one than it has told.
const SIZE_SETTLES: Duration = Duration::from_millis(260);

/// How long nothing is written at most because sizes follow each other.
const MOST_HELD: Duration = Duration::from_secs(3);

/// How many events may become one repaint. Enough to make a paste quick, and few enough to see it
/// happen.
const EVENTS_A_REPAINT: usize = 1000;

/// How many bytes may wait to be sent or for their receipts. The longest paste fits, whatever its
/// lines; a line that does not is not taken, and the user is told.
const MOST_WAITING: usize = 64 * 1024 * 1024;

/// Chats until somebody has had enough.
pub(super) fn run(run: &Run<'_, Terminal>) -> ExitReason {
    match begin(run).map(Keyboard::run) {
        Ok(Ok(())) => {
            if !run.link.is_away() {
                // The sender and the receiver end it sooner, if all goes well.
                thread::sleep(FAREWELL);
            }
            tell_of_unsaid(&*run.output, run.link.unsaid());
            ExitReason::Clean
        }
        Ok(Err(end)) | Err(end) => end,
    }
}

fn begin<'a>(run: &'a Run<'_, Terminal>) -> Result<Keyboard<'a>, ExitReason> {
    let (terminal, link) = (&run.output, &run.link);
    let (history, sent) = remembered(run.config, terminal);
    remember_server(run.config);
    terminal.begin()?;
    let on_loss = run.config.on_loss.unwrap_or(OnLoss::ComesBack);
    run.receive(on_loss).map_err(ExitReason::Failed)?;
    if run.config.notify && !terminal.shows_notifications() {
        terminal.notice(
            "this terminal is not known to show notifications; its title counts what is unread",
        );
    }
    let events = begin_events(run).map_err(ExitReason::Failed)?;
    let (output, watch) = (Arc::clone(terminal), Watch::On { told: 0 });
    let sender = Sender { link: Arc::clone(link), output, watch };
    run.exit.spawn_helper("sender", move || sender.run()).map_err(ExitReason::Failed)?;
    let editor = Editor::new(DEFAULT_MAX_LINE, sent);
    let (keymap, answer) = (Keymap::default(), Answer::new());
    Ok(Keyboard { events, editor, answer, keymap, history, terminal, link })
}

#[cfg(unix)]
fn begin_events(run: &Run<'_, Terminal>) -> Result<Events, Problem> {
    let (events, resizing) = Events::begin(&run.exit)?;
    super::job_control::watch(&run.output, resizing, &run.exit, run.ignored)?;
    Ok(events)
}

#[cfg(windows)]
fn begin_events(run: &Run<'_, Terminal>) -> Result<Events, Problem> {
    Events::begin(&run.exit)
}

/// The work of the main thread.
struct Keyboard<'a> {
    /// What the terminal tells.
    events: Events,
    /// What is being written.
    editor: Editor,
    /// What is typed where a password or a code is asked for.
    answer: Answer,
    /// What the chords mean.
    keymap: Keymap,
    /// Where what is sent is kept, as long as that works.
    history: Option<History>,
    /// What is shown.
    terminal: &'a Arc<Terminal>,
    /// The way to the server.
    link: &'a Link,
}

impl Keyboard<'_> {
    /// Reads keys until the user wants to leave.
    fn run(mut self) -> Result<(), ExitReason> {
        while self.read_and_repaint()?.is_continue() {}
        info!("the user leaves");
        self.link.want_to_part();
        self.link.end_input();
        Ok(())
    }

    fn read_and_repaint(&mut self) -> Result<ControlFlow<()>, ExitReason> {
        let mut bell = Bell::Silent;
        let mut timeout = None;
        for _ in 0..EVENTS_A_REPAINT {
            let Some(event) = self.events.next(timeout).map_err(broken)? else { break };
            if self.handle(event, &mut bell)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            timeout = Some(MORE_KEYS);
        }
        self.terminal.edit(&self.editor, &self.answer, bell)?;
        Ok(ControlFlow::Continue(()))
    }

    fn handle(&mut self, event: Event, bell: &mut Bell) -> Result<ControlFlow<()>, ExitReason> {
        self.editor.set_limit(self.link.max_line());
        let outcome = match event {
            Event::Resized => return self.follow_size(bell),
            Event::Focus(focus) => {
                self.terminal.focus(focus)?;
                Outcome::Edited
            }
            Event::Paste(text) => {
                self.terminal.set_pasting(false);
                if self.is_asked() { self.answer.paste(&text) } else { self.editor.paste(&text) }
            }
            Event::PasteTooLong => {
                self.terminal.set_pasting(false);
                Outcome::Full
            }
            Event::PasteStalls => {
                self.terminal.set_pasting(true);
                Outcome::Edited
            }
            Event::Key(chord) => self.press(chord),
        };
        match outcome {
            Outcome::Edited | Outcome::Complete(_) => {}
            Outcome::Full => *bell = Bell::Rings,
            Outcome::TooLong(length) => {
                *bell = Bell::Rings;
                let most = self.editor.limit().unwrap_or(DEFAULT_MAX_LINE);
                self.terminal.notice(&format!(
                    "that line has {length} bytes and was not sent: the most is {most}"
                ));
            }
            Outcome::Submit(submission) => return self.submit(submission),
            Outcome::GivenUp(draft) => self.remember(draft.as_ref()),
            Outcome::Repaint => self.terminal.pin()?,
            Outcome::Compose => self.compose()?,
            #[cfg(unix)]
            Outcome::Suspend => super::job_control::suspend(),
            // Windows has no such thing.
            #[cfg(windows)]
            Outcome::Suspend => {}
            Outcome::Quit => return Ok(ControlFlow::Break(())),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Takes the terminal's new size over once it has stayed the same for a moment, or something else
    /// has happened: somebody who drags the edge of a window makes a hundred of them.
    fn follow_size(&mut self, bell: &mut Bell) -> Result<ControlFlow<()>, ExitReason> {
        self.terminal.hold();
        let deadline = Instant::now() + MOST_HELD;
        let next = loop {
            let next = self.events.next(Some(SIZE_SETTLES)).map_err(broken)?;
            if next != Some(Event::Resized) || Instant::now() >= deadline {
                break next;
            }
        };
        self.terminal.resize()?;
        match next {
            None | Some(Event::Resized) => Ok(ControlFlow::Continue(())),
            Some(event) => self.handle(event, bell),
        }
    }

    fn submit(&mut self, submission: Submission) -> Result<ControlFlow<()>, ExitReason> {
        let Submission { lines, entry } = submission;
        self.remember(entry.as_ref());
        // The rows are free before the lines are shown that take them.
        self.terminal.edit(&self.editor, &self.answer, Bell::Silent)?;
        lines.iter().for_each(|line| info!("input: {}", line.for_log()));
        // What the editor has made of them, it has made for this kind of server.
        let actions = match self.editor.limit() {
            Some(_) => self.terminal.obey(&lines),
            None => lines.iter().map(|_| Action::Send).collect(),
        };
        for (line, action) in lines.into_iter().zip(actions) {
            let done = if self.editor.limit().is_some() && !self.link.may_carry(&line) {
                self.terminal.notice(NOT_CARRIED);
                ControlFlow::Continue(())
            } else {
                self.act(line, action)?
            };
            if done.is_break() {
                return Ok(done);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Does what a line asks of the client itself, and sends what is for the server.
    fn act(&mut self, line: Typed, action: Action) -> Result<ControlFlow<()>, ExitReason> {
        match action {
            Action::Send => {
                // A server that confirms nothing does not keep anyone who wants to go.
                let leaves = self.editor.limit().is_some() && line.is_quit();
                let sent = self.send(line);
                return Ok(if leaves { ControlFlow::Break(()) } else { sent });
            }
            // The name may be longer than what was kept free for it.
            Action::SendInstead(line) => {
                let most = self.editor.limit().unwrap_or(DEFAULT_MAX_LINE);
                for line in Typed::new(line).split(most) {
                    if self.send(line).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            Action::SendAndHelp => {
                let commands = conversation::help();
                let keys = keys::help(self.terminal.columns())
                    .into_iter()
                    .map(|line| format!("-- {line}"));
                let lines: Vec<String> = keys.chain(commands).collect();
                self.terminal.tell(lines.iter().map(String::as_str));
                return Ok(self.send(line));
            }
            Action::Tell(line) => self.terminal.tell([line.as_str()]),
            Action::Clear => self.terminal.clear()?,
            Action::Open(address) => self.open(address),
            Action::TellSecrecy => self.terminal.notice(&self.link.secrecy()),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn remember(&mut self, entry: Option<&Memorable>) {
        let (Some(history), Some(entry)) = (&mut self.history, entry) else { return };
        if let Err(why) = history.add(entry) {
            tell_of_lost_history(self.terminal, history.path(), why);
            self.history = None;
        }
    }

    fn send(&mut self, line: Typed) -> ControlFlow<()> {
        let away = self.link.is_away();
        if away && line.is_quit() {
            return ControlFlow::Break(());
        }
        let line = Arc::new(line);
        let shown = line.for_notice();
        match self.link.enter(Arc::clone(&line), MOST_WAITING) {
            Entered::Yes if away => self.terminal.notice(&format!("waiting to be sent: {shown}")),
            Entered::Yes => {}
            Entered::Full => {
                let text = format!("too much waits to be sent already; not taken: {shown}");
                self.terminal.notice(&text);
            }
            Entered::Over => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }
}

fn broken(why: io::Error) -> ExitReason {
    ExitReason::Failed(Problem::System("read the keyboard", why))
}
