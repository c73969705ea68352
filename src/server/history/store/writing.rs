//! What the store in SQLite keeps of a cut, table by table. Whoever calls has begun a transaction.

use rusqlite::{Connection, params};

use super::super::kept::{Counters, Cut, Encryption, Gap, KeptMember, KeptWaiting, TokenHash};
use super::rows::rows_of;
use crate::protocol::proof::KeyHash;
use crate::server::audience::MemberId;

pub(super) fn keep_events(connection: &Connection, cut: &Cut) -> rusqlite::Result<()> {
    // An attempt that failed at its very end may have kept them after all.
    let mut statement = connection.prepare_cached(
        "INSERT INTO event(seq, at, kind, author, n, only, line)
           VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(seq) DO NOTHING",
    )?;
    for row in cut.batches.iter().flat_map(|batch| rows_of(batch, cut.from)) {
        statement.execute(params![
            row.seq.cast_signed(),
            row.at,
            row.kind,
            row.author.map(id),
            row.n.map(u64::cast_signed),
            row.only.map(id),
            row.line
        ])?;
    }
    Ok(())
}

pub(super) fn keep_members(connection: &Connection, cut: &Cut) -> rusqlite::Result<()> {
    for (member, kept) in &cut.members {
        match kept {
            Some(kept) => keep_member(connection, *member, kept)?,
            None => {
                let member = [id(*member)];
                connection.prepare_cached("DELETE FROM member WHERE id = ?1")?.execute(member)?;
                connection
                    .prepare_cached("DELETE FROM waiting WHERE reader = ?1")?
                    .execute(member)?;
            }
        }
    }
    Ok(())
}

fn keep_member(
    connection: &Connection,
    member: MemberId,
    kept: &KeptMember,
) -> rusqlite::Result<()> {
    let KeptMember { name, token, since, taken, encryption, key, login, address, lost_at } = kept;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO
             member(id, name, token, since, taken, encryption, key, login, address, lost_at)
           VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let (id, name) = (id(member), name.as_str());
    let (since, taken) = (since.cast_signed(), taken.cast_signed());
    let token = token.as_ref().map(|TokenHash(hash)| hash);
    let (encryption, key) = (number_of(*encryption), key.as_ref().map(KeyHash::as_bytes));
    let address = address.map(|address| address.to_string());
    let lost_at = i64::try_from(*lost_at).ok();
    statement.execute(params![
        id, name, token, since, taken, encryption, key, login, address, lost_at
    ])?;
    Ok(())
}

/// What stands for a member's encryption in its row.
fn number_of(encryption: Encryption) -> i64 {
    match encryption {
        Encryption::None => 0,
        Encryption::Loopback => 1,
        Encryption::Tls => 2,
    }
}

pub(super) fn keep_waiting(connection: &Connection, cut: &Cut) -> rusqlite::Result<()> {
    for &KeptWaiting { reader, sender, lines } in &cut.waiting {
        let (reader, sender) = (id(reader), id(sender));
        if lines == 0 {
            connection
                .prepare_cached("DELETE FROM waiting WHERE reader = ?1 AND sender = ?2")?
                .execute([reader, sender])?;
        } else {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO waiting(reader, sender, lines) VALUES(?1, ?2, ?3)",
                )?
                .execute([reader, sender, lines.cast_signed()])?;
        }
    }
    Ok(())
}

pub(super) fn keep_gap(connection: &Connection, gap: &Gap) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO gap(after, at, lines) VALUES(?1, ?2, ?3)")?
        .execute([gap.after.cast_signed(), gap.at, gap.lines.cast_signed()])?;
    Ok(())
}

pub(super) fn keep_counters(connection: &Connection, counters: &Counters) -> rusqlite::Result<()> {
    let Counters { next_seq, next_member, said, joined, left } = counters;
    connection
        .prepare_cached(
            "UPDATE room SET next_seq = ?1, next_member = ?2, said = ?3, joined = ?4, left = ?5
               WHERE one = 1",
        )?
        .execute([next_seq, next_member, said, joined, left].map(|number| number.cast_signed()))?;
    Ok(())
}

fn id(member: MemberId) -> i64 {
    member.0.cast_signed()
}
