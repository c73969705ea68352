//! Members who say too much, are held back, read nothing, or fall behind.

use std::io::Write;
use std::net::Shutdown as Half;
use std::sync::Arc;
use std::time::Duration;

use shuttle::thread::{self, JoinHandle};

use super::client::{Client, SMALL, numbers, said_by};
use super::house::{Clock, House};
use super::{LONG_RUNS, RUNS, explore};

/// A long line for each number, and a farewell.
fn flood(mut client: Client, count: usize) -> JoinHandle<()> {
    thread::spawn(move || {
        let text = "x".repeat(4000);
        for number in 1..=count {
            assert!(client.send(&format!("{number} {text}\n")));
        }
        client.send("/quit\n");
        client.rest();
    })
}

#[test]
fn senders_who_are_held_back_are_let_go_and_nobody_misses_anything() {
    explore(LONG_RUNS, |open| {
        const LINES: usize = 25;
        let house = open(192 * 1024);
        let mut alice = house.join("alice");
        // They read only when they have said it all, and take too little until then to hold anybody.
        let floods = ["bob", "carol"].map(|name| flood(house.join_with(name, SMALL), LINES));
        let mut heard = Vec::new();
        while heard.iter().filter(|line: &&String| line.ends_with(" left")).count() < 2 {
            let line = alice.line().expect("the room goes on");
            heard.push(line.trim_end_matches('x').trim_end().to_owned());
        }
        for name in ["bob", "carol"] {
            assert_eq!(said_by(name, &heard), numbers(LINES));
        }
        floods.into_iter().for_each(|flood| flood.join().expect("no panic"));
        drop(alice);
        house.shut_down();
    });
}

/// One who reads no more, and for whom the senders are held, for it has read until now; one who reads; and
/// bob, who talks until he is cut off while he is held back. The last value is how many lines of his have
/// been taken in whole.
fn cut_off_while_held(house: &House, bob: Client) -> (Client, Client, usize) {
    let alice = house.join("alice");
    let mut carol = house.join("carol");
    let bob = Arc::new(bob);
    let cut = Arc::clone(&bob);
    let flood = thread::spawn(move || {
        let line = format!("{}\n", "x".repeat(4000));
        (0..).take_while(|_| (&bob.stream).write_all(line.as_bytes()).is_ok()).count()
    });
    carol.until(|line| line.starts_with("<bob> "));
    cut.stream.shutdown(Half::Both).expect("it is open");
    let taken = flood.join().expect("no panic");
    // So that it is seen that bob is gone.
    carol.send("is bob here?\n");
    (alice, carol, taken)
}

#[test]
fn what_has_arrived_of_one_who_is_held_back_and_cut_off_is_said_before_it_has_left() {
    explore(LONG_RUNS, |open| {
        let house = open(64 * 1024);
        let bob = house.join("bob");
        let (alice, mut carol, taken) = cut_off_while_held(&house, bob);
        let reader = thread::spawn(move || alice.rest());
        // The first line has come.
        let (mut said, mut missed) = (1, 0);
        loop {
            let line = carol.line().expect("the room goes on");
            if line.starts_with("-- bob left") {
                break;
            }
            said += usize::from(line.starts_with("<bob> "));
            if let Some(told) = line.strip_prefix("-- you missed ") {
                missed += told.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0);
            }
        }
        // The last one may have been cut.
        let all = [taken, taken + 1];
        assert!(all.contains(&(said + missed)), "{said} and {missed} of {taken}");
        house.shut_down_in_time();
        reader.join().expect("no panic");
    });
}

#[test]
fn a_program_that_is_held_back_and_cut_off_may_come_back_at_once() {
    explore(LONG_RUNS, |open| {
        let house = open(64 * 1024);
        let (bob, token) = house.join_tagged("bob");
        let (alice, _carol, taken) = cut_off_while_held(&house, bob);
        let mut back = house.connect();
        back.send(&format!("/tags\n/resume {token} 0\n"));
        let resumed = back.until(|body| body.starts_with("= resumed "));
        let resumed: usize = resumed["= resumed ".len()..].parse().expect("a number");
        assert!((2..=taken + 1).contains(&resumed), "{resumed} of {taken} and a name");
        drop((alice, back));
        house.shut_down_in_time();
    });
}

#[test]
fn who_falls_out_of_memory_is_told_exactly_how_much_it_missed() {
    explore(LONG_RUNS, |open| {
        const LINES: usize = 40;
        let house = open(64 * 1024);
        let mut stalled = house.join("stalled");
        let bob = house.join("bob");
        // So that it is seen to keep no pace; it is not dropped before it has had half a minute.
        let clock = Clock::start(Duration::from_millis(10));
        flood(bob, LINES).join().expect("no panic");
        clock.stop();
        let (mut last, mut heard, mut missed) = (0, 0, 0);
        loop {
            let line = stalled.line().expect("the room goes on");
            if let Some(said) = line.strip_prefix("<bob> ") {
                let number = said.split(' ').next().and_then(|it| it.parse().ok()).expect("it");
                assert!(number > last, "{number} after {last}");
                (last, heard) = (number, heard + 1);
            } else if let Some(told) = line.strip_prefix("-- you missed ") {
                missed += told.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0);
            } else if line == "-- bob left" {
                break;
            }
        }
        // With a history, there is nothing that it could miss.
        assert_eq!(missed > 0, !house.is_kept, "{missed}");
        // What was forgotten may have been that bob joined.
        assert!([LINES, LINES + 1].contains(&(heard + missed)), "{heard} and {missed}");
        drop(stalled);
        house.shut_down();
    });
}

#[test]
fn who_takes_nothing_is_dropped_and_what_it_waits_for_ends() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let mut alice = house.join("alice");
        let mut stalled = house.connect_with(SMALL);
        stalled.send("/nick stalled\n/help\n/history\n/history\n/history\n");
        alice.expect("-- stalled joined");
        let clock = Clock::start(Duration::from_secs(1));
        // A shared room may seem to be away to a server that the time runs away from.
        alice.until(|line| line == "-- stalled was too slow and was dropped");
        clock.stop();
        alice.send("/who\n");
        alice.until(|line| line == "-- 1 here: alice");
        drop(alice);
        house.shut_down();
    });
}
