//! The clock of a log, its servers and its numbers.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use super::*;

#[test]
fn numbers_go_on_behind_all_that_may_have_been_given_out() {
    let jump_at_0 = |last| jump(last, 0);
    assert_eq!([0, 1, STEP / 2].map(jump_at_0), [STEP; 3]);
    assert_eq!([STEP / 2 + 1, STEP, STEP + STEP / 2].map(jump_at_0), [2 * STEP; 3]);
    assert_eq!(jump(STEP - 1, 0), 2 * STEP, "a plain multiple could be reached");
    assert_eq!(jump(u64::MAX, 0), u64::MAX);
    let later = [1, 1_000, (1 << 19) - 1, 1 << 19].map(|moment| jump(7, moment) - STEP);
    assert_eq!(later, [1_024, 1_024_000, (1 << 29) - 1_024, 0]);
}

/// The longest time in which no two milliseconds have the same place behind a multiple.
const CYCLE: u64 = 1 << 19;

proptest! {
    #[test]
    fn a_jump_is_long_enough_for_what_was_lost_and_short_enough_for_millions(
        last in 0..1_u64 << 53,
        moment: u64,
    ) {
        let to = jump(last, moment);
        prop_assert!(to - last >= 1 << 29 && to - last < 1 << 31, "{} {}", last, to);
        // However late a jump comes, the next one leads to another multiple.
        prop_assert!(jump(to, moment) / STEP > to / STEP);
    }

    #[test]
    fn branches_that_begin_at_different_times_have_numbers_of_their_own(
        last in 0..1_u64 << 40,
        lost in 0..1_u64 << 29,
        begun in 0..CYCLE - 1,
        later in 1..CYCLE,
    ) {
        // Who comes back first may have seen more than the log has kept, or less.
        let (first, second) = (jump(last, begun), jump(last + lost, (begun + later).min(CYCLE - 1)));
        let time = (begun + later).min(CYCLE - 1) - begun;
        if first / STEP == second / STEP {
            prop_assert_eq!(second - first, PER_MILLISECOND * time);
        } else {
            prop_assert!(second - first > 1 << 29, "{} {}", first, second);
        }
    }
}

fn group(producer: u64, number: u64) -> Group<'static> {
    let seen = Position::default();
    Group { room: 1, engine: 1, producer, number, seen, entries: Vec::new() }
}

fn at(ms: u64) -> Position {
    Position { ms, n: 0 }
}

#[test]
fn a_server_is_known_by_its_first_group_alone_and_any_other_is_a_sign_of_life() {
    let mut log = Log::new(1, 9);
    log.go_on_to(at(1_000), 0);
    assert_eq!(log.admit(&group(7, 2)), Verdict::Unknown);
    assert_eq!(log.admit(&group(7, 1)), Verdict::Applied);
    log.go_on_to(at(2_000), 0);
    let verdicts = [1, 2, 2, 1, 4, 3].map(|number| log.admit(&group(7, number)));
    let (applied, repeated) = (Verdict::Applied, Verdict::Repeated);
    assert_eq!(verdicts, [repeated, applied, repeated, repeated, Verdict::Gap, applied]);
    assert_eq!(log.silence(7), Some(Duration::ZERO));
}

#[test]
fn who_gives_no_sign_of_life_is_dead_but_silence_of_the_whole_log_counts_against_nobody() {
    let mut log = Log::new(1, 9);
    log.go_on_to(at(10_000), 0);
    for producer in [1, 2] {
        log.admit(&group(producer, 1));
    }
    // Nobody could reach the log for an hour.
    log.go_on_to(at(3_610_000), 0);
    log.admit(&group(1, 2));
    assert_eq!(log.take_dead(), [0; 0]);
    for second in 1..=4 {
        log.go_on_to(at(3_610_000 + 1_000 * second), 0);
        log.admit(&group(1, 2 + second));
        assert_eq!(log.take_dead(), [0; 0]);
    }
    // Time that goes back stands still.
    log.go_on_to(at(5), 0);
    assert_eq!(log.take_dead(), [0; 0]);
    log.go_on_to(at(3_614_001), 0);
    assert_eq!((log.take_dead(), log.coordinator()), (vec![2], Some(1)));
}

#[test]
fn what_a_server_has_read_tells_how_far_behind_it_is() {
    let mut log = Log::new(1, 9);
    log.go_on_to(at(10_000), 0);
    log.admit(&Group { seen: at(4_000), ..group(1, 1) });
    assert_eq!(log.behind(1), Some(Duration::from_secs(6)));
    // It says nothing for a while, and nobody knows what it has read meanwhile.
    log.go_on_to(at(12_000), 0);
    assert_eq!(log.behind(1), Some(Duration::from_secs(6)));
    log.admit(&Group { seen: at(12_000), ..group(1, 2) });
    assert_eq!((log.behind(1), log.behind(2)), (Some(Duration::ZERO), None));
}

#[test]
fn many_servers_have_more_time() {
    let mut log = Log::new(1, 9);
    log.go_on_to(at(1), 0);
    for producer in 1..=20 {
        log.admit(&group(producer, 1));
    }
    assert_eq!(log.lease(), Duration::from_secs(6));
    log.admit(&group(21, 1));
    assert_eq!(log.lease(), Duration::from_millis(6_300));
}

#[test]
fn jumps_are_remembered_and_left_out_of_what_is_counted() {
    let mut log = Log::new(1, 9);
    log.note_jump(Jump { from: 10, to: 100 });
    log.note_jump(Jump { from: 120, to: 200 });
    assert_eq!([9, 100, 119, 200].map(|seq| log.jump_over(seq)), [None; 4]);
    assert_eq!(log.jump_over(10).map(|jump| jump.to), Some(100));
    assert_eq!(log.jump_over(199).map(|jump| jump.to), Some(200));
    assert_eq!((log.numbers_between(5, 205), log.numbers_between(50, 110)), (30, 10));
    (0..MOST_JUMPS as u64).for_each(|it| log.note_jump(Jump { from: 300 + it, to: 301 + it }));
    assert_eq!(log.jump_over(10), None);
}
