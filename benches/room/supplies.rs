//! What programs need before they start: made once, and in a folder for temporary files, of which nothing stays.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use chatroom::server::history::trial;
use rcgen::CertifiedKey;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::talk;
use crate::target::Target;

/// How many lines a filled history has.
pub const LINES: i64 = 300_000;

/// The supplies of a run.
#[derive(Debug)]
pub struct Supplies(TempDir);

impl Supplies {
    /// Those that the targets need.
    pub fn for_targets(targets: &[Target]) -> io::Result<Supplies> {
        let supplies = Supplies(tempfile::tempdir()?);
        if targets.iter().any(|target| target.is_filled()) {
            println!("fills a history with {LINES} lines");
            fill(&supplies.filled()).map_err(io::Error::other)?;
        }
        if targets.iter().any(|target| target.tls().is_some()) {
            supplies.certify().map_err(io::Error::other)?;
        }
        Ok(supplies)
    }

    /// Makes a certificate for those who have none of their own, of the same kind of key as the server's: P-256.
    fn certify(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["chatroom".to_owned()])?;
        std::fs::write(self.certificate(), cert.pem())?;
        std::fs::write(self.key(), signing_key.serialize_pem())?;
        Ok(())
    }

    /// The certificate's file.
    pub fn certificate(&self) -> PathBuf {
        self.0.path().join("certificate.pem")
    }

    /// The file of the certificate's key.
    pub fn key(&self) -> PathBuf {
        self.0.path().join("key.pem")
    }

    /// A history with `LINES` lines and their index.
    pub fn filled(&self) -> PathBuf {
        self.0.path().join("filled.db")
    }
}

/// Makes a history there.
fn fill(file: &Path) -> rusqlite::Result<()> {
    trial::create(file).expect("the file can be made");
    let db = Connection::open(file)?;
    db.execute_batch("PRAGMA synchronous = OFF")?;
    talk::fill(&db, LINES)?;
    talk::index(&db)
}
