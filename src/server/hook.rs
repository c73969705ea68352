//! The hook: a program that the server runs, that is told what happens in the room, and that may say something there.
//!
//! Its threads, while the program runs: `on-event` starts it, waits for its end, and starts it again; `told` writes
//! events to its standard input, as JSON, one on each line; `says` reads its standard output, of which each line is said
//! by the hook's member; `errors` reads its standard error, for the log; and on Unix `waits` waits until it has ended.
//! None of them holds anything up: `told` reads the transcript as whoever watches does, so what the program is too slow
//! for is passed over and counted; `says` is held to the rate limit and held back as a session is, so a program that
//! says too much waits in its pipe.
//!
//! The program is ended with its process group, so the pipes are closed then, and its threads end. Something that it has
//! started and that has left the group may hold a pipe open; the thread at the other end is left behind then, and does
//! nothing more.

use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::audience::MemberId;
use super::config::{Config, HookConfig};
use super::figures::hook::HookFigures;
use super::hub::Hub;
use super::hub::hook::NotIn;
use super::system::start_thread;
use crate::problem::Problem;
use errors::log_errors;
use speech::Speech;
use teller::Teller;

mod command;
mod errors;
mod speech;
mod teller;

/// How long the program may take to end once its input has ended, and again once it was told to end.
const GRACE: Duration = Duration::from_secs(1);

/// How long the threads of a program that has ended by itself may take for the rest in its pipes, which is said no
/// faster than the rest. When the server ends, nobody waits for that.
const LAST_READS: Duration = Duration::from_secs(10);

/// The pause before the program is started again, after it has run for a moment only; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause, and how long the program has to run for the next one to be the first again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often the hook tries to come into the room while its name is not free.
const NEXT_TRY: Duration = Duration::from_secs(1);

/// How often Windows is asked whether the program has ended; and how often it is looked whether the server ends while
/// the rest of a program's words is said.
const LOOK: Duration = Duration::from_millis(100);

/// How many bytes are read at once.
const CHUNK: usize = 8 * 1024;

/// A hook that runs.
#[derive(Debug)]
pub(super) struct Hook {
    /// The room that it is in.
    hub: Arc<Hub>,
    /// Whether the server ends.
    is_over: Arc<AtomicBool>,
    /// Tells the thread so.
    tell: Sender<Told>,
    /// The thread `on-event`.
    thread: JoinHandle<()>,
}

/// What the thread `on-event` is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The program has ended.
    Ended,
    /// An operator has removed the hook.
    Removed,
    /// The server ends.
    Over,
}

impl Hook {
    /// Brings the hook into the room, and starts its program.
    ///
    /// # Errors
    ///
    /// The system has no thread to spare.
    pub(super) fn start(hub: &Arc<Hub>, config: &Config) -> Result<Option<Hook>, Problem> {
        let Some(hook) = config.hook.clone() else { return Ok(None) };
        let (tell, told) = channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let figures = Arc::new(HookFigures::default());
        hub.count_hook(&figures);
        figures.set_next(hub.watch_from());
        let mut keeper = Supervisor {
            hub: Arc::clone(hub),
            hook,
            limits: speech::Limits { line: config.max_line, rate: config.rate_limit },
            member: None,
            refused: None,
            figures,
            tell: tell.clone(),
            told,
        };
        // Before anybody else can come in, who might take its name.
        keeper.join();
        let thread = start_thread("on-event", move || keeper.run())?;
        Ok(Some(Hook { hub: Arc::clone(hub), is_over, tell, thread }))
    }

    /// Ends it: its program's input ends, and it may take a while to end by itself.
    pub(super) fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.tell.send(Told::Over).ok();
        self.hub.end_hook();
        self.thread.join().ok();
    }
}

/// The work of the thread `on-event`.
struct Supervisor {
    /// The room.
    hub: Arc<Hub>,
    /// The command, and the name.
    hook: HookConfig,
    /// What the program may say.
    limits: speech::Limits,
    /// The hook's member, once its name was free.
    member: Option<MemberId>,
    /// Why it could not come in, as it was logged last.
    refused: Option<NotIn>,
    /// What is counted.
    figures: Arc<HookFigures>,
    /// Tells this thread what its others have found.
    tell: Sender<Told>,
    /// The same, to be read.
    told: Receiver<Told>,
}

/// One run of the program, which its threads share.
struct Run {
    /// Whether it is over: what is read from then on is for nobody.
    is_over: AtomicBool,
    /// The hook's member.
    member: MemberId,
}

impl Run {
    /// Tells that the hook was removed, if it was.
    fn tell_if_removed(&self, hub: &Hub, tell: &Sender<Told>) -> bool {
        let is_removed = !hub.has_hook(self.member) && !hub.is_closing();
        if is_removed && !self.is_over.load(Ordering::SeqCst) {
            tell.send(Told::Removed).ok();
        }
        is_removed
    }
}

