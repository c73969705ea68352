//! A history for tests: the tables that the index and the search need, with some events.

use rusqlite::{Connection, params};

use crate::protocol::tag::Seq;
use crate::server::words::tokens::VERSION;

/// The tables.
const TABLES: &str = "
    CREATE TABLE event(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind INTEGER NOT NULL,
        author INTEGER, n INTEGER, only INTEGER, line TEXT);
    CREATE INDEX private ON event(only, seq) WHERE only IS NOT NULL AND line IS NOT NULL;
    CREATE TABLE room(one INTEGER PRIMARY KEY CHECK(one = 1), indexed INTEGER NOT NULL,
        tokens INTEGER NOT NULL);
    CREATE TABLE chunk(id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,
        lines INTEGER NOT NULL);";

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
    let db = Connection::open_in_memory().expect("a database in memory");
    db.execute_batch(TABLES).expect("the tables");
    db.execute("INSERT INTO room VALUES(1, 0, ?1)", [VERSION]).expect("a room");
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
