//! Who reads what, what is forgotten first, and what stays known of it.

use std::num::NonZero;

use super::super::audience::{Audience, Kind, Piece, Receipt, Recipient, Rendition};
use super::*;
use crate::protocol::tag::Format;

const A: MemberId = MemberId(1);
const B: MemberId = MemberId(2);

fn recipient(member: MemberId) -> Recipient {
    Recipient { member, format: Format::Plain }
}

fn seen(transcript: &Transcript, member: MemberId, from: Seq) -> String {
    let mut seen = Vec::new();
    for batch in transcript.read(from, usize::MAX) {
        for piece in batch.index().pieces(recipient(member), &(from..Seq::MAX)) {
            seen.extend_from_slice(batch.lines().text(&piece.events));
        }
    }
    String::from_utf8(seen).unwrap().replace('\n', " ")
}

fn said(audience: Audience) -> Envelope {
    Envelope::new(audience, Kind::Said)
}

#[test]
fn a_member_reads_what_is_for_it_from_any_position() {
    let mut transcript = Transcript::new(1 << 20);
    for (audience, line) in [
        (Audience::AllBut(A), "a1"),
        (Audience::Only(A), "to-a"),
        (Audience::AllBut(B), "b1"),
        (Audience::AllBut(A), "a2"),
        (Audience::All, "end"),
    ] {
        transcript.push(said(audience), line, 0);
        transcript.seal();
    }
    assert_eq!(seen(&transcript, A, 0), "to-a b1 end ");
    assert_eq!(seen(&transcript, B, 0), "a1 a2 end ");
    assert_eq!(seen(&transcript, B, 2), "a2 end ");
    assert_eq!(seen(&transcript, MemberId(3), 3), "b1 a2 end ");
    assert_eq!(seen(&transcript, A, 6), "");
    let batch = &transcript.read(0, usize::MAX)[0];
    let counted = |range| batch.index().count_lines(recipient(B), &range);
    assert_eq!([counted(1..6), counted(1..5), counted(2..5), counted(5..5)], [3, 2, 1, 0]);
}

#[test]
fn what_was_said_is_found_again_by_those_who_may_see_it() {
    let mut transcript = Transcript::new(1 << 20);
    for (i, (audience, kind, line)) in [
        (Audience::AllBut(A), Kind::Said, "a1"),
        (Audience::All, Kind::Passing, "joined"),
        (Audience::Only(A), Kind::Said, "to-a"),
        (Audience::Only(B), Kind::Passing, "error-b"),
        (Audience::AllBut(B), Kind::Said, "b1"),
        (Audience::AllBut(B), Kind::Said, "b2"),
    ]
    .into_iter()
    .enumerate()
    {
        transcript.push(Envelope::new(audience, kind), line, 1000 * (i / 2) as Millis);
        if i % 3 == 2 {
            transcript.seal();
        }
    }
    let newest = |member, most| transcript.newest(member, most).collect::<Vec<_>>();
    assert_eq!(newest(A, 9), [1, 3, 5, 6]);
    assert_eq!(newest(B, 9), [1, 5, 6]);
    assert_eq!(newest(A, 3), [3, 5, 6]);
    assert_eq!(newest(A, 0), [0; 0]);
    transcript.seal();
    let batch = &transcript.read(0, usize::MAX)[0];
    let told = (1..7).map(|event| (batch.line(event), batch.time(event)));
    let expected =
        [("a1", 0), ("joined", 0), ("to-a", 1000), ("error-b", 1000), ("b1", 2000), ("b2", 2000)];
    assert!(told.eq(expected), "{batch:?}");
}

#[test]
fn a_clock_that_is_set_back_changes_no_order() {
    let times = [5000, 5000, 100, -1, Millis::MAX, Millis::MIN, 5001];
    for sealing in [false, true] {
        let mut transcript = Transcript::new(1 << 20);
        for (number, at) in times.into_iter().enumerate() {
            transcript.push(said(Audience::All), number, at);
            if sealing {
                transcript.seal();
            }
        }
        transcript.seal();
        let batch = &transcript.read(0, usize::MAX)[0];
        for (number, at) in times.into_iter().enumerate() {
            let event = number as Seq + 1;
            let told = (batch.line(event).to_owned(), batch.time(event));
            assert_eq!(told, (number.to_string(), at));
        }
        assert!(transcript.newest(A, 20).eq(1..=7));
    }
}

