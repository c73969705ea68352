//! Text in which characters join others, put together.

use unicode_normalization::char::compose;

use super::table::{Entry, Table, Unit};
use super::{Characters, utf8};
use crate::protocol::text::without_dots_above;

/// Puts texts into normalization form C in which characters may join others.
#[derive(Debug, Default)]
pub(super) struct Composer {
    /// The last character that joins nothing.
    starter: Option<char>,
    /// The marks behind it, in canonical order.
    marks: Vec<Entry>,
}

impl Composer {
    #[inline(always)]
    pub(super) fn fold(&mut self, table: &Table, bytes: &[u8], sink: &mut impl Characters) {
        self.starter = None;
        let mut at = 0;
        while at < bytes.len() {
            let unit = table.look_up(bytes, at);
            self.add(table, bytes, unit, sink);
            at = unit.end;
        }
        self.put_together();
        self.give(sink);
    }

    #[inline(always)]
    fn add(&mut self, table: &Table, bytes: &[u8], unit: Unit, sink: &mut impl Characters) {
        if unit.entry == Entry::ITSELF {
            let text = str::from_utf8(&bytes[unit.start..unit.end]).expect("a line is UTF-8");
            self.add_starter(text.chars().next().expect("it is one character"), sink);
        } else if unit.entry.has(Entry::HAS_PARTS) {
            let parts = &table.parts[unit.entry.number() as usize].decomposed;
            parts.iter().for_each(|&part| self.add_part(part, sink));
        } else {
            self.add_part(unit.entry, sink);
        }
    }

    #[inline(always)]
    fn add_part(&mut self, part: Entry, sink: &mut impl Characters) {
        if part.class() == 0 {
            return self.add_starter(part.character(), sink);
        }
        let mut at = self.marks.len();
        self.marks.push(part);
        while let Some(before) = at.checked_sub(1)
            && self.marks[before].class() > part.class()
        {
            self.marks.swap(before, at);
            at = before;
        }
    }

    /// One of no combining class joins the one before it only where it stands right behind it.
    #[inline(always)]
    fn add_starter(&mut self, c: char, sink: &mut impl Characters) {
        self.put_together();
        let before = self.starter.filter(|_| self.marks.is_empty());
        if let Some(composed) = before.and_then(|before| compose(before, c)) {
            self.starter = Some(composed);
        } else {
            self.give(sink);
            self.starter = Some(c);
        }
    }

    /// Puts the marks together with the character before them that have one of their own with it.
    #[inline(always)]
    fn put_together(&mut self) {
        let Some(mut starter) = self.starter else { return };
        let mut is_undotted = without_dots_above(|c| c == 'i');
        is_undotted(&starter);
        let mut count = 0;
        for at in 0..self.marks.len() {
            let mark = self.marks[at];
            if !is_undotted(&mark.character()) {
                continue;
            }
            // One of the same class stands between the two.
            let is_blocked = count > 0 && self.marks[count - 1].class() == mark.class();
            let composes = !is_blocked && mark.has(Entry::COMPOSES);
            match if composes { compose(starter, mark.character()) } else { None } {
                Some(composed) => starter = composed,
                None => {
                    self.marks[count] = mark;
                    count += 1;
                }
            }
        }
        self.marks.truncate(count);
        self.starter = Some(starter);
    }

    #[inline(always)]
    fn give(&mut self, sink: &mut impl Characters) {
        if let Some(starter) = self.starter {
            sink.push_char(utf8(starter));
        }
        self.marks.drain(..).for_each(|mark| sink.push_char(mark.alone()));
    }
}
