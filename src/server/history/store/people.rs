//! What the store in SQLite has of people: owners, sanctions, invitations and letters, a table for each. Whoever calls
//! has begun a transaction.

use rusqlite::{Connection, Row as Columns, params};

use super::super::kept::{Cut, Fact, FactKey};
use crate::protocol::name::{Likeness, Name};
use crate::protocol::network::Network;
use crate::protocol::proof::KeyHash;
use crate::server::room::people::invitations::{CodeHash, Invitation};
use crate::server::room::people::letters::Letter;
use crate::server::room::people::owners::Owner;
use crate::server::room::people::sanctions::Sanction;

/// The tables, as the format has them since it is 3.
pub(super) const TABLES: &str = "
CREATE TABLE owner(              -- whose a name is
  word TEXT PRIMARY KEY,         -- the name without case
  name TEXT NOT NULL,            -- as its owner spelled it
  key BLOB,                      -- the SHA-256 of the owner's public key
  password TEXT,                 -- its hash, a PHC string
  seen INTEGER NOT NULL,         -- when the owner was here last, in milliseconds since 1970
  operator INTEGER NOT NULL,     -- 1: made an operator in the room
  invited INTEGER NOT NULL) WITHOUT ROWID;  -- 1: let in by name
CREATE TABLE ban(                -- who is kept out
  id INTEGER PRIMARY KEY,
  whom TEXT NOT NULL,            -- as operators are shown it
  key BLOB,                      -- the SHA-256 of a public key
  network TEXT,                  -- an address, or one with the number of bits that count
  of_name INTEGER NOT NULL,      -- 1: whoever is called so
  until INTEGER,                 -- milliseconds since 1970; NULL: for ever
  by TEXT NOT NULL, why TEXT NOT NULL);
CREATE TABLE mute(               -- who cannot speak; columns as those of ban
  id INTEGER PRIMARY KEY, whom TEXT NOT NULL, key BLOB, network TEXT, of_name INTEGER NOT NULL,
  until INTEGER, by TEXT NOT NULL, why TEXT NOT NULL);
