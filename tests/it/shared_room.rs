//! A room that several servers hold is one room, whatever is done to the servers and to the store behind them.
//!
//! Programs in the tagged form talk in public and in private, and go from one server to the next; so does `chatclient`
//! in pipes. In the end all that any of them was told is compared: `judge` says what has to be.
//!
//!     cargo test --test it shared_room                                            # half a minute
//!     SHARED_ROOM_SECONDS=600 cargo test --release --test it -- --ignored --nocapture shared_room
//!     SHARED_ROOM_SEED=7 cargo test --test it shared_room -- --nocapture          # the same words and harm
#![cfg(unix)]

use std::io::Write;
use std::time::{Duration, SystemTime};

use crate::common::trial::PATIENCE;
use alone::Alone;
use cluster::Cluster;
use judge::Verdict;
use member::Pace;
use stage::{Harm, Stage};
use trial::{Plan, make};

mod alone;
#[cfg(planted_faults)]
mod builds;
mod client;
mod cluster;
mod judge;
mod member;
mod returns;
mod server;
mod stage;
mod store;
mod story;
mod trial;
mod watch;

/// How long harm is done unless `SHARED_ROOM_SECONDS` says so.
const SECONDS: u64 = 15;

/// The same of a trial that takes time besides.
const SHORT: u64 = 8;

/// The same of the trials that take minutes.
const LONG: u64 = 300;

/// How many members talk.
const MEMBERS: usize = 24;

/// How many `chatclient` talk besides.
const CLIENTS: usize = 3;

/// How much each of them says: 20 lines a second in all.
const TALK: Pace = Pace::Every(Duration::from_millis(1_200));

/// How much each of eight says in a flood: all of it is less than what one may be shown again.
const FLOOD: usize = 10_000;

