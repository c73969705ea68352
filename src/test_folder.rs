//! A folder for the files of one test.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A new folder for temporary files, removed when dropped. Windows leaves it where a file in it is still open;
/// the next folder has another name.
#[derive(Debug)]
pub(crate) struct Folder {
    /// As the system names it, without links: a server tells paths so.
    path: PathBuf,
    /// Removes it.
    _folder: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let path = folder.path().canonicalize().expect("it is there");
        Folder { path, _folder: folder }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of that name is, or would be.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The names of its files, sorted, each with its bytes.
    pub(crate) fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let mut contents: Vec<_> = std::fs::read_dir(&self.path)
            .expect("it is there")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                (entry.file_name().to_string_lossy().into_owned(), bytes)
            })
            .collect();
        contents.sort();
        contents
    }
}
