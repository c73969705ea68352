//! Searches beside a plain look through all rows, and what they do where the index lacks some.

use std::sync::atomic::{AtomicU32, Ordering};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Strategy, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

use super::*;
use crate::server::history::index::{Indexer, Progress};
use crate::server::history::sample::{Row, sample};

const ME: u64 = 1;

fn scope(before: Seq, most: usize) -> Scope {
    Scope { member: ME, before, most }
}

/// What the member is shown again of the rows, the newest first.
fn expected(rows: &[Row], scope: Scope, mut wants: impl FnMut(&str) -> bool) -> Vec<Seq> {
    let is_seen = |row: &&Row| {
        row.seq < scope.before && row.kind == 0 && row.only.is_none_or(|only| only == scope.member)
    };
    let rows = rows.iter().rev().filter(is_seen);
    let wanted = rows.filter(|row| row.line.as_deref().is_some_and(&mut wants));
    wanted.take(scope.most).map(|row| row.seq).collect()
}

/// Says that it is enough when it is asked for the last time of so many.
fn enough_after(times: u32) -> impl Fn() -> Verdict + Send + Sync + 'static {
    let asked = AtomicU32::new(0);
    move || {
        let is_early = asked.fetch_add(1, Ordering::Relaxed) < times;
        if is_early { Verdict::GoOn } else { Verdict::Enough }
    }
}

fn line() -> impl Strategy<Value = String> {
    const WORDS: [&str; 24] = [
        "a",
        "ab",
        "abc",
        "b",
        "Build",
        "builds",
        "rebuild",
        "404",
        "4040",
        "café",
        "CAFE",
        "straße",
        "ёлка",
        "елка",
        "上",
        "上海",
        "海上",
        "我在上海工作",
        "東京2024",
        "한국어",
        "ไทย",
        "👍",
        "👍🏽",
        "🇩🇪",
    ];
    vec(select(&WORDS[..]), 1..6).prop_map(|words| format!("<a> {}", words.join(" ")))
}

fn row() -> impl Strategy<Value = (u64, Row)> {
    let step = prop_oneof![20 => 1..4_u64, 1 => 1..1_u64 << 30];
    let kind = select(&[0, 0, 0, 0, 1][..]);
    let only = option::weighted(0.3, 1..3_u64);
    let line = option::weighted(0.9, line());
    (step, kind, only, line)
        .prop_map(|(step, kind, only, line)| (step, Row { seq: 0, kind, only, line }))
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    vec(row(), 0..120).prop_map(|mut rows| {
        let mut last = 0;
        for (step, row) in &mut rows {
            last += *step;
            row.seq = last;
        }
        rows.into_iter().map(|(_, row)| row).collect()
    })
}

fn query() -> impl Strategy<Value = String> {
    const WORDS: [&str; 20] = [
        "a",
        "ab",
        "b",
        "bu",
        "build",
        "404",
        "cafe",
        "strasse",
        "ел",
        "上",
        "上海",
        "海",
        "在上海工",
        "京",
        "20",
        "국",
        "ท",
        "👍",
        "🇩🇪",
        "none",
    ];
    let word = || select(&WORDS[..]).prop_map(str::to_owned);
    let phrase = vec(word(), 1..3).prop_map(|words| format!("\"{}\"", words.join(" ")));
    vec(prop_oneof![3 => word(), 1 => phrase], 1..4).prop_map(|terms| terms.join(" "))
}

/// The history of those rows, with an index made by so many steps.
fn history(rows: &[Row], steps: usize, chunk: u32) -> Connection {
    let db = sample(rows);
    let mut indexer = Indexer::small(7, chunk);
    for _ in 0..steps {
        indexer.step(&db).expect("a step");
    }
    db
}

/// Erases a line, if it is one that the index may have, and makes so many more steps.
fn erase(db: &Connection, rows: &mut [Row], line: usize, (steps, chunk): (usize, u32)) {
    let Some(row) = rows.get_mut(line).filter(|row| row.only.is_none() && row.kind == 0) else {
        return;
    };
    row.line = None;
    let seq = row.seq.cast_signed();
    db.execute("UPDATE event SET line = NULL WHERE seq = ?1", [seq]).expect("a row");
    index::outdate(db, seq).expect("a room");
    let mut indexer = Indexer::small(7, chunk);
    for _ in 0..steps {
        indexer.step(db).expect("a step");
    }
}

proptest! {
    #[test]
    fn the_file_gives_what_the_matcher_finds_among_all_lines(
        rows in rows(),
        steps in 0..20_usize,
        chunk in select(&[1, 10, 40][..]),
        words in query(),
        most in select(&[1, 2, 5, 1000][..]),
        before in 0..130_usize,
        times in prop_oneof![3 => 10_000..10_001_u32, 1 => 0..40_u32],
        erased in option::of((0..120_usize, 0..10_usize)),
    ) {
        let (mut db, mut rows) = (history(&rows, steps, chunk), rows);
        if let Some((line, steps)) = erased {
            erase(&db, &mut rows, line, (steps, chunk));
        }
        let before = rows.get(before).map_or(Seq::MAX, |row| row.seq);
        let mut matcher = Matcher::new(&words);
        let all = expected(&rows, scope(before, most), |line| matcher.has_all(line));
        let found = search(&mut db, scope(before, most), &words, enough_after(times));
        let found = found.expect("a whole file").expect("somebody waits");
        let reach = found.reach.map_or(0, |reach| reach.seq);
        let looked_at: Vec<_> = all.iter().copied().filter(|&seq| seq >= reach).collect();
        prop_assert_eq!(&found.events, &looked_at, "{} back to {}", words, reach);
        prop_assert_eq!(times == 10_000 && reach > 0, false);

        let newest = newest(&mut db, scope(before, most), || Verdict::GoOn);
        let newest = newest.expect("a whole file").expect("somebody waits");
        prop_assert_eq!(newest.events, expected(&rows, scope(before, most), |_| true));
    }
}

