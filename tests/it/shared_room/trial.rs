//! One trial of a room: members talk, a nemesis does harm, and what everyone has is compared.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::client::Client;
use super::judge::{Evidence, GUN, Loss, Verdict, View, judge};
use super::member::{Member, Pace};
use super::returns::Times;
use super::stage::{Harm, Stage, some};
use super::story::{Story, ToldOnPanic};
use crate::common::folder;
use crate::common::proxy::Budget;
use crate::common::read_in_time;
use crate::common::server::TestClient;
use crate::common::session::{Heard, Session};
use crate::common::talker::{Line, Talker};
use crate::common::trial::{PATIENCE, Trial};
use crate::common::wire::{Way, Wire};

/// What a trial is to be.
pub(super) struct Plan<'a> {
    /// Its name.
    pub(super) test: &'a str,
    /// What is done; each once before any is done again.
    pub(super) harms: &'a [Harm],
    /// For how long.
    pub(super) time: Duration,
    /// By what the times, the words and the harm are chosen.
    pub(super) seed: u64,
    /// How many members there are.
    pub(super) members: usize,
    /// How many `chatclient` there are besides.
    pub(super) clients: usize,
    /// How much members say.
    pub(super) pace: Pace,
    /// How long anything may take once no more harm is done.
    pub(super) patience: Duration,
    /// Whether they say something in private, too.
    pub(super) whispers: bool,
    /// Whether some of them change their names.
    pub(super) renames: bool,
}

/// Makes a trial; what was found right, or everything that is wrong, and the story of it.
pub(super) fn make(plan: &Plan<'_>, stage: &mut dyn Stage) -> Result<(Verdict, Times), String> {
    let Plan { test, seed, time, .. } = *plan;
    let head = format!("{test}: SHARED_ROOM_SEED={seed} SHARED_ROOM_SECONDS={}", time.as_secs());
    let story = Story::new(head);
    let _told = ToldOnPanic(&story);
    let mut evidence = gather(plan, stage, &story);
    attempt("the end", &mut evidence.troubles, || stage.end());
    let returns: Vec<_> = evidence.views.iter().flat_map(|view| view.returns.clone()).collect();
    let times = Times::of(&story.kills(), &returns);
    judge(&evidence).map(|verdict| (verdict, times)).map_err(|faults| {
        let losses = evidence
            .losses
            .iter()
            .map(|loss| format!("lost by {}: {} bytes", loss.what, loss.bytes.len()));
        let losses: Vec<_> = losses.collect();
        let views = write_views(test, &evidence);
        let (story, losses, faults) = (story.text(), losses.join("\n"), faults.join("\n"));
        format!("{story}\n{losses}\n{faults}\nall views: {}", views.display())
    })
}

/// Writes each view into a file of its own; the folder.
fn write_views(test: &str, evidence: &Evidence) -> PathBuf {
    let folder = folder("shared_room_views", test);
    let late = View { name: "late".to_owned(), heard: evidence.late.clone(), ..View::default() };
    for view in evidence.views.iter().chain([&late]) {
        std::fs::write(folder.join(&view.name), view.to_string()).expect("the folder is ours");
    }
    folder
}

fn gather(plan: &Plan<'_>, stage: &mut dyn Stage, story: &Story) -> Evidence {
    let doors = stage.doors();
    let names = (0..plan.members).map(|n| format!("p{n}x"));
    let names: Vec<String> = names.chain((0..plan.clients).map(|n| format!("c{n}x"))).collect();
    // One half keeps its names, and is whispered to.
    let half = plan.members.div_ceil(2);
    let targets = Arc::new(if plan.whispers { names[..half].to_vec() } else { Vec::new() });
    let trial = Trial::new(names.len());
    let clients = start_clients(plan, &doors, &names[plan.members..], &targets);
    std::thread::scope(|scope| {
        let _ends_all = trial.ends_all();
        let members = names[..plan.members]
            .iter()
            .enumerate()
            .map(|(n, name)| {
                let talker = Talker::new(name, plan.renames && n >= half, &targets, plan.seed);
                let member = Member::new(&doors, n, talker, plan.pace, plan.seed, story);
                scope.spawn(|| member.run(&trial, plan.patience))
            })
            .collect::<Vec<_>>();
        let clients = clients.into_iter();
        let clients =
            clients.map(|it| scope.spawn(|| it.run(&trial, plan.patience))).collect::<Vec<_>>();
        fire(&stage.servers(), &names, &trial);
        story.tell("everyone is here");
        trial.begin();
        let mut troubles = Vec::new();
        let losses = harm(plan, stage, story, &trial, &mut troubles);
        story.tell("the last word");
        trial.stop_talking();
        trial.wait_until_all_are_done();
        // Whatever goes wrong here, views tell more of the reason.
        attempt("what the servers say of who is here", &mut troubles, || {
            assert_all_agree(&stage.servers(), plan.patience);
        });
        let late = attempt("the late view", &mut troubles, || read_late(stage.late()));
        trial.release();
        let mut views: Vec<_> =
            members.into_iter().map(|it| it.join().expect("no panic")).collect();
        let clients: Vec<_> = clients.into_iter().map(|it| it.join().expect("no panic")).collect();
        views.extend(clients.into_iter().map(Client::end));
        Evidence { views, late: late.unwrap_or_default(), losses, troubles }
    })
}

