//! What the store in SQLite keeps, and that the one in memory does the same.

use std::cell::RefCell;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest,
};

use super::super::kept::{
    Counters, Encryption, Erased, Erasure, Gap, KeptMember, KeptWaiting, RoomErasure,
};
use super::super::retention::{Retention, Step};
use super::super::scratch::{cut, lines, member, passing, private, said};
use super::fake::Fake;
use super::opening::{self, Opened, Owner, Shared};
use super::rows::rows_of;
use super::sqlite::SqliteStore;
use super::*;
use crate::server::audience::{Audience, Envelope};
use crate::server::batch::Batch;
use crate::server::config::Durability;
use crate::test_folder::Folder;

/// A day, in milliseconds.
const DAY: Millis = 24 * 60 * 60 * 1000;

fn store(folder: &Folder) -> SqliteStore {
    let path = folder.file("5000.db");
    opening::open(&path, Owner::Server, Durability::Crash)
        .map(|Opened { store, .. }| store)
        .expect("a history")
}

/// The rows of some batches, as text.
fn shown(batches: &[Batch]) -> Vec<String> {
    let rows = batches.iter().flat_map(|batch| rows_of(batch, 0));
    rows.map(|row| format!("{row:?}")).collect()
}

fn loaded(store: &mut impl Store) -> String {
    let Loaded { members, waiting, facts, counters, batches, oldest, gaps } =
        store.load(usize::MAX).expect("it is whole");
    let rows = shown(&batches).join("\n");
    format!("{members:?}\n{waiting:?}\n{facts:?}\n{counters:?}\n{oldest:?}\n{gaps:?}\n{rows}")
}

fn counted(store: &SqliteStore, query: &str) -> i64 {
    store.connection_for_tests().query_row(query, [], |row| row.get(0)).expect("a number")
}

#[test]
fn a_cut_comes_back_as_it_was_kept() {
    let folder = Folder::new();
    let mut store = store(&folder);
    assert_eq!(store.load(1 << 20).expect("it is new").counters, Counters::NEW);
    let (alice, guest) = (MemberId(1), MemberId(2));
    let mut first = cut(
        1,
        5,
        &[
            (said(1, 1), "<alice> hello"),
            (passing(), "-- bob joined"),
            (private(1, 2, 2), "[alice -> you] psst"),
        ],
    );
    let encryption = Encryption::None;
    let kept_guest = KeptMember { token: None, encryption, ..member("guest1") };
    first.members =
        vec![(alice, Some(member("alice"))), (guest, Some(kept_guest)), (MemberId(3), None)];
    let waiting = |reader, sender, lines| KeptWaiting { reader, sender, lines };
    first.waiting = vec![waiting(guest, alice, 2), waiting(alice, guest, 1)];
    first.counters = Counters { next_seq: 4, next_member: 9, said: 1, joined: 2, left: 3 };
    first.gap = Some(Gap { after: 2, at: 6, lines: 312 });
    store.keep(&first).expect("it takes that");
    let expected = shown(&[Batch::clone(&first.batches[0])]);
    drop(store);

    let mut store = self::store(&folder);
    let back = store.load(1 << 20).expect("it is whole");
    assert_eq!(back.members, first.members[..2]);
    assert_eq!(back.waiting, [waiting(alice, guest, 1), waiting(guest, alice, 2)]);
    assert_eq!((back.counters, back.oldest), (first.counters, Some((1, 5))));
    assert_eq!((back.gaps, shown(&back.batches)), (vec![first.gap.expect("one")], expected));

    let mut second = cut(4, 7, &[(said(2, 1), "<guest1> hi")]);
    second.members = vec![(guest, None)];
    second.waiting = vec![waiting(alice, guest, 0)];
    store.keep(&second).expect("it takes that");
    let back = store.load(1 << 20).expect("it is whole");
    assert_eq!((back.members.len(), back.waiting.len()), (1, 0));
    assert_eq!(shown(&back.batches).len(), 4);
}

