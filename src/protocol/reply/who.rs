//! The answer to `/who`: a list of names on as many lines as it needs, written and read; and who among them is not
//! encrypted.

use std::fmt;
use std::net::IpAddr;

use crate::protocol::name::Name;

/// A list of names is broken into lines of about this many bytes, so that each fits a terminal.
const WHO_LINE: usize = 72;

/// What stands behind the name of one who is away, in the answer to `/who`.
const AWAY: &str = " (away)";

/// What stands before an operator's name there.
const OPERATOR: &str = "@";

/// What stands behind the name of one who owns it, and has proved that.
const OWNER: &str = "*";

/// How the line begins that says on whose connections others can read along.
pub(super) const NOT_ENCRYPTED: &str = "not encrypted:";

/// How the line begins that says where members are from.
pub(super) const FROM: &str = "from:";

/// What stands there for all members. It is nobody's name.
const EVERYONE: &str = "everyone";

/// A member in the answer to `/who`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: Name,
    /// Whether its connection is lost, and it may still come back.
    pub is_away: bool,
    /// Whether anyone on the network can read along on its connection, or could on its last one.
    pub is_exposed: bool,
    /// Whether it owns its name, and has proved that.
    pub is_owner: bool,
    /// Whether it is an operator.
    pub is_operator: bool,
    /// Where it is from, for readers who may know; `None` too if that says nothing.
    pub address: Option<IpAddr>,
}

impl Listed {
    /// A member of that name of whom nothing is to be said.
    #[must_use]
    pub fn new(name: Name) -> Listed {
        Listed {
            name,
            is_away: false,
            is_exposed: false,
            is_owner: false,
            is_operator: false,
            address: None,
        }
    }
}

/// The name with its marks.
impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = if self.is_operator { OPERATOR } else { "" };
        let owner = if self.is_owner { OWNER } else { "" };
        let away = if self.is_away { AWAY } else { "" };
        write!(f, "{operator}{}{owner}{away}", self.name)
    }
}

/// The answer to `/who`: the members, in the order given, on as many lines as they need.
#[must_use]
pub fn who(members: &[Listed]) -> Vec<String> {
    broken(format!("-- {} here:", members.len()), members.iter().map(Listed::to_string))
}

/// What follows that answer: on whose connections others can read along. Nothing where on nobody's.
#[must_use]
pub fn not_encrypted(members: &[Listed]) -> Vec<String> {
    let exposed = members.iter().filter(|member| member.is_exposed);
    let names: Vec<_> = exposed.map(|member| member.name.to_string()).collect();
    let beginning = format!("-- {NOT_ENCRYPTED}");
    if names.is_empty() {
        Vec::new()
    } else if names.len() == members.len() {
        vec![format!("{beginning} {EVERYONE}")]
    } else {
        broken(beginning, names.into_iter())
    }
}

/// What follows for operators: where members are from, as far as that says anything. Nothing where nobody is.
#[must_use]
pub fn addresses(members: &[Listed]) -> Vec<String> {
    let from = |member: &Listed| Some(format!("{} {}", member.name, member.address?));
    let from: Vec<_> = members.iter().filter_map(from).collect();
    if from.is_empty() { Vec::new() } else { broken(format!("-- {FROM}"), from.into_iter()) }
}

/// A list behind its beginning, on as many lines as it needs.
fn broken(beginning: String, names: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let (mut lines, mut line, last) = (Vec::new(), beginning, names.len());
    for (i, name) in (1..).zip(names) {
        // The first line has one in any case, or nobody would know it for what it is.
        if i > 1 && line.len() + name.len() > WHO_LINE {
            lines.push(std::mem::replace(&mut line, "--".to_owned()));
        }
        line.push(' ');
        line.push_str(&name);
        if i < last {
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

/// The names in a list, without the marks around them.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    let listed = list.strip_suffix(',').unwrap_or(list).split(", ");
    listed.map(|name| {
        let name = name.strip_suffix(AWAY).unwrap_or(name);
        let name = name.strip_suffix(OWNER).unwrap_or(name);
        name.strip_prefix(OPERATOR).unwrap_or(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_what_marks_them() {
        let cases: [(&str, Option<&[&str]>); 5] = [
            ("@alice*, bob*, carol", Some(&["alice", "bob", "carol"])),
            ("@alice, bob* (away),", Some(&["alice", "bob"])),
            ("@@alice", None),
            ("alice**", None),
            ("@, bob", None),
        ];
        for (list, expected) in cases {
            let names = Names::parse(list);
            let read = names.is_readable().then(|| names.iter().collect::<Vec<_>>());
            assert_eq!(read.as_deref(), expected, "{list}");
        }
    }
}
