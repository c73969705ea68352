//! The store in SQLite: one connection, and each statement that it is asked.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::super::index::drop_chunk;
use super::super::kept::{Cut, EraseStep, Loaded, Portion, Size};
use super::erasing;
use super::file::{FileId, connect};
use super::opening::Shared;
use super::people::{facts, keep_facts};
use super::reading::{
    counters, first_within, for_rows, gaps, gone_reader, members, oldest, seq, waiting,
};
use super::rows::Builder;
use super::writing::{keep_counters, keep_events, keep_gap, keep_members, keep_waiting};
use super::{Checkpoint, Copied, Failure, PORTION_BYTES, PORTION_ROWS, Store, schema};
use crate::private_file::beside;
use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::MemberId;
use crate::server::batch::Batch;
use crate::server::config::Durability;

/// A connection to the history's file.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    /// To the file.
    connection: Connection,
    /// Of the file, without links.
    path: PathBuf,
    /// Which file was there when it was opened.
    file: FileId,
    /// How many bytes its pages have.
    page: u64,
}

impl SqliteStore {
    /// One that writes to a file that is a history.
    ///
    /// # Errors
    ///
    /// What is the matter with the file.
    pub(crate) fn writer(path: &Path, durability: Durability) -> Result<SqliteStore, Failure> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if connection.is_readonly("main")? {
            return Err(Failure::Disk("it can only be read".to_owned()));
        }
        schema::prepare_to_write(&connection, durability)?;
        SqliteStore::of(connection, path)
    }

    /// One that only reads, beside the one that writes.
    ///
    /// # Errors
    ///
    /// What is the matter with the file.
    pub(crate) fn reader(path: &Path) -> Result<SqliteStore, Failure> {
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        schema::prepare_to_read(&connection)?;
        SqliteStore::of(connection, path)
    }

    fn of(connection: Connection, path: &Path) -> Result<SqliteStore, Failure> {
        let file = FileId::of(path).ok_or(Failure::Gone)?;
        let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        Ok(SqliteStore { connection, path: path.to_owned(), file, page: page.cast_unsigned() })
    }

    /// The connection, for a migration.
    pub(in crate::server) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The shared room of which the file is an archive ([`Shared`](super::opening::Shared)); `None` in a new file, and in that of a room of a
    /// server's own.
    ///
    /// # Errors
    ///
    /// What is the matter with the file.
    pub(crate) fn archive_of(&self) -> Result<Option<String>, Failure> {
        let shared = "SELECT shared FROM room WHERE one = 1";
        self.connection.query_row(shared, [], |row| row.get(0)).map_err(Failure::from)
    }

    /// Has the file be an archive of that shared room. From now on this connection keeps members in a
    /// table of its own that ends with it ([`schema::ARCHIVE`]): who they are stands in the room's log.
    ///
    /// # Errors
    ///
    /// What is the matter with the file.
    pub(crate) fn archive(&self, shared: Shared<'_>) -> Result<(), Failure> {
        self.write(|connection| {
            let mut statement =
                connection.prepare_cached("UPDATE room SET shared = ?1 WHERE one = 1")?;
            statement.execute([shared.to_string()])
        })?;
        self.connection.execute_batch(schema::ARCHIVE).map_err(Failure::from)
    }

    /// The newest events before that one, of about so much of the room's memory.
    ///
    /// # Errors
    ///
    /// What is the matter with the file.
    pub(crate) fn newest_before(&self, end: Seq, memory: usize) -> Result<Vec<Batch>, Failure> {
        self.read(|connection| match first_within(connection, end, memory)? {
            Some(first) => batches(connection, first..end),
            None => Ok(Vec::new()),
        })
    }

    #[cfg(test)]
    pub(super) fn connection_for_tests(&self) -> &Connection {
        &self.connection
    }

    /// Does something as one transaction that writes, or nothing of it.
    fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        self.transaction("BEGIN IMMEDIATE", work)
    }

    /// Reads one state of the file.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Failure> {
        self.transaction("BEGIN", work)
    }

    fn transaction<T>(
        &self,
        begin: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let run = |statement: &str| self.connection.prepare_cached(statement)?.execute([]);
        run(begin)?;
        let done = work(&self.connection).and_then(|done| run("COMMIT").map(|_| done));
        if done.is_err() {
            // SQLite may have done so by itself.
            run("ROLLBACK").ok();
        }
        done.map_err(Failure::from)
    }

    fn pages(&self, pragma: &str) -> rusqlite::Result<u64> {
        let pages: i64 = self.connection.pragma_query_value(None, pragma, |row| row.get(0))?;
        Ok(pages.cast_unsigned())
    }
}

