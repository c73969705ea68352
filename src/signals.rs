//! The signals that Unix programs are sent. A signal that was ignored at the start stays ignored, and no signal
//! ends a program silently.
//!
//! Ctrl+C comes by way of the crate `ctrlc`, on every platform; the others come to a thread of the
//! program's that asks [`Signals`] for them.

use std::fs::File;
use std::io;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{
    FORBIDDEN, SIGABRT, SIGALRM, SIGBUS, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGPIPE, SIGPROF,
    SIGQUIT, SIGSYS, SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGUSR1, SIGUSR2,
    SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator;
use signal_hook::low_level::signal_name;

/// The signals that are left as they are: faults of the program, which a handler could not mend; those that stop
/// and continue it; those that do nothing; SIGINT, which is `ctrlc`'s; and SIGPIPE, which Rust ignores.
const LEFT: &[i32] = &[
    SIGABRT, SIGBUS, SIGSYS, SIGTRAP, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGCHLD, SIGURG,
    SIGWINCH, SIGINT, SIGPIPE,
];

/// The signals that a shell is asked about where the system cannot tell which ones are ignored: their names for
/// the shell, and their numbers.
const ASKED_FOR: &[(&str, i32)] = &[
    ("HUP", SIGHUP),
    ("INT", SIGINT),
    ("QUIT", SIGQUIT),
    ("TERM", SIGTERM),
    ("USR1", SIGUSR1),
    ("USR2", SIGUSR2),
    ("ALRM", SIGALRM),
];

/// The meaning of a signal for either program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The program is to end.
    End,
    /// Its terminal is gone, or an operator sends SIGHUP.
    HangUp,
    /// An operator wants figures: SIGUSR1, or where there is one SIGINFO, which is Ctrl+T.
    Figures,
    /// A time limit that somebody has set is reached, of this signal: the program is to end, and has not done all of
    /// its work.
    TimeIsUp(i32),
    /// A file has reached its size limit, which the write to it reports, too.
    FileTooLarge,
    /// The signal of this number means nothing.
    Other(i32),
}

impl Signal {
    fn of(number: i32) -> Signal {
        match number {
            SIGTERM | SIGQUIT => Signal::End,
            SIGHUP => Signal::HangUp,
            SIGUSR1 => Signal::Figures,
            #[cfg(any(
                target_os = "macos",
                target_os = "freebsd",
                target_os = "netbsd",
                target_os = "openbsd",
                target_os = "dragonfly"
            ))]
            signal_hook::consts::SIGINFO => Signal::Figures,
            SIGALRM | SIGVTALRM | SIGPROF | SIGXCPU => Signal::TimeIsUp(number),
            SIGXFSZ => Signal::FileTooLarge,
            number => Signal::Other(number),
        }
    }
}

/// The name of a signal: `SIGHUP`, or its number where it has none.
#[must_use]
pub fn name(signal: i32) -> String {
    signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned)
}

/// The signals that arrive, in their order.
#[derive(Debug)]
pub struct Signals(iterator::Signals);

impl Signals {
    /// Begins to catch all signals that would end the program, except for ignored ones and `but_for`.
    ///
    /// # Errors
    ///
    /// The system has no pipe to spare.
    pub fn begin(ignored: Ignored, but_for: &[i32]) -> io::Result<Signals> {
        let signals = iterator::Signals::new::<[i32; 0], i32>([])?;
        let is_left = |it: &i32| [FORBIDDEN, LEFT, but_for].iter().any(|left| left.contains(it));
        for signal in all().filter(|it| !is_left(it) && !ignored.has(*it)) {
            // Some systems keep a few for themselves.
            signals.add_signal(signal).ok();
        }
        Ok(Signals(signals))
    }

    /// Calls `act` with each signal that arrives, for ever.
    pub fn each(mut self, mut act: impl FnMut(Signal)) {
        for number in self.0.forever() {
            act(Signal::of(number));
        }
    }
}

/// The numbers of the signals. From 34 on they are Linux's real-time signals, 32 and 33 are the C
/// library's.
fn all() -> impl Iterator<Item = i32> {
    let last = if cfg!(target_os = "linux") { 64 } else { 0 };
    (1..=31).chain(34..=last)
}

/// The signals that were ignored when the program was started: `nohup` has some ignored, and so does a shell in a
/// script for the programs that it starts with `&`. Bit n - 1 is the signal of number n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ignored(u64);

