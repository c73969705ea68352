//! How fast the history keeps lines: `cargo bench --bench history [FOLDER]`
//!
//! Printed are the lines a second that the store keeps, in groups of 1, 100 and 10,000, with what both
//! durabilities promise, and how long a commit takes. The disk is measured more than anything else, so FOLDER
//! should be on the one that counts.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chatroom::server::Durability;
use chatroom::server::history::trial::{self, Trial};

/// How long each trial goes on.
const TIME: Duration = Duration::from_secs(5);

fn main() -> io::Result<()> {
    let given = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let folder = given.map_or_else(std::env::temp_dir, PathBuf::from);
    println!("durability  group     lines/s   commit p50    p99  p99.9 µs   bytes/line");
    for (name, durability) in [("crash", Durability::Crash), ("power", Durability::Power)] {
        for group in [1, 100, 10_000] {
            let Trial { lines_per_second, commits, bytes_per_line } =
                measured(&folder, durability, group)?;
            let part = |part: f64| {
                let at = (commits.len() as f64 * part) as usize;
                commits[at.min(commits.len() - 1)].as_micros()
            };
            let [p50, p99, p999] = [0.5, 0.99, 0.999].map(part);
            println!(
                "{name:10} {group:>6} {lines_per_second:>11.0} {p50:>12} {p99:>6} {p999:>6} \
                 {bytes_per_line:>14.0}"
            );
        }
    }
    Ok(())
}

/// In a folder of its own, which goes afterwards.
fn measured(folder: &Path, durability: Durability, group: u64) -> io::Result<Trial> {
    let folder = tempfile::tempdir_in(folder)?;
    trial::run(folder.path(), durability, group, TIME)
}