/// All events of a range.
fn batches(connection: &Connection, range: Range<Seq>) -> rusqlite::Result<Vec<Batch>> {
    let mut builder = Builder::new(None);
    for_rows(connection, range, |row| {
        builder.push(row);
        true
    })?;
    Ok(builder.finish())
}

impl Store for SqliteStore {
    fn load(&mut self, memory: usize) -> Result<Loaded, Failure> {
        self.read(|connection| {
            let counters = counters(connection)?;
            let oldest = oldest(connection)?;
            let first = first_within(connection, Seq::MAX, memory)?.unwrap_or(counters.next_seq);
            Ok(Loaded {
                members: members(connection)?,
                facts: facts(connection)?,
                waiting: waiting(connection)?,
                counters,
                batches: batches(connection, first..Seq::MAX)?,
                oldest,
                gaps: gaps(connection, first.saturating_sub(1)..Seq::MAX)?,
            })
        })
    }

    fn keep(&mut self, cut: &Cut) -> Result<(), Failure> {
        self.write(|connection| {
            keep_events(connection, cut)?;
            keep_members(connection, cut)?;
            keep_waiting(connection, cut)?;
            keep_facts(connection, cut)?;
            if let Some(gap) = &cut.gap {
                keep_gap(connection, gap)?;
            }
            erasing::keep_erasures(connection, cut)?;
            keep_counters(connection, &cut.counters)
        })
    }

    fn erase(&mut self, most: u32) -> Result<Option<EraseStep>, Failure> {
        // Mostly there is none, and nobody's lock is needed.
        if self.read(erasing::oldest_order)?.is_none() {
            return Ok(None);
        }
        self.write(|connection| erasing::erase(connection, most))
    }

    fn rows(&mut self, range: Range<Seq>, recipient: Option<MemberId>) -> Result<Portion, Failure> {
        self.read(|connection| {
            let (mut builder, mut portion) = (Builder::new(recipient), None::<Range<Seq>>);
            let is_whole = for_rows(connection, range.clone(), |row| {
                let first = portion.as_ref().map_or(row.seq, |portion| portion.start);
                // Numbers count, not rows: those that are missing take memory, too.
                let wants = row.seq - first < PORTION_ROWS && builder.bytes() < PORTION_BYTES;
                if wants {
                    builder.push(row);
                    portion = Some(first..row.seq + 1);
                }
                wants
            })?;
            let end = portion.filter(|_| !is_whole).map_or(range.end, |portion| portion.end);
            let range = range.start..end;
            let gaps = gaps(connection, range.clone())?;
            Ok(Portion { batches: builder.finish(), gaps, range })
        })
    }

    #[cfg(test)]
    fn oldest(&mut self) -> Result<Option<(Seq, Millis)>, Failure> {
        self.read(oldest)
    }

    fn size(&mut self) -> Result<Size, Failure> {
        let (all, free) =
            self.read(|_| Ok((self.pages("page_count")?, self.pages("freelist_count")?)))?;
        Ok(Size { used: all.saturating_sub(free) * self.page, free: free * self.page })
    }