impl Ignored {
    /// The signals that are ignored now. It has to be called before any handler is set.
    #[must_use]
    pub fn at_start() -> Ignored {
        in_status().or_else(by_shell).unwrap_or(Ignored(0))
    }

    /// The same without one signal, which the program acts on although it was ignored.
    #[must_use]
    pub fn but_for(self, signal: i32) -> Ignored {
        Ignored(self.0 & !(1 << (signal - 1)))
    }

    /// Whether a signal is ignored.
    #[must_use]
    pub fn has(self, signal: i32) -> bool {
        (1..=64).contains(&signal) && self.0 >> (signal - 1) & 1 == 1
    }
}

/// The ignored signals as Linux tells them; `None` elsewhere.
fn in_status() -> Option<Ignored> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(ignored.trim(), 16).ok().map(Ignored)
}

/// The ignored signals as a shell finds them. A started program inherits them, so a shell sends itself each
/// signal, and those that do not end it are ignored.
fn by_shell() -> Option<Ignored> {
    let names: Vec<&str> = ASKED_FOR.iter().map(|(name, _)| *name).collect();
    let script = format!(
        "ulimit -c 0; for s in {}; do sh -c \"kill -s $s \\$\\$\" || echo $s; done",
        names.join(" ")
    );
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script]).stdin(Stdio::null()).stderr(Stdio::null());
    let ended = String::from_utf8(shell.output().ok()?.stdout).ok()?;
    let is_ignored = |name: &str| !ended.lines().any(|line| line == name);
    let ignored = ASKED_FOR.iter().filter(|(name, _)| is_ignored(name));
    Some(Ignored(ignored.fold(0, |bits, (_, signal)| bits | 1 << (signal - 1))))
}

/// The terminal that the program was started in, if there was one.
#[derive(Debug, Clone, Copy)]
pub struct StartTerminal {
    /// Whether the program had a terminal at the start.
    was_there: bool,
}

impl StartTerminal {
    /// The terminal that the program has now. It has to be called at the start.
    #[must_use]
    pub fn at_start() -> StartTerminal {
        StartTerminal { was_there: is_terminal_there() }
    }

    /// Whether there was a terminal that is gone now: its window was closed, or its network broke.
    #[must_use]
    pub fn is_gone(self) -> bool {
        self.was_there && !is_terminal_there()
    }

    /// Whether the terminal is gone now or in a moment: the system may send SIGHUP first. It waits for that.
    #[must_use]
    pub fn goes(self) -> bool {
        self.was_there
            && (0..TRIES).any(|_| {
                let is_there = is_terminal_there();
                if is_there {
                    thread::sleep(MOMENT / TRIES);
                }
                !is_there
            })
    }
}

/// How long a terminal may take to be gone after SIGHUP has come.
const MOMENT: Duration = Duration::from_millis(200);

/// How often the terminal is looked for in that time.
const TRIES: u32 = 10;

/// Whether the program has a terminal. The system takes it from every program in it when it hangs up.
fn is_terminal_there() -> bool {
    File::open("/dev/tty").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_that_would_end_a_program_has_a_meaning() {
        let cases = [
            (SIGTERM, Signal::End),
            (SIGQUIT, Signal::End),
            (SIGHUP, Signal::HangUp),
            (SIGUSR1, Signal::Figures),
            (SIGALRM, Signal::TimeIsUp(SIGALRM)),
            (SIGXCPU, Signal::TimeIsUp(SIGXCPU)),
            (SIGXFSZ, Signal::FileTooLarge),
            (SIGUSR2, Signal::Other(SIGUSR2)),
            (40, Signal::Other(40)),
        ];
        for (number, meaning) in cases {
            assert_eq!(Signal::of(number), meaning, "{}", name(number));
        }
        assert_eq!((name(SIGHUP), name(40)), ("SIGHUP".to_owned(), "signal 40".to_owned()));
    }

    #[test]
    fn what_is_ignored_is_known_by_the_system_or_by_a_shell() {
        // The tests may be run by something that has some ignored itself.
        let known = Ignored::at_start();
        let told = by_shell().expect("there is a shell");
        for (name, signal) in ASKED_FOR {
            assert_eq!(told.has(*signal), known.has(*signal), "{name}");
        }
        assert!(!told.has(0) && !told.has(65) && !told.has(-1));
        assert!(Ignored(!0).has(SIGHUP) && !Ignored(!0).but_for(SIGHUP).has(SIGHUP));
    }
}