#[test]
fn what_was_kept_already_stays_as_it_is() {
    let folder = Folder::new();
    let mut store = store(&folder);
    store.keep(&cut(1, 5, &[(said(1, 1), "one"), (said(1, 2), "two")])).expect("it takes that");
    let mut again = cut(1, 6, &[(said(1, 1), "1"), (said(1, 2), "2"), (said(1, 3), "three")]);
    store.keep(&again).expect("it takes that");
    again.from = 4;
    store.keep(&again).expect("nothing is new");
    let batches = store.load(usize::MAX).expect("it is whole").batches;
    let lines: Vec<_> = (1..=3).map(|seq| batches[0].line(seq)).collect();
    assert_eq!(lines, ["one", "two", "three"]);
}

#[test]
fn a_cut_that_fails_leaves_nothing() {
    let folder = Folder::new();
    let mut store = store(&folder);
    store.keep(&cut(1, 5, &[(said(1, 1), "one")])).expect("it takes that");
    let before = loaded(&mut store);
    store.connection_for_tests().execute_batch("DROP TABLE waiting").expect("ours");
    let mut cut = cut(2, 5, &[(said(1, 2), "two")]);
    cut.members = vec![(MemberId(1), Some(member("alice")))];
    cut.waiting = vec![KeptWaiting { reader: MemberId(1), sender: MemberId(2), lines: 1 }];
    assert!(matches!(store.keep(&cut), Err(Failure::Damaged(_))));
    let table = "CREATE TABLE waiting(reader, sender, lines)";
    store.connection_for_tests().execute_batch(table).expect("ours");
    assert_eq!(loaded(&mut store), before);
}

#[test]
fn the_newest_events_of_about_a_number_of_bytes_come_back() {
    let folder = Folder::new();
    let mut store = store(&folder);
    store.keep(&lines(1, 5, 10_000, 100)).expect("it takes that");
    for memory in [0, 1 << 14, 1 << 18] {
        let batches = store.load(memory).expect("it is whole").batches;
        let cost: usize = batches.iter().map(Batch::cost).sum();
        assert!(cost <= memory + 4096, "{cost} of {memory}");
        assert!(cost >= memory / 2, "{cost} of {memory}");
        assert_eq!(batches.last().map(Batch::end), Some(10_001));
    }
    assert_eq!(shown(&store.load(usize::MAX).expect("it is whole").batches).len(), 10_000);
}

#[test]
fn a_range_comes_in_portions_that_are_bounded() {
    let folder = Folder::new();
    let mut store = store(&folder);
    store.keep(&lines(1, 5, 5_000, 1)).expect("it takes that");
    store.keep(&lines(100_000, 5, 100, 2_000)).expect("it takes that");
    let mut gap = lines(100_200, 5, 1, 1);
    gap.gap = Some(Gap { after: 4_500, at: 5, lines: 3 });
    store.keep(&gap).expect("it takes that");
    let (mut from, mut events, mut gaps, mut portions) = (10, 0, 0, 0);
    while from < 200_000 {
        let portion = store.rows(from..200_000, None).expect("it is whole");
        assert!(portion.batches.iter().all(|batch| batch.end() - batch.begin() <= PORTION_ROWS));
        let bytes: usize = portion.batches.iter().map(Batch::bytes).sum();
        assert!(bytes <= PORTION_BYTES + 2_001);
        let lines = |batch: &Batch| rows_of(batch, 0).filter(|row| row.line.is_some()).count();
        events += portion.batches.iter().map(lines).sum::<usize>();
        gaps += portion.gaps.len();
        assert!(portion.range.start == from && portion.range.end > from);
        (from, portions) = (portion.range.end, portions + 1);
    }
    assert_eq!((events, gaps, portions), (4_991 + 101, 1, 6));
    assert!(store.rows(50..50, None).expect("it is whole").batches.is_empty());
}

#[test]
fn what_is_older_than_the_oldest_goes_by_the_first_that_is_not() {
    let folder = Folder::new();
    let mut store = store(&folder);
    for (seq, at) in [(3, 10), (4, 20), (7, 5), (8, 30), (9, 1)] {
        store.keep(&cut(seq, at, &[(said(1, 1), "x")])).expect("it takes that");
    }
    let mut prefix = |before, most| store.prefix(before, most).expect("it is whole");
    assert_eq!(prefix(25, 9), Some(3..8));
    assert_eq!(prefix(25, 2), Some(3..5));
    assert_eq!(prefix(10, 9), None);
    assert_eq!(prefix(Millis::MAX, 9), Some(3..10));
    assert_eq!(store.forget(8), Ok(3));
    assert_eq!(store.oldest(), Ok(Some((8, 30))));
}

