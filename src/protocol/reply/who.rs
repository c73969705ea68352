//! The answer to `/who`: a list of names on as many lines as it needs, written and read.

use crate::protocol::name::Name;

/// A list of names is broken into lines of about this many bytes, so that each fits a terminal.
const WHO_LINE: usize = 72;

/// What stands behind the name of one who is away, in the answer to `/who`.
const AWAY: &str = " (away)";

/// A member in the answer to `/who`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: Name,
    /// Whether its connection is lost, and it may still come back.
    pub is_away: bool,
}

/// The answer to `/who`: the members, in the order given, on as many lines as they need.
#[must_use]
pub fn who(members: &[Listed]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = format!("-- {} here:", members.len());
    for (i, Listed { name, is_away }) in members.iter().enumerate() {
        let mark = if *is_away { AWAY } else { "" };
        // The first line has one in any case, or nobody would know it for what it is.
        if i > 0 && line.len() + name.as_str().len() + mark.len() > WHO_LINE {
            lines.push(std::mem::replace(&mut line, "--".to_owned()));
        }
        line.push(' ');
        line.push_str(name.as_str());
        line.push_str(mark);
        if i + 1 < members.len() {
            line.push(',');
        }
    }
    lines.push(line);
    lines
}

/// The names on one line of an answer to `/who`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names<'a> {
    /// The names as they stand there, with commas between them.
    list: &'a str,
    /// Whether each of them is a name. A later server may mark members in another way than [`AWAY`].
    is_readable: bool,
}

impl<'a> Names<'a> {
    /// Reads a list, which may have anything in it.
    pub(super) fn parse(list: &'a str) -> Names<'a> {
        Names { list, is_readable: parts(list).all(Name::is_valid) }
    }

    /// Whether each part of the list is a name.
    #[must_use]
    pub fn is_readable(self) -> bool {
        self.is_readable
    }

    /// The names, those of away members included.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        parts(self.list)
    }

    /// Whether the next line of the answer has more of them.
    #[must_use]
    pub fn goes_on(self) -> bool {
        who_goes_on(self.list)
    }
}

/// Whether an answer to `/who` goes on after this line of it, whatever the line lists.
#[must_use]
pub fn who_goes_on(line: &str) -> bool {
    line.ends_with(',')
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    let listed = list.strip_suffix(',').unwrap_or(list).split(", ");
    listed.map(|name| name.strip_suffix(AWAY).unwrap_or(name))
}
