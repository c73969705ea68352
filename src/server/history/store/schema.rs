//! What the file is made of: its tables, what marks it as a history, and how an older one becomes one of
//! this format. All of it happens at the start, before anybody else has the file.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::{Failure, people};
use crate::private_file;
use crate::server::config::Durability;

/// What tells a history from any other SQLite file: `chat` in ASCII.
pub(crate) const APPLICATION_ID: i64 = 0x6368_6174;

/// The format that this version writes, and the newest that it reads.
pub(crate) const FORMAT: i64 = 3;

/// How each older format becomes the next one: the statements for format N stand at N - 1.
///
/// 2 has whether a member's connection was encrypted. Of members from before nobody is told that it was not: some
/// were on the server's machine.
///
/// 3 has what is known of people ([`people::TABLES`]), of members what they have shown, and
/// the orders to erase lines ([`ERASURE`]).
const MIGRATIONS: &[&[&str]] = &[
    &["ALTER TABLE member ADD COLUMN encryption INTEGER NOT NULL DEFAULT 1"],
    &[
        "ALTER TABLE member ADD COLUMN key BLOB; ALTER TABLE member ADD COLUMN login TEXT;
         ALTER TABLE member ADD COLUMN address TEXT; ALTER TABLE member ADD COLUMN lost_at INTEGER;",
        people::TABLES,
        ERASURE,
    ],
];

/// The orders to erase lines that are not carried out, and which parts of the index have words of such lines.
const ERASURE: &str = "
CREATE TABLE erasure(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL, by TEXT NOT NULL,     -- whose lines, and who has ordered it, as people are told
  author INTEGER,                -- the member that was called so
  since INTEGER NOT NULL,        -- only what was said then or later, in milliseconds since 1970
  before INTEGER NOT NULL,       -- only events before that one
  next INTEGER NOT NULL,         -- the event that is looked at next
  remembered_from INTEGER NOT NULL,         -- the room has counted the lines from that event on
  lines INTEGER NOT NULL);       -- how many were erased
ALTER TABLE chunk ADD COLUMN is_outdated INTEGER NOT NULL DEFAULT 0;  -- 1: it goes, and is made anew";

/// How long a statement waits for a lock that another program holds, in milliseconds.
pub(super) const BUSY_TIMEOUT: u64 = 5_000;

/// What holds for the whole life of a file, and has to be said before its first table.
const FIRST: &str = "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;";

/// What a connection is told that writes.
///
/// - `secure_delete = ON`: what is deleted or blanked is in no byte of the file. FAST leaves the pages
///   alone that become free as a whole, and long lines fill such pages.
/// - `temp_store = MEMORY`: a container may have no folder for temporary files.
/// - `trusted_schema = OFF`: the file may come from somebody else.
const WRITES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = 16777216;
    PRAGMA cache_size = -2000;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;";

/// What a connection is told that only reads.
const READS: &str = "
    PRAGMA query_only = ON;
    PRAGMA cache_size = -2000;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;";

/// The tables of format 3, but for those of people and what [`ERASURE`] has. The index's own, one for each chunk,
/// come with the chunks.
const TABLES: &str = "
CREATE TABLE event(
  seq    INTEGER PRIMARY KEY,    -- its number in the one order
  at     INTEGER NOT NULL,       -- milliseconds since 1970
  kind   INTEGER NOT NULL,       -- 0 said, done, renamed: shown again; 1 passing: joins, leaves, notices
  author INTEGER,                -- who said it, or whom it does not go to
  n      INTEGER,                -- its author's line's number, if it gets a receipt
  only   INTEGER,                -- for this member alone
  line   TEXT);                  -- as rendered in the plain format; NULL once blanked
CREATE INDEX private ON event(only, seq) WHERE only IS NOT NULL AND line IS NOT NULL;
CREATE INDEX passing ON event(at) WHERE kind = 1;
CREATE INDEX blank ON event(author) WHERE line IS NULL;
CREATE TABLE member(             -- who is a member, connected or not
  id INTEGER PRIMARY KEY, name TEXT NOT NULL,
  token BLOB,                    -- its SHA-256; NULL: cannot come back
  since INTEGER NOT NULL,        -- the first event that it may get
  taken INTEGER NOT NULL,        -- how many of its lines were taken
  encryption INTEGER NOT NULL DEFAULT 1,  -- of its last connection: 0 none, 1 none and on the server's machine, 2 TLS
  key BLOB,                      -- the SHA-256 of the public key that it has proved to own
  login TEXT,                    -- the name, without case, whose password it has given
  address TEXT,                  -- where its last connection was from, if that says anything
  lost_at INTEGER);              -- the first event that it may not have got; NULL: it has a connection
