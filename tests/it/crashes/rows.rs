//! The one order of events, as the file has it.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::common::server::is_shared_everywhere;

/// One event.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) seq: u64,
    /// Whether it is shown again.
    pub(super) is_said: bool,
    pub(super) author: Option<u64>,
    /// The number of the author's line, if it gets a receipt.
    pub(super) n: Option<u64>,
    /// For this member alone.
    pub(super) only: Option<u64>,
    pub(super) line: String,
}

/// Stands in place of the author of what is for people alone.
const PEOPLE: u64 = u64::MAX;

/// All events, and the members.
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// By their present names.
    members: BTreeMap<String, u64>,
}

impl Rows {
    /// Reads the file beside the server, as any program may.
    pub(super) fn read(file: &Path) -> Rows {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(file, flags).expect("a history");
        let mut members =
            connection.prepare("SELECT name, id FROM member").expect("there is such a table");
        let members = members.query_map([], |row| Ok((row.get(0)?, number(row.get(1)?))));
        let members = members.expect("rows").map(|row| row.expect("a row")).collect();
        let mut rows = connection
            .prepare("SELECT seq, kind, author, n, only, line FROM event ORDER BY seq")
            .expect("there is such a table");
        let rows = rows.query_map([], |row| {
            let optional = |column| row.get::<_, Option<i64>>(column).map(|it| it.map(number));
            Ok(Row {
                seq: number(row.get(0)?),
                is_said: row.get::<_, i64>(1)? == 0,
                author: optional(2)?,
                n: optional(3)?,
                only: optional(4)?,
                line: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
            })
        });
        let mut rows =
            Rows { rows: rows.expect("rows").map(|row| row.expect("a row")).collect(), members };
        if is_shared_everywhere() {
            rows.know_members_by_what_they_have_said();
        }
        rows
    }

    /// The members of a shared room are in its log, and not in an archive.
    fn know_members_by_what_they_have_said(&mut self) {
        for row in self.rows.iter().filter(|row| row.is_said && row.only.is_none()) {
            let name = row.line.strip_prefix('<').and_then(|line| line.split_once("> "));
            if let (Some((name, _)), Some(author)) = (name, row.author) {
                self.members.insert(name.to_owned(), author);
            }
        }
    }

    /// Whether there is an event with that line.
    pub(super) fn has(&self, line: &str) -> bool {
        self.rows.iter().any(|row| row.line == line)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The member of that name.
    #[track_caller]
    pub(super) fn member(&self, name: &str) -> u64 {
        *self.members.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.members))
    }

    /// What was said to all, by its numbers.
    pub(super) fn public(&self) -> impl Iterator<Item = (u64, &str)> {
        let public = self.rows.iter().filter(|row| row.is_said && row.only.is_none());
        public.map(|row| (row.seq, row.line.as_str()))
    }

    /// What others tell a program, and what it is told of its own private lines.
    pub(super) fn heard_by(&self, member: u64) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| match row.only {
            Some(only) => only == member,
            None => row.author != Some(member) && row.author != Some(PEOPLE),
        })
    }

    /// A member's own lines that have a receipt: its number, the event's and the row.
    pub(super) fn of(&self, member: u64) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.author == Some(member) && row.n.is_some())
    }
}

fn number(column: i64) -> u64 {
    column.cast_unsigned()
}

/// Fails with the first difference alone.
#[track_caller]
pub(super) fn assert_same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: impl IntoIterator<Item = T>,
    expected: impl IntoIterator<Item = T>,
) {
    let (mut found, mut expected) = (found.into_iter(), expected.into_iter());
    for number in 0.. {
        let (one, other) = (found.next(), expected.next());
        if one != other {
            let next = (found.next(), expected.next());
            panic!("{what}: {number}: {one:?} and not {other:?}; then {next:?}");
        }
        if one.is_none() {
            return;
        }
    }
}
