//! The documents and what leads from one to the other: each link is good in the repository, and in the
//! Debian package, where the documents lie below one folder in the same places.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Where the package has the documents.
const FOLDER: &str = "usr/share/doc/chatroom/";

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every document that the package has, and what else of it lies beside them, as the repository names
/// it: each file that Cargo.toml's list of assets copies to the same place below `FOLDER`.
fn packaged() -> BTreeSet<PathBuf> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
    let mut files = BTreeSet::new();
    for line in manifest.lines().filter(|line| line.contains(FOLDER)) {
        let quoted: Vec<_> = line.split('"').collect();
        let [_, source, _, target, ..] = quoted[..] else { panic!("no asset: {line}") };
        let Some(below) = target.strip_prefix(FOLDER) else { continue };
        let (folder, pattern) = source.rsplit_once('/').unwrap_or(("", source));
        if below.trim_end_matches('/') != folder {
            continue;
        }
        let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
        for entry in fs::read_dir(root().join(folder)).expect("it is a folder") {
            let name = entry.expect("it can be read").file_name().into_string().expect("plain");
            if name.starts_with(start) && name.ends_with(end) {
                files.insert(Path::new(folder).join(name));
            }
        }
    }
    files
}

/// The target of each link in a text of Markdown that leads to no other host.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target).filter(|target| !target.contains("://"))
}

/// The heading's anchor, as the usual viewers make it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().trim().to_lowercase().replace(' ', "-")
}

/// `docs/../README.md` is `README.md`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// Checks the links of one document, and returns how many there are.
fn check(document: &Path, packaged: &BTreeSet<PathBuf>) -> usize {
    let text = fs::read_to_string(root().join(document)).expect("it is there");
    let folder = document.parent().expect("it is in a folder");
    let mut count = 0;
    for link in links(&text) {
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let path = if file.is_empty() { document.to_owned() } else { plain(&folder.join(file)) };
        let document = document.display();
        assert!(root().join(&path).is_file(), "{document}: {link} leads nowhere");
        assert!(packaged.contains(&path), "{document}: {link} leads nowhere in the package");
        let target = fs::read_to_string(root().join(&path)).expect("it is there");
        let mut headings = target.lines().filter(|line| line.starts_with('#'));
        let is_there = headings.any(|line| anchor(line.trim_start_matches('#')) == heading);
        assert!(heading.is_empty() || is_there, "{document}: {link} names no heading");
        count += 1;
    }
    count
}

#[test]
fn each_link_in_the_documents_leads_somewhere_in_the_package_too() {
    let packaged = packaged();
    let documents = packaged.iter().filter(|path| path.extension().is_some_and(|e| e == "md"));
    let counts: Vec<_> = documents.map(|document| check(document, &packaged)).collect();
    assert!(counts.len() >= 8, "{packaged:?}");
    assert!(counts.iter().sum::<usize>() >= 10, "{counts:?}");
}

#[test]
fn the_package_has_what_a_client_is_written_from() {
    let packaged = packaged();
    for file in ["docs/PROTOCOL.md", "docs/RUNNING.md", "examples/python/chat.py"] {
        assert!(packaged.contains(Path::new(file)), "no {file} in {packaged:?}");
    }
}
