//! Made-up talk, to fill a history with: lines in a language of 50,000 words, of which few are common, as in any
//! language. It is the same at each run.

use chatroom::server::history::index::{Indexer, Progress};
use rusqlite::{Connection, Result, params};

/// How many words the language has.
pub(crate) const VOCABULARY: u64 = 50_000;

/// How many members talk. Each is a member still, and away.
const MEMBERS: u64 = 100;

/// How many of them, the first ones, get private lines: one line of a hundred is private.
const WHISPERED_TO: u64 = 20;

/// How many lines are written in one transaction.
const GROUP: i64 = 10_000;

/// Puts so many lines into an empty history, and who has said them.
pub(crate) fn fill(db: &Connection, lines: i64) -> Result<()> {
    let mut random = Random(1);
    for first in (1..=lines).step_by(GROUP as usize) {
        let rows = db.unchecked_transaction()?;
        let mut insert = db.prepare_cached(
            "INSERT INTO event(seq, at, kind, author, n, only, line) VALUES(?1, ?2, 0, ?3, ?1, ?4, ?5)",
        )?;
        for seq in first..(first + GROUP).min(lines + 1) {
            let only = (random.below(100) == 0).then(|| 1 + random.below(WHISPERED_TO) as i64);
            let mut line = random.line();
            if seq == lines / 10 {
                line += " onlyonce";
            }
            let author = 1 + random.below(MEMBERS) as i64;
            insert.execute(params![seq, seq * 1000, author, only, line])?;
        }
        drop(insert);
        rows.commit()?;
    }
    admit(db, lines)
}

/// The members: without them, a server that starts on the file would blank their private lines.
fn admit(db: &Connection, lines: i64) -> Result<()> {
    let rows = db.unchecked_transaction()?;
    for id in 1..=MEMBERS {
        let token = [id as u8; 32];
        db.execute(
            "INSERT INTO member(id, name, token, since, taken) VALUES(?1, ?2, ?3, 1, 0)",
            params![id as i64, format!("member{id}"), token],
        )?;
    }
    db.execute(
        "UPDATE room SET next_seq = ?1, next_member = ?2, said = ?3",
        params![lines + 1, MEMBERS as i64 + 1, lines],
    )?;
    rows.commit()
}

/// Makes the index of all lines.
pub(crate) fn index(db: &Connection) -> Result<()> {
    let mut indexer = Indexer::default();
    while indexer.step(db)? == Progress::GoesOn {}
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
}

/// A word of the language, the most common ones first.
pub(crate) fn word(number: u64) -> String {
    const SYLLABLES: [&str; 20] = [
        "ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "zu",
        "an", "el", "is", "or", "un",
    ];
    // Scattered, so that words that begin alike are not all common.
    let mut rest = number.wrapping_mul(48_271) % 159_989 + 20;
    let mut word = String::new();
    while rest > 0 {
        word += SYLLABLES[(rest % 20) as usize];
        rest /= 20;
    }
    word
}

/// Numbers that are always the same.
struct Random(u64);

impl Random {
    /// The next one, below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % end
    }

    /// A line of a member's of about 10 words, by Zipf's law.
    fn line(&mut self) -> String {
        let mut line = format!("<member{}>", 1 + self.below(MEMBERS));
        for _ in 0..4 + self.below(12) {
            let uniform = (self.below(1 << 30) as f64 + 1.0) / f64::from(1 << 30);
            let rank = (VOCABULARY as f64).powf(uniform) as u64 - 1;
            line.push(' ');
            line += &word(rank);
        }
        line
    }
}
