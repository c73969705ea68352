//! What the input row shows: the line being written, or the answer to a question.

use super::face::Input;
use super::{Bell, Terminal};
use crate::client::answer::Answer;
use crate::client::editor::{Direction, Editor, Extent, Outcome};
use crate::client::exit_reason::ExitReason;
use crate::client::prompt::Label;
use crate::client::secret;

impl Terminal {
    /// Shows what the editor has come to, or the answer to what is asked.
    pub(in crate::client) fn edit(
        &self,
        editor: &Editor,
        answer: &Answer,
        bell: Bell,
    ) -> Result<(), ExitReason> {
        let mut face = self.face();
        let (text, cursor) = secret::dotted(editor.text(), editor.cursor());
        let question = Label::asking(editor.prompt());
        face.draft = Input { text: text.into_owned(), cursor, question };
        let ((text, cursor), question) = (answer.dotted(), Label::asking(answer.prompt()));
        face.answer = Input { text, cursor, question };
        face.place_input();
        let Extent { lines, to, too_long } = editor.extent();
        face.over = too_long.saturating_sub(editor.limit().unwrap_or(usize::MAX));
        (face.lines, face.to) = (lines, to.map(str::to_owned));
        if bell == Bell::Rings {
            face.screen.ring();
        }
        face.repaint()
    }

    /// Whether the user is asked for a password or a code.
    pub(in crate::client) fn is_asking(&self) -> bool {
        self.face().asked.is_some()
    }

    /// Completes what is being written, from what is known here.
    pub(in crate::client) fn complete(&self, editor: &mut Editor, direction: Direction) -> Outcome {
        let face = self.face();
        editor.complete(direction, |before| face.conversation.candidates(before))
    }
}
