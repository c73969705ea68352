//! Where a history is looked for, and what a file is refused for.

use rusqlite::Connection;

use super::super::kept::{Erasure, RoomErasure};
use super::super::lock::Marker;
use super::super::scratch::{cut, lines, member, said};
use super::super::store::Checkpoint;
use super::open as open_place;
use std::ffi::OsString;

use super::*;
use crate::private_file::beside;
use crate::server::audience::MemberId;
use crate::server::batch::Batch;
use crate::test_folder::Folder;

const MEMORY: usize = 1 << 20;

fn open_named(path: &Path) -> Result<History, Refusal> {
    open_file(path, Owner::Server, Durability::Crash, MEMORY)
}

/// Why a file is refused, which stays as it was, and so does its folder.
#[track_caller]
fn refused(folder: &Folder, name: &str) -> String {
    let before = folder.contents();
    let refusal = open_named(&folder.file(name)).expect_err("it is refused");
    for ((name, before), (after_name, after)) in before.iter().zip(&folder.contents()) {
        assert_eq!(name, after_name);
        assert!(before == after, "{name} has changed");
    }
    assert_eq!(before.len(), folder.contents().len());
    let told = refusal.to_string();
    let begin = format!("cannot keep the history in {}: ", folder.file(name).display());
    told.strip_prefix(&begin).expect("it begins so").to_owned()
}

/// A history with something in it, closed in peace.
fn history(folder: &Folder) -> PathBuf {
    let path = folder.file("x.db");
    let mut history = open_named(&path).expect("a new one");
    let mut cut = lines(1, 5, 400, 50);
    cut.members = vec![(MemberId(1), Some(member("alice")))];
    history.store.keep(&cut).expect("it takes that");
    history.store.checkpoint(Checkpoint::Truncate).expect("it is whole");
    path
}

#[test]
fn the_default_place_is_the_first_that_there_is() {
    let set = |text: &str| Some(OsString::from(text));
    let all = Environment {
        state_directory: set("/var/lib/chatroom:/second"),
        xdg_state_home: set("/xdg"),
        home: set("/home/a"),
        local_app_data: set("/local"),
        ..Environment::default()
    };
    let file = |environment: &Environment| default_file(environment, 5000, None);
    let is = |text: &str| Some(PathBuf::from(text));
    if cfg!(unix) {
        assert_eq!(file(&all), is("/var/lib/chatroom/5000.db"));
    }
    for empty in [None, set(""), set("relative")] {
        let xdg = Environment { state_directory: empty.clone(), ..all.clone() };
        assert_eq!(file(&xdg), is("/xdg/chatroom/5000.db"));
        let home = Environment { xdg_state_home: empty.clone(), ..xdg };
        assert_eq!(file(&home), is("/home/a/.local/state/chatroom/5000.db"));
        let local = Environment { home: empty.clone(), ..home };
        assert_eq!(file(&local), is("/local/chatroom/5000.db"));
        assert_eq!(file(&Environment { local_app_data: empty, ..local }), None);
    }
    let shared = default_file(&all, 5000, Some("lobby"));
    assert_eq!(shared, file(&all).map(|own| own.with_file_name("5000-lobby.db")));
    assert_eq!(default_file(&all, 0, None), None, "any free port is another one the next time");
}

#[test]
fn a_history_is_asked_for_or_not() {
    let folder = Folder::new();
    let state = folder.path().as_os_str().to_owned();
    let environment = Environment { state_directory: Some(state), ..Environment::default() };
    let open = |file: &HistoryFile, port, environment: &Environment| {
        let opened =
            open_place(file, (port, Owner::Server), environment, Durability::Crash, MEMORY);
        opened.expect("nothing is refused").map(|history| history.path)
    };
    let none = Environment::default();
    assert_eq!(open(&HistoryFile::None, 5000, &environment), Err(NoHistory::Asked));
    assert_eq!(open(&HistoryFile::Default, 0, &environment), Err(NoHistory::AnyPort));
    assert_eq!(open(&HistoryFile::Default, 5000, &none), Err(NoHistory::NoFolder));
    assert_eq!(open(&HistoryFile::Default, 5000, &environment), Ok(folder.file("5000.db")));
    let named = HistoryFile::Named(folder.file("x.db"));
    assert_eq!(open(&named, 0, &none), Ok(folder.file("x.db")));
}

#[test]
fn a_default_place_that_cannot_be_made_is_told_and_one_that_is_there_is_refused() {
    let folder = Folder::new();
    std::fs::write(folder.file("file"), "").expect("ours");
    let below = folder.file("file");
    let environment = |state: &Path| Environment {
        state_directory: Some(state.as_os_str().to_owned()),
        ..Environment::default()
    };
    let open = |state: &Path| {
        let at = (7, Owner::Server);
        open_place(&HistoryFile::Default, at, &environment(state), Durability::Crash, MEMORY)
    };
    let Ok(Err(NoHistory::CannotMake { folder: told, why })) = open(&below) else {
        panic!("a file is no folder")
    };
    assert_eq!(told, below);
    assert!(!why.is_empty() && !why.contains("os error"), "{why}");
    std::fs::write(folder.file("7.db"), "something else").expect("ours");
    let refusal = open(folder.path()).expect_err("it is there");
    assert_eq!(refusal.why(), &Unusable::NoHistory);
}