fn number(variable: &str) -> Option<u64> {
    Some(std::env::var(variable).ok()?.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// A trial with these words and harms.
fn plan<'a>(test: &'a str, harms: &'a [Harm]) -> Plan<'a> {
    plan_for(test, harms, SECONDS)
}

/// The same, where harm is done for so many seconds unless `SHARED_ROOM_SECONDS` says so.
fn plan_for<'a>(test: &'a str, harms: &'a [Harm], seconds: u64) -> Plan<'a> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
    Plan {
        test,
        harms,
        time: Duration::from_secs(number("SHARED_ROOM_SECONDS").unwrap_or(seconds)),
        seed: number("SHARED_ROOM_SEED").unwrap_or(now.as_millis() as u64),
        members: MEMBERS,
        clients: CLIENTS,
        pace: TALK,
        patience: PATIENCE,
        whispers: true,
        renames: true,
    }
}

/// Makes a trial in which everything has to be right.
#[track_caller]
fn is_one_room(plan: &Plan<'_>, stage: &mut dyn Stage) {
    match make(plan, stage) {
        Ok((Verdict { events, lost }, times)) => {
            let told = format!("{}: SHARED_ROOM_SEED={}", plan.test, plan.seed);
            writeln!(std::io::stderr(), "{told}: {events} events, {lost} of them lost{times}").ok();
        }
        Err(why) => panic!("{why}"),
    }
}

#[test]
fn members_who_come_in_by_other_doors_all_the_time_are_in_one_room() {
    let harms =
        [Harm::KillServer, Harm::EndServer, Harm::StopServer, Harm::Cut, Harm::Block, Harm::Freeze];
    is_one_room(&plan("doors", &harms), &mut Alone::open("doors"));
}

/// The same of several servers of one room, and of the store behind them.
fn servers_are_one_room(plan: &Plan<'_>) {
    if let Some(mut cluster) = Cluster::open(plan.test) {
        is_one_room(plan, &mut cluster);
    }
}

/// What a server suffers.
const OF_SERVERS: [Harm; 6] = [
    Harm::KillServer,
    Harm::KillTwo,
    Harm::EndServer,
    Harm::StopServer,
    Harm::StopServerLong,
    Harm::AddServer,
];

/// What the network between servers and the store suffers, and the store, without a loss.
const OF_THE_STORE: [Harm; 6] =
    [Harm::Cut, Harm::Block, Harm::Freeze, Harm::KillStore, Harm::StopStore, Harm::FailOver];

/// Where something is lost. Members change no names then, and say nothing in private: who is there under which name is
/// settled anew while the store is filled again.
const WITH_A_LOSS: [Harm; 3] = [Harm::FailOverWithLoss, Harm::KillStoreWithLoss, Harm::EmptyStore];

#[test]
fn servers_that_die_end_and_stand_still_are_one_room() {
    servers_are_one_room(&plan("servers", &OF_SERVERS));
}

#[test]
fn servers_whose_store_and_network_fail_are_one_room() {
    servers_are_one_room(&plan("store", &OF_THE_STORE));
}

#[test]
#[ignore = "what a set-back may lose depends on when each server comes back; by the command above"]
fn servers_whose_store_is_set_back_are_one_room_but_for_what_is_lost() {
    servers_are_one_room(&Plan {
        whispers: false,
        renames: false,
        ..plan("set-back", &WITH_A_LOSS)
    });
}

/// Where something is lost once more when some servers have come back, and others have not.
const WITH_TWO_LOSSES: [Harm; 2] = [Harm::EmptyStoreTwice, Harm::FailOverTwiceWithLoss];

#[test]
#[ignore = "what a set-back may lose depends on when each server comes back; by the command above"]
fn servers_whose_store_is_set_back_twice_in_a_row_are_one_room_but_for_what_is_lost() {
    servers_are_one_room(&Plan {
        whispers: false,
        renames: false,
        ..plan("set-back-twice", &WITH_TWO_LOSSES)
    });
}

/// The same with a Sentinel, which leads servers to the next store by itself.
fn servers_are_one_room_by_a_sentinel(plan: &Plan<'_>) {
    if let Some(mut cluster) = Cluster::open_watched(plan.test) {
        is_one_room(plan, &mut cluster);
    }
}

#[test]
fn servers_whose_sentinel_finds_another_store_are_one_room() {
    let harms = [Harm::FailOver, Harm::KillServer];
    servers_are_one_room_by_a_sentinel(&plan_for("sentinel", &harms, SHORT));
}

#[test]
#[ignore = "what a set-back may lose depends on when each server comes back; by the command above"]
fn servers_whose_sentinel_finds_a_store_that_lags_are_one_room_but_for_what_is_lost() {
    servers_are_one_room_by_a_sentinel(&Plan {
        whispers: false,
        renames: false,
        ..plan("sentinel-loss", &[Harm::FailOverWithLoss])
    });
}

#[test]
#[ignore = "it takes minutes: SHARED_ROOM_SECONDS, SHARED_ROOM_SEED"]
fn servers_to_which_everything_happens_and_whose_sentinel_finds_other_stores_are_one_room() {
    let harms = [&OF_SERVERS[..], &[Harm::FailOver]].concat();
    servers_are_one_room_by_a_sentinel(&plan_for("sentinels", &harms, LONG));
}

#[test]
fn servers_in_a_flood_are_one_room() {
    let harms = [Harm::KillServer, Harm::KillStore, Harm::Cut, Harm::StopServer];
    servers_are_one_room(&Plan {
        members: 8,
        clients: 0,
        pace: Pace::Flood(FLOOD),
        ..plan("flood", &harms)
    });
}

#[test]
#[ignore = "it takes minutes: SHARED_ROOM_SECONDS, SHARED_ROOM_SEED"]
fn servers_to_which_everything_happens_are_one_room() {
    let harms = [&OF_SERVERS[..], &OF_THE_STORE, &[Harm::StopStoreLong]].concat();
    servers_are_one_room(&plan_for("everything", &harms, LONG));
}

#[test]
#[ignore = "it takes minutes: SHARED_ROOM_SECONDS, SHARED_ROOM_SEED"]
fn servers_to_which_everything_happens_and_whose_store_is_set_back_are_one_room_but_for_that() {
    let harms = [&OF_SERVERS[..], &OF_THE_STORE, &WITH_A_LOSS, &WITH_TWO_LOSSES].concat();
    servers_are_one_room(&Plan {
        whispers: false,
        renames: false,
        ..plan_for("all", &harms, LONG)
    });
}

/// A trial of servers of which one has a fault that is planted in it, and the others have none.
#[cfg(planted_faults)]
fn plan_with_a_fault<'a>(fault: &'a str, harms: &'a [Harm]) -> Plan<'a> {
    let time = Duration::from_secs(10);
    Plan { time, patience: Duration::from_secs(20), renames: false, ..plan(fault, harms) }
}

/// What is found in it. Servers compare nothing among each other: it is the judge who has to find it.
#[cfg(planted_faults)]
fn what_is_found_in(fault: &str, harms: &[Harm]) {
    let (digests, planted) =
        (("CHATROOM_PLANTED_DIGESTS", "off"), ("CHATROOM_PLANTED_FAULT", fault));
    let Some(mut cluster) = Cluster::open_with(fault, &[digests], &[planted]) else { return };
    let found = make(&plan_with_a_fault(fault, harms), &mut cluster);
    let found = found.expect_err("a server has a fault");
    let kinds = ["two views part", "numbers do not grow", "the servers do not agree who is here"];
    let kinds: Vec<_> = kinds.into_iter().filter(|kind| found.contains(kind)).collect();
    assert!(!kinds.is_empty() && !found.contains("has ended by itself"), "{found}");
    writeln!(std::io::stderr(), "{fault}: found: {}", kinds.join(", ")).ok();
}

#[cfg(planted_faults)]
#[test]
fn a_planted_group_that_is_applied_twice_is_found() {
    what_is_found_in("doubled", &[Harm::KillServer]);
}

#[cfg(planted_faults)]
#[test]
fn a_planted_group_that_is_not_applied_is_found() {
    what_is_found_in("lost", &[Harm::KillServer]);
}

#[cfg(planted_faults)]
#[test]
fn a_planted_lease_that_is_judged_by_the_servers_own_clock_is_found() {
    what_is_found_in("local-clock", &[Harm::StopStoreLong]);
}

#[cfg(planted_faults)]
#[test]
fn a_planted_fault_is_found_by_the_servers_themselves() {
    let planted = ("CHATROOM_PLANTED_FAULT", "lost");
    let Some(mut cluster) = Cluster::open_with("themselves", &[], &[planted]) else { return };
    // More groups than there are between two digests.
    let pace = Pace::Every(Duration::from_millis(300));
    let plan = Plan { pace, ..plan_with_a_fault("themselves", &[]) };
    let found = make(&plan, &mut cluster).expect_err("a server has a fault");
    let told = "this server differs from the others at entry";
    assert!(found.contains(told), "{found}");
    writeln!(std::io::stderr(), "lost: found by the servers themselves").ok();
}

#[cfg(planted_faults)]
#[test]
fn a_planted_build_without_a_fault_is_found_right() {
    if let Some(mut cluster) = Cluster::open_with("none", &[], &[]) {
        is_one_room(&plan("none", &[Harm::StopStoreLong, Harm::KillServer]), &mut cluster);
    }
}

/// Somebody on the way to one member does this to what it hears, after some lines; what the judge says of it.
fn what_is_found(
    test: &str,
    mut tamper: impl FnMut(usize, &str) -> Vec<String> + Send + 'static,
) -> String {
    let mut public = 0;
    let tamper = move |line: &str| {
        public += usize::from(line.contains(" <p"));
        tamper(public, line)
    };
    let mut stage = Alone::open_tampering(test, Some(Box::new(tamper)));
    let plan = Plan {
        time: Duration::from_secs(4),
        members: 4,
        clients: 0,
        pace: Pace::Every(Duration::from_millis(50)),
        renames: false,
        ..plan(test, &[])
    };
    make(&plan, &mut stage).expect_err("somebody tampers with it")
}

#[test]
fn a_line_that_is_doubled_on_its_way_is_found() {
    let found = what_is_found("doubled", |public, line| {
        vec![line.to_owned(); if public == 20 { 2 } else { 1 }]
    });
    assert!(found.contains("numbers do not grow in p3x's view"), "{found}");
}

#[test]
fn a_line_that_is_lost_on_its_way_is_found() {
    let mut is_lost = false;
    let found = what_is_found("lost", move |public, line| {
        let loses = public == 20 && !is_lost;
        is_lost |= loses;
        if loses { Vec::new() } else { vec![line.to_owned()] }
    });
    assert!(found.contains("two views part:\n  p3x's view:"), "{found}");
}

#[test]
fn two_lines_that_change_places_on_their_way_are_found() {
    let mut held = None;
    let found = what_is_found("swapped", move |public, line| {
        let is_public = line.contains(" <p");
        if is_public && public == 20 {
            held = Some(line.to_owned());
            return Vec::new();
        }
        // What comes between them may have no number, and so no place.
        let first = held.take_if(|_| is_public);
        [Some(line.to_owned()), first].into_iter().flatten().collect()
    });
    assert!(found.contains("numbers do not grow in p3x's view"), "{found}");
}

#[test]
fn another_word_in_a_line_on_its_way_is_found() {
    let found = what_is_found("changed", |public, line| {
        vec![if public == 20 { line.replace('é', "e") } else { line.to_owned() }]
    });
    assert!(found.contains("two views part:\n  p3x's view:"), "{found}");
}
