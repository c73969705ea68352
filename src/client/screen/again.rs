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
        // The cursor is in the first input row, or where that will be.
        let room = usize::from(rows).saturating_sub(self.drawn.rows.len().max(1) + self.free);
        if let Some(below) = below.filter(|below| *below < room) {
            self.above.push_str(&up(below + 1));
            let _ = write!(self.above, "{DELETE_ROW}\x1b[{}B", below.max(1));
            // With nothing below the rule, the input is where that was.
            self.above.push_str(&up(usize::from(below == 0)));
            self.above.push('\r');
            self.free += 1;
        }
    }

    /// Takes what is written away, and goes to where it began.
    pub(super) fn erase(&self) -> Vec<u8> {
        [up(self.drawn.at).as_bytes(), ERASE].concat()
    }

    /// The same, and goes to where it begins if it has its place in the last rows.
    pub(super) fn to_last_rows(&self) -> Vec<u8> {
        [self.erase(), self.last_rows()].concat()
    }

    /// To where what is written begins if it has its place in the last rows.
    pub(super) fn last_rows(&self) -> Vec<u8> {
        let rows = self.drawn.rows.len().min(self.row.height(self.most_rows()));
        [LAST_ROW, up(rows.saturating_sub(1)).as_bytes()].concat()
    }

    /// Whether all terminals agree about how wide the input rows are.
    pub(super) fn is_input_exact(&self) -> bool {
        let columns = usize::from(self.size.columns);
        let rows =
            |measure| self.drawn.rows.iter().map(move |row| columns::rows(row, columns, measure));
        rows(Measure::Narrowest).eq(rows(Measure::WidestAmongIdeographs))
    }

    /// All again that is seen of the conversation, from where it begins above the cursor.
    pub(super) fn laid_out_again(&mut self) -> Vec<u8> {
        let (columns, rows) = (usize::from(self.size.columns), usize::from(self.size.rows));
        let (before, after) = self.drawn.split();
        let before = columns::rows_of_all(&(before + "|"), columns, Measure::Widest) - 1;
        let below = columns::rows_of_all(&after, columns, Measure::Narrowest).saturating_sub(1);
        let visible = self.recent.visible(columns, rows - 1);
        let above = (visible.rows + before).min(rows - 1);
        let (text, taken) = self.recent.lay_out(visible, columns);
        let erase = [up(above), ERASE_ROW.repeat(above)].concat();
        // It ends above the input, which is in the last rows.
        let needed = taken + self.row.height(self.most_rows()) - 1;
        let begin = up(needed.min(above + below));
        [ERASE, erase.as_bytes(), LAST_ROW, begin.as_bytes(), text.as_bytes()].concat()
    }
}
