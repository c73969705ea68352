//! A shutdown at any moment.

use shuttle::thread;

use super::client::{SMALL, lines, numbers, said_by, split};
use super::{LONG_RUNS, RUNS, explore};

#[test]
fn a_shutdown_at_any_moment_delivers_what_was_taken_and_ends() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let mut bob = house.join("bob");
        let (mut alice, _) = house.join_tagged("alice");
        let ending = house.shutdown.clone();
        let talker = thread::spawn(move || {
            for line in lines(3).split_inclusive('\n') {
                alice.send(line);
            }
            alice.rest()
        });
        let reader = thread::spawn(move || {
            for line in ["/nick robert\n", "/msg alice psst\n", "/history\n"] {
                bob.send(line);
            }
            bob.rest()
        });
        let mut late = house.connect();
        let newcomer = thread::spawn(move || {
            late.send("/nick late\n");
            late.rest()
        });
        let asker = thread::spawn(move || ending.begin());
        // No time has passed until here.
        let sent = talker.join().expect("no panic");
        let heard = reader.join().expect("no panic");
        house.shut_down_in_time();
        asker.join().expect("no panic");
        newcomer.join().expect("no panic");
        let receipts = sent.iter().filter(|line| split(line).1.starts_with("+ ")).count();
        assert_eq!(said_by("alice", &heard), numbers(receipts), "{sent:?}");
        let farewell = "-- the server is shutting down";
        for told in [&sent, &heard] {
            assert_eq!(told.last().map(|line| split(line).1), Some(farewell), "{told:?}");
        }
    });
}

#[test]
fn a_shutdown_ends_whatever_the_clients_do() {
    explore(LONG_RUNS, |open| {
        let house = open(64 * 1024);
        let mut stalled = house.connect_with(SMALL);
        stalled.send("/nick stalled\n/help\n/history\n");
        let silent = house.connect();
        let half_closed = house.join("half-closed");
        half_closed.finish();
        let mut bob = house.join("bob");
        let flooder = thread::spawn(move || {
            let line = format!("{}\n", "x".repeat(4000));
            (0..20).all(|_| bob.send(&line))
        });
        house.shut_down_in_time();
        flooder.join().expect("no panic");
        drop((stalled, silent, half_closed));
    });
}
