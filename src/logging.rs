//! The logs of both programs: the records of the crate `log`, through `simplelog`, one line each.
//!
//! A log file is private ([`LogFile`]), and gets one write for each record, so that several programs
//! can share it. While it cannot be written the program goes on; the user is told that once, and when it can be
//! written again, how many records are missing (`place`). No thread of the server waits for its logs: the records
//! are queued, and a thread for each place writes them (`queue`), so a terminal that is held with Ctrl+S does not
//! hold up the room. A stranger cannot fill the logs either: beyond ten records of a kind in a second, for long,
//! the server logs sums (`kinds`).

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime};

use log::{LevelFilter, Log, Metadata};
use simplelog::{Config, ConfigBuilder, LevelPadding, SharedLogger, WriteLogger};

use crate::problem::Problem;
use kinds::{Fate, Kinds};
use place::{News, Record, Records, Sink, Tell};
use queue::{Message, Queue, Queues};

mod file;
mod kinds;
mod place;
mod queue;

pub use file::LogFile;

/// The target of records that are never summed: the lines of members, which an operator logs on purpose.
pub const SAID: &str = "said";

/// Called when a log file cannot be written any more, once, and when it is written again.
pub type OnTrouble = Box<dyn FnMut(Problem) + Send>;

/// Begins to log every record of `level` or above to `file`. A second call changes nothing.
pub fn to_file(file: LogFile, level: LevelFilter, on_trouble: OnTrouble) {
    let path = file.path().display().to_string();
    let records = Records::new(file, telling(path, on_trouble));
    install(Logger { level, to: written_to(level, records), bounds: None });
}

/// Begins to log to standard error and, if there is one, to `file` too, at `level`. Records of a kind
/// that come thick and fast are told together, unless the level is trace. A second call changes nothing.
///
/// A broken standard error is borne in silence: there is nobody left to tell.
///
/// # Errors
///
/// The system has no thread to spare.
pub fn to_stderr(file: Option<(LogFile, OnTrouble)>, level: LevelFilter) -> io::Result<Writers> {
    let ignore: Tell = Box::new(|_| {});
    let mut queues = vec![Queue::begin(Records::new(io::stderr(), ignore), tell_sums)?];
    let mut reopening = None;
    if let Some((mut file, on_trouble)) = file {
        file.wait_while_full();
        reopening = Some(file.reopening());
        let path = file.path().display().to_string();
        let records = Records::new(file, telling(path, on_trouble));
        queues.push(Queue::begin(records, tell_sums)?);
    }
    let writers = Writers { queues: queues.iter().map(Queue::messages).collect(), reopening };
    let bounds = (level < LevelFilter::Trace)
        .then(|| Bounds { kinds: Mutex::default(), queues: writers.queues.clone() });
    install(Logger { level, to: written_to(level, Queues::new(queues)), bounds });
    Ok(writers)
}

/// Makes the news of a file problems, which have words.
fn telling(path: String, mut on_trouble: OnTrouble) -> Tell {
    Box::new(move |news| {
        let path = path.clone();
        on_trouble(match news {
            News::Lost(why) => Problem::LogLost { path, why },
            News::Back(missing) => Problem::LogBack { path, missing },
            News::Stays(why) => Problem::LogStays { path, why },
        });
    })
}

/// The threads that write the server's logs.
#[derive(Debug)]
pub struct Writers {
    /// The queue of each place that is logged to.
    queues: Vec<SyncSender<Message>>,
    /// Once set, the log file is opened anew before the next record; `None` without a file.
    reopening: Option<Arc<AtomicBool>>,
}

impl Writers {
    /// Opens the log file anew, which may have been renamed. Records after this call go to the new one. False if
    /// there is no log file.
    pub fn reopen(&self) -> bool {
        let Some(reopening) = &self.reopening else { return false };
        reopening.store(true, Ordering::SeqCst);
        for queue in &self.queues {
            // A queue that is full has a record that does the same.
            queue.try_send(Message::Look).ok();
        }
        true
    }

    /// Logs the sums that are left, and waits a moment until all is written.
    pub fn flush(&self) {
        log::logger().flush();
        queue::flush(&self.queues);
    }
}

/// The program's one logger.
static LOGGER: OnceLock<Logger> = OnceLock::new();

fn install(logger: Logger) {
    if LOGGER.set(logger).is_ok()
        && let Some(logger) = LOGGER.get()
        && log::set_logger(logger).is_ok()
    {
        log::set_max_level(logger.level);
    }
}

/// Logs the sums that are due, and returns when the next one is.
fn tell_sums(now: Instant) -> Option<Instant> {
    let logger = LOGGER.get()?;
    logger.bounds.as_ref()?.tell(logger, |kinds| kinds.take_sums(now))
}

