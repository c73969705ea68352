//! What a search in a file costs: `cargo bench --bench history_search -- [LINES] [FILE]`.
//!
//! Makes a history of so many lines (1,000,000) with its index, and prints how long queries take in it: the
//! median and the longest of some trials. The words are of a made-up
//! language of 50,000 words, of which few are common, as in any language. FILE stays, and is used again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use chatroom::server::history::index::{Indexer, Progress};
use chatroom::server::history::query::{Scope, Verdict, newest, search};
use chatroom::server::history::trial;
use rusqlite::{Connection, Result, params};

const VOCABULARY: u64 = 50_000;

const TRIALS: usize = 9;

/// A member that has one of 2,000 lines for itself alone, and one that has none.
const WHISPERED_TO: u64 = 7;
const STRANGER: u64 = 999;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let lines =
        arguments.next().map_or(1_000_000, |lines| lines.parse().expect("a number of lines"));
    let default = || std::env::temp_dir().join(format!("chatroom-bench-{}.db", std::process::id()));
    let given = arguments.next().map(PathBuf::from);
    let file = given.clone().unwrap_or_else(default);
    let is_there = file.exists();
    if !is_there {
        trial::create(&file).expect("the file can be made");
    }
    let mut db = Connection::open(&file)?;
    db.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY;",
    )?;
    if !is_there {
        make(&db, lines)?;
    }
    measure(&mut db, lines)?;
    drop(db);
    if given.is_none() {
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
        }
    }
    Ok(())
}

fn make(db: &Connection, lines: i64) -> Result<()> {
    let begun = Instant::now();
    let mut random = Random(1);
    for first in (1..=lines).step_by(10_000) {
        let rows = db.unchecked_transaction()?;
        let mut insert = db.prepare_cached(
            "INSERT INTO event(seq, at, kind, author, n, only, line) VALUES(?1, ?2, 0, ?3, ?1, ?4, ?5)",
        )?;
        for seq in first..(first + 10_000).min(lines + 1) {
            let only = (random.below(100) == 0).then(|| random.below(20) as i64);
            let mut line = random.line();
            if seq == lines / 10 {
                line += " onlyonce";
            }
            insert.execute(params![seq, seq * 1000, random.below(100) as i64, only, line])?;
        }
        drop(insert);
        rows.commit()?;
    }
    println!("{lines} rows in {:.1} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let mut indexer = Indexer::default();
    while indexer.step(db)? == Progress::GoesOn {}
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let bytes: i64 =
        db.query_row("SELECT sum(length(CAST(line AS BLOB))) FROM event", [], |row| row.get(0))?;
    let took = begun.elapsed();
    println!(
        "index in {:.1} s ({:.1} µs a line); {} MB, {:.0} bytes a line, of which {:.0} are text",
        took.as_secs_f64(),
        took.as_secs_f64() * 1e6 / lines as f64,
        (pages * 4096) >> 20,
        (pages * 4096) as f64 / lines as f64,
        bytes as f64 / lines as f64,
    );
    Ok(())
}

fn measure(db: &mut Connection, lines: i64) -> Result<()> {
    let [common, second, third] = [0, 1, 2].map(word);
    let (medium, rare) = (word(2000), word(VOCABULARY - 100));
    let cases = [
        ("common word", common.clone()),
        ("three common words", format!("{common} {second} {third}")),
        ("phrase of common words", format!("\"{common} {second}\"")),
        ("word of medium frequency", medium.clone()),
        ("rare word", rare.clone()),
        ("rare and common word", format!("{rare} {common}")),
        ("word of one line", "onlyonce".to_owned()),
        ("no such word", "nosuchword".to_owned()),
        ("no such word, and a common one", format!("nosuchword {common}")),
        ("prefix of three letters", common.chars().take(3).collect()),
        ("prefix of three letters, rare", rare.chars().take(3).collect()),
        ("two prefixes of two letters", format!("{} {}", &medium[..2], &rare[..2])),
        ("prefix of one letter", common.chars().take(1).collect()),
        ("eight prefixes of one letter", "b d f g k l m n".to_owned()),
    ];
    println!("{:34}{:>9}{:>10}{:>10}", "a search for", "found", "median ms", "most ms");
    let scope = Scope { member: STRANGER, before: u64::MAX, most: 20 };
    // The room looks at the newest 256 KiB without the index.
    db.execute("UPDATE room SET indexed = ?1", [(lines - (256 << 10) / 93).max(0)])?;
    for (name, words) in cases {
        let look = |db: &mut Connection| search(db, scope, &words, || Verdict::GoOn);
        report(name, db, look)?;
    }
    let many = Scope { member: WHISPERED_TO, ..scope };
    report("no such word, many private lines", db, |db| {
        search(db, many, "nosuchword", || Verdict::GoOn)
    })?;
    let deep = Scope { before: lines as u64 / 2, ..scope };
    report("the newest 20 before the middle", db, |db| newest(db, deep, || Verdict::GoOn))
}

fn report(
    name: &str,
    db: &mut Connection,
    look: impl Fn(&mut Connection) -> Result<Option<chatroom::server::history::query::Found>>,
) -> Result<()> {
    let mut times = Vec::new();
    let mut found = 0;
    for _ in 0..TRIALS {
        let begun = Instant::now();
        found = look(db)?.expect("nobody gives up").events.len();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{name:34}{found:>9}{:>10.2}{:>10.2}",
        millis(times[TRIALS / 2]),
        millis(times[TRIALS - 1])
    );
    Ok(())
}

/// A word of the language, the most common ones first.
fn word(number: u64) -> String {
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
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % end
    }

    /// A line of a member's of about 10 words, by Zipf's law.
    fn line(&mut self) -> String {
        let mut line = format!("<member{}>", self.below(100));
        for _ in 0..4 + self.below(12) {
            let uniform = (self.below(1 << 30) as f64 + 1.0) / f64::from(1 << 30);
            let rank = (VOCABULARY as f64).powf(uniform) as u64 - 1;
            line.push(' ');
            line += &word(rank);
        }
        line
    }
}