#[test]
fn the_oldest_goes_when_memory_is_full() {
    let mut transcript = Transcript::new(200_000);
    let line = "x".repeat(40_000);
    for _ in 0..20 {
        transcript.push(said(Audience::All), &line, 0);
        transcript.seal();
        while transcript.evict(Seq::MAX).is_some() {}
        assert!(transcript.held + transcript.evicted_cost <= 200_000);
    }
    assert_eq!(transcript.end(), 21);
    assert!(transcript.oldest() >= 15);
    assert_eq!(transcript.read(0, usize::MAX)[0].begin(), transcript.oldest());
    let offset = |event| transcript.offset(event) as usize;
    assert_eq!(
        [offset(1), offset(20), offset(21)],
        [(transcript.oldest() as usize - 1) * 40_001, 19 * 40_001, 20 * 40_001]
    );
}

#[test]
fn short_lines_for_many_take_several_times_their_length() {
    let mut long = Transcript::new(1 << 20);
    assert_eq!(long.lines_in(1000), 1000);
    let mut short = Transcript::new(1 << 20);
    for member in 0..1000 {
        long.push(said(Audience::All), "x".repeat(400), 0);
        short.push(said(Audience::Only(MemberId(member))), "short", 0);
    }
    long.seal();
    short.seal();
    assert!((800..=1000).contains(&long.lines_in(1000)), "{}", long.lines_in(1000));
    assert!((10..=150).contains(&short.lines_in(1000)), "{}", short.lines_in(1000));
    let all = short.lines_in(short.held as u64);
    assert_eq!(all, 6000);
}

/// Makes all that was appended readable, within the memory.
fn settle(transcript: &mut Transcript) {
    transcript.seal();
    while transcript.withdraw().is_some() {}
    while transcript.evict(Seq::MAX).is_some() {}
}

#[test]
fn who_has_sent_or_got_a_private_line_of_late_is_known_as_far_back_as_it_is_remembered() {
    let mut transcript = Transcript::restore(1 << 20, Vec::new(), 10);
    transcript.push(said(Audience::Only(A)), "[you -> b] psst", 0);
    transcript.push(Envelope::new(Audience::Only(A), Kind::Passing), "-- b is away", 0);
    transcript.push(said(Audience::AllBut(B)), "<b> hello", 0);
    transcript.seal();
    transcript.push(said(Audience::Only(B)), "[a -> you] psst", 0);
    let since = |from| transcript.in_private_since(from);
    assert_eq!(
        [9, 10, 11, 14].map(since),
        [None, Some([A, B].into()), Some([B].into()), Some([].into())]
    );
}

#[test]
fn what_only_one_can_see_takes_at_most_a_quarter_of_the_memory() {
    const MEMORY: usize = 4 << 20;
    let mut transcript = Transcript::new(MEMORY);
    let line = "x".repeat(1000);
    let public = MEMORY / 10 * 7 / line.len();
    for _ in 0..public {
        transcript.push(said(Audience::AllBut(B)), &line, 0);
        settle(&mut transcript);
    }
    for _ in 0..10_000 {
        transcript.push(said(Audience::Only(B)), &line, 0);
        settle(&mut transcript);
    }
    assert_eq!(transcript.oldest(), FIRST, "nothing that was public is forgotten");
    assert!(transcript.held + transcript.evicted_cost <= MEMORY);
    assert_eq!(transcript.newest(A, usize::MAX).len(), public);
    // What nobody remembers, b is told of.
    assert_eq!(transcript.evicted(recipient(A), FIRST), Some(0));
    let missed = transcript.evicted(recipient(B), FIRST).expect("it is known");
    let kept = transcript.newest(B, usize::MAX).len() - public;
    assert_eq!(missed as usize + kept, 10_000);
    assert_eq!(transcript.in_private_since(FIRST), None, "some are withdrawn");
    assert_eq!(transcript.in_private_since(transcript.end() - 1), Some([B].into()));
    for _ in 0..2 * MEMORY / line.len() {
        transcript.push(said(Audience::AllBut(A)), &line, 0);
        settle(&mut transcript);
    }
    let lines = transcript.newest(B, usize::MAX).len();
    assert!(lines * line.len() >= MEMORY / 10 * 8, "{lines} lines");
    assert_eq!(
        (transcript.shares.of(Share::Private), transcript.evicted(recipient(A), FIRST)),
        (0, Some(public as u64))
    );
    let batches = transcript.sealed.iter();
    assert_eq!(transcript.lines, batches.map(|batch| batch.bytes() as u64).sum::<u64>());
}