CREATE TABLE invitation(         -- codes that nobody has used yet
  code BLOB PRIMARY KEY,         -- the SHA-256 of the code
  until INTEGER NOT NULL, by TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE invited(            -- who was let in by a code
  key BLOB PRIMARY KEY) WITHOUT ROWID;      -- the SHA-256 of a public key
CREATE TABLE letter(             -- private lines for owners who are not here
  id INTEGER PRIMARY KEY,
  reader TEXT NOT NULL,          -- the owner's name without case
  other TEXT NOT NULL,           -- who said it, or who has read it
  at INTEGER NOT NULL,           -- when it was said, in milliseconds since 1970
  line TEXT,                     -- NULL: the other one has read what the reader had said then
  lines INTEGER NOT NULL);       -- how many lines it stands for
CREATE TABLE topic(one INTEGER PRIMARY KEY CHECK(one = 1), topic TEXT NOT NULL);";

/// Keeps what has changed.
pub(super) fn keep_facts(connection: &Connection, cut: &Cut) -> rusqlite::Result<()> {
    cut.facts.iter().try_for_each(|(key, fact)| match fact {
        Some(fact) => keep(connection, key, fact),
        None => forget(connection, key),
    })
}

fn keep(connection: &Connection, key: &FactKey, fact: &Fact) -> rusqlite::Result<()> {
    match (key, fact) {
        (FactKey::Owner(word), Fact::Owner(owner)) => keep_owner(connection, word, owner),
        (FactKey::Ban(id), Fact::Sanction(ban)) => keep_sanction(connection, "ban", *id, ban),
        (FactKey::Mute(id), Fact::Sanction(mute)) => keep_sanction(connection, "mute", *id, mute),
        (FactKey::Invitation(CodeHash(code)), Fact::Invitation(Invitation { until, by })) => run(
            connection,
            "INSERT OR REPLACE INTO invitation(code, until, by) VALUES(?1, ?2, ?3)",
            params![code, until, by],
        ),
        (FactKey::LetIn(key), Fact::LetIn) => {
            let insert = "INSERT OR REPLACE INTO invited(key) VALUES(?1)";
            run(connection, insert, params![key.as_bytes()])
        }
        (FactKey::Letter(id), Fact::Letter(Letter { reader, other, at, text, lines, .. })) => run(
            connection,
            "INSERT OR REPLACE INTO letter(id, reader, other, at, line, lines)
               VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
            params![id.cast_signed(), reader, other, at, text, lines.cast_signed()],
        ),
        (FactKey::Topic, Fact::Topic(topic)) => {
            let insert = "INSERT OR REPLACE INTO topic(one, topic) VALUES(1, ?1)";
            run(connection, insert, params![topic])
        }
        // The room makes no other pairs.
        _ => Ok(()),
    }
}

fn keep_owner(connection: &Connection, word: &str, owner: &Owner) -> rusqlite::Result<()> {
    let Owner { name, key, password, seen, is_operator, is_invited, .. } = owner;
    let key = key.as_ref().map(KeyHash::as_bytes);
    run(
        connection,
        "INSERT OR REPLACE INTO owner(word, name, key, password, seen, operator, invited)
           VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![word, name.as_str(), key, password, seen, is_operator, is_invited],
    )
}

fn keep_sanction(
    connection: &Connection,
    table: &str,
    id: u64,
    sanction: &Sanction,
) -> rusqlite::Result<()> {
    let Sanction { whom, key, network, is_of_name, until, by, why, .. } = sanction;
    let (id, key) = (id.cast_signed(), key.as_ref().map(KeyHash::as_bytes));
    let network = network.map(|network| network.to_string());
    run(
        connection,
        &format!(
            "INSERT OR REPLACE INTO {table}(id, whom, key, network, of_name, until, by, why)
               VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
        ),
        params![id, whom, key, network, is_of_name, until, by, why],
    )
}

fn forget(connection: &Connection, key: &FactKey) -> rusqlite::Result<()> {
    match key {
        FactKey::Owner(word) => run(connection, "DELETE FROM owner WHERE word = ?1", [word]),
        FactKey::Ban(id) => run(connection, "DELETE FROM ban WHERE id = ?1", [id.cast_signed()]),
        FactKey::Mute(id) => run(connection, "DELETE FROM mute WHERE id = ?1", [id.cast_signed()]),
        FactKey::Invitation(CodeHash(code)) => {
            run(connection, "DELETE FROM invitation WHERE code = ?1", [code])
        }
        FactKey::LetIn(key) => {
            run(connection, "DELETE FROM invited WHERE key = ?1", [key.as_bytes()])
        }
        FactKey::Letter(id) => {
            run(connection, "DELETE FROM letter WHERE id = ?1", [id.cast_signed()])
        }
        FactKey::Topic => run(connection, "DELETE FROM topic", []),
    }
}

fn run(
    connection: &Connection,
    statement: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute(values).map(|_| ())
}

/// All that is kept. What this version does not understand is left out: a name that is none by its rules, say.
pub(super) fn facts(connection: &Connection) -> rusqlite::Result<Vec<(FactKey, Fact)>> {
    let mut facts = Vec::new();
    read(connection, "SELECT name, key, password, seen, operator, invited FROM owner", |row| {
        facts.extend(owner(row)?.map(|it| (FactKey::Owner(it.word().to_owned()), Fact::Owner(it))));
        Ok(())
    })?;
    for (table, key) in [("ban", FactKey::Ban as fn(u64) -> FactKey), ("mute", FactKey::Mute)] {
        let query = format!(
            "SELECT id, whom, key, network, of_name, until, by, why FROM {table} ORDER BY id"
        );
        read(connection, &query, |row| {
            facts.push((key(id(row)?), Fact::Sanction(sanction(row)?)));
            Ok(())
        })?;
    }
    read(connection, "SELECT code, until, by FROM invitation", |row| {
        let invitation = Invitation { until: row.get(1)?, by: row.get(2)? };
        facts.push((FactKey::Invitation(CodeHash(row.get(0)?)), Fact::Invitation(invitation)));
        Ok(())
    })?;
    read(connection, "SELECT key FROM invited", |row| {
        facts.push((FactKey::LetIn(KeyHash::from_bytes(row.get(0)?)), Fact::LetIn));
        Ok(())
    })?;
    read(connection, "SELECT id, reader, other, at, line, lines FROM letter ORDER BY id", |row| {
        let other: Box<str> = row.get(2)?;
        let letter = Letter {
            reader: row.get(1)?,
            other_word: Likeness::of(&other).folded().into(),
            other,
            at: row.get(3)?,
            text: row.get(4)?,
            lines: row.get::<_, i64>(5)?.cast_unsigned(),
        };
        facts.push((FactKey::Letter(id(row)?), Fact::Letter(letter)));
        Ok(())
    })?;
    read(connection, "SELECT topic FROM topic WHERE topic != ''", |row| {
        facts.push((FactKey::Topic, Fact::Topic(row.get(0)?)));
        Ok(())
    })?;
    Ok(facts)
}

fn read(
    connection: &Connection,
    query: &str,
    mut take: impl FnMut(&Columns<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}

fn id(row: &Columns<'_>) -> rusqlite::Result<u64> {
    row.get::<_, i64>(0).map(i64::cast_unsigned)
}

fn key(row: &Columns<'_>, column: usize) -> rusqlite::Result<Option<KeyHash>> {
    Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(KeyHash::from_bytes))
}

fn owner(row: &Columns<'_>) -> rusqlite::Result<Option<Owner>> {
    let Ok(name) = Name::parse(row.get_ref(0)?.as_str()?) else { return Ok(None) };
    let likeness = name.likeness();
    let mut owner = Owner::new((name, likeness), key(row, 1)?, row.get(2)?, row.get(3)?);
    (owner.is_operator, owner.is_invited) = (row.get(4)?, row.get(5)?);
    Ok(Some(owner))
}

fn sanction(row: &Columns<'_>) -> rusqlite::Result<Sanction> {
    let network: Option<String> = row.get(3)?;
    let whom: Box<str> = row.get(1)?;
    Ok(Sanction {
        likeness: Likeness::of(&whom),
        whom,
        key: key(row, 2)?,
        network: network.and_then(|network| Network::parse(&network)),
        is_of_name: row.get(4)?,
        until: row.get(5)?,
        by: row.get(6)?,
        why: row.get(7)?,
    })
}
