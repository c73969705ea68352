//! The input and what is new above it, as bytes.

use std::io::{self, Write};

use super::sequences::{
    BOLD, CUT_OFF, HOLD, PLAIN, RELEASE, RESTORE_CURSOR, SAVE_CURSOR, WRAP, up,
};
use super::{Screen, Stage};
use crate::client::row::View;

impl<W: Write> Screen<W> {
    pub(super) fn paint(&mut self, place: &[u8]) -> io::Result<()> {
        if self.stage != Stage::Shown {
            return Ok(());
        }
        let mut bytes = place.to_vec();
        bytes.append(&mut std::mem::take(&mut self.above).into_bytes());
        let columns = usize::from(self.size.columns);
        let view = self.row.view(&self.prompt.within(columns), columns, self.most_rows());
        self.put_input(&view, &mut bytes);
        let (before, now) = (self.drawn.rows.len().max(1), view.rows.len());
        self.free = (self.free + before).saturating_sub(now);
        self.drawn = view;
        self.write(&[HOLD, &bytes, RELEASE].concat())
    }

    /// Adds what shows the input, from the beginning of its first row on.
    fn put_input(&self, view: &View, bytes: &mut Vec<u8>) {
        // All rows are there before anything is remembered that scrolling would move.
        let further = view.rows.len() - 1;
        bytes.extend_from_slice(&[&b"\r\n".repeat(further), up(further).as_bytes()].concat());
        bytes.extend_from_slice(CUT_OFF);
        let (before, after) = view.split();
        let (prompt, text) = before.split_at(view.prompt);
        let [bold, plain] = if self.is_bold { [BOLD, PLAIN] } else { [&b""[..]; 2] };
        bytes.extend_from_slice(&[bold, prompt.as_bytes(), plain, text.as_bytes()].concat());
        if !after.is_empty() {
            bytes.extend_from_slice(SAVE_CURSOR);
            bytes.extend_from_slice(after.as_bytes());
            bytes.extend_from_slice(RESTORE_CURSOR);
        }
        bytes.extend_from_slice(WRAP);
    }

    /// How many rows the input may have: a third of the terminal's, but two if there are.
    pub(super) fn most_rows(&self) -> usize {
        let rows = usize::from(self.size.rows);
        (rows / 3).max(2).min(rows.saturating_sub(1)).max(1)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }
}
