//! A server that is killed all the time, under load, and starts again with its history: nothing is lost, nothing is
//! said twice, there is one order for everyone, no number is used twice, and everyone keeps their name.
//!
//! Programs in the tagged form, `chatclient` in pipes and in a terminal, the client in Python and plain
//! sockets talk in public and in private, change their names and ask who is here, some of them over TLS,
//! some through proxies that cut connections besides, and some both. The server has one key for all its lives. It
//! gets SIGKILL 5 to 500 ms after it has begun to listen.
//! In the end, what each of them has heard and said is compared with the file.
//!
//!     cargo test --test it crashes                                          # 20 kills for each test
//!     CRASHES_KILLS=200 cargo test --release --test it crashes -- --nocapture  # the long trial, with its seeds
//!     CRASHES_SEED=7 cargo test --test it crashes -- --nocapture            # the same words and kill times
#![cfg(unix)]

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::common::proxy::{Budget, Proxy};
use crate::common::talker::Talker;
use crate::common::trial::Trial;
use crate::common::wire::Way;

use house::House;
use others::{Shell, plain};
use program::Program;
use rows::Rows;

mod house;
mod others;
mod program;
mod rows;

/// How many kills there are unless `CRASHES_KILLS` says so.
const KILLS: u64 = 20;

/// After how many milliseconds of listening the server is killed.
const LIFE: std::ops::Range<u64> = 5..501;

/// How many bytes a cutting proxy lets through at most, and how many in a flood. Over TLS it is twice as many.
const CUT_AFTER: u64 = 16_000;
const CUT_AFTER_IN_A_FLOOD: u64 = 2_000_000;

/// How many bytes the room remembers in a flood: clients that wait a second before they come back have
/// all of it to fetch.
const FLOOD_MEMORY: &str = "268435456";

fn number(variable: &str) -> Option<u64> {
    Some(std::env::var(variable).ok()?.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Tells something also when the test passes.
fn tell(what: &str) {
    writeln!(std::io::stderr(), "crashes: {what}").ok();
}

/// Kills a server with those options that often while everyone talks, and beside `flood` plain members that
/// say as much as they can; then compares what everyone has.
fn nothing_is_lost(test: &str, options: &[&str], flood: u64) {
    let kills = number("CRASHES_KILLS").unwrap_or(KILLS);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
    let seed = number("CRASHES_SEED").unwrap_or(now.as_millis() as u64);
    tell(&format!("{test}: CRASHES_SEED={seed} CRASHES_KILLS={kills}"));
    let began = Instant::now();
    let house = House::open(test, options);
    let most = if flood > 0 { CUT_AFTER_IN_A_FLOOD } else { CUT_AFTER };
    let budget = |n| Budget::new(seed.wrapping_add(n));
    // Handshakes and records take their part.
    let most_over_tls = 2 * most;
    let proxies = [
        Proxy::start(house.address, budget(0), most),
        Proxy::start_for_tls(house.address, budget(1), most_over_tls),
        Proxy::start_for_tls(house.address, budget(2), most_over_tls),
    ];
    let in_terminal = if flood > 0 { Way::Plain } else { Way::Tls };
    let shells = Shell::all(&house, &proxies[2], in_terminal, seed);
    let targets = Arc::new(Shell::targets(&shells));
    let programs: Vec<_> = (0..4u64)
        .map(|n| {
            let address = if n % 2 == 0 { house.address } else { proxies[n as usize / 2].address };
            let name = format!("p{n}x");
            // One goes straight to the server, and one through a proxy.
            let way = if n < 2 { Way::Plain } else { Way::Tls };
            Program::new(address, way, Talker::new(&name, n < 2, &targets, seed + n))
        })
        .collect();
    let trial = Trial::new(programs.len() + shells.len());
    let (programs, shells, plains, rows) = std::thread::scope(|scope| {
        let _ends_all = trial.ends_all();
        let programs: Vec<_> =
            programs.into_iter().map(|it| scope.spawn(|| it.run(&trial))).collect();
        let shells: Vec<_> =
            shells.into_iter().map(|it| scope.spawn(|| it.run(&targets, &trial))).collect();
        let names = (0..4).map(|n| format!("p{n}x")).chain(Shell::names(&house));
        house.wait_for(&names.collect::<Vec<_>>());
        trial.begin();
        let plains: Vec<_> = (0..2 + flood)
            .map(|n| {
                let (house, trial, targets) = (&house, &trial, &targets);
                scope.spawn(move || plain(n, n >= 2, house.address, targets, trial, seed))
            })
            .collect();
        let mut times = Budget::new(seed);
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(
                LIFE.start + times.next(LIFE.end - LIFE.start),
            ));
            house.kill_and_start_again();
        }
        trial.stop_talking();
        let plains: Vec<_> =
            plains.into_iter().flat_map(|it| it.join().expect("no panic")).collect();
        trial.wait_until_all_are_done();
        house.wait_until_all_is_kept();
        let rows = Rows::read(&house.file);
        house.assert_exports(&rows);
        trial.release();
        let programs: Vec<_> =
            programs.into_iter().map(|it| it.join().expect("no panic")).collect();
        let shells: Vec<_> = shells.into_iter().map(|it| it.join().expect("no panic")).collect();
        (programs, shells, plains, rows)
    });
    house.ends_well();
    programs.iter().for_each(|program| program.compare(&rows));
    shells.iter().for_each(|shell| shell.compare(&rows));
    plains.iter().for_each(|plain| plain.compare(&rows));
    let cuts: usize = proxies.iter().map(Proxy::cuts).sum();
    tell(&format!(
        "{test}: {kills} kills, {cuts} cuts, {} events, {} members, {} plain connections, {:.1} s",
        rows.len(),
        programs.len() + shells.len(),
        plains.len(),
        began.elapsed().as_secs_f64()
    ));
    assert!(rows.len() as u64 > 40 * kills, "they hardly talked: {} events", rows.len());
}

#[test]
fn a_server_that_is_killed_at_every_moment_loses_nothing_and_doubles_nothing() {
    nothing_is_lost("crash", &[], 0);
}

#[test]
fn nor_does_one_whose_lines_survive_the_machine() {
    nothing_is_lost("power", &["--durability", "power"], 0);
}

#[test]
fn nor_does_one_that_is_killed_in_a_flood() {
    nothing_is_lost("flood", &["--memory", FLOOD_MEMORY], 2);
}