impl Supervisor {
    fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            while self.member.is_none() {
                if self.waits_for_end(NEXT_TRY) {
                    return;
                }
                self.join();
            }
            let began = Instant::now();
            let told = self.run_once();
            if began.elapsed() >= LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            match told {
                Told::Ended => {}
                Told::Removed => {
                    log::warn!(
                        "on-event: {} was removed from the room; its program runs again with the next start",
                        self.hook.name
                    );
                    return;
                }
                Told::Over => return,
            }
            log::warn!("on-event: it is started again in {} s", pause.as_secs());
            if self.waits_for_end(pause) {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Comes into the room, if its name is free.
    fn join(&mut self) {
        match self.hub.join_hook(&self.hook.name) {
            Ok(member) => self.member = Some(member),
            Err(refusal) => {
                // It is tried again and again.
                if self.refused.replace(refusal) == Some(refusal) {
                    return;
                }
                let name = &self.hook.name;
                let another = "; --on-event-name gives another one";
                let (why, remedy) = match refusal {
                    NotIn::Name(_) => {
                        ("somebody has that name, or one that looks like it", another)
                    }
                    NotIn::Banned => ("that name is banned", another),
                    NotIn::Full => ("the room is full", ""),
                    NotIn::Closed => return,
                };
                log::warn!(
                    "on-event: {name} cannot come in, and its program does not run: {why}{remedy}"
                );
            }
        }
    }

    /// Waits for so long. Whether the server ends meanwhile.
    fn waits_for_end(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.told.recv_timeout(left) {
                Ok(Told::Over) | Err(RecvTimeoutError::Disconnected) => return true,
                // It is of a run that is over.
                Ok(Told::Ended | Told::Removed) => {}
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    /// Starts the program, and waits for its end, or for a reason to end it.
    fn run_once(&mut self) -> Told {
        let Some(member) = self.member else { return Told::Ended };
        let mut child = match command::start(&self.hook.command) {
            Ok(child) => child,
            Err(why) => {
                log::error!("on-event: cannot start a shell: {why}");
                return Told::Ended;
            }
        };
        self.figures.on_start();
        log::info!("on-event: {} runs as process {}", self.hook.name, child.id());
        let run = Arc::new(Run { is_over: AtomicBool::new(false), member });
        let (held, ended) = channel();
        let told = match self.attend(&mut child, &run, &held) {
            Ok(()) => self.wait(&mut child, None).unwrap_or(Told::Ended),
            Err(problem) => {
                log::error!("on-event: {problem}");
                Told::Ended
            }
        };
        drop(held);
        let status = self.finish(&mut child, &run, told);
        self.figures.on_end();
        if told == Told::Ended
            && let Some(status) = status
        {
            log::warn!("on-event: the program has ended ({status})");
        }
        let told = self.hear_out(&ended, told);
        run.is_over.store(true, Ordering::SeqCst);
        self.hub.end_watch();
        self.hub.end_hook();
        told
    }

    /// Waits until what is left in the pipes is read, unless the program was ended, or the server ends meanwhile.
    fn hear_out(&self, ended: &Receiver<()>, told: Told) -> Told {
        let until = Instant::now() + LAST_READS;
        while told == Told::Ended && Instant::now() < until {
            if ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
            if self.told.try_recv() == Ok(Told::Over) {
                return Told::Over;
            }
        }
        told
    }

    /// Starts the threads of one run.
    fn attend(&self, child: &mut Child, run: &Arc<Run>, held: &Sender<()>) -> Result<(), Problem> {
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let errors = child.stderr.take();
        #[cfg(unix)]
        {
            let (wait, tell) = (command::waiter(child), self.tell.clone());
            start_thread("waits", move || {
                wait();
                tell.send(Told::Ended).ok();
            })?;
        }
        if let Some(errors) = errors {
            let held = held.clone();
            start_thread("errors", move || {
                log_errors(errors);
                drop(held);
            })?;
        }
        if let Some(output) = output {
            let speech = Speech::new(&self.hub, &self.hook.name, self.limits, &self.figures);
            let (run, held, tell) = (Arc::clone(run), held.clone(), self.tell.clone());
            let hub = Arc::clone(&self.hub);
            start_thread("says", move || {
                speech.say_all(output, run.member, &run.is_over);
                run.tell_if_removed(&hub, &tell);
                drop(held);
            })?;
        }
        if let Some(input) = input {
            let teller = Teller {
                hub: Arc::clone(&self.hub),
                run: Arc::clone(run),
                figures: Arc::clone(&self.figures),
                tell: self.tell.clone(),
            };
            start_thread("told", move || teller.tell_all(input))?;
        }
        Ok(())
    }

    /// Waits until the program has ended, or there is a reason to end it, until that time; `None` once it is there.
    fn wait(&self, child: &mut Child, until: Option<Instant>) -> Option<Told> {
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let look = cfg!(windows).then_some(LOOK);
            let received = match left.into_iter().chain(look).min() {
                Some(time) => self.told.recv_timeout(time),
                None => self.told.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match received {
                Ok(told) => return Some(told),
                Err(RecvTimeoutError::Disconnected) => return Some(Told::Over),
                // On Unix that would take the child's number from it.
                Err(RecvTimeoutError::Timeout)
                    if cfg!(windows) && !matches!(child.try_wait(), Ok(None)) =>
                {
                    return Some(Told::Ended);
                }
                Err(RecvTimeoutError::Timeout) if left.is_some_and(|left| left.is_zero()) => {
                    return None;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Sees to it that the program ends: its input has ended, or ends now; then it is told to, and then it is ended.
    fn finish(&self, child: &mut Child, run: &Run, told: Told) -> Option<ExitStatus> {
        let mut has_ended = told == Told::Ended;
        if told == Told::Removed {
            run.is_over.store(true, Ordering::SeqCst);
        }
        self.hub.end_watch();
        for ask in [|_: &Child| {}, command::ask_to_end] {
            ask(child);
            let until = Instant::now() + GRACE;
            while !has_ended && let Some(told) = self.wait(child, Some(until)) {
                has_ended = told == Told::Ended;
            }
        }
        // With what it has left behind; its number is its own until it was waited for.
        command::kill(child);
        child.wait().ok()
    }
}