/// Does all steps that are to be done.
fn retain(store: &mut SqliteStore, retention: Retention, now: Millis) -> Vec<Range<Seq>> {
    let mut gone = Vec::new();
    let mut step = |store: &mut SqliteStore| {
        let farewell = |store: &mut SqliteStore, range: Range<Seq>| {
            assert!(
                store.rows(range.clone(), None)?.range.end > range.start,
                "they are still here"
            );
            gone.push(range);
            Ok(())
        };
        retention.step(store, now, farewell).expect("it is whole")
    };
    while step(store) == Step::Done {}
    gone
}

#[test]
fn a_file_stays_at_its_bound_while_twenty_times_as_much_passes_through() {
    const BOUND: u64 = 1 << 20;
    let folder = Folder::new();
    let mut store = store(&folder);
    let retention = Retention::new(None, BOUND);
    let (mut from, mut largest) = (1, 0);
    while from * 120 < 20 * BOUND {
        store.keep(&lines(from, 5, 1_000, 100)).expect("it takes that");
        from += 1_000;
        let farewell = |_: &mut SqliteStore, _| Ok(());
        retention.step(&mut store, 5, farewell).expect("it is whole");
        store.checkpoint(Checkpoint::Truncate).expect("it is whole");
        largest = largest.max(std::fs::metadata(folder.file("5000.db")).expect("ours").len());
    }
    assert!(largest < BOUND * 5 / 4, "{largest} bytes");
    let (oldest, _) = store.oldest().expect("it is whole").expect("some are left");
    assert!((from - oldest) * 120 > BOUND / 2, "{} events are left", from - oldest);
    retain(&mut store, Retention::new(Some(std::time::Duration::from_millis(1)), BOUND), DAY);
    store.checkpoint(Checkpoint::Truncate).expect("it is whole");
    let Size { used, free } = store.size().expect("it is whole");
    assert!(free * 10 <= used + free + 40_960, "{free} of {used} are free");
    assert_eq!(store.oldest(), Ok(None));
}

#[test]
fn what_is_too_old_goes_and_readers_are_told_before() {
    let folder = Folder::new();
    let mut store = store(&folder);
    store.keep(&lines(1, 5, 2_500, 10)).expect("it takes that");
    let mut later = lines(2_501, DAY, 10, 10);
    later.gap = Some(Gap { after: 7, at: 5, lines: 3 });
    store.keep(&later).expect("it takes that");
    let retention = Retention::new(Some(std::time::Duration::from_millis(DAY as u64)), u64::MAX);
    assert_eq!(retain(&mut store, retention, DAY + 5), [0..0; 0]);
    let gaps =
        |store: &mut SqliteStore| store.rows(0..Seq::MAX, None).map(|portion| portion.gaps.len());
    assert_eq!(gaps(&mut store), Ok(1));
    assert_eq!(retain(&mut store, retention, DAY + 6), [1..1_001, 1_001..2_001, 2_001..2_501]);
    assert_eq!(store.oldest(), Ok(Some((2_501, DAY))));
    assert_eq!(gaps(&mut store), Ok(0));
}

#[test]
fn what_was_passing_goes_after_a_day() {
    let folder = Folder::new();
    let mut store = store(&folder);
    let events = [(said(1, 1), "<a> one"), (passing(), "-- b joined"), (said(1, 2), "<a> two")];
    store.keep(&cut(1, 5, &events)).expect("it takes that");
    store.keep(&cut(4, 6, &events)).expect("it takes that");
    retain(&mut store, Retention::new(None, u64::MAX), DAY + 6);
    let passing = counted(&store, "SELECT group_concat(seq) = '1,3,4,5,6' FROM event");
    assert_eq!(passing, 1, "only the older one has gone");
}