CREATE TABLE waiting(            -- how many private lines of a sender wait for a reader who is away
  reader INTEGER, sender INTEGER, lines INTEGER NOT NULL, PRIMARY KEY(reader, sender)) WITHOUT ROWID;
CREATE TABLE gap(                -- said, and not here
  after INTEGER PRIMARY KEY, at INTEGER NOT NULL, lines INTEGER NOT NULL);
CREATE TABLE room(
  one INTEGER PRIMARY KEY CHECK(one = 1),
  shared TEXT,                   -- NULL, or the shared room of which this is an archive: its id, a space, its name
  next_seq INTEGER NOT NULL, next_member INTEGER NOT NULL,
  said INTEGER NOT NULL,         -- public lines ever said; not moved by jumps
  joined INTEGER NOT NULL, left INTEGER NOT NULL,     -- not told yet
  indexed INTEGER NOT NULL,      -- the last event that the index has
  tokens INTEGER NOT NULL);      -- version of the index's tokens; 0: none yet
CREATE TABLE chunk(              -- the parts of the index: words_1, words_2, …
  id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, lines INTEGER NOT NULL);
CREATE VIEW said AS SELECT seq, datetime(at/1000,'unixepoch','localtime') AS time,
  CASE substr(line,1,1) WHEN '<' THEN substr(line,2,instr(line,'> ')-2)
    WHEN '*' THEN substr(line,3,instr(substr(line,3),' ')-1) ELSE substr(line,4,instr(substr(line,4),' ')-1) END AS name,
  CASE substr(line,1,1) WHEN '<' THEN substr(line,instr(line,'> ')+2) ELSE line END AS text
  FROM event WHERE kind = 0 AND only IS NULL AND line IS NOT NULL;
INSERT INTO room VALUES(1, NULL, 1, 1, 0, 0, 0, 0, 0);";

/// What a connection to an archive of a shared room has besides, as long as it lives: who is a member, for its own
/// statements in place of the file's table. Of private lines only those are kept whose readers are there.
pub(super) const ARCHIVE: &str = "
CREATE TEMP TABLE member(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, token BLOB, since INTEGER NOT NULL, taken INTEGER NOT NULL,
  encryption INTEGER NOT NULL, key BLOB, login TEXT, address TEXT, lost_at INTEGER);";

/// Makes an empty file a history. Its journal is an ordinary one until then, so that all of it stands in
/// the file itself.
pub(in crate::server::history) fn create(connection: &mut Connection) -> Result<(), Failure> {
    connection.execute_batch(FIRST)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(people::TABLES)?;
    transaction.execute_batch(ERASURE)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()?;
    connection.execute_batch("PRAGMA journal_mode = WAL").map_err(Failure::from)
}

/// Prepares a connection that writes.
pub(super) fn prepare_to_write(
    connection: &Connection,
    durability: Durability,
) -> Result<(), Failure> {
    connection.execute_batch(WRITES)?;
    let synchronous = match durability {
        Durability::Crash => "NORMAL",
        Durability::Power => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous).map_err(Failure::from)
}

/// Prepares a connection that only reads.
pub(super) fn prepare_to_read(connection: &Connection) -> Result<(), Failure> {
    connection.execute_batch(READS).map_err(Failure::from)
}

/// Brings an older file to this format, one step after the other. Before each, a copy of the file as it
/// was is put beside it.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Failure> {
    migrate_by(connection, path, MIGRATIONS)
}

