//! What members say, ask and are shown while the others do the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shuttle::thread;

use super::client::{lines, numbers, said_by, split};
use super::{RUNS, explore};
use crate::protocol::tag::Seq;
use crate::server::audience::NOBODY;
use crate::server::batch::Batch;
use crate::server::hub::Hub;
use crate::server::hub::watch::News;

#[test]
fn what_two_say_at_once_everyone_gets_once_and_in_one_order() {
    explore(RUNS, |open| {
        let house = Arc::new(open(1 << 20));
        let mut watcher = house.join_tagged("watcher").0;
        let talk = |name: &'static str| {
            let house = Arc::clone(&house);
            thread::spawn(move || {
                let mut client = house.join_tagged(name).0;
                for number in 1..=3 {
                    client.send(&format!("{number}\n"));
                }
                let mut heard = BTreeMap::new();
                let mut receipts = 0;
                while receipts < 3 {
                    let line = client.line().expect("the room goes on");
                    let (Some(seq), body) = split(&line) else { continue };
                    if body.starts_with("| ") {
                        continue;
                    }
                    receipts += usize::from(body.starts_with("+ "));
                    let told = match body.strip_prefix("+ ") {
                        Some(line) => format!("<{name}> {}", line.parse::<usize>().unwrap() - 1),
                        None => body.to_owned(),
                    };
                    assert_eq!(heard.insert(seq, told), None);
                }
                client.send("/quit\n");
                heard
            })
        };
        let talkers = [talk("alice"), talk("bob")];
        let mut all = BTreeMap::new();
        while all.values().filter(|line: &&String| line.ends_with(" left")).count() < 2 {
            let line = watcher.line().expect("the room goes on");
            let (seq, body) = split(&line);
            let seq = seq.expect("an event");
            assert!(all.keys().next_back().is_none_or(|last| *last < seq), "{all:?} {line}");
            all.insert(seq, body.to_owned());
        }
        let told: Vec<String> = all.values().cloned().collect();
        for name in ["alice", "bob"] {
            assert_eq!(said_by(name, &told), numbers(3));
        }
        for talker in talkers {
            let heard = talker.join().expect("no panic");
            let part = heard.iter().filter(|(seq, _)| all.get(seq) != heard.get(seq));
            assert_eq!(part.count(), 0, "{heard:?} in {all:?}");
            let first = *heard.keys().next().expect("something");
            let last = *heard.keys().next_back().expect("something");
            // But for its own coming, which it is not told of.
            let between = all.range(first..=last).filter(|(_, line)| !line.ends_with(" joined"));
            let heard = heard.iter().filter(|(_, line)| !line.ends_with(" joined"));
            assert!(between.eq(heard), "something is missing in {all:?}");
        }
        drop(watcher);
        Arc::into_inner(house).expect("the last handle").shut_down();
    });
}

#[test]
fn who_joins_is_shown_what_was_said_and_then_exactly_what_follows() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let mut alice = house.join("alice");
        let talker = thread::spawn(move || {
            for line in lines(5).split_inclusive('\n') {
                alice.send(line);
            }
            alice.send("/quit\n");
            alice.rest();
        });
        let mut bob = house.join("bob");
        let mut said = Vec::new();
        while said.len() < 5 {
            let line = bob.line().expect("the room goes on");
            said.extend(line.split_once("<alice> ").map(|(_, said)| said.to_owned()));
        }
        assert_eq!(said, numbers(5));
        talker.join().expect("no panic");
        drop(bob);
        house.shut_down();
    });
}

#[test]
fn what_is_asked_for_again_and_again_comes_and_holds_nobody() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let (mut alice, mut bob) = (house.join("alice"), house.join("bob"));
        alice.expect("-- bob joined");
        let asker = thread::spawn(move || {
            alice.send("x\n/history\n/history\n/search x\n/nosuch\n/quit\n");
            alice.rest()
        });
        bob.expect("<alice> x");
        bob.send("y\n");
        bob.expect("-- alice left");
        let shown = asker.join().expect("no panic");
        let ends = ["-- you are up to date", "-- you are up to date", "-- that is all"];
        let ended = shown.iter().filter(|line| ends.contains(&line.as_str()));
        assert_eq!(ended.collect::<Vec<_>>(), ends, "{shown:?}");
        let error = shown.iter().filter(|line| line.starts_with("!! unknown command"));
        assert_eq!(error.count(), 1, "{shown:?}");
        drop(bob);
        house.shut_down();
    });
}

