//! Screening for other protocols: up to where a client's input is looked at for one. Pure.
//!
//! A web page must not be able to post into a room on its reader's machine, and nobody in a room has any use for
//! what another protocol says.

use super::input::{End, Received};
use crate::protocol::foreign::{self, Foreign};
use crate::protocol::lines::Line;

/// Up to where the input is screened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Screening {
    /// No line that is not blank has come: the next one is screened, and its beginning.
    FirstLine,
    /// All such lines have ended in silence: the next one that ends in a newline is screened. Of a request, only
    /// the beginning may have come before a pause.
    FirstNewline,
    /// Nothing more is screened.
    Over,
}

impl Screening {
    /// The other protocol that a line shows the client to speak, if it does.
    pub(super) fn of_line(self, received: &Received<'_>) -> Option<Foreign> {
        match (self, &received.line, received.end) {
            (Screening::Over, ..) | (Screening::FirstNewline, Line::Whole(_), End::Silence) => None,
            (_, Line::Whole(line), End::Newline) => foreign::of_line(line),
            (_, Line::TooLong(line), _) => foreign::of_too_long(line),
            (Screening::FirstLine, Line::Whole(line), End::Silence) => foreign::of_unfinished(line),
        }
    }

    /// The same before the first line has ended: some protocols have no lines.
    pub(super) fn of_beginning(self, beginning: &[u8]) -> Option<Foreign> {
        match self {
            Screening::FirstLine => foreign::of_bytes(beginning),
            Screening::FirstNewline | Screening::Over => None,
        }
    }

    /// The screening behind a line that is not blank.
    pub(super) fn after(self, end: End) -> Screening {
        match (self, end) {
            (Screening::Over, _) | (_, End::Newline) => Screening::Over,
            (Screening::FirstLine | Screening::FirstNewline, End::Silence) => {
                Screening::FirstNewline
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_screened_and_the_first_one_that_ends_in_a_newline() {
        use Screening::{FirstLine, FirstNewline, Over};
        assert_eq!(FirstLine.after(End::Newline), Over);
        assert_eq!(FirstLine.after(End::Silence), FirstNewline);
        assert_eq!(FirstNewline.after(End::Silence), FirstNewline);
        assert_eq!(FirstNewline.after(End::Newline), Over);
        assert_eq!(Over.after(End::Silence), Over);
    }

    #[test]
    fn a_beginning_is_screened_before_anything_else_has_come_alone() {
        let mqtt = b"\x10\x10\0";
        assert_eq!(Screening::FirstLine.of_beginning(mqtt), Some(Foreign::Other));
        assert_eq!(Screening::FirstNewline.of_beginning(mqtt), None);
        assert_eq!(Screening::Over.of_beginning(mqtt), None);
    }
}