#[test]
fn a_room_comes_back_from_its_file() {
    let folder = Folder::new();
    let path = history(&folder);
    let history = open_named(&path).expect("it is ours");
    assert!(!history.is_new);
    assert_eq!(history.loaded.members, [(MemberId(1), Some(member("alice")))]);
    assert_eq!((history.loaded.counters.next_seq, history.loaded.oldest), (401, Some((1, 5))));
}

#[test]
fn what_a_killed_server_has_left_comes_back() {
    let (folder, copy) = (Folder::new(), Folder::new());
    let mut killed = open_named(&folder.file("x.db")).expect("a new one");
    killed.lock.mark(&Marker::Partial { block: 0 }).expect("it takes that");
    killed.store.keep(&lines(1, 5, 400, 50)).expect("it takes that");
    for (name, bytes) in folder.contents() {
        std::fs::write(copy.file(&name), bytes).expect("ours");
    }
    assert!(copy.contents().iter().any(|(name, bytes)| name == "x.db-wal" && !bytes.is_empty()));
    let back = open_named(&copy.file("x.db")).expect("it is whole");
    assert_eq!((back.loaded.counters.next_seq, back.is_new), (401, false));
    assert_eq!(back.lock.found(), Some(&Marker::Partial { block: 0 }));
}

#[test]
fn a_file_of_no_bytes_is_a_new_one() {
    let folder = Folder::new();
    let path = folder.file("x.db");
    std::fs::write(&path, "").expect("ours");
    let history = open_named(&path).expect("it is used");
    assert!(history.is_new);
    assert_eq!(history.loaded.oldest, None);
}

#[cfg(unix)]
#[test]
fn the_owner_alone_can_read_the_files_and_their_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mode = |path: &Path| {
        let found = std::fs::metadata(path).expect("it is there");
        found.permissions().mode() & 0o777
    };
    let deep = folder.file("a/b");
    let environment = Environment {
        xdg_state_home: Some(deep.clone().into_os_string()),
        ..Environment::default()
    };
    let open = || {
        let file = &HistoryFile::Default;
        let opened = open_place(file, (7, Owner::Server), &environment, Durability::Power, MEMORY);
        opened.expect("nothing is refused").expect("it can be made")
    };
    let mut history = open();
    history.store.keep(&lines(1, 5, 1, 1)).expect("it takes that");
    let path = deep.join("chatroom/7.db");
    assert_eq!(mode(&deep.join("chatroom")), 0o700);
    let names = ["", "-wal", "-shm", "-lock"];
    assert_eq!(names.map(|suffix| mode(&beside(&path, suffix))), [0o600; 4]);
    drop(history);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("ours");
    let _history = open();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn what_is_something_else_is_refused_unchanged() {
    let folder = Folder::new();
    let no_history = "it is not a chatroom history; give another file";
    std::fs::write(folder.file("notes.txt"), "SQLite is nice, and so are notes").expect("ours");
    assert_eq!(refused(&folder, "notes.txt"), no_history);
    std::fs::write(folder.file("short"), "S").expect("ours");
    assert_eq!(refused(&folder, "short"), no_history);
    std::fs::create_dir(folder.file("folder")).expect("ours");
    assert_eq!(refused(&folder, "folder"), "it is a folder; give a file in it");
    let other = Connection::open(folder.file("other.db")).expect("ours");
    other.execute_batch("CREATE TABLE a(b); INSERT INTO a VALUES(1)").expect("ours");
    drop(other);
    assert_eq!(refused(&folder, "other.db"), no_history);
}

#[test]
fn another_programs_journals_stay_as_they_are() {
    let (folder, copy) = (Folder::new(), Folder::new());
    let other = Connection::open(folder.file("other.db")).expect("ours");
    other
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE a(b); INSERT INTO a VALUES(1)")
        .expect("ours");
    let rolled_back = Connection::open(folder.file("torn.db")).expect("ours");
    rolled_back
        .execute_batch(
            "PRAGMA cache_size = 5; CREATE TABLE a(b); INSERT INTO a VALUES(1); BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
               INSERT INTO a SELECT hex(randomblob(500)) FROM n",
        )
        .expect("ours");
    for (name, bytes) in folder.contents() {
        if !name.ends_with("-shm") {
            std::fs::write(copy.file(&name), bytes).expect("ours");
        }
    }
    let names: Vec<_> = copy.contents().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["other.db", "other.db-wal", "torn.db", "torn.db-journal"]);
    assert_eq!(refused(&copy, "other.db"), "it is not a chatroom history; give another file");
    refused(&copy, "torn.db");
}