fn migrate_by(connection: &mut Connection, path: &Path, steps: &[&[&str]]) -> Result<(), Failure> {
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let first = usize::try_from(format - 1).map_err(|_| no_format(format))?;
    for (step, format) in steps.iter().skip(first).zip(format..) {
        copy(connection, path, format)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        step.iter().try_for_each(|statements| transaction.execute_batch(statements))?;
        transaction.pragma_update(None, "user_version", format + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

fn no_format(format: i64) -> Failure {
    Failure::Damaged(format!("there is no format {format}"))
}

/// Puts a copy beside the file, for its owner alone: `PORT.db.format-N`.
fn copy(connection: &Connection, path: &Path, format: i64) -> Result<(), Failure> {
    let mut copy = path.as_os_str().to_owned();
    copy.push(format!(".format-{format}"));
    let disk = |why: std::io::Error| Failure::Disk(crate::problem::reason(&why));
    match std::fs::remove_file(&copy) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(disk(why)),
        _ => {}
    }
    let options = std::fs::OpenOptions::new().write(true).clone();
    private_file::create(&options, Path::new(&copy)).map_err(disk)?;
    let copy = copy.to_str().ok_or_else(|| Failure::Disk("its path is not Unicode".to_owned()))?;
    connection.execute("VACUUM INTO ?1", [copy])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::Folder;

    #[test]
    fn an_older_file_becomes_a_newer_one_and_a_copy_of_it_stays() {
        let folder = Folder::new();
        let path = folder.file("5000.db");
        let mut connection = Connection::open(&path).expect("a file");
        create(&mut connection).expect("a history");
        connection.pragma_update(None, "user_version", 1).expect("an older file");
        let steps: [&[&str]; 2] = [&["CREATE TABLE second(a)"], &["CREATE TABLE third(a)"]];
        migrate_by(&mut connection, &path, &steps).expect("two steps");
        let has = |connection: &Connection, table| {
            connection.table_exists(None, table).expect("a schema")
        };
        let version = |connection: &Connection| -> i64 {
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number")
        };
        assert!(has(&connection, "second") && has(&connection, "third"));
        assert_eq!(version(&connection), 3);
        let copy = Connection::open(folder.file("5000.db.format-2")).expect("a copy");
        assert!(has(&copy, "second") && !has(&copy, "third"));
        assert_eq!(version(&copy), 2);
        migrate_by(&mut connection, &path, &steps).expect("nothing is left to do");
        assert_eq!(version(&connection), 3);
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let folder = Folder::new();
        let path = folder.file("5000.db");
        let mut connection = Connection::open(&path).expect("a file");
        create(&mut connection).expect("a history");
        connection.pragma_update(None, "user_version", 1).expect("an older file");
        let steps: [&[&str]; 1] = [&["CREATE TABLE second(a); CREATE TABLE event(a)"]];
        assert!(migrate_by(&mut connection, &path, &steps).is_err());
        assert!(!connection.table_exists(None, "second").expect("a schema"));
        assert_eq!(connection.pragma_query_value(None, "user_version", |row| row.get(0)), Ok(1));
    }

    #[test]
    fn of_members_from_before_tls_nobody_is_told_that_they_are_not_encrypted() {
        let folder = Folder::new();
        let path = folder.file("5000.db");
        let mut connection = Connection::open(&path).expect("a file");
        create(&mut connection).expect("a history");
        connection
            .execute_batch(
                "DROP TABLE erasure; ALTER TABLE chunk DROP COLUMN is_outdated;
                 ALTER TABLE member DROP COLUMN encryption; ALTER TABLE member DROP COLUMN key;
                 ALTER TABLE member DROP COLUMN login; ALTER TABLE member DROP COLUMN address;
                 ALTER TABLE member DROP COLUMN lost_at; DROP TABLE owner; DROP TABLE ban;
                 DROP TABLE mute; DROP TABLE invitation; DROP TABLE invited; DROP TABLE letter;
                 DROP TABLE topic; PRAGMA user_version = 1;
                 INSERT INTO member VALUES(7, 'alice', NULL, 1, 2)",
            )
            .expect("a file of the first format");
        migrate(&mut connection, &path).expect("it becomes one of this format");
        let encryption = "SELECT encryption FROM member WHERE id = 7";
        assert_eq!(connection.query_row(encryption, [], |row| row.get(0)), Ok(1));
        let format = connection.pragma_query_value(None, "user_version", |row| row.get(0));
        assert_eq!(format, Ok(FORMAT));
    }

    #[test]
    fn a_line_is_read_by_its_name_and_text_in_the_view() {
        let folder = Folder::new();
        let mut connection = Connection::open(folder.file("5000.db")).expect("a file");
        create(&mut connection).expect("a history");
        for line in ["<alice> hello> there", "* bob waves", "-- bob is now bobby"] {
            connection
                .execute("INSERT INTO event(at, kind, line) VALUES(0, 0, ?1)", [line])
                .expect("a row");
        }
        let mut statement = connection.prepare("SELECT name, text FROM said").expect("a view");
        let said = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect::<Result<Vec<(String, String)>, _>>)
            .expect("rows");
        let expected =
            [("alice", "hello> there"), ("bob", "* bob waves"), ("bob", "-- bob is now bobby")];
        assert_eq!(said, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
