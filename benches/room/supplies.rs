//! What programs need before they start: made once, and in a folder for temporary files, of which nothing stays.

use std::io;
use std::path::{Path, PathBuf};

use chatroom::server::history::trial;
use rusqlite::Connection;

use crate::talk;
use crate::target::Target;

/// How many lines a filled history has.
pub const LINES: i64 = 300_000;

/// The supplies of a run.
#[derive(Debug)]
pub struct Supplies(Folder);

impl Supplies {
    /// Those that the targets need.
    pub fn for_targets(targets: &[Target]) -> io::Result<Supplies> {
        let supplies = Supplies(Folder::new("supplies")?);
        if targets.iter().any(|target| target.is_filled()) {
            println!("fills a history with {LINES} lines");
            fill(&supplies.filled()).map_err(io::Error::other)?;
        }
        Ok(supplies)
    }

    /// A history with `LINES` lines and their index.
    pub fn filled(&self) -> PathBuf {
        self.0.path().join("filled.db")
    }
}

fn fill(file: &Path) -> rusqlite::Result<()> {
    trial::create(file).expect("the file can be made");
    let db = Connection::open(file)?;
    db.execute_batch("PRAGMA synchronous = OFF")?;
    talk::fill(&db, LINES)?;
    talk::index(&db)
}

/// A folder for temporary files, of which nothing stays.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one of that name.
    pub fn new(name: &str) -> io::Result<Folder> {
        let name = format!("chatroom-bench-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Folder(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
