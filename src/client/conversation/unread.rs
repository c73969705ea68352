//! Which lines came while nobody was looking, as far as the terminal tells. Pure.

/// Whether anybody is looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Focus {
    /// Somebody is, or the terminal does not tell.
    Here,
    /// Nobody is.
    Away,
}

/// Whether the lines that come are new to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Unread {
    /// They are seen as they come.
    #[default]
    None,
    /// Those that come next are, and none has come yet.
    Next,
    /// Some have come; so many of them were said by somebody.
    Some(usize),
}

/// Whether a line is the first of those that are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is.
    First,
    /// It is not, or is no new one.
    Elsewhere,
}

impl Unread {
    /// Takes over what the terminal tells. Some tell it twice.
    pub(super) fn focus(&mut self, focus: Focus) {
        *self = match (focus, *self) {
            (Focus::Here, _) => Unread::None,
            (Focus::Away, Unread::None) => Unread::Next,
            (Focus::Away, unread) => unread,
        };
    }

    /// Takes a line, and says where it stands.
    pub(super) fn place(&mut self) -> Place {
        if *self != Unread::Next {
            return Place::Elsewhere;
        }
        *self = Unread::Some(0);
        Place::First
    }

    /// Counts a line that somebody has said.
    pub(super) fn count_said(&mut self) {
        if let Unread::Some(said) = self {
            *said += 1;
        }
    }

    /// How many lines were said that are new to the user.
    pub(super) fn said(self) -> usize {
        match self {
            Unread::None | Unread::Next => 0,
            Unread::Some(said) => said,
        }
    }

    /// Whether nobody is looking.
    pub(super) fn is_away(self) -> bool {
        self != Unread::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_after_each_look_away_is_the_first_new_one() {
        use Focus::{Away, Here};
        use Place::{Elsewhere, First};
        let mut unread = Unread::default();
        let steps: &[(&[Focus], Place)] = &[
            (&[], Elsewhere),
            (&[Away], First),
            (&[], Elsewhere),
            (&[Away], Elsewhere),
            (&[Here], Elsewhere),
            (&[Away, Away], First),
            (&[Here, Away], First),
            (&[Here, Away, Here], Elsewhere),
        ];
        for (focuses, expected) in steps {
            focuses.iter().for_each(|focus| unread.focus(*focus));
            assert_eq!(unread.place(), *expected, "{focuses:?}");
        }
    }
}
