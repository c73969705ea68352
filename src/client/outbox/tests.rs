use std::time::Duration;

use super::*;

/// No lines.
const NONE: [Arc<Typed>; 0] = [];

/// An outbox of these lines, in a session of which the first line was the name.
fn outbox(lines: &[&str]) -> Outbox {
    let mut outbox = Outbox::default();
    outbox.count();
    enter(&mut outbox, lines);
    outbox
}

fn enter(outbox: &mut Outbox, lines: &[&str]) {
    let now = Instant::now();
    lines.iter().for_each(|line| outbox.enter(typed(line), Asker::User, now));
}

/// What is written next, until nothing more is.
fn written(outbox: &mut Outbox) -> Vec<String> {
    let mut written = Vec::new();
    while outbox.has_unwritten() {
        written.extend(texts(outbox.next_batch(Server::Ours).lines));
    }
    assert_valid(outbox);
    written
}

fn typed(line: &str) -> Arc<Typed> {
    Arc::new(Typed::new(line))
}

fn texts(lines: Vec<Arc<Typed>>) -> Vec<String> {
    lines.into_iter().map(|line| line.text().to_owned()).collect()
}

fn assert_valid(outbox: &Outbox) {
    assert!(outbox.written <= outbox.lines.len(), "{outbox:?}");
    let weigh = |spare: bool| {
        let lines = outbox.lines.iter().filter(|line| line.is_spare() == spare);
        lines.map(Entry::weight).sum::<usize>()
    };
    assert_eq!((outbox.held, outbox.spare), (weigh(false), weigh(true)), "{outbox:?}");
}

#[test]
fn a_receipt_stands_for_all_lines_before_it() {
    let mut outbox = outbox(&["one", "/who", "two", "three"]);
    assert_eq!(written(&mut outbox), ["one", "/who", "two", "three"]);
    assert_eq!(outbox.unsaid(), 3);
    assert_eq!(outbox.settle(2).refused, NONE);
    assert_eq!(outbox.unsaid(), 2);
    assert_eq!(outbox.settle(4).refused, NONE);
    assert_eq!((outbox.unsaid(), outbox.taken()), (1, 4));
    assert_eq!(outbox.settle(5).refused, NONE);
    assert_eq!((outbox.unsaid(), outbox.held()), (0, 0));
}

#[test]
fn what_was_never_written_cannot_have_been_said() {
    let mut outbox = outbox(&["one", "/who", "", "two", "three"]);
    let numbers = outbox.next_batch(Server::Ours).numbers;
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    outbox.give_back(numbers[3]);
    assert_valid(&outbox);
    outbox.lose();
    assert_eq!(outbox.begin_anew(Instant::now()), 1, "{outbox:?}");
    assert_eq!(written(&mut outbox), ["one", "two", "three"]);
}

#[test]
fn what_was_not_taken_is_written_again_and_what_was_not_seen_is_shown_once() {
    let mut outbox = outbox(&["one", "two", "three"]);
    let batch = outbox.next_batch(Server::Ours);
    assert_eq!(batch.unseen, [0, 1, 2]);
    outbox.settle(2);
    outbox.lose();
    enter(&mut outbox, &["four"]);
    outbox.resume(3, Instant::now());
    let batch = outbox.next_batch(Server::Ours);
    assert_eq!((texts(batch.lines), batch.unseen), (vec!["three".into(), "four".into()], vec![1]));
    assert_eq!(outbox.settle(3).refused, NONE);
    assert_eq!(outbox.settle(5).refused, NONE);
    assert_eq!(outbox.unsaid(), 0);
    // In another session all that is left is said again, with new numbers.
    enter(&mut outbox, &["five", "six"]);
    written(&mut outbox);
    outbox.lose();
    assert_eq!(outbox.begin_anew(Instant::now()), 2);
    outbox.count();
    assert_eq!(written(&mut outbox), ["five", "six"]);
    outbox.settle(3);
    assert_eq!(outbox.unsaid(), 0);
}

#[test]
fn lines_that_were_confirmed_and_are_lost_are_counted_and_not_said_again() {
    let mut outbox = outbox(&["one", "two", "three"]);
    written(&mut outbox);
    assert_eq!(outbox.settle(3).refused, NONE);
    outbox.lose();
    // The server has forgotten the second line; the third was never confirmed.
    assert_eq!(outbox.resume(2, Instant::now()), 1);
    assert_eq!(outbox.taken(), 2);
    assert_eq!(written(&mut outbox), ["three"]);
    assert_eq!(outbox.settle(3).refused, NONE);
    assert_eq!(outbox.unsaid(), 0);
    outbox.lose();
    assert_eq!(outbox.resume(3, Instant::now()), 0);
}

#[test]
fn a_line_that_was_taken_and_gets_no_receipt_was_refused() {
    let mut outbox = outbox(&["/msg bbo x", "two", "/msg abc y"]);
    written(&mut outbox);
    outbox.lose();
    outbox.resume(4, Instant::now());
    assert!(outbox.has_covered());
    assert_eq!(outbox.settle(3).refused, vec![typed("/msg bbo x")]);
    assert_eq!(outbox.settle_covered().refused, vec![typed("/msg abc y")]);
    assert_eq!(outbox.settle_covered().refused, NONE);
    assert_eq!(outbox.unsaid(), 0);
}