fn said(lines: u64) -> Vec<Row> {
    (1..=lines).map(|seq| Row::said(seq, &format!("<a> line {seq}"))).collect()
}

#[test]
fn a_search_that_takes_long_says_how_far_back_it_looked() {
    let rows = said(25_000);
    let mut db = sample(&rows);
    // Asked before each portion, and within it: 10,000 rows are some 100,000 steps.
    let found = search(&mut db, scope(Seq::MAX, 10), "none", enough_after(150));
    let found = found.expect("a whole file").expect("somebody waits");
    let reach = found.reach.expect("there is more");
    assert!((2..25_000).contains(&reach.seq), "{reach:?}");
    assert_eq!(reach.at, reach.seq.cast_signed() * 1000);
    let looked_at = rows.iter().filter(|row| row.seq >= reach.seq);
    let bytes = looked_at.map(|row| row.line.as_deref().unwrap_or_default().len()).sum();
    assert_eq!(found, Found { events: Vec::new(), reach: Some(reach), bytes });
}

#[test]
fn rows_that_the_index_lacks_are_looked_at_up_to_a_limit() {
    let db = sample(&said(100));
    let look = |most| {
        let mut look = Look::new(&db, scope(Seq::MAX, 200), &|| Verdict::GoOn, |_| true);
        look.through_rows(0, most).expect("a whole file");
        look.end().expect("a whole file").expect("somebody waits")
    };
    let found = look(30);
    assert_eq!((found.events.len(), found.reach), (30, Some(Reach { seq: 71, at: 71_000 })));
    let found = look(101);
    assert_eq!((found.events.len(), found.reach), (100, None));
}

#[test]
fn a_search_for_which_nobody_waits_ends_and_the_connection_goes_on() {
    let mut db = history(&said(100), 3, 1000);
    let scope = scope(Seq::MAX, 200);
    assert_eq!(search(&mut db, scope, "line", || Verdict::GiveUp), Ok(None));
    assert_eq!(newest(&mut db, scope, || Verdict::GiveUp), Ok(None));
    let found = search(&mut db, scope, "line", || Verdict::GoOn).expect("a whole file");
    assert_eq!(found.expect("somebody waits").events.len(), 100);
}

#[test]
fn a_chunk_that_is_gone_is_passed_over() {
    let mut db = history(&said(100), 20, 40);
    let chunks = Look::new(&db, scope(1, 1), &|| Verdict::GoOn, |_| true).index();
    let chunks = chunks.expect("a whole file").chunks;
    assert_eq!(chunks, [(3, 85), (2, 43), (1, 1)]);
    index::drop_chunk(&db, 1).expect("a chunk");
    let found = search(&mut db, scope(Seq::MAX, 200), "line", || Verdict::GoOn);
    let found = found.expect("a whole file").expect("somebody waits").events;
    assert_eq!(found, (43..=100).rev().collect::<Vec<_>>());
}

#[test]
fn a_search_says_that_it_did_not_look_where_a_chunk_is_made_anew_meanwhile() {
    let db = history(&said(100), 20, 40);
    let erases = AtomicU32::new(0);
    let verdict = || {
        // Asked before the chunks, and after the first of them.
        if erases.fetch_add(1, Ordering::Relaxed) == 1 {
            index::outdate(&db, 50).expect("a room");
        }
        Verdict::GoOn
    };
    let query = Query::parse("line").expect("a word");
    let mut matcher = Matcher::of(&query);
    let mut look = Look::new(&db, scope(Seq::MAX, 200), &verdict, |line| matcher.has_all(line));
    let index = look.index().expect("a whole file");
    look.through_chunks(&index.chunks, &tokens::candidates(&query)).expect("a whole file");
    let found = look.end().expect("a whole file").expect("somebody waits");
    assert_eq!(found.events, (85..=100).rev().collect::<Vec<_>>());
    assert_eq!(found.reach, Some(Reach { seq: 85, at: 85_000 }));
}

/// That of a session is twice as large.
#[test]
fn searching_and_indexing_need_little_stack() {
    let work = || {
        let mut db = sample(&said(1000));
        let mut indexer = Indexer::small(100, 300);
        while indexer.step(&db).expect("a step") == Progress::GoesOn {}
        let eight = "l li lin line \"a line\" 1 \"line 1\" a";
        let found = search(&mut db, scope(Seq::MAX, 2000), eight, || Verdict::GoOn);
        found.expect("a whole file").expect("somebody waits").events.len()
    };
    let thread = std::thread::Builder::new().stack_size(128 * 1024);
    let found = thread.spawn(work).expect("a thread").join().expect("no overflow");
    assert_eq!(found, 112);
}
