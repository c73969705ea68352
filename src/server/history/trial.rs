//! How fast the store keeps lines, for `cargo bench --bench history`: it alone, without a room.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpointer, Written};
use super::kept::{Counters, Cut};
use super::store::opening::{self, Owner};
use super::store::sqlite::SqliteStore;
use super::store::{Checkpoint, Store};
use super::turn::Turns;
use crate::server::audience::{Audience, Envelope, Kind, MemberId};
use crate::server::batch::Batch;
use crate::server::config::Durability;

/// What was measured.
#[derive(Debug)]
pub struct Trial {
    /// How many lines were kept in a second.
    pub lines_per_second: f64,
    /// How long each group took until it was kept, the shortest first.
    pub commits: Vec<Duration>,
    /// How many bytes the file has afterwards, for each line.
    pub bytes_per_line: f64,
}

/// Makes an empty history at that path.
///
/// # Errors
///
/// The file cannot be made.
pub fn create(path: &Path) -> io::Result<()> {
    open(path, Durability::Crash).map(drop)
}

fn open(path: &Path, durability: Durability) -> io::Result<SqliteStore> {
    let opened = opening::open(path, Owner::Server, durability);
    opened.map(|opened| opened.store).map_err(|why| io::Error::other(why.to_string()))
}

/// Keeps lines of about 60 bytes in a new file of that folder for so long, in groups of so many, as a
/// server does: with a checkpointer beside it.
///
/// # Errors
///
/// The file cannot be made or written.
pub fn run(folder: &Path, durability: Durability, group: u64, time: Duration) -> io::Result<Trial> {
    let path = folder.join("trial.db");
    let mut store = open(&path, durability)?;
    let (written, turns) = (Arc::new(Written::new()), Arc::new(Turns::new()));
    let another = SqliteStore::writer(&path, durability).map_err(io::Error::other)?;
    let checkpointer = Checkpointer::new(another, Arc::clone(&written), Arc::clone(&turns));
    let thread = std::thread::spawn(|| checkpointer.run());
    let (mut next, mut commits) = (1, Vec::new());
    let start = Instant::now();
    while start.elapsed() < time {
        let cut = cut(next, group);
        let begin = Instant::now();
        let turn = turns.of_keeper();
        store.keep(&cut).map_err(io::Error::other)?;
        drop(turn);
        commits.push(begin.elapsed());
        written.mark();
        next = cut.counters.next_seq;
    }
    let lines = (next - 1) as f64;
    let lines_per_second = lines / start.elapsed().as_secs_f64();
    written.end();
    thread
        .join()
        .map_err(|_panic| io::Error::other("the checkpointer"))?
        .map_err(io::Error::other)?;
    store.checkpoint(Checkpoint::Truncate).map_err(io::Error::other)?;
    commits.sort_unstable();
    let bytes_per_line = std::fs::metadata(&path)?.len() as f64 / lines;
    Ok(Trial { lines_per_second, commits, bytes_per_line })
}

/// What ten members say, one after the other.
fn cut(from: u64, lines: u64) -> Cut {
    let mut batch = Batch::beginning_at(from, 0);
    batch.is_now(1_795_867_200_000 + from.cast_signed());
    for seq in from..from + lines {
        let author = seq % 10 + 1;
        let envelope = Envelope::new(Audience::AllBut(MemberId(author)), Kind::Said);
        batch
            .push(envelope, format_args!("<member{author}> {seq} is what I say here, and no more"));
    }
    let counters = Counters { next_seq: from + lines, ..Counters::NEW };
    let batches = vec![Arc::new(batch)];
    Cut {
        from,
        batches,
        gap: None,
        members: Vec::new(),
        waiting: Vec::new(),
        facts: Vec::new(),
        erasures: Vec::new(),
        counters,
    }
}
