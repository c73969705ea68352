//! What a screen writes a second time: the conversation in a terminal that has become narrower, and the rows
//! around a rule that is taken away.

use std::fmt::Write as _;
use std::io::Write;

use super::sequences::{DELETE_ROW, ERASE, ERASE_ROW, LAST_ROW, up};
use super::{Screen, Size};
use crate::client::columns::{self, Measure};

impl<W: Write> Screen<W> {
    /// Has the rule above what was new until now taken out of the conversation, if it is still to be
    /// seen: where there is more than one, none says what is new.
    pub(super) fn take_unread_rule_away(&mut self) {
        let Size { columns, rows } = self.size;
        let below = self.recent.take_unread_rule(usize::from(columns));
        // The cursor is in the last row, where the input row is or will be.
        if let Some(below) = below.filter(|below| below + 1 < usize::from(rows)) {
            self.above.push_str(&up(below + 1));
            let _ = write!(self.above, "{DELETE_ROW}\x1b[{}B", below.max(1));
            // With nothing below the rule, the input row is where that was.
            self.above.push_str(&up(usize::from(below == 0)));
            self.above.push('\r');
        }
    }

    /// Whether all terminals agree about how wide the input row is.
    pub(super) fn is_input_exact(&self) -> bool {
        let rows = |measure| columns::rows(&self.drawn, usize::from(self.size.columns), measure);
        rows(Measure::Narrowest) == rows(Measure::WidestAmongIdeographs)
    }

    /// All again that is seen of the conversation, from where it begins above the cursor.
    pub(super) fn laid_out_again(&mut self) -> Vec<u8> {
        let (columns, rows) = (usize::from(self.size.columns), usize::from(self.size.rows));
        let before = columns::rows(&self.drawn, columns, Measure::Widest) - 1;
        let visible = self.recent.visible(columns, rows - 1);
        let above = (visible.rows + before).min(rows - 1);
        let (text, taken) = self.recent.lay_out(visible, columns);
        let erase = [up(above), ERASE_ROW.repeat(above), up(above.min(taken))].concat();
        // What fewer rows are needed for ends where the input row is.
        [ERASE, erase.as_bytes(), b"\r", text.as_bytes(), LAST_ROW].concat()
    }
}