#[test]
fn private_lines_of_who_is_gone_are_in_no_byte_of_the_files() {
    let folder = Folder::new();
    let mut store = store(&folder);
    let members = [(MemberId(1), Some(member("alice"))), (MemberId(2), Some(member("bob")))];
    let mut joined = cut(1, 5, &[]);
    joined.members = members.into();
    store.keep(&joined).expect("it takes that");
    // Short ones, and such that have pages of their own; so few that the file is not made smaller.
    let mut from = 1;
    for length in [10, 90, 700, 5_000, 20_000].into_iter().cycle().take(60) {
        let filler = "y".repeat(length);
        let mut events = Vec::new();
        let secret = "SECRET".repeat(1 + length / 6);
        for n in 1..=20 {
            events.push((said(1, n), &*filler));
        }
        events.push((private(1, 21, 2), &secret));
        events.push((private(2, 1, 1), "kept for alice"));
        let cut = cut(from, 5, &events);
        from = cut.counters.next_seq;
        store.keep(&cut).expect("it takes that");
    }
    let alone = Retention::new(None, u64::MAX);
    retain(&mut store, alone, 5);
    let kept = "SELECT count(*) FROM event WHERE line GLOB 'SECRET*'";
    assert_eq!(counted(&store, kept), 60, "bob is a member");
    let mut gone = cut(from, 5, &[]);
    gone.members = vec![(MemberId(2), None)];
    store.keep(&gone).expect("it takes that");
    retain(&mut store, alone, 5);
    store.checkpoint(Checkpoint::Truncate).expect("it is whole");
    let blanked = "SELECT count(*) FROM event WHERE line IS NULL AND n IS NOT NULL AND author = 1";
    assert_eq!(counted(&store, blanked), 60, "alice gets her receipts");
    assert_eq!(counted(&store, "SELECT count(*) FROM event WHERE line = 'kept for alice'"), 60);
    for (name, bytes) in folder.contents() {
        let found = bytes.windows(6).filter(|window| window == b"SECRET").count();
        assert_eq!(found, 0, "in {name}");
    }
    gone.members = vec![(MemberId(1), None)];
    store.keep(&gone).expect("it takes that");
    retain(&mut store, alone, 5);
    assert_eq!(counted(&store, "SELECT count(*) FROM event WHERE only IS NOT NULL"), 0);
}

#[test]
fn a_part_of_the_index_goes_with_its_events() {
    let folder = Folder::new();
    let mut store = store(&folder);
    store.keep(&lines(1, 5, 30, 10)).expect("it takes that");
    for (id, first, last) in [(1, 1, 10), (2, 11, 20), (3, 21, 30)] {
        let made = format!(
            "CREATE VIRTUAL TABLE words_{id}
               USING fts5(t, content='', columnsize=0, detail=none, tokenize='ascii');
             INSERT INTO words_{id}(rowid, t) VALUES({first}, 'word');
             INSERT INTO chunk(id, first, last, lines) VALUES({id}, {first}, {last}, 10)"
        );
        store.connection_for_tests().execute_batch(&made).expect("FTS5 is there");
    }
    store.forget(21).expect("it is whole");
    retain(&mut store, Retention::new(None, u64::MAX), 5);
    assert_eq!(counted(&store, "SELECT sum(id) FROM chunk"), 3);
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name GLOB 'words_*'";
    let of_one = counted(&store, "SELECT count(*) FROM sqlite_schema WHERE name GLOB 'words_3*'");
    assert!(of_one > 0 && counted(&store, tables) == of_one);
}

// Windows lets nobody move a file that is open.
#[cfg(unix)]
#[test]
fn another_file_at_the_path_is_known() {
    let folder = Folder::new();
    let mut store = store(&folder);
    assert!(store.is_in_place());
    let path = folder.file("5000.db");
    std::fs::rename(&path, folder.file("away.db")).expect("ours");
    assert!(!store.is_in_place());
    std::fs::write(&path, "another").expect("ours");
    let step = Retention::new(None, 0).step(&mut store, 5, |_, _| Ok(()));
    assert_eq!(step, Err(Failure::Gone));
}

#[test]
fn a_lock_that_another_program_holds_is_told() {
    let folder = Folder::new();
    let mut store = store(&folder);
    store.connection_for_tests().busy_timeout(std::time::Duration::ZERO).expect("ours");
    let other = rusqlite::Connection::open(folder.file("5000.db")).expect("ours");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is free");
    assert_eq!(store.keep(&lines(1, 5, 1, 1)), Err(Failure::Locked));
    other.execute_batch("ROLLBACK").expect("ours");
    store.keep(&lines(1, 5, 1, 1)).expect("it is free again");
    other.execute_batch("BEGIN; SELECT * FROM event").expect("it reads");
    store.keep(&lines(2, 5, 1, 1)).expect("it takes that");
    let held = store.checkpoint(Checkpoint::Truncate).expect("it is whole");
    assert!(held == Copied::Held && store.wal() > 0);
    other.execute_batch("ROLLBACK").expect("ours");
    let free = store.checkpoint(Checkpoint::Truncate).expect("it is whole");
    assert_eq!((free, store.wal()), (Copied::All, 0));
}

