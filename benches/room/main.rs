//! How fast the room is, and beside others: `cargo bench --bench room -- --help`.

#![allow(unreachable_pub, reason = "a benchmark exports nothing")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::builder::RangedU64ValueParser;

use outcome::Outcome;
use report::Row;
use scenario::Scenario;
use supplies::Supplies;
use target::Target;

mod alarm;
mod dialect;
mod jetstream;
mod line;
mod link;
mod load;
mod ngircd;
mod outcome;
mod plot;
#[path = "../process/mod.rs"]
mod process;
mod report;
mod running;
mod scenario;
mod site;
mod supplies;
#[path = "../talk/mod.rs"]
mod talk;
mod target;

/// What `--against` takes.
const PROGRAMS: &str = "\
What else to put the same load on, as a list with commas. The server itself:
  tagged          every second client in the tagged form
  history         with a new history, in TMPDIR; otherwise it has none
  filled          with a history of 300,000 lines
  searched        the same, while one more client searches it without a pause
  tls             over TLS
  before          another build of it, as chatserver-before in the path
Programs in the path:
  ncat, nats (nats-server), redis (redis-server)
  nats-tls, redis-tls
  tokio           tokio's chat, as tokio-chat
  ngircd          an IRC server
Those that keep a line before they deliver it, in TMPDIR:
  jetstream       nats-server with a stream in files
  redis-everysec  redis-server with an append-only file, synced once a second
  redis-always    the same, synced each time
With --shared:
  nats, ngircd    several that are linked
  shared-everysec the server over a Redis with such a file; otherwise it has none";

/// Puts a load on the server, and on others for comparison, and prints what came of it.
///
/// Every client of the load is in this one process, and reads as fast as it can; the programs run
/// without limits of rate. The figures are medians over the rounds, in each of which every program
/// has its turn. On a shared machine, only the ratios mean something.
#[derive(Debug, Parser)]
struct Arguments {
    /// Within 20 seconds: one round, a fifth of the load
    #[arg(long)]
    quick: bool,

    /// What else to put the same load on, as a list with commas
    #[arg(long, value_name = "PROGRAMS", value_delimiter = ',', long_help = PROGRAMS)]
    against: Vec<String>,

    /// Only the scenarios whose name contains this
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    /// How many rounds, 3 unless --quick
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,

    /// Instead of all that, draw latency against load into this SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,

    /// Instead of all that, how the cost grows with clients, senders and the length of lines
    #[arg(long, conflicts_with = "plot")]
    growth: bool,

    /// Instead of all that, one room on so many servers; those of ours share a Redis
    #[arg(long, value_name = "N", value_delimiter = ',', conflicts_with_all = ["plot", "growth"],
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=32))]
    shared: Vec<usize>,

    /// Cargo says this to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let targets = match targets(&arguments.against) {
        Ok(targets) => targets,
        Err(unknown) => {
            eprintln!("room: unknown program {unknown}; --help lists those that there are");
            return ExitCode::from(2);
        }
    };
    let is_shared = !arguments.shared.is_empty();
    if let Some(target) = targets.iter().find(|target| !target.takes_part(is_shared)) {
        let how = if is_shared { "cannot be measured" } else { "is only measured" };
        eprintln!("room: {} {how} with --shared", target.name());
        return ExitCode::from(2);
    }
    let supplies = match Supplies::for_targets(&targets) {
        Ok(supplies) => supplies,
        Err(why) => {
            eprintln!("room: cannot make what the programs need: {why}");
            return ExitCode::FAILURE;
        }
    };
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 3 });
    println!("no limits of rate on any side; medians of {rounds} round(s)");
    if let Some(file) = &arguments.plot {
        return draw(&targets, &supplies, rounds, arguments.quick, file);
    }
    let mut scenarios =
        if arguments.growth { Scenario::growth() } else { Scenario::all(arguments.quick) };
    if is_shared {
        let of = |&servers| Scenario::shared(servers, arguments.quick);
        scenarios = arguments.shared.iter().flat_map(of).collect();
    }
    let mut sound = true;
    for scenario in scenarios {
        if arguments.only.as_ref().is_some_and(|only| !scenario.name.contains(only.as_str())) {
            continue;
        }
        println!("\n## {}: {}\n", scenario.name, scenario.what);
        let stolen = process::stolen();
        let rows = measure(&targets, &scenario, &supplies, rounds);
        let table = match scenario {
            Scenario { idle: Some(_), .. } => report::of_idleness,
            Scenario { shared: Some(_), .. } => report::of_union,
            Scenario { idle: None, shared: None, .. } => report::of_load,
        };
        print!("{}", table(&rows));
        if let Some((before, after)) = stolen.zip(process::stolen()) {
            println!(
                "the machine's host took {:?} of its processors away meanwhile",
                after - before
            );
        }
        std::io::stdout().flush().ok();
        sound &= rows.iter().filter(|row| row.target.is_ours()).all(is_sound);
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures at growing rates, and draws that.
fn draw(
    targets: &[Target],
    supplies: &Supplies,
    rounds: usize,
    quick: bool,
    file: &Path,
) -> ExitCode {
    let mut points = plot::Points::new();
    for rate in [1, 2, 5, 10, 20, 50, 100] {
        let scenario = Scenario::at_rate(rate, if quick { 1 } else { 3 });
        println!("\n## {}\n", scenario.what);
        let rows = measure(targets, &scenario, supplies, rounds);
        print!("{}", report::of_load(&rows));
        points.push((rate, rows));
    }
    if let Err(why) = std::fs::write(file, plot::svg(&points, 100, 100)) {
        eprintln!("room: cannot write {}: {why}", file.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The server itself, and those of the others that are there.
fn targets(against: &[String]) -> Result<Vec<Target>, &str> {
    let mut targets = vec![Target::Chatroom];
    for name in against {
        let target = Target::OTHERS.into_iter().find(|target| target.name() == name);
        let target = target.ok_or(name.as_str())?;
        if target.is_installed() {
            targets.push(target);
        } else {
            println!("{name} is not installed: skipped");
        }
    }
    Ok(targets)
}

/// The programs take turns, so that whatever else the machine does is in the way of all of them.
fn measure(
    targets: &[Target],
    scenario: &Scenario,
    supplies: &Supplies,
    rounds: usize,
) -> Vec<Row> {
    let mut rows: Vec<Row> =
        targets.iter().map(|&target| Row { target, outcomes: Ok(Vec::new()) }).collect();
    for _ in 0..rounds {
        for row in &mut rows {
            let Ok(outcomes) = &mut row.outcomes else { continue };
            match load::run(row.target, scenario, supplies) {
                Ok(outcome) => outcomes.push(outcome),
                Err(why) => row.outcomes = Err(why.to_string()),
            }
        }
    }
    rows
}

/// Nothing of ours may be lost, doubled or in different orders.
fn is_sound(ours: &Row) -> bool {
    let fault = |o: &Outcome| o.lost > 0 || o.again > 0 || o.orders > 1;
    match &ours.outcomes {
        Err(why) => {
            eprintln!("room: {why}");
            false
        }
        Ok(outcomes) if outcomes.iter().any(fault) => {
            eprintln!("room: lines were lost, doubled or out of order");
            false
        }
        Ok(_) => true,
    }
}
