//! The hand-over between sessions, transcript and broadcaster, in the orders in which the threads may
//! run: no waking is lost, no event is missed or doubled, and a shutdown always ends.
//!
//! It is the real server, `run` and all that it starts, on a system that is a model
//! (`system/model.rs`): shuttle decides at each lock, send, receive and poll which thread goes on. A
//! waking that is lost leaves all threads waiting, which is a failure; so no time passes unless the
//! test says so, or a timeout would make up for it.
//!
//! Shuttle and not loom: loom tries every order, which a few lines of code allow for, and not a room
//! with its sessions. Shuttle draws them, half of the runs at random, half with a few changes of
//! priority at random places, which finds what takes few of those (Burckhardt and others, "A
//! randomized scheduler with probabilistic guarantees of finding bugs", 2010). `INTERLEAVINGS_TIMES` says
//! how many times as many are tried; where one fails, the schedule that is printed repeats it (`shuttle::replay`).

use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler};

use super::system::model;
use house::House;

mod client;
mod coming_back;
mod ending;
mod flood;
mod house;
mod shared;
mod talk;

/// How many orders are tried of each kind, and of a scenario in which much is said.
/// `INTERLEAVINGS_TIMES` says how many times as many.
const RUNS: usize = 100;
const LONG_RUNS: usize = 15;

/// How often the priorities change in a run.
const CHANGES: usize = 4;

/// Tries a scenario in many orders: without a history, with one, and in a shared room. The scenario is given what opens
/// the house.
fn explore(runs: usize, scenario: impl Fn(fn(usize) -> House) + Send + Sync + 'static) {
    let scenario = Arc::new(scenario);
    for open in [House::open, House::open_kept, shared::open] {
        let scenario = Arc::clone(&scenario);
        explore_one(runs, move || scenario(open));
    }
}

fn explore_one(runs: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let times = std::env::var("INTERLEAVINGS_TIMES").ok().and_then(|times| times.parse().ok());
    let runs = runs * times.unwrap_or(1);
    let mut config = shuttle::Config::new();
    config.stack_size = 512 * 1024;
    let scenario = Arc::new(move || {
        model::begin();
        scenario();
    });
    let same = Arc::clone(&scenario);
    shuttle::Runner::new(RandomScheduler::new(runs), config.clone()).run(move || same());
    shuttle::Runner::new(PctScheduler::new(CHANGES, runs), config).run(move || scenario());
}
