//! Members who come back over another connection, while others talk: each line once, in one form or the other.

use std::sync::Arc;
use std::time::Duration;

use shuttle::thread::{self, JoinHandle};

use super::client::{BANNER, Client, KEPT, TIGHT, lines, numbers, said_by, split};
use super::house::{Clock, House};
use super::{RUNS, explore};

#[test]
fn lines_that_make_no_event_are_taken_once_before_and_after_a_resume() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let (mut client, token) = house.join_tagged("alice");
        // /nick was the first.
        client.send("/nosuch\n/who\n/nosuch\n");
        let answer = |body: &str| body.starts_with("!! ");
        client.until(answer);
        client.until(answer);
        drop(client);
        let mut client = house.connect();
        client.send(&format!("/tags\n/resume {token} 0\n"));
        client.expect(BANNER);
        let taken = client.until(|body| body.starts_with("= resumed "));
        assert_eq!(taken, "= resumed 4");
        drop(client);
        house.shut_down();
    });
}

#[test]
fn who_is_taken_over_while_it_talks_says_each_line_once() {
    explore(RUNS, |open| {
        const LINES: usize = 4;
        let house = Arc::new(open(1 << 20));
        let mut bob = house.join("bob");
        let (mut old, token) = house.join_tagged("alice");
        bob.expect("-- alice joined");
        let old = thread::spawn(move || {
            for line in lines(LINES).split_inclusive('\n') {
                if !old.send(line) {
                    break;
                }
            }
            old.rest()
        });
        let mut new = house.connect();
        new.send(&format!("/tags\n/resume {token} 0\n"));
        let resumed = new.until(|body| body.starts_with("= resumed "));
        let taken: usize = resumed["= resumed ".len()..].parse().expect("a number");
        for number in taken..=LINES {
            new.send(&format!("{number}\n"));
        }
        let mut receipts = Vec::new();
        while receipts.last() != Some(&(LINES + 1)) {
            let body = new.until(|body| body.starts_with("+ "));
            receipts.push(body[2..].parse().expect("a number"));
        }
        assert_eq!(receipts, (2..=LINES + 1).collect::<Vec<_>>());
        old.join().expect("it has ended");
        new.send("/quit\n");
        let mut heard = Vec::new();
        while heard.last().is_none_or(|line| line != "-- alice left") {
            heard.push(bob.line().expect("the room goes on"));
        }
        assert_eq!(said_by("alice", &heard), numbers(LINES));
        assert_eq!(heard.len(), LINES + 1, "{heard:?}");
        drop((bob, new));
        Arc::into_inner(house).expect("the last handle").shut_down();
    });
}

/// One who is a guest before the server hears from it, while bob talks.
fn far_away(house: &House, lines: usize) -> (Client, JoinHandle<()>) {
    let mut far = house.connect_with(TIGHT);
    let clock = Clock::start(Duration::from_millis(300));
    far.expect(BANNER);
    // A shared room may seem to be away to a server that the time runs away from.
    far.until(|line| line.starts_with("-- you are guest1, "));
    clock.stop();
    let mut bob = house.join("bob");
    let talker = thread::spawn(move || {
        (1..=lines).for_each(|number| assert!(bob.send(&format!("{number}\n"))));
        bob.send("/quit\n");
        bob.rest();
    });
    (far, talker)
}

#[test]
fn a_guest_that_asks_late_for_the_tagged_form_gets_each_line_once_in_one_form_or_the_other() {
    explore(RUNS, |open| {
        const LINES: usize = 5;
        let house = open(1 << 20);
        let (mut far, talker) = far_away(&house, LINES);
        far.send("/tags\nhi\n");
        let mut heard = Vec::new();
        let is_over = |heard: &[String]| {
            ["-- bob left", "+ 1"].iter().all(|end| heard.iter().any(|it| split(it).1 == *end))
        };
        while !is_over(&heard) {
            heard.push(far.line().expect("the room goes on"));
        }
        assert_eq!(said_by("bob", &heard), numbers(LINES));
        // The answer to `/tags` comes before it is known whether a resume follows.
        let nonces = heard.extract_if(.., |line| line.contains(" = nonce ")).count();
        assert_eq!(nonces, 1, "{heard:?}");
        assert!(heard.is_sorted_by_key(|line| line.starts_with('@')), "{heard:?}");
        let first = heard.iter().find(|line| line.starts_with('@')).expect("it is told a token");
        assert!(split(first).1.starts_with("= token "), "{heard:?}");
        talker.join().expect("no panic");
        drop(far);
        house.shut_down();
    });
}

#[test]
fn who_comes_back_as_a_guest_gets_what_it_missed_once() {
    explore(RUNS, |open| {
        const LINES: usize = 5;
        let house = open(1 << 20);
        let (alice, token) = house.join_tagged("alice");
        drop(alice);
        let (mut far, talker) = far_away(&house, LINES);
        far.send(&format!("/tags\n/resume {token} 0\nhi\n"));
        let mut whole = vec!["-- bob joined".to_owned(), "-- bob left".to_owned()];
        whole.extend(numbers(LINES).iter().map(|number| format!("<bob> {number}")));
        whole.extend(house.is_kept.then(|| KEPT.to_owned()));
        let mut line = far.line().expect("the room goes on");
        while !line.starts_with('@') || line.contains(" = nonce ") {
            assert!(whole.contains(&line) || line.starts_with('@'), "{line:?}");
            line = far.line().expect("the room goes on");
        }
        assert_eq!(split(&line).1, "-- welcome back, alice");
        assert_eq!(far.until(|body| body.starts_with("= resumed ")), "= resumed 1");
        let mut heard = Vec::new();
        let is_over = |heard: &[String]| {
            ["-- bob left", "+ 2"].iter().all(|end| heard.iter().any(|it| split(it).1 == *end))
        };
        while !is_over(&heard) {
            heard.push(far.line().expect("the room goes on"));
        }
        assert_eq!(said_by("bob", &heard), numbers(LINES));
        for told in ["-- guest1 joined", "-- guest1 left"] {
            assert_eq!(heard.iter().filter(|line| split(line).1 == told).count(), 1, "{heard:?}");
        }
        talker.join().expect("no panic");
        drop(far);
        house.shut_down();
    });
}
