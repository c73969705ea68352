//! What the user sees of the program, and what it is made of. The terminal's lock guards it.

use std::io::{self, Write};
use std::time::Instant;

use super::broken;
use crate::client::clock;
use crate::client::colours::Colours;
use crate::client::conversation::{Alert, Conversation, Looks, Medium, Moment, Shown};
use crate::client::exit_reason::ExitReason;
use crate::client::output::Presence;
use crate::client::prompt::{Label, Status};
use crate::client::screen::Screen;

/// Where the terminal is written.
type Out = Box<dyn Write + Send>;

/// What the user sees, and what it is made of.
pub(super) struct Face {
    /// What the terminal shows.
    pub(super) screen: Screen<Out>,
    /// What it is made of.
    pub(super) conversation: Conversation,
    /// Whether there is a connection.
    pub(super) presence: Presence,
    /// How many of our lines have waited for their receipts for too long.
    pub(super) waiting: usize,
    /// What the user is asked for, if that is a password or a code: the answer is in the input row then.
    pub(super) asked: Option<Label>,
    /// The line being written.
    pub(super) draft: Input,
    /// The answer to what is asked.
    pub(super) answer: Input,
    /// By how many bytes a line of what is being written is too long.
    pub(super) over: usize,
    /// As how many lines it is sent.
    pub(super) lines: usize,
    /// To whom alone, if it is private.
    pub(super) to: Option<String>,
    /// Whether a paste has begun that does not end.
    pub(super) is_pasting: bool,
    /// What the lines ask for that were taken and are not on the screen yet; `None` if there are none.
    pub(super) unshown: Option<Alert>,
    /// The last line that speaks to us and that nobody was looking at, if the user has not been told of it.
    pub(super) call: Option<String>,
    /// How many unread lines the window's title tells of, if it tells.
    pub(super) titled: Option<usize>,
    /// When the bell rang last for something that came.
    pub(super) rang: Option<Instant>,
}

/// What the input row shows of an editor.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// The text, as it may be seen.
    pub(super) text: String,
    /// Where the cursor is, in bytes.
    pub(super) cursor: usize,
    /// What the editor asks in place of the usual prompt.
    pub(super) question: Option<Label>,
}

impl Face {
    /// A face of which nothing is seen, with a conversation that looks so.
    pub(super) fn new(mut screen: Screen<Out>, looks: Looks) -> Face {
        if looks.colours != Colours::None {
            screen.set_off_input();
        }
        Face {
            screen,
            conversation: Conversation::new(looks, Medium::Screen),
            presence: Presence::Here,
            waiting: 0,
            asked: None,
            draft: Input::default(),
            answer: Input::default(),
            over: 0,
            lines: 0,
            to: None,
            is_pasting: false,
            unshown: None,
            call: None,
            titled: None,
            rang: None,
        }
    }

    /// Adds to the screen what `make` makes of the conversation.
    pub(super) fn show(
        &mut self,
        make: impl FnOnce(&mut Conversation, Moment, &mut Shown),
    ) -> Alert {
        let at = Moment::of_showing(clock::local_now());
        let mut shown = Shown::default();
        make(&mut self.conversation, at, &mut shown);
        self.screen.print(shown.paragraphs());
        self.call = shown.call.or(self.call.take());
        shown.alert
    }

    /// Writes everything that has changed.
    pub(super) fn repaint(&mut self) -> Result<(), ExitReason> {
        let usual = || Label::of(self.conversation.name(), self.status());
        let prompt = self.input().question.as_ref().or(self.asked.as_ref()).cloned();
        let prompt = prompt.unwrap_or_else(usual);
        self.screen.set_prompt(prompt);
        self.screen.repaint().map_err(broken)
    }

    /// Has the next repaint show what is written, or the answer to what is asked.
    pub(super) fn place_input(&mut self) {
        let input = if self.asked.is_some() { &self.answer } else { &self.draft };
        self.screen.set_input(&input.text, input.cursor);
    }

    fn input(&self) -> &Input {
        if self.asked.is_some() { &self.answer } else { &self.draft }
    }

    fn status(&self) -> Status<'_> {
        match self.presence {
            Presence::Reconnecting => Status::Reconnecting,
            Presence::ReconnectingIn(seconds) => Status::ReconnectingIn(seconds),
            Presence::Here if self.is_pasting => Status::Pasting,
            Presence::Here if self.over > 0 => Status::TooLong(self.over),
            Presence::Here if self.lines > 1 => Status::Lines(self.lines, self.to.as_deref()),
            Presence::Here if self.waiting > 0 => Status::Waiting(self.waiting),
            Presence::Here => Status::Ready,
        }
    }
}

/// Standard output without the library's line buffer, which would make two writes of one.
#[cfg(unix)]
pub(super) fn standard_output() -> Out {
    use std::os::fd::AsFd;
    match io::stdout().as_fd().try_clone_to_owned() {
        Ok(file) => Box::new(std::fs::File::from(file)),
        Err(_) => Box::new(io::stdout()),
    }
}

/// Standard output, which on Windows knows how to write Unicode to a console, whatever its code page.
#[cfg(windows)]
pub(super) fn standard_output() -> Out {
    Box::new(io::stdout())
}