    fn prefix(&mut self, before: Millis, most: u32) -> Result<Option<Range<Seq>>, Failure> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT seq, at FROM event ORDER BY seq LIMIT ?1")?;
            let mut rows = statement.query([most])?;
            let mut prefix: Option<Range<Seq>> = None;
            while let Some(row) = rows.next()? {
                let (seq, at) = (seq(row, 0)?, row.get::<_, Millis>(1)?);
                if at >= before {
                    break;
                }
                prefix = Some(prefix.map_or(seq, |prefix| prefix.start)..seq + 1);
            }
            Ok(prefix)
        })
    }

    fn forget(&mut self, end: Seq) -> Result<u32, Failure> {
        self.write(|connection| {
            let mut statement = connection.prepare_cached("DELETE FROM event WHERE seq < ?1")?;
            statement.execute([end.cast_signed()]).map(count)
        })
    }

    fn forget_passing(&mut self, before: Millis, most: u32) -> Result<u32, Failure> {
        self.write(|connection| {
            let mut statement = connection.prepare_cached(
                "DELETE FROM event WHERE seq IN (SELECT seq FROM event INDEXED BY passing
                   WHERE kind = 1 AND at < ?1 ORDER BY at LIMIT ?2)",
            )?;
            statement.execute(params![before, most]).map(count)
        })
    }

    fn blank(&mut self, most: u32) -> Result<u32, Failure> {
        let Some(reader) = self.read(gone_reader)? else { return Ok(0) };
        self.write(|connection| {
            let mut statement = connection.prepare_cached(
                "UPDATE event SET line = NULL WHERE seq IN (SELECT seq FROM event
                   WHERE only = ?1 AND line IS NOT NULL ORDER BY seq LIMIT ?2)",
            )?;
            statement.execute(params![reader, most]).map(count)
        })
    }

    fn forget_blank(&mut self, most: u32) -> Result<u32, Failure> {
        self.write(|connection| {
            let mut statement = connection.prepare_cached(
                "DELETE FROM event WHERE seq IN (SELECT seq FROM event INDEXED BY blank
                   WHERE line IS NULL AND (author IS NULL OR author NOT IN (SELECT id FROM member))
                   LIMIT ?1)",
            )?;
            statement.execute([most]).map(count)
        })
    }

    fn forget_parts(&mut self) -> Result<u32, Failure> {
        self.write(|connection| {
            let next_seq = counters(connection)?.next_seq;
            let oldest = oldest(connection)?.map_or(next_seq, |(seq, _)| seq).cast_signed();
            let mut statement = connection.prepare_cached("DELETE FROM gap WHERE after < ?1")?;
            let gaps = statement.execute([oldest]).map(count)?;
            let mut statement = connection
                .prepare_cached("SELECT id FROM chunk WHERE last < ?1 ORDER BY id LIMIT 1")?;
            let chunk: Option<i64> = statement.query_row([oldest], |row| row.get(0)).optional()?;
            drop(statement);
            let Some(chunk) = chunk else { return Ok(gaps) };
            drop_chunk(connection, chunk)?;
            Ok(gaps + 1)
        })
    }

    fn shrink(&mut self, pages: u32) -> Result<(), Failure> {
        // Each row that it gives is one page that is given back.
        let give_back = |connection: &Connection| {
            let mut statement =
                connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        };
        self.write(give_back)
    }

    fn checkpoint(&mut self, how: Checkpoint) -> Result<Copied, Failure> {
        let statement = match how {
            Checkpoint::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
            Checkpoint::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        self.connection.busy_timeout(Duration::ZERO)?;
        let counted = self.connection.query_row(statement, [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        self.connection.busy_timeout(Duration::from_millis(schema::BUSY_TIMEOUT))?;
        match counted.map_err(Failure::from) {
            // Nothing is counted where it did not begin.
            Ok((1, -1, -1)) | Err(Failure::Locked) => Ok(Copied::Busy),
            Ok((0, frames, done)) if frames <= done => Ok(Copied::All),
            Ok(_) => Ok(Copied::Held),
            Err(failure) => Err(failure),
        }
    }

    fn wal(&self) -> u64 {
        std::fs::metadata(beside(&self.path, "-wal")).map_or(0, |wal| wal.len())
    }

    fn is_in_place(&self) -> bool {
        FileId::of(&self.path).is_some_and(|file| file == self.file)
    }
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