#[test]
fn another_rooms_and_a_newer_versions_are_refused_unchanged() {
    let folder = Folder::new();
    let path = history(&folder);
    let change = |statement: &str| {
        let connection = Connection::open(&path).expect("ours");
        connection.execute_batch(statement).expect("ours");
    };
    change("PRAGMA user_version = 4");
    assert_eq!(
        refused(&folder, "x.db"),
        "a newer chatserver wrote it (format 4, this one reads 3); update this one"
    );
    change("PRAGMA user_version = 3; UPDATE room SET shared = 'another'");
    assert_eq!(refused(&folder, "x.db"), "it belongs to another room; give another file");
    change("UPDATE room SET shared = NULL");
    open_named(&path).expect("it is ours again");
}

#[test]
fn one_that_another_server_has_is_refused() {
    let folder = Folder::new();
    let path = folder.file("x.db");
    let history = open_named(&path).expect("a new one");
    let refusal = open_named(&path).expect_err("it is in use");
    let in_use = "another chatserver is using it; give another file, or --history none";
    assert!(refusal.to_string().ends_with(in_use), "{refusal}");
    drop(history);
    open_named(&path).expect("it is free");
}

#[test]
fn a_file_without_a_folder_is_refused() {
    let folder = Folder::new();
    let told = refused(&folder, "there/x.db");
    assert_eq!(told, "no such folder; make it first, or give another file");
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_but_in_the_way_to_the_folder() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    let path = history(&folder);
    symlink(&path, folder.file("link.db")).expect("ours");
    assert_eq!(refused(&folder, "link.db"), "it is a link; give the file itself");
    symlink(folder.file("nowhere"), folder.file("dangling.db")).expect("ours");
    assert_eq!(refused(&folder, "dangling.db"), "it is a link; give the file itself");
    symlink(folder.path(), folder.file("way")).expect("ours");
    open_named(&folder.file("way/x.db")).expect("the folder may be reached by a link");
    std::fs::hard_link(&path, folder.file("second.db")).expect("ours");
    let told = "it has a second name (a hard link); give another file";
    assert_eq!(refused(&folder, "second.db"), told);
}

/// To root, whom no mode holds back, it is no different.
#[cfg(unix)]
#[test]
fn a_file_that_can_only_be_read_is_refused_unchanged() {
    use std::os::unix::fs::PermissionsExt;
    if rustix::process::geteuid().is_root() {
        return;
    }
    let folder = Folder::new();
    let path = history(&folder);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).expect("ours");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o500)).expect("ours");
    refused(&folder, "x.db");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("ours");
}

#[test]
fn a_damaged_file_is_refused_unchanged_or_the_damage_is_elsewhere() {
    const PAGE: usize = 4096;
    let folder = Folder::new();
    let path = history(&folder);
    let whole = std::fs::read(&path).expect("ours");
    let mut told = Vec::new();
    for page in 0..whole.len() / PAGE {
        for damage in [0xa5, 0] {
            let mut bytes = whole.clone();
            bytes[page * PAGE..(page + 1) * PAGE].fill(damage);
            std::fs::write(&path, bytes).expect("ours");
            if open_named(&path).is_err() {
                told.push(refused(&folder, "x.db"));
            }
            for suffix in ["-wal", "-shm"] {
                std::fs::remove_file(beside(&path, suffix)).ok();
            }
        }
    }
    let damaged =
        "it is damaged (database disk image is malformed); see docs/RUNNING.md".to_owned();
    let is_known = |told: &&String| {
        **told == damaged || *told == "it is not a chatroom history; give another file"
    };
    assert_eq!(told.iter().filter(is_known).count(), told.len(), "{told:?}");
    let found = told.iter().filter(|told| **told == damaged).count();
    assert!(found > whole.len() / PAGE, "{found} of {} pages", whole.len() / PAGE);
}

#[test]
fn an_order_to_erase_that_the_last_run_has_left_is_carried_out_before_anything_is_read() {
    let folder = Folder::new();
    let path = folder.file("x.db");
    let mut history = open_named(&path).expect("a new one");
    let events: Vec<_> = (1..=2_500).map(|n| (said(2, n), "<bob> x")).collect();
    let mut cut = cut(1, 5, &events);
    let (name, by) = ("bob".to_owned(), "alice".to_owned());
    let erasure = Erasure { name, by, author: None, since: 0, before: 2_501 };
    let order = RoomErasure { erasure, lines: 0, remembered_from: 2_501, public: Vec::new() };
    cut.erasures = vec![order.clone(), RoomErasure { lines: 7, ..order }];
    cut.erasures[1].erasure.since = 6;
    history.store.keep(&cut).expect("it takes that");
    drop(history);
    let history = open_named(&path).expect("it is there");
    let lines: Vec<_> = history.erased.iter().map(|erased| erased.lines).collect();
    assert_eq!(lines, [2_500, 7]);
    let is_gone = |batch: &Batch| (batch.begin()..batch.end()).all(|event| !batch.has_line(event));
    assert!(history.loaded.batches.iter().all(is_gone));
    assert_eq!(history.loaded.counters.next_seq, 2_501);
}