#[test]
fn a_checkpoint_beside_another_one_does_nothing_and_says_so() {
    thread_local! {
        /// The other one's connection, and what its checkpoint has come to.
        static OTHER: RefCell<(Option<SqliteStore>, Option<Copied>)> = RefCell::default();
    }
    let folder = Folder::new();
    let mut store = store(&folder);
    let path = folder.file("5000.db");
    let other = SqliteStore::writer(&path, Durability::Crash).expect("it is there");
    OTHER.set((Some(other), None));
    let reader = rusqlite::Connection::open(&path).expect("ours");
    reader.execute_batch("BEGIN; SELECT * FROM event").expect("it reads");
    store.keep(&lines(1, 5, 1, 1)).expect("it takes that");
    // It has begun, and meets the reader.
    let meanwhile = |_| {
        OTHER.with_borrow_mut(|(other, copied)| {
            *copied = other.as_mut().map(|it| it.checkpoint(Checkpoint::Truncate).expect("whole"));
        });
        false
    };
    let mut connection = rusqlite::Connection::open(&path).expect("ours");
    connection.busy_handler(Some(meanwhile)).expect("ours");
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("it is whole");
    assert_eq!(OTHER.take().1, Some(Copied::Busy));
}

#[test]
fn a_full_disk_is_told_and_passes() {
    let folder = Folder::new();
    let mut store = store(&folder);
    let pages = counted(&store, "PRAGMA page_count");
    let most = |store: &SqliteStore, pages: i64| {
        let set = format!("PRAGMA max_page_count = {pages}");
        store.connection_for_tests().query_row(&set, [], |_| Ok(())).expect("ours");
    };
    most(&store, pages);
    assert_eq!(store.keep(&lines(1, 5, 1_000, 100)), Err(Failure::Full));
    assert_eq!(store.oldest(), Ok(None));
    most(&store, 1 << 20);
    store.keep(&lines(1, 5, 1_000, 100)).expect("there is room");
}

#[test]
fn a_reader_sees_what_was_kept_and_writes_nothing() {
    let folder = Folder::new();
    let mut store = store(&folder);
    let mut reader = SqliteStore::reader(&folder.file("5000.db")).expect("it is there");
    store.keep(&lines(1, 5, 10, 1)).expect("it takes that");
    assert_eq!(reader.oldest(), Ok(Some((1, 5))));
    assert!(reader.keep(&lines(11, 5, 10, 1)).is_err());
    assert_eq!(loaded(&mut reader), loaded(&mut store));
}

/// A session's stack has 256 KiB.
#[test]
fn every_statement_fits_a_small_stack() {
    let work = || {
        let folder = Folder::new();
        let mut store = store(&folder);
        let mut cut = lines(1, 5, 2_000, 10);
        let envelopes: [(Envelope, &str); 2] = [(private(1, 1, 9), "x"), (passing(), "y")];
        cut.members = vec![(MemberId(1), Some(member("alice"))), (MemberId(2), None)];
        cut.waiting = vec![KeptWaiting { reader: MemberId(1), sender: MemberId(2), lines: 0 }];
        cut.gap = Some(Gap { after: 1, at: 5, lines: 1 });
        store.keep(&cut).expect("it takes that");
        store.keep(&self::cut(2_001, 5, &envelopes)).expect("it takes that");
        store.load(1 << 20).expect("it is whole");
        store.rows(1..Seq::MAX, Some(MemberId(1))).expect("it is whole");
        retain(&mut store, Retention::new(None, 1), 5 + DAY);
        store.shrink(64).expect("it is whole");
        store.checkpoint(Checkpoint::Passive).expect("it is whole");
        store.checkpoint(Checkpoint::Truncate).expect("it is whole");
        SqliteStore::reader(&folder.file("5000.db")).expect("it is there");
    };
    let thread = std::thread::Builder::new().stack_size(128 * 1024).spawn(work);
    thread.expect("a thread").join().expect("it has not overflowed");
}

