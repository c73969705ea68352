//! A history for tests of the index and the search: the real tables, in memory, with some events.

use rusqlite::{Connection, params};

use super::store::schema::create;
use crate::protocol::tag::Seq;
use crate::server::words::tokens::VERSION;

/// An event.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Its number; its time is a thousand times that.
    pub(crate) seq: Seq,
    /// 0 if it is shown again.
    pub(crate) kind: i64,
    /// The member that it is for alone.
    pub(crate) only: Option<u64>,
    /// Its line, unless it was blanked.
    pub(crate) line: Option<String>,
}

impl Row {
    /// A public line that is shown again.
    pub(crate) fn said(seq: Seq, line: &str) -> Row {
        Row { seq, kind: 0, only: None, line: Some(line.to_owned()) }
    }
}

/// A history in memory that has those events, and no index.
pub(crate) fn sample(rows: &[Row]) -> Connection {
    let mut db = Connection::open_in_memory().expect("a database in memory");
    create(&mut db).expect("the tables");
    db.execute("UPDATE room SET tokens = ?1", [VERSION]).expect("a room");
    add(&db, rows);
    db
}

/// Adds events.
pub(crate) fn add(db: &Connection, rows: &[Row]) {
    let insert = "INSERT INTO event(seq, at, kind, only, line) VALUES(?1, ?2, ?3, ?4, ?5)";
    let mut insert = db.prepare(insert).expect("the table");
    for row in rows {
        let (seq, only) = (row.seq.cast_signed(), row.only.map(u64::cast_signed));
        let values = params![seq, seq * 1000, row.kind, only, row.line];
        insert.execute(values).expect("another number");
    }
}