#[test]
fn a_gap_may_have_had_the_receipts_in_it() {
    let mut outbox = outbox(&["one", "two"]);
    written(&mut outbox);
    outbox.lose();
    outbox.resume(3, Instant::now());
    outbox.mark_gap();
    assert_eq!(outbox.settle(3).refused, NONE);
    assert_eq!(outbox.unsaid(), 0);
}

#[test]
fn a_refusal_is_about_the_line_of_its_number() {
    let mut outbox = outbox(&["/msg a x", "/tags", "/who", "/msg a x", "two"]);
    written(&mut outbox);
    for (number, refused) in [(4, Some("/msg a x")), (3, Some("/who")), (3, None), (9, None)] {
        assert_eq!(outbox.refuse(number), refused.map(typed), "{number}");
        assert_valid(&outbox);
    }
    assert_eq!(outbox.unsaid(), 2);
    // It is not said again, and none of what was refused here is told of anew.
    outbox.lose();
    outbox.resume(4, Instant::now());
    assert_eq!(outbox.settle_covered().refused, vec![typed("/msg a x")]);
    assert_eq!(written(&mut outbox), ["two"]);
}

#[test]
fn what_is_done_and_what_has_a_receipt_settle_lines_alike() {
    let mut outbox = outbox(&["/who", "one", "", "two"]);
    written(&mut outbox);
    for (number, unsaid, lines) in [(2, 2, 3), (4, 1, 1), (3, 1, 1), (5, 0, 0)] {
        assert_eq!(outbox.settle(number).refused, NONE);
        assert_eq!((outbox.unsaid(), outbox.lines.len()), (unsaid, lines), "{number}");
        assert_valid(&outbox);
    }
}

#[test]
fn the_word_to_leave_waits_for_all_receipts_and_nothing_follows_it() {
    let mut outbox = outbox(&["one", "/quit", "two"]);
    assert_eq!(written(&mut outbox), ["one"]);
    outbox.settle(2);
    assert_eq!(written(&mut outbox), ["/quit"]);
    assert!(outbox.has_written_quit() && outbox.has_tried_to_quit());
    outbox.lose();
    outbox.resume(2, Instant::now());
    assert_eq!(written(&mut outbox), ["/quit"]);
}

#[test]
fn lines_that_do_not_count_shift_no_numbers() {
    let mut outbox = outbox(&["/tags", "one", "/resume x", "two"]);
    assert_eq!(written(&mut outbox).len(), 4);
    outbox.settle(2);
    assert_eq!(outbox.unsaid(), 1);
    outbox.settle(3);
    assert_eq!(outbox.unsaid(), 0);
}

#[test]
fn what_gets_no_receipt_takes_no_endless_memory() {
    let mut outbox = outbox(&[]);
    for _ in 0..20_000 {
        enter(&mut outbox, &["/who"]);
        outbox.next_batch(Server::Ours);
    }
    assert!(outbox.spare <= MOST_SPARE && outbox.held() == 0);
    assert_valid(&outbox);
}

#[test]
fn a_line_is_overdue_after_two_seconds() {
    let start = Instant::now();
    let mut outbox = Outbox::default();
    for (line, seconds) in [("one", 0), ("/who", 0), ("two", 1)] {
        outbox.enter(typed(line), Asker::User, start + Duration::from_secs(seconds));
    }
    let after = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(outbox.overdue(after(1)), (0, Some(after(2))));
    assert_eq!(outbox.overdue(after(2)), (1, Some(after(3))));
    assert_eq!(outbox.overdue(after(3)), (2, None));
}

#[test]
fn lies_do_no_harm() {
    let mut outbox = outbox(&["one", "two"]);
    written(&mut outbox);
    assert_eq!(outbox.settle(u64::MAX).refused, NONE);
    assert_eq!(outbox.taken(), 3);
    outbox.lose();
    outbox.resume(u64::MAX, Instant::now());
    enter(&mut outbox, &["three"]);
    assert_eq!(written(&mut outbox), ["three"]);
    assert_eq!(outbox.settle(0).refused, NONE);
    outbox.lose();
    outbox.resume(0, Instant::now());
    assert_eq!(written(&mut outbox), ["three"]);
}

#[test]
fn a_name_that_is_told_again_is_no_answer_to_a_line_written_since() {
    let mut outbox = outbox(&["/nick bob", "one", "/nick bob", "two"]);
    assert_eq!(written(&mut outbox).len(), 4);
    outbox.lose();
    outbox.resume(3, Instant::now());
    assert_eq!(written(&mut outbox), ["/nick bob", "two"]);
    assert!(outbox.had_been_called("bob"), "of the line that the lost connection took");
    assert!(!outbox.had_been_called("bob"), "the other one has no answer yet");
    outbox.lose();
    outbox.resume(3, Instant::now());
    assert_eq!(written(&mut outbox), ["/nick bob", "two"]);
}