/// What is done to a store.
#[derive(Debug, Clone)]
enum Deed {
    Keep(Vec<(Envelope, String)>, Millis, Vec<(u64, bool)>, Vec<(u64, u64, u64)>, Option<u64>),
    Forget(Seq),
    ForgetPassing(Millis),
    Blank,
    ForgetBlank,
    ForgetParts,
    Order(Erasure, Seq),
    Erase(u32),
}

fn deed() -> impl Strategy<Value = Deed> {
    let id = || 1..4_u64;
    let envelope = prop_oneof![
        (id(), 0..5_u64).prop_map(|(author, n)| said(author, n)),
        (id(), 0..5_u64, id()).prop_map(|(author, n, reader)| private(author, n, reader)),
        Just(passing()),
    ];
    let keep = (
        vec((envelope, "[a-z]{0,3}"), 0..6),
        0..20_i64,
        vec((id(), any::<bool>()), 0..3),
        vec((id(), id(), 0..3_u64), 0..3),
        option::of(0..30_u64),
    );
    prop_oneof![
        6 => keep.prop_map(|(events, at, members, waiting, gap)| {
            Deed::Keep(events, at, members, waiting, gap)
        }),
        1 => (0..40_u64).prop_map(Deed::Forget),
        1 => (0..20_i64).prop_map(Deed::ForgetPassing),
        2 => Just(Deed::Blank),
        2 => Just(Deed::ForgetBlank),
        1 => Just(Deed::ForgetParts),
        2 => order(),
        3 => (1..9_u32).prop_map(Deed::Erase),
    ]
}

/// An order to erase what `m2` has said, of which some is kept by then.
fn order() -> impl Strategy<Value = Deed> {
    let author = option::of((1..4_u64).prop_map(MemberId));
    (author, 0..20_i64, 0..40_u64, 0..40_u64).prop_map(
        |(author, since, before, remembered_from)| {
            let (name, by) = ("m2".to_owned(), "alice".to_owned());
            Deed::Order(Erasure { name, by, author, since, before }, remembered_from)
        },
    )
}

/// A line as the room renders it.
fn rendered(envelope: &Envelope, text: &str) -> String {
    let author = envelope.receipt.map_or(2, |receipt| receipt.author.0);
    match envelope.audience {
        Audience::AllBut(MemberId(author)) => format!("<m{author}> {text}"),
        Audience::Only(_) if text.starts_with('a') => format!("[you -> m1] {text}"),
        Audience::Only(_) => format!("[m{author} -> you] {text}"),
        Audience::All | Audience::Programs | Audience::People | Audience::Nobody => text.to_owned(),
    }
}

