//! What an export has, and what it says when there is none.

use chrono::{DateTime, Local};

use super::super::place;
use super::super::scratch::{cut, member, passing, private, said};
use super::super::store::opening::Owner;
use super::*;
use crate::server::audience::MemberId;
use crate::server::config::Durability;
use crate::test_folder::Folder;

/// Noon of a day in 2026, in milliseconds since 1970.
const NOON: Millis = 1_795_867_200_000;

fn history(folder: &Folder) -> place::History {
    let file = HistoryFile::Named(folder.file("x.db"));
    let environment = Environment::default();
    let opened = place::open(&file, (0, Owner::Server), &environment, Durability::Crash, 1 << 20);
    opened.expect("nothing is refused").expect("it was asked for")
}

fn export(folder: &Folder, to: &str, since: Option<Millis>) -> Result<String, Trouble> {
    let history = HistoryFile::Named(folder.file("x.db"));
    let to = folder.file(to);
    Export { history, port: 0, shared: None, to: to.clone(), since }.run()?;
    assert!(!beside(&to, ".part").exists());
    Ok(fs::read_to_string(&to).expect("it is there"))
}

/// A history with a bit of everything; a server has it.
fn served(folder: &Folder) -> place::History {
    let mut history = history(folder);
    let mut first = cut(
        1,
        NOON,
        &[
            (said(1, 1), "<alice> hello"),
            (passing(), "-- bob joined"),
            (private(1, 2, 2), "[alice -> you] psst"),
            (said(2, 1), "* bob waves"),
        ],
    );
    first.members = vec![(MemberId(1), Some(member("alice")))];
    history.store.keep(&first).expect("it takes that");
    let mut second = cut(1 << 30, NOON + 60_123, &[(said(1, 3), "-- alice is now alicia")]);
    second.gap = Some(Gap { after: 4, at: NOON + 30_000, lines: 312 });
    history.store.keep(&second).expect("it takes that");
    history
}

/// The text without its times.
fn untimed(text: &str) -> Vec<&str> {
    text.lines().map(|line| &line["2026-11-28 12:00:00 ".len()..]).collect()
}

#[test]
fn an_export_has_all_that_is_public_each_once_and_in_order_beside_a_server() {
    let folder = Folder::new();
    let _history = served(&folder);
    let text = export(&folder, "talk.txt", None).expect("it can be written");
    let lines = [
        "<alice> hello",
        "* bob waves",
        "-- 312 lines are not in this server's history",
        "-- alice is now alicia",
    ];
    assert_eq!(untimed(&text), lines);
    let time = DateTime::from_timestamp_millis(NOON).expect("a time").with_timezone(&Local);
    assert!(text.starts_with(&time.format("%Y-%m-%d %H:%M:%S ").to_string()), "{text}");
    let since = export(&folder, "later.txt", Some(NOON + 1)).expect("it can be written");
    assert_eq!(untimed(&since), lines[2..]);
}

#[test]
fn an_export_for_programs_is_json_lines() {
    let folder = Folder::new();
    let _history = served(&folder);
    let text = export(&folder, "talk.JSONL", None).expect("it can be written");
    let shown = |at: Millis| {
        let time = DateTime::from_timestamp_millis(at).expect("a time").with_timezone(&Local);
        time.format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
    };
    let (noon, gap, later) = (shown(NOON), shown(NOON + 30_000), shown(NOON + 60_123));
    let lines = [
        format!(r#"{{"seq":1,"time":"{noon}","kind":"said","from":"alice","text":"hello"}}"#),
        format!(r#"{{"seq":4,"time":"{noon}","kind":"done","from":"bob","text":"waves"}}"#),
        format!(r#"{{"time":"{gap}","kind":"not_kept","lines":312}}"#),
        format!(
            r#"{{"seq":1073741824,"time":"{later}","kind":"renamed","from":"alice","new_name":"alicia"}}"#
        ),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);
}

#[test]
fn many_portions_are_one_file() {
    let folder = Folder::new();
    let mut history = history(&folder);
    let texts: Vec<_> = (0..10_000).map(|n| format!("<alice> {n} {}", "x".repeat(50))).collect();
    let events: Vec<_> = (1..).zip(&texts).map(|(n, text)| (said(1, n), &**text)).collect();
    history.store.keep(&cut(1, NOON, &events)).expect("it takes that");
    let text = export(&folder, "talk.txt", None).expect("it can be written");
    assert_eq!(untimed(&text), texts);
}

#[test]
fn what_is_there_already_stays() {
    let folder = Folder::new();
    let _history = served(&folder);
    fs::write(folder.file("talk.txt"), "mine").expect("ours");
    let trouble = export(&folder, "talk.txt", None).expect_err("it exists");
    let path = folder.file("talk.txt");
    let told =
        format!("cannot write the export {}: it exists already; name another file", path.display());
    assert_eq!((trouble.to_string(), trouble.is_usage()), (told, false));
    assert_eq!(fs::read(path).expect("ours"), b"mine");
    let trouble = export(&folder, "there/talk.txt", None).expect_err("no folder");
    assert!(trouble.to_string().contains("no such folder"), "{trouble}");
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = Folder::new();
    let trouble = export(&folder, "talk.txt", None).expect_err("there is none");
    let path = folder.file("x.db");
    let told = format!("cannot read the history in {}: no such file", path.display());
    assert_eq!((trouble.to_string(), trouble.is_usage()), (told, false));
    fs::write(&path, "something else").expect("ours");
    let trouble = export(&folder, "talk.txt", None).expect_err("it is something else");
    assert!(trouble.to_string().ends_with("it is not a chatroom history; give another file"));
    assert!(!folder.file("talk.txt").exists());
    let none =
        Export { history: HistoryFile::None, port: 5000, shared: None, to: path, since: None };
    let trouble = none.run().expect_err("there is none");
    let told = "--export needs a history: give its file with --history";
    assert_eq!((trouble.to_string(), trouble.is_usage()), (told.to_owned(), true));
}

#[test]
fn the_default_history_is_that_of_the_port() {
    let folder = Folder::new();
    let state = folder.path().as_os_str().to_owned();
    let environment = Environment { state_directory: Some(state), ..Environment::default() };
    let to = folder.file("talk.txt");
    let export =
        Export { history: HistoryFile::Default, port: 5000, shared: None, to, since: None };
    let looked = folder.file("5000.db");
    let told = format!(
        "--export needs a history, and there is no {}: give its file with --history",
        looked.display()
    );
    let trouble = export.file(&environment).expect_err("there is none");
    assert_eq!((trouble.to_string(), trouble.is_usage()), (told, true));
    fs::write(folder.file("5000.db"), "").expect("ours");
    assert_eq!(export.file(&environment), Ok(folder.file("5000.db")));
}