#[test]
fn a_storm_of_joins_makes_the_room_forget_nothing_that_was_said() {
    const MEMORY: usize = 4 << 20;
    let mut transcript = Transcript::new(MEMORY);
    let line = "x".repeat(1000);
    let public = MEMORY / 10 * 7 / line.len();
    for _ in 0..public {
        transcript.push(said(Audience::AllBut(B)), &line, 0);
        settle(&mut transcript);
    }
    transcript.push(said(Audience::Only(B)), "psst", 0);
    let moved = |audience| Envelope::new(audience, Kind::Passing);
    let moves = 100_000;
    for number in 0..moves {
        transcript.push(moved(Audience::Programs), format!("-- guest{number} joined"), 0);
        if number % 1500 == 0 {
            transcript.push(moved(Audience::People), "-- 1500 members joined", 0);
            settle(&mut transcript);
        }
    }
    settle(&mut transcript);
    assert_eq!(transcript.oldest(), FIRST, "nothing that was said is forgotten");
    assert_eq!(transcript.newest(B, usize::MAX).len(), public + 1);
    // A program that has missed some of them is told so, and has the newest; nobody else has missed anything.
    let program = Recipient { member: A, format: Format::Tagged };
    let missed = transcript.evicted(program, FIRST).expect("it is known");
    assert!((1..moves - 5_000).contains(&missed), "{missed}");
    let here = transcript.read(FIRST, usize::MAX);
    let here: u64 =
        here.iter().map(|batch| batch.index().count_lines(program, &(FIRST..Seq::MAX))).sum();
    assert_eq!(missed + here, moves + public as u64);
    let person = transcript.evicted(recipient(A), FIRST).expect("it is known");
    assert!(person <= moves / 1500 + 1, "{person}");
    assert!(transcript.held + transcript.evicted_cost <= MEMORY);
}

#[test]
fn a_batch_whose_private_lines_are_withdrawn_is_the_same_to_all_others() {
    let mut transcript = Transcript::new(1 << 20);
    let line = NonZero::new(7);
    let receipt = line.map(|line| Receipt { author: B, line });
    let private = Envelope { receipt, ..said(Audience::Only(A)) };
    for (envelope, line) in [
        (said(Audience::Only(B)), "to-b"),
        (said(Audience::AllBut(A)), "a1"),
        (private, "to-a"),
        (said(Audience::Only(A)), "to-a-again"),
        (said(Audience::All), "end"),
    ] {
        transcript.push(envelope, line, 0);
    }
    transcript.seal();
    let old = Arc::clone(&transcript.read(0, usize::MAX)[0]);
    let new = old.without_share(Share::Private);
    let seen = |batch: &Batch, member, format| {
        let recipient = Recipient { member, format };
        let pieces = batch.index().pieces(recipient, &(0..Seq::MAX));
        let text = |piece: Piece| {
            let lines = String::from_utf8_lossy(batch.lines().text(&piece.events)).into_owned();
            if piece.rendition == Rendition::Receipt { "+\n".to_owned() } else { lines }
        };
        pieces.map(text).collect::<String>()
    };
    let outsider = MemberId(3);
    assert_eq!(seen(&new, outsider, Format::Plain), seen(&old, outsider, Format::Plain));
    assert_eq!(seen(&new, A, Format::Plain), "end\n");
    assert_eq!(seen(&new, B, Format::Tagged), "a1\n+\nend\n");
    assert_eq!(
        (
            new.begin(),
            new.end(),
            new.shares().of(Share::Private) <= old.shares().of(Share::Private)
        ),
        (old.begin(), old.end(), true)
    );
    assert!(
        old.shares().of(Share::Private) > "to-b to-a answer-a".len()
            && new.cost() < old.cost() + 64
    );
    let [evicted] = new.withdrawn() else { panic!("it is known for whom they were") };
    let counted = [A, B, outsider].map(|member| evicted.count_lines(recipient(member), FIRST));
    assert_eq!(counted, [2, 1, 0]);
}

#[test]
fn how_much_is_forgotten_is_known_as_far_back_as_there_is_memory_for_that() {
    let mut transcript = Transcript::new(200_000);
    assert_eq!(transcript.evicted(recipient(A), 1), Some(0));
    let line = "x".repeat(40_000);
    for _ in 0..20 {
        transcript.push(said(Audience::AllBut(A)), &line, 0);
        transcript.push(said(Audience::AllBut(B)), "b", 0);
        transcript.seal();
        while transcript.evict(Seq::MAX).is_some() {}
    }
    let oldest = transcript.oldest();
    assert_eq!(transcript.evicted(recipient(A), oldest), Some(0));
    assert_eq!(transcript.evicted(recipient(A), oldest - 4), Some(2));
    assert_eq!(transcript.evicted(recipient(B), oldest - 3), Some(1));
    assert_eq!(transcript.evicted(recipient(A), 1), Some((oldest - 1) / 2));
    // Each of a's lines is a run of its own: soon there is no memory for more.
    for _ in 0..40_000 {
        transcript.push(said(Audience::AllBut(A)), "a", 0);
        transcript.push(said(Audience::AllBut(B)), "b", 0);
        transcript.seal();
        while transcript.evict(Seq::MAX).is_some() {}
    }
    assert!(transcript.evicted_cost <= 200_000 / EVICTED_PART);
    assert_eq!(transcript.evicted(recipient(A), 1), None);
}
