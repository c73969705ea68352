//! Files with secrets that the operator has made: passwords, and private keys of certificates. They are left as they are,
//! and the operator is told of one that everybody on the machine can read.

use std::path::Path;

/// Logs a warning if every user of this machine can read the file, which has a secret in it: `secret` says which.
pub(crate) fn warn_if_public(secret: &str, path: &Path) {
    if system::is_public(path) {
        let path = path.display();
        log::warn!(
            "{secret} in {path} can be read by every user of this machine; chmod 600 {path}"
        );
    }
}

#[cfg(unix)]
mod system {
    use std::fs::{self, Metadata};
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    /// The mode's bit by which everybody may read a file.
    const READ: u32 = 0o004;

    /// The mode's bit by which everybody may pass through a folder.
    const PASS: u32 = 0o001;

    /// Whether a regular file can be read by everybody, by its own mode and those of the folders that it is in.
    pub(super) fn is_public(path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else { return false };
        let is_readable = |found: &Metadata| found.is_file() && found.mode() & READ != 0;
        fs::metadata(&path).as_ref().is_ok_and(is_readable)
            && path.parent().is_some_and(is_open_to_all)
    }

    /// Whether everybody gets to what is in a folder.
    pub(super) fn is_open_to_all(folder: &Path) -> bool {
        let is_open = |folder| fs::metadata(folder).is_ok_and(|found| found.mode() & PASS != 0);
        folder.ancestors().all(is_open)
    }
}

/// Windows has no mode for everybody: a file has the rights of its folder.
#[cfg(windows)]
mod system {
    use std::path::Path;

    pub(super) fn is_public(_: &Path) -> bool {
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::system::{is_open_to_all, is_public};
    use crate::test_folder::Folder;

    #[test]
    fn a_file_is_public_if_it_and_all_folders_around_it_are() {
        let folder = Folder::new();
        let set = |path: &std::path::Path, mode| {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
        };
        let (file, link) = (folder.file("password"), folder.file("link"));
        fs::write(&file, "secret").expect("ours");
        symlink(&file, &link).expect("ours");
        set(folder.path(), 0o755);
        // Whoever runs this may keep temporary files private.
        let can_be = is_open_to_all(folder.path());
        for (mode, is) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
            set(&file, mode);
            assert_eq!([&file, &link].map(|it| is_public(it)), [is && can_be; 2], "{mode:o}");
        }
        set(folder.path(), 0o700);
        assert!(!is_public(&file), "nobody else gets there");
        assert!(
            !is_public(&folder.file("missing")) && !is_public(std::path::Path::new("/dev/null"))
        );
    }
}
