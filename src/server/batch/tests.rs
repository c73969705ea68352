//! Events packed and read again.

use std::num::NonZero;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{any, prop_assert_eq, proptest};
use proptest::sample::Index;

use super::super::audience::{Recipient, Rendition};
use super::*;
use crate::protocol::tag::Format;

const A: MemberId = MemberId(1);
const B: MemberId = MemberId(2);

fn recipient(member: MemberId, format: Format) -> Recipient {
    Recipient { member, format }
}

fn said(author: MemberId, line: u64) -> Envelope {
    let receipt = NonZero::new(line).map(|line| Receipt { author, line });
    Envelope { audience: Audience::AllBut(author), kind: Kind::Said, receipt }
}

/// Of a's lines 1, 2 and 4, with one of b's between, and a private line to a.
fn batch() -> Batch {
    let mut batch = Batch::beginning_at(10, 0);
    let private = Envelope::new(Audience::Only(A), Kind::Said);
    for (envelope, line) in [
        (said(A, 1), "a1"),
        (said(A, 2), "a2"),
        (Envelope::new(Audience::AllBut(B), Kind::Said), "b1"),
        (private, "private"),
        (said(A, 4), "a4"),
    ] {
        batch.push(envelope, line);
    }
    batch
}

fn pieces(recipient: Recipient, range: Range<Seq>) -> Vec<(Range<u32>, Rendition)> {
    let batch = batch();
    batch.index().pieces(recipient, &range).map(|piece| (piece.events, piece.rendition)).collect()
}

#[test]
fn an_author_gets_receipts_in_the_tagged_form_alone() {
    use Rendition::{Line, Receipt};
    let all = 0..99;
    assert_eq!(pieces(recipient(A, Format::Plain), all.clone()), [(2..4, Line)]);
    assert_eq!(
        pieces(recipient(A, Format::Tagged), all.clone()),
        [(0..2, Receipt), (2..4, Line), (4..5, Receipt)]
    );
    assert_eq!(pieces(recipient(B, Format::Tagged), all), [(0..2, Line), (4..5, Line)]);
    assert_eq!(pieces(recipient(A, Format::Tagged), 11..13), [(1..2, Receipt), (2..3, Line)]);
}

#[test]
fn lines_and_receipts_are_counted() {
    let batch = batch();
    let index = batch.index();
    let tagged = recipient(A, Format::Tagged);
    assert_eq!(index.count_lines(tagged, &(0..99)), 2);
    assert_eq!(index.count_lines(recipient(B, Format::Tagged), &(0..99)), 3);
    assert_eq!(index.count_lines(tagged, &(0..13)), 1);
    assert_eq!(index.last_receipt(tagged, &(0..99)), Some((14, 4)));
    assert_eq!(index.last_receipt(tagged, &(0..14)), Some((11, 2)));
    assert_eq!(index.last_receipt(tagged, &(12..14)), None);
    assert_eq!(index.last_receipt(recipient(B, Format::Tagged), &(0..99)), None);
    let lines = (0..5).map(|event| index.receipt(event).map(|receipt| receipt.line.get()));
    assert_eq!(lines.collect::<Vec<_>>(), [Some(1), Some(2), None, None, Some(4)]);
}

#[test]
fn what_is_appended_goes_on_in_the_same_run() {
    let mut whole = Batch::beginning_at(1, 0);
    whole.is_now(7);
    for line in 1..=4 {
        let mut one = Batch::default();
        one.push(said(A, line), line);
        whole.append(&one);
    }
    assert_eq!(whole.index.runs(), 1, "{whole:?}");
    assert_eq!(whole.index.receipt(3), said(A, 4).receipt);
    assert_eq!((whole.line(4), whole.time(4), whole.offset(4)), ("4", 7, 6));
}

#[test]
fn a_place_in_the_middle_of_a_line_gives_the_rest_of_it() {
    let mut lines = Lines::default();
    for line in ["one", "two", "three"] {
        lines.push(line);
    }
    let cases: [(u32, usize, u32, &[u8]); 6] = [
        (0, 0, 0, b""),
        (0, 2, 1, b"e\n"),
        (0, 4, 1, b""),
        (1, 1, 2, b"wo\n"),
        (0, 5, 2, b"wo\n"),
        (0, 14, 3, b""),
    ];
    for (from, bytes, line, rest) in cases {
        assert_eq!(lines.after(from, bytes), (line, rest), "{bytes} bytes after {from}");
    }
}

#[test]
fn a_place_among_lines_of_which_some_are_none_is_found() {
    let mut lines = Lines::default();
    lines.push("one");
    lines.push_none();
    lines.push("two");
    assert_eq!(lines.text(&(1..3)), b"two\n");
    assert_eq!(lines.after(0, 2), (1, &b"e\n"[..]));
    assert_eq!(lines.after(2, 1), (3, &b"wo\n"[..]));
}

proptest! {
    /// However much of it a socket has taken.
    #[test]
    fn what_is_sent_from_any_place_on_is_what_comes_after_it(
        texts in vec(option::of("[a-z]{0,5}"), 1..12),
        from in any::<Index>(),
        taken in any::<Index>(),
    ) {
        let mut lines = Lines::default();
        for text in &texts {
            match text {
                Some(text) => lines.push(text),
                None => lines.push_none(),
            }
        }
        let from = from.index(texts.len()) as u32;
        let all = lines.text(&(from..lines.count()));
        let taken = taken.index(all.len() + 1);
        let (next, rest) = lines.after(from, taken);
        let sent = [&all[..taken], rest, lines.text(&(next..lines.count()))].concat();
        prop_assert_eq!(sent, all);
    }
}