/// Decides which records there are, and leaves to `simplelog` how they look.
struct Logger {
    /// The level up to which records are logged.
    level: LevelFilter,
    /// Formats and writes the records.
    to: Box<dyn SharedLogger>,
    /// Bounds the records of each kind; `None` if every record is logged.
    bounds: Option<Bounds>,
}

/// The bounds on the records of each kind.
struct Bounds {
    /// The kinds, with the records that each had of late.
    kinds: Mutex<Kinds>,
    /// The queues of the threads that log the sums, to wake them when one is due earlier.
    queues: Vec<SyncSender<Message>>,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &log::Record<'_>) {
        // The crates below us have nothing to say to our users.
        let is_ours = record.module_path().is_some_and(|path| path.starts_with("chat"));
        if !is_ours || !self.enabled(record.metadata()) {
            return;
        }
        if self.bounds.as_ref().is_none_or(|bounds| bounds.fate(record) == Fate::Told) {
            self.to.log(record);
        }
    }

    fn flush(&self) {
        if let Some(bounds) = &self.bounds {
            bounds.tell(self, |kinds| kinds.take_last_sums(Instant::now()));
        }
    }
}

impl Bounds {
    fn fate(&self, record: &log::Record<'_>) -> Fate {
        if record.target() == SAID {
            return Fate::Told;
        }
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kinds.due();
        let fate = kinds.count(record, Instant::now());
        let is_earlier = kinds.due() != before;
        drop(kinds);
        if is_earlier {
            for queue in &self.queues {
                // A thread whose queue is full is awake, and looks by itself.
                queue.try_send(Message::Wake).ok();
            }
        }
        fate
    }

    /// Logs the sums that are taken, and returns when the next one is due.
    fn tell(
        &self,
        logger: &Logger,
        take: impl FnOnce(&mut Kinds) -> Vec<kinds::Sum>,
    ) -> Option<Instant> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = take(&mut kinds);
        let due = kinds.due();
        drop(kinds);
        for sum in sums {
            let mut record = log::Record::builder();
            record.level(sum.level).target(SAID).module_path(Some(module_path!()));
            logger.to.log(&record.args(format_args!("{}", sum.text)).build());
        }
        due
    }
}

/// The writer that formats records, with their level and their text, for a sink.
fn written_to<S: Sink + Send + 'static>(
    level: LevelFilter,
    sink: S,
) -> Box<WriteLogger<Pieces<S>>> {
    WriteLogger::new(level, config(), Pieces { text: Vec::new(), sink })
}

/// `simplelog` itself would write every time with the offset that the zone had at the beginning.
fn config() -> Config {
    let mut config = ConfigBuilder::new();
    config
        .set_time_level(LevelFilter::Off)
        .set_level_padding(LevelPadding::Right)
        .set_thread_level(LevelFilter::Off)
        .set_target_level(LevelFilter::Off)
        .set_location_level(LevelFilter::Off);
    config.build()
}

/// Gathers what a logger writes in pieces into records.
struct Pieces<S> {
    /// The pieces of the current record.
    text: Vec<u8>,
    /// Takes the whole records.
    sink: S,
}

impl<S: Sink> Write for Pieces<S> {
    /// Never fails, since a logger could do nothing about it.
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(piece);
        if self.text.ends_with(b"\n") {
            let text = std::mem::take(&mut self.text);
            self.sink.take(Record { at: SystemTime::now(), text });
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    impl Sink for mpsc::Sender<String> {
        fn take(&mut self, record: Record) {
            self.send(String::from_utf8(record.text).expect("it is text")).expect("it listens");
        }
    }

    fn log(logger: &Logger, target: &str, module: &'static str, text: &str) {
        let mut record = log::Record::builder();
        record.target(target).module_path(Some(module)).line(Some(1)).level(log::Level::Info);
        logger.log(&record.args(format_args!("{text}")).build());
    }

    #[test]
    fn what_is_said_is_told_whole_and_of_others_there_are_some_and_a_sum() {
        let (records, told) = mpsc::channel();
        let level = LevelFilter::Debug;
        let bounds = Bounds { kinds: Mutex::default(), queues: Vec::new() };
        let logger = Logger { level, to: written_to(level, records), bounds: Some(bounds) };
        for number in 0..105 {
            log(&logger, SAID, "chatroom::server", &format!("said {number}"));
            log(&logger, "came or went", "chatroom::server", &format!("went {number}"));
            log(&logger, "mio::poll", "mio::poll", "another crate's");
        }
        logger.flush();
        let told: Vec<String> = told.try_iter().collect();
        let count = |what| told.iter().filter(|record| record.contains(what)).count();
        assert_eq!((count("said "), count("] went "), told.len()), (105, 100, 206), "{told:?}");
        let sum = "[INFO ] … and 5 more came or went in the last second\n";
        assert_eq!(told.last().map(String::as_str), Some(sum));
    }
}