fn apply(store: &mut impl Store, deed: &Deed, next: &mut Seq) -> Result<u32, Failure> {
    match deed {
        Deed::Keep(events, at, members, waiting, gap) => {
            let lines: Vec<_> = events.iter().map(|(it, text)| (*it, rendered(it, text))).collect();
            let events: Vec<_> = lines.iter().map(|(it, line)| (*it, &**line)).collect();
            let mut cut = cut(*next, *at, &events);
            let kept = |here: bool| here.then(|| member("alice"));
            let members = members.iter().map(|&(id, here)| (MemberId(id), kept(here)));
            cut.members = members.collect();
            let waiting = waiting.iter().map(|&(reader, sender, lines)| KeptWaiting {
                reader: MemberId(reader),
                sender: MemberId(sender),
                lines,
            });
            cut.waiting = waiting.collect();
            cut.gap = gap.map(|after| Gap { after, at: *at, lines: 2 });
            *next = cut.counters.next_seq;
            store.keep(&cut).map(|()| 0)
        }
        Deed::Forget(end) => store.forget(*end),
        Deed::ForgetPassing(before) => store.forget_passing(*before, 1_000),
        Deed::Blank => store.blank(1_000),
        Deed::ForgetBlank => store.forget_blank(1_000),
        Deed::ForgetParts => store.forget_parts(),
        Deed::Order(erasure, remembered_from) => {
            let mut cut = cut(*next, 0, &[]);
            cut.erasures = vec![RoomErasure {
                erasure: Erasure { before: erasure.before.min(*next), ..erasure.clone() },
                lines: 1,
                remembered_from: *remembered_from,
                public: Vec::new(),
            }];
            store.keep(&cut).map(|()| 0)
        }
        Deed::Erase(most) => {
            let done = |done: Option<Erased>| done.map_or(1, |done| 2 + done.lines as u32);
            store.erase(*most).map(|step| step.map_or(0, |step| done(step.done)))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_store_in_memory_does_what_the_one_in_sqlite_does(deeds in vec(deed(), 0..20)) {
        let folder = Folder::new();
        let (mut real, mut fake) = (store(&folder), Fake::new());
        let mut next = [1, 1];
        for deed in &deeds {
            let [real_next, fake_next] = &mut next;
            let done = apply(&mut real, deed, real_next);
            prop_assert_eq!(done, apply(&mut fake, deed, fake_next), "{:?}", deed);
            prop_assert_eq!(loaded(&mut real), loaded(&mut fake));
            prop_assert_eq!(
                shown(&real.rows(2..20, Some(MemberId(2))).expect("it is whole").batches),
                shown(&fake.rows(2..20, Some(MemberId(2))).expect("it is whole").batches)
            );
        }
    }
}

#[test]
fn a_store_that_fails_at_any_call_has_done_nothing_and_does_it_the_next_time() {
    let failures = [Failure::Full, Failure::Disk("x".to_owned()), Failure::Damaged("y".to_owned())];
    let work = |store: &mut Fake| -> Result<(), Failure> {
        for from in [1, 1_001, 2_001] {
            store.keep(&lines(from, 5, 1_000, 10))?;
        }
        let farewell = |store: &mut Fake, range: Range<Seq>| store.rows(range, None).map(drop);
        while Retention::new(None, 40_000).step(store, 5, farewell)? == Step::Done {}
        Ok(())
    };
    let whole = Fake::new();
    let mut counting = whole.another();
    work(&mut counting).expect("it does not fail");
    let calls = counting.calls();
    let expected = loaded(&mut counting);
    for failure in failures {
        for call in 0..calls {
            let file = Fake::new();
            let mut failing = file.failing(call..call + 1, failure.clone());
            assert_eq!(work(&mut failing), Err(failure.clone()), "at call {call}");
            work(&mut failing).expect("it fails once");
            assert_eq!(loaded(&mut failing), expected, "at call {call}");
        }
    }
    let replaced = Fake::new();
    replaced.replace();
    assert_eq!(work(&mut replaced.another()), Err(Failure::Gone));
}

/// An order to erase what bob has said since that time.
fn erase_bob(since: Millis, before: Seq, remembered_from: Seq) -> RoomErasure {
    let (name, by) = ("bob".to_owned(), "alice".to_owned());
    let erasure = Erasure { name, by, author: Some(MemberId(2)), since, before };
    RoomErasure { erasure, lines: 5, remembered_from, public: Vec::new() }
}

/// Carries out the orders in steps of so many events.
fn carry_out(store: &mut impl Store, most: u32) -> Vec<Erased> {
    let mut done = Vec::new();
    while let Some(step) = store.erase(most).expect("it takes that") {
        done.extend(step.done);
    }
    done
}

#[test]
fn an_order_blanks_what_one_has_said_since_a_time_and_counts_what_the_room_has_not() {
    let folder = Folder::new();
    for most in [1, 3, 1_000] {
        let mut store = store(&folder);
        let from = store.load(0).expect("it is whole").counters.next_seq;
        let hour = 60 * 60 * 1_000;
        let events = [
            (said(1, 1), "<alice> one"),
            (said(2, 1), "<bob> two"),
            (private(1, 2, 2), "[alice -> you] three"),
            (private(9, 0, 1), "[you -> bob] three"),
            (private(9, 0, 1), "[robert -> you] four"),
            (private(9, 0, 2), "[you -> alice] four"),
            (said(2, 2), "<robert> five"),
        ];
        // Long ago; then; an hour before that, by a clock that was set back; and what the room remembers.
        for (nth, at) in (0..).zip([0, 5 * hour, 4 * hour + 1, 5 * hour]) {
            store.keep(&cut(from + 7 * nth, at, &events)).expect("it takes that");
        }
        let mut order = cut(from + 28, 0, &[]);
        order.erasures = vec![erase_bob(4 * hour + 1, from + 28, from + 21)];
        store.keep(&order).expect("it takes that");
        let done = carry_out(&mut store, most);
        let told = Erased { name: "bob".to_owned(), by: "alice".to_owned(), lines: 5 + 6 };
        assert_eq!(done, [told], "in steps of {most}");
        let mut left = |from: Seq| {
            let rows = store.rows(from..from + 7, None).expect("it is whole");
            shown(&rows.batches).iter().filter(|row| !row.contains("line: None")).count()
        };
        assert_eq!([0, 7, 14, 21].map(|behind| left(from + behind)), [7, 3, 3, 3]);
    }
}

#[test]
fn an_order_goes_on_after_an_end_in_the_middle() {
    let folder = Folder::new();
    let mut store = store(&folder);
    let events: Vec<_> = (1..=100).map(|n| (said(2, n), "<bob> x")).collect();
    let mut cut = cut(1, 5, &events);
    cut.erasures = vec![erase_bob(0, 101, 101), erase_bob(0, 51, 1)];
    store.keep(&cut).expect("it takes that");
    let step = store.erase(30).expect("it takes that").expect("there is an order");
    assert_eq!((step.outdates_index, step.done), (true, None));
    drop(store);
    let mut store = self::store(&folder);
    let lines: Vec<_> = carry_out(&mut store, 30).iter().map(|done| done.lines).collect();
    assert_eq!(lines, [105, 5], "the second one finds nothing more");
    assert_eq!(counted(&store, "SELECT count(*) FROM event WHERE line IS NOT NULL"), 0);
    assert_eq!(counted(&store, "SELECT count(*) FROM event WHERE n = seq"), 100);
}

#[test]
fn an_order_that_fails_at_any_call_is_carried_out_once_the_next_time() {
    let events: Vec<_> = (1..=10).map(|n| (said(2, n), "<bob> x")).collect();
    let mut cut = cut(1, 5, &events);
    cut.erasures = vec![erase_bob(0, 11, 11)];
    let work = |store: &mut Fake, told: &mut Vec<u64>| -> Result<(), Failure> {
        while let Some(step) = store.erase(3)? {
            told.extend(step.done.map(|done| done.lines));
        }
        Ok(())
    };
    for call in 0..6 {
        let file = Fake::new();
        let (mut failing, mut told) = (file.failing(call..call + 1, Failure::Full), Vec::new());
        if failing.keep(&cut).is_err() {
            failing.keep(&cut).expect("it fails once");
        }
        // The room does not know that it was kept.
        failing.another().keep(&cut).expect("it does not fail");
        assert_eq!(work(&mut failing, &mut told).is_err(), call > 0, "at call {call}");
        work(&mut failing, &mut told).expect("it fails once");
        assert_eq!((file.lines(), told), (Vec::new(), vec![15]), "at call {call}");
    }
}

#[test]
fn an_archive_knows_who_is_there_as_long_as_it_is_open_and_keeps_nobody() {
    let folder = Folder::new();
    let mut store = store(&folder);
    assert_eq!(store.archive_of(), Ok(None));
    let shared = Shared { id: "00112233445566778899aabbccddeeff", name: Some("lobby") };
    store.archive(shared).expect("it takes that");
    let kept = store.archive_of().expect("it is there").expect("it is one");
    assert_eq!(kept, "00112233445566778899aabbccddeeff lobby");
    assert_eq!(Shared::read(&kept), shared);
    assert_eq!(Shared::read(shared.id), Shared { name: None, ..shared });
    let events =
        [(private(1, 1, 2), "[alice -> you] psst"), (private(1, 2, 3), "[alice -> you] hey")];
    let members = [1, 2].map(|id| (MemberId(id), Some(member("alice"))));
    let cut = Cut { members: members.into(), ..cut(1, 0, &events) };
    store.keep(&cut).expect("it takes that");
    assert_eq!([store.blank(10), store.blank(10)], [Ok(1), Ok(0)], "3 is not there");
    let count = "SELECT (SELECT count(*) FROM main.member), (SELECT count(*) FROM event WHERE line IS NULL)";
    let counted =
        store.connection_for_tests().query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?)));
    assert_eq!(counted, Ok((0, 1)));
    drop(store);
    let again = SqliteStore::writer(&folder.file("5000.db"), Durability::Crash);
    let mut store = again.expect("it is one");
    assert_eq!(store.load(1 << 20).expect("it is whole").members, []);
    assert_eq!(store.newest_before(2, 1 << 20).expect("it is whole").len(), 1);
}