#[test]
fn an_answer_wakes_the_broadcaster_though_no_event_comes_with_it() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let ask = |name: &'static str| {
            let (mut client, _) = house.join_tagged(name);
            thread::spawn(move || {
                for _ in 0..3 {
                    client.send("/nosuch\n");
                    // Nothing else happens in the room: a waking that is lost leaves this one waiting.
                    client.until(|body| body.starts_with("!! unknown command"));
                }
                client.send("/quit\n");
                client.rest()
            })
        };
        for asker in ["alice", "bob"].map(ask) {
            let rest = asker.join().expect("no panic");
            let answers = rest.iter().filter(|line| split(line).1.starts_with("!! "));
            assert_eq!(answers.count(), 0, "answered twice: {rest:?}");
        }
        house.shut_down();
    });
}

#[test]
fn who_searches_waits_in_line_and_all_that_ends_with_the_room() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let mut alice = house.join("alice");
        alice.send("x\n/search x\n");
        alice.until(|line| line == "-- that is all");
        let ask = |name: &str, lines: &'static str| {
            let mut client = house.join(name);
            thread::spawn(move || {
                client.send(lines);
                client.rest()
            })
        };
        let askers =
            ["bob", "carol", "dave"].map(|name| ask(name, "/search x\n/search x\n/quit\n"));
        for asker in askers {
            let shown = asker.join().expect("no panic");
            let ended = shown.iter().filter(|line| *line == "-- that is all").count();
            assert_eq!(ended, 2, "{shown:?}");
        }
        // These may be anywhere in it when the room closes.
        let askers = ["erin", "frank", "grace"].map(|name| ask(name, "/search x\n/search x\n"));
        drop(alice);
        house.shut_down();
        askers.into_iter().for_each(|asker| drop(asker.join().expect("no panic")));
    });
}

/// What alice says from that event on, as an operator sees it who watches until it is over, or until so many lines.
fn watch(hub: &Hub, mut from: Seq, is_over: &AtomicBool, most: usize) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < most
        && let Some(news) = hub.wait_for_news(NOBODY, from, is_over)
    {
        let News::Events(batches, range) = news else { panic!("it is not late: {news:?}") };
        let held = |batch: &Arc<Batch>| {
            let events = range.clone().filter(|&event| batch.holds(event));
            events.map(|event| batch.line(event).to_owned()).collect::<Vec<_>>()
        };
        let lines = batches.iter().flat_map(held);
        seen.extend(lines.filter_map(|line| line.strip_prefix("<alice> ").map(str::to_owned)));
        from = range.end;
    }
    seen
}

#[test]
fn who_watches_sees_each_line_once_and_that_ends_when_it_is_over_and_with_the_room() {
    explore(RUNS, |open| {
        let house = open(1 << 20);
        let mut alice = house.join("alice");
        let hub = house.status.hub().expect("it runs");
        let start = |from: Seq, most: usize| {
            let is_over = Arc::new(AtomicBool::new(false));
            let (hub, told) = (Arc::clone(&hub), Arc::clone(&is_over));
            (is_over, thread::spawn(move || watch(&hub, from, &told, most)))
        };
        let (_, watching) = start(hub.watch_from(), 5);
        for line in lines(5).split_inclusive('\n') {
            alice.send(line);
        }
        assert_eq!(watching.join().expect("no panic"), numbers(5));
        let (is_over, watching) = start(hub.watch_from(), usize::MAX);
        is_over.store(true, Ordering::SeqCst);
        hub.end_watch();
        watching.join().expect("no panic");
        let (_, watching) = start(hub.watch_from(), usize::MAX);
        assert_eq!(hub.announce("the end"), Some(1));
        house.shutdown.begin();
        watching.join().expect("no panic");
        alice.expect("-- operator: the end");
        drop(alice);
        house.shut_down_in_time();
    });
}
