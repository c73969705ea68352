//! What the store in SQLite reads, table by table. Whoever calls has begun a transaction.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row as Columns};

use super::super::kept::{Counters, Encryption, Gap, KeptMember, KeptWaiting, TokenHash};
use super::rows::{Row, cost};
use crate::protocol::name::Name;
use crate::protocol::proof::KeyHash;
use crate::protocol::tag::{Millis, Seq};
use crate::server::audience::MemberId;

pub(super) fn seq(row: &Columns<'_>, column: usize) -> rusqlite::Result<Seq> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

pub(super) fn member(row: &Columns<'_>, column: usize) -> rusqlite::Result<Option<MemberId>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(|id| MemberId(id.cast_unsigned())))
}

/// A bound of a range of numbers. The column has 63 bits.
pub(super) fn bound(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Gives each row of a range to `take`, until that wants no more. Whether it has got all of them.
pub(super) fn for_rows(
    connection: &Connection,
    range: Range<Seq>,
    mut take: impl FnMut(Row<'_>) -> bool,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, at, kind, author, n, only, line FROM event
           WHERE seq >= ?1 AND seq < ?2 ORDER BY seq",
    )?;
    let mut rows = statement.query([bound(range.start), bound(range.end)])?;
    while let Some(row) = rows.next()? {
        let wants_more = take(Row {
            seq: seq(row, 0)?,
            at: row.get(1)?,
            kind: row.get(2)?,
            author: member(row, 3)?,
            n: row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
            only: member(row, 5)?,
            line: row.get_ref(6)?.as_str_or_null()?,
        });
        if !wants_more {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The oldest of the newest events before `end` that together take about so much of the room's memory.
pub(super) fn first_within(
    connection: &Connection,
    end: Seq,
    memory: usize,
) -> rusqlite::Result<Option<Seq>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, octet_length(line) FROM event WHERE seq < ?1 ORDER BY seq DESC",
    )?;
    let mut rows = statement.query([bound(end)])?;
    let (mut first, mut taken) = (None::<Seq>, 0);
    while let Some(row) = rows.next()? {
        let (seq, line) = (seq(row, 0)?, row.get::<_, Option<i64>>(1)?.unwrap_or_default());
        let missing = first.map_or(0, |newer| newer - seq - 1);
        taken += cost(usize::try_from(line).unwrap_or_default(), missing);
        if taken > memory && first.is_some() {
            break;
        }
        first = Some(seq);
    }
    Ok(first)
}

pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<Option<(Seq, Millis)>> {
    let mut statement =
        connection.prepare_cached("SELECT seq, at FROM event ORDER BY seq LIMIT 1")?;
    statement.query_row([], |row| Ok((seq(row, 0)?, row.get(1)?))).optional()
}

pub(super) fn counters(connection: &Connection) -> rusqlite::Result<Counters> {
    let mut statement = connection.prepare_cached(
        "SELECT next_seq, next_member, said, joined, left FROM room WHERE one = 1",
    )?;
    statement.query_row([], |row| {
        Ok(Counters {
            next_seq: seq(row, 0)?,
            next_member: seq(row, 1)?,
            said: seq(row, 2)?,
            joined: seq(row, 3)?,
            left: seq(row, 4)?,
        })
    })
}

pub(super) fn members(
    connection: &Connection,
) -> rusqlite::Result<Vec<(MemberId, Option<KeptMember>)>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, token, since, taken, encryption, key, login, address, lost_at
           FROM member ORDER BY id",
    )?;
    let kept = |row: &Columns<'_>| {
        let id = MemberId(seq(row, 0)?);
        let name = row.get_ref(1)?.as_str()?.to_owned();
        let token = row.get::<_, Option<[u8; 32]>>(2)?.map(TokenHash);
        let (since, taken) = (seq(row, 3)?, seq(row, 4)?);
        let encryption = encryption(row.get(5)?);
        let key = row.get::<_, Option<[u8; 32]>>(6)?.map(KeyHash::from_bytes);
        let (login, address) = (row.get(7)?, row.get::<_, Option<String>>(8)?);
        let address = address.and_then(|address| address.parse().ok());
        let lost_at = row.get::<_, Option<i64>>(9)?.map_or(Seq::MAX, i64::cast_unsigned);
        let member = |name| KeptMember {
            name,
            token,
            since,
            taken,
            encryption,
            key,
            login,
            address,
            lost_at,
        };
        Ok((id, Name::parse(&name).ok().map(member)))
    };
    statement.query_map([], kept)?.collect()
}

/// What stands for a member's encryption in its row. Of a number that nobody writes nothing is told.
fn encryption(number: i64) -> Encryption {
    match number {
        0 => Encryption::None,
        2 => Encryption::Tls,
        _ => Encryption::Loopback,
    }
}

pub(super) fn waiting(connection: &Connection) -> rusqlite::Result<Vec<KeptWaiting>> {
    let mut statement = connection.prepare_cached("SELECT reader, sender, lines FROM waiting")?;
    let kept = |row: &Columns<'_>| {
        let (reader, sender) = (MemberId(seq(row, 0)?), MemberId(seq(row, 1)?));
        Ok(KeptWaiting { reader, sender, lines: seq(row, 2)? })
    };
    statement.query_map([], kept)?.collect()
}

pub(in crate::server::history) fn gaps(
    connection: &Connection,
    range: Range<Seq>,
) -> rusqlite::Result<Vec<Gap>> {
    let mut statement = connection.prepare_cached(
        "SELECT after, at, lines FROM gap WHERE after >= ?1 AND after < ?2 ORDER BY after",
    )?;
    let kept =
        |row: &Columns<'_>| Ok(Gap { after: seq(row, 0)?, at: row.get(1)?, lines: seq(row, 2)? });
    statement.query_map([bound(range.start), bound(range.end)], kept)?.collect()
}

/// A member who is gone, and has private lines that are not blank yet. Each step looks up the next
/// reader that has some, so it costs as much as there are readers, however many lines those have.
pub(super) fn gone_reader(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE reader(id) AS (
           SELECT min(only) FROM event WHERE only IS NOT NULL AND line IS NOT NULL
           UNION ALL
           SELECT (SELECT min(only) FROM event
               WHERE only IS NOT NULL AND line IS NOT NULL AND only > reader.id)
             FROM reader WHERE reader.id IS NOT NULL)
         SELECT id FROM reader WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM member) LIMIT 1",
    )?;
    statement.query_row([], |row| row.get(0)).optional()
}