/// Starts all `chatclient`. Each is given the doors in another order.
fn start_clients(
    plan: &Plan<'_>,
    doors: &[SocketAddr],
    names: &[String],
    targets: &Arc<Vec<String>>,
) -> Vec<Client> {
    let start = |(n, name): (usize, &String)| {
        let (behind, first) = doors.split_at(n % doors.len());
        let doors = [first, behind].concat();
        let talker = Talker::new(name, false, targets, plan.seed);
        let pace = match plan.pace {
            Pace::Every(time) => time,
            Pace::Flood(_) => panic!("members alone make a flood"),
        };
        Client::start(plan.test, &doors, talker, pace, plan.seed.wrapping_add(n as u64))
    };
    names.iter().enumerate().map(start).collect()
}

/// Waits until everyone is here, and tells them so.
fn fire(servers: &[SocketAddr], names: &[String], trial: &Trial) {
    let deadline = Instant::now() + PATIENCE;
    let mut visitor = join(servers[0], "visitor");
    let mut here = String::new();
    while !names.iter().all(|name| here.contains(name.as_str())) {
        assert!(Instant::now() < deadline, "{names:?} and not {here}");
        trial.is_over();
        sleep(Duration::from_millis(50));
        here = visitor.who();
    }
    let (_, text) = GUN.split_once("> ").expect("somebody says it");
    visitor.send(format!("{text}\n/quit\n"));
    while visitor.line().is_some() {}
}

/// A client in the plain form, which asks for that name.
pub(super) fn join(server: SocketAddr, name: &str) -> TestClient {
    let stream = std::net::TcpStream::connect(server).expect("the server accepts");
    let mut client = TestClient::new(stream);
    client.send(format!("/nick {name}\n"));
    client
}

/// Does harm until the time is over, and each kind of it once before any is done again.
fn harm(
    plan: &Plan<'_>,
    stage: &mut dyn Stage,
    story: &Story,
    trial: &Trial,
    troubles: &mut Vec<String>,
) -> Vec<Loss> {
    let mut dice = Budget::new(plan.seed);
    let (began, mut losses, mut left) = (Instant::now(), Vec::new(), Vec::new());
    while began.elapsed() < plan.time && troubles.is_empty() {
        sleep(some(&mut dice, 200..2_000));
        // It fails with any other thread.
        trial.is_over();
        if left.is_empty() {
            left = plan.harms.iter().copied().filter(|harm| harm.is_wanted()).collect();
        }
        if !left.is_empty() {
            let harm = left.swap_remove(dice.next(left.len() as u64) as usize);
            let what = format!("{harm:?}");
            let suffered = attempt(&what, troubles, || stage.suffer(harm, &mut dice, story));
            losses.extend(suffered.flatten());
            story.tell("it is over");
        }
    }
    losses
}

/// What comes of something that may panic; then what it is goes to the troubles.
fn attempt<R>(what: &str, troubles: &mut Vec<String>, doing: impl FnOnce() -> R) -> Option<R> {
    let done = std::panic::catch_unwind(AssertUnwindSafe(doing));
    done.map_err(|why| {
        let text = why.downcast_ref::<String>().cloned();
        let text = text.or_else(|| why.downcast_ref::<&str>().map(|&text| text.to_owned()));
        troubles.push(format!("{what}: {}", text.unwrap_or_default()));
    })
    .ok()
}

/// Waits until all servers say of the room's members the same.
fn assert_all_agree(servers: &[SocketAddr], patience: Duration) {
    let deadline = Instant::now() + patience;
    let name = |n| format!("visitor{n}");
    let mut visitors: Vec<_> =
        servers.iter().enumerate().map(|(n, &at)| join(at, &name(n))).collect();
    loop {
        let here: Vec<String> = visitors.iter_mut().map(TestClient::who).collect();
        let all_are_here = (0..here.len()).all(|n| here[0].contains(&name(n)));
        if all_are_here && here.iter().all(|it| *it == here[0]) && !here[0].contains("(away)") {
            break;
        }
        assert!(Instant::now() < deadline, "the servers do not agree who is here: {here:#?}");
        sleep(Duration::from_millis(100));
    }
    for visitor in &mut visitors {
        visitor.send("/quit\n");
        while visitor.line().is_some() {}
    }
}

/// What somebody is shown who comes only now.
fn read_late(server: SocketAddr) -> Vec<Heard> {
    let deadline = Instant::now() + PATIENCE;
    let mut session = Session::new("visitorL");
    let mut wire = Wire::connect(server, Way::Plain).expect("it accepts");
    wire.send(session.hello().as_bytes()).expect("it takes it");
    let is_up_to_date = |session: &Session| {
        session.notices.iter().filter(|it| it.text == "-- you are up to date").count()
    };
    let mut bytes = vec![0; 64 * 1024];
    let mut read_until = |session: &mut Session, replays: usize| {
        while is_up_to_date(session) < replays {
            let length = read_in_time(&mut wire, &mut bytes).expect("it goes on");
            session.take(&bytes[..length]);
            assert!(Instant::now() < deadline, "{}", session.report());
            if session.token.is_some() && session.lines.len() == 1 {
                session.lines.push((Line::Who, String::new()));
                wire.send(b"/history 100000\n").expect("it takes it");
            }
        }
    };
    read_until(&mut session, 2);
    let shown: BTreeMap<u64, Heard> = session.shown.into_iter().map(|it| (it.seq, it)).collect();
    shown.into_values().collect()
}
