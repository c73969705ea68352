//! Any keys, through the editor and the screen; and the text is valid and fits.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::assert_commands_are_ours;
use crate::client::clock;
use crate::client::colours::Colours;
use crate::client::config::WrapChoice;
use crate::client::conversation::{Action, Conversation, Medium, Moment, Shown};
use crate::client::editor::{Direction, Editor, Key, Memorable, Outcome, Prompt, Submission};
use crate::client::handshake::Server;
use crate::client::prompt::Label;
use crate::client::row::{Row, View};
use crate::client::screen::{Screen, Size};
use crate::client::secret;
use crate::client::session::Line;
use crate::client::typed::Typed;
use crate::protocol::text::is_blank;
use crate::safety::assert_safe;

/// Stand for a paste, from the one to the other, among the bytes that a terminal sends for keys.
const PASTE: char = '\x0e';
const PASTE_END: char = '\x0f';

/// The longest line that is sent, in bytes: short, so that longer ones are met with.
const LIMIT: usize = 30;

/// Stands for taking back all that can be, and making it again.
const BACK_AND_FORTH: char = '\x1e';

/// Any keys, as text with the control characters that a terminal sends for them; the first byte says
/// how wide the terminal is.
///
/// # Panics
///
/// Something is wrong with the editor, or with how its text is shown.
pub fn keys(data: &[u8]) {
    let Some((&columns, keys)) = data.split_first() else { return };
    let size = Size { columns: u16::from(columns % 100) + 1, rows: 9 };
    let mut desk = Desk::new(size);
    let keys = String::from_utf8_lossy(keys);
    let mut rest = keys.chars();
    while let Some(c) = rest.next() {
        match c {
            PASTE => {
                let pasted: String = rest.by_ref().take_while(|&c| c != PASTE_END).collect();
                desk.editor.paste(&pasted);
            }
            BACK_AND_FORTH => desk.go_back_and_forth(),
            c => desk.press(key(c)),
        }
        desk.look();
    }
}

/// Where somebody writes.
struct Desk {
    editor: Editor,
    conversation: Conversation,
    screen: Screen<Vec<u8>>,
    row: Row,
}

impl Desk {
    fn new(size: Size) -> Desk {
        let sent = ["hi", "🇩🇪 a\u{301} \u{202e}x", "one\ntwo"];
        let sent = sent.into_iter().filter_map(Memorable::of_text).collect();
        let mut conversation = Conversation::new(Colours::None, Medium::Screen);
        for line in ["-- you are alice, with 2 others here", "<bob> hi", "<Zoë> hi"] {
            let (at, shown) = (Moment::of_showing(clock::local_now()), &mut Shown::default());
            conversation.receive(&Line::from(Server::Ours, line), at, shown);
        }
        let mut screen = Screen::new(Vec::new(), size, WrapChoice::Words);
        screen.begin(size).expect("a Vec takes all");
        Desk { editor: Editor::new(LIMIT, sent), conversation, screen, row: Row::default() }
    }

    fn press(&mut self, key: Key) {
        match self.editor.press(key) {
            Outcome::Complete(direction) => {
                let conversation = &self.conversation;
                self.editor.complete(direction, |before| conversation.candidates(before));
            }
            Outcome::Submit(Submission { lines, .. }) => {
                assert!(!lines.is_empty());
                assert!(
                    lines
                        .iter()
                        .all(|line| !is_blank(line.text()) && !line.wire().contains(&b'\n'))
                );
                assert!(lines.iter().all(|line| line.wire().len() <= LIMIT), "{lines:?}");
                lines.iter().for_each(|line| self.obey(line));
            }
            Outcome::Edited
            | Outcome::Full
            | Outcome::TooLong(_)
            | Outcome::GivenUp(_)
            | Outcome::Repaint
            | Outcome::Suspend
            | Outcome::Compose
            | Outcome::Quit => {}
        }
    }

    /// What the client itself answers is safe to show, too.
    fn obey(&mut self, line: &Typed) {
        let mut shown = Shown::default();
        if let Action::Tell(answer) = self.conversation.obey(line) {
            self.conversation.tell(&answer, Moment::of_showing(clock::local_now()), &mut shown);
        }
        shown.text.lines().for_each(assert_safe);
    }

    /// What was taken back comes again.
    fn go_back_and_forth(&mut self) {
        if self.editor.prompt() != Prompt::Name {
            return;
        }
        let before = self.editor.text().to_owned();
        let mut steps = 0;
        while self.editor.press(Key::Undo) == Outcome::Edited {
            steps += 1;
            self.look();
        }
        for _ in 0..steps {
            assert_eq!(self.editor.press(Key::Redo), Outcome::Edited);
            self.look();
        }
        assert_eq!(self.editor.text(), before);
    }

    fn look(&mut self) {
        let (text, cursor) = secret::dotted(self.editor.text(), self.editor.cursor());
        assert_valid(&self.editor);
        let prompt = Label::asking(self.editor.prompt()).unwrap_or_else(|| "alice".into());
        self.row.set(&text, cursor);
        let columns = usize::from(self.screen.size().columns);
        let View { rows, .. } = self.row.view(&prompt.within(columns), columns, 3);
        assert!(rows.iter().all(|row| row.width() < columns.max(1)), "{rows:?}");
        self.screen.set_input(&text, cursor);
        self.screen.set_prompt(prompt);
        assert_commands_are_ours(&mut self.screen, "");
    }
}

/// Asserts that the cursor stands between two characters, and that the text has no control
/// characters but tabs and line ends.
pub(crate) fn assert_valid(editor: &Editor) {
    let (text, cursor) = (editor.text(), editor.cursor());
    let mut boundaries = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]);
    assert!(boundaries.any(|at| at == cursor), "it splits a character: {editor:?}");
    let is_control = |c: char| c.is_control() && !matches!(c, '\t' | '\n');
    assert!(!text.contains(is_control), "a control character: {editor:?}");
}

/// What a terminal means with a character.
fn key(c: char) -> Key {
    match c {
        '\x01' => Key::Home,
        '\x02' => Key::Left,
        '\x03' => Key::Cancel,
        '\x04' => Key::EndOfInput,
        '\x05' => Key::End,
        '\x06' => Key::Right,
        '\x07' => Key::Escape,
        '\x08' | '\x7f' => Key::Backspace,
        '\t' => Key::Complete(Direction::Forward),
        '\n' => Key::NewRow,
        '\r' => Key::Enter,
        '\x0b' => Key::CutToEnd,
        '\x0c' => Key::Repaint,
        '\x10' => Key::Up,
        '\x11' => Key::Delete,
        '\x12' => Key::Search,
        '\x13' => Key::Down,
        '\x14' => Key::Transpose,
        '\x15' => Key::CutToStart,
        '\x16' => Key::CutWordRight,
        '\x17' => Key::CutToBlank,
        '\x18' => Key::CutWordLeft,
        '\x19' => Key::Yank,
        '\x1a' => Key::Suspend,
        '\x1b' => Key::WordLeft,
        '\x1c' => Key::WordRight,
        '\x1d' => Key::Redo,
        '\x1f' => Key::Undo,
        '\0' => Key::Complete(Direction::Back),
        c => Key::Char(c),
    }
}
