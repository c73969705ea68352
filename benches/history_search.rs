//! What a search in a file costs: `cargo bench --bench history_search -- [LINES] [FILE]`.
//!
//! Makes a history of so many lines (1,000,000) with its index, and prints how long a server takes to start on it,
//! and how long queries take in it: the median and the longest of some trials. FILE stays, and is used again.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chatroom::server::history::query::{Scope, Verdict, newest, search};
use chatroom::server::history::trial;
use rusqlite::{Connection, Result};
use talk::{VOCABULARY, word};

mod talk;

/// How often each query is asked.
const TRIALS: usize = 9;

/// How often the server is started.
const STARTS: usize = 5;

/// A member that has one of 2,000 lines for itself alone, and one that has none.
const WHISPERED_TO: u64 = 7;
const STRANGER: u64 = 999;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let lines =
        arguments.next().map_or(1_000_000, |lines| lines.parse().expect("a number of lines"));
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let file = arguments.next().map_or_else(|| folder.path().join("room.db"), PathBuf::from);
    if !file.exists() {
        trial::create(&file).expect("the file can be made");
        make(&open(&file)?, lines)?;
    }
    report_starts(&file, &folder.path().join("state")).expect("a server starts on the file");
    measure(&mut open(&file)?, lines)
}

/// A connection like the server's.
fn open(file: &Path) -> Result<Connection> {
    let db = Connection::open(file)?;
    db.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(db)
}

/// Fills the history, and says how long that took.
fn make(db: &Connection, lines: i64) -> Result<()> {
    let begun = Instant::now();
    talk::fill(db, lines)?;
    println!("{lines} rows in {:.1} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    talk::index(db)?;
    let took = begun.elapsed();
    let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let bytes: i64 =
        db.query_row("SELECT sum(length(CAST(line AS BLOB))) FROM event", [], |row| row.get(0))?;
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

/// How long a server takes from its start until it listens, after a clean end.
fn report_starts(file: &Path, state: &Path) -> io::Result<()> {
    // The first one of all finds a file that no server has ended, and may make its key.
    end(start(file, state)?.0)?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let (server, time) = start(file, state)?;
        times.push(time);
        end(server)?;
    }
    times.sort_unstable();
    let (median, most) = (millis(times[STARTS / 2]), millis(times[STARTS - 1]));
    println!("a server listens after {median:.0} ms (median of {STARTS}), {most:.0} ms at most");
    Ok(())
}

/// Starts a server that forgets nothing, and waits until it says where it listens.
fn start(file: &Path, state: &Path) -> io::Result<(Child, Duration)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.args(["127.0.0.1", "0", "--keep", "forever", "--keep-size", "16T", "--history"]);
    command.arg(file).env("XDG_STATE_HOME", state).env_remove("STATE_DIRECTORY");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut server = command.spawn()?;
    let mut said = String::new();
    let output = server.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut said)?;
    let time = begun.elapsed();
    if said.starts_with("listening on ") {
        return Ok((server, time));
    }
    end(server)?;
    Err(io::Error::other("the server did not listen"))
}

/// Ends it as an operator does, so that it leaves the file in order.
fn end(mut server: Child) -> io::Result<()> {
    #[cfg(unix)]
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&server),
        rustix::process::Signal::TERM,
    )
    .ok();
    #[cfg(not(unix))]
    server.kill().ok();
    server.wait().map(drop)
}

/// In milliseconds.
fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Asks each query in turn.
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
    let indexed: i64 = db.query_row("SELECT indexed FROM room", [], |row| row.get(0))?;
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
    report("the newest 20 before the middle", db, |db| newest(db, deep, || Verdict::GoOn))?;
    db.execute("UPDATE room SET indexed = ?1", [indexed]).map(drop)
}

/// Asks one query some times, and prints how long that took.
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
    println!(
        "{name:34}{found:>9}{:>10.2}{:>10.2}",
        millis(times[TRIALS / 2]),
        millis(times[TRIALS - 1])
    );
    Ok(())
}
