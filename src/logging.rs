//! What both programs write down: `log`'s records, through `simplelog`, one line each.
//!
//! A file is appended to, is readable by its owner alone, and gets one write a record, so that
//! several programs can share it. A file that cannot be written any more is given up, and that is
//! told once; the program goes on. Nobody waits for the server's logs: a thread for each writes what
//! the others queue, so that a terminal that is held with Ctrl+S holds no room.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use log::LevelFilter;
use simplelog::{
    CombinedLogger, Config, ConfigBuilder, FormatItem, LevelPadding, SharedLogger, WriteLogger,
};

/// Called once, with the reason, when the log can no longer be written.
pub type OnFailure = Box<dyn FnOnce(io::Error) + Send>;

/// Begins to log to `file`, at `level`.
///
/// Call it before there is a second thread: only then can the local time zone be read safely. Where
/// it cannot, times are in UTC. A second call changes nothing.
pub fn to_file(file: File, level: LevelFilter, on_failure: OnFailure) {
    install(vec![WriteLogger::new(level, config(), Records::new(file, on_failure))]);
}

/// Begins to log to standard error and, if there is one, to `file` too, at `level`.
///
/// The same holds as for [`to_file`]. A broken standard error is borne in silence: there is nobody
/// left to tell.
///
/// # Errors
///
/// The system has no thread to spare.
pub fn to_stderr(file: Option<(File, OnFailure)>, level: LevelFilter) -> io::Result<Flush> {
    let ignore: OnFailure = Box::new(|_| {});
    let mut queues = vec![Queue::begin(Records::new(io::stderr(), ignore))?];
    if let Some((file, on_failure)) = file {
        wait_while_full(&file);
        queues.push(Queue::begin(Records::new(file, on_failure))?);
    }
    let flush = Flush(queues.iter().map(|queue| queue.records.clone()).collect());
    let queues = Queues { queues, record: Vec::new() };
    install(vec![WriteLogger::new(level, config(), queues)]);
    Ok(flush)
}

/// Opens a log file to append to, and makes it, readable by its owner alone, if it is not there.
///
/// On Unix neither that nor a write to it waits: a named pipe lets nobody in before it has a reader.
///
/// # Errors
///
/// The operating system's reason why the file cannot be written.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    }
    let opened = options.open(path);
    #[cfg(unix)]
    let opened = opened.map_err(in_words);
    opened
}

/// The system says "no such device or address" of a pipe without a reader, which helps nobody.
#[cfg(unix)]
fn in_words(why: io::Error) -> io::Error {
    if why.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) {
        return io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads it");
    }
    why
}

/// Where a thread of its own writes, a pipe or a terminal that is full for now is waited for.
fn wait_while_full(file: &File) {
    #[cfg(unix)]
    rustix::io::ioctl_fionbio(file, false).ok();
    #[cfg(not(unix))]
    let _ = file;
}

fn install(loggers: Vec<Box<dyn SharedLogger>>) {
    // The only error is that a logger is there already, which is as well.
    CombinedLogger::init(loggers).ok();
}

/// RFC 3339, to the millisecond.
const TIME: &[FormatItem<'_>] = time::macros::format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3][offset_hour \
     sign:mandatory]:[offset_minute]"
);

fn config() -> Config {
    let mut config = ConfigBuilder::new();
    config
        .set_time_format_custom(TIME)
        .set_level_padding(LevelPadding::Right)
        .set_thread_level(LevelFilter::Off)
        .set_target_level(LevelFilter::Off)
        .set_location_level(LevelFilter::Off)
        .add_filter_allow_str(env!("CARGO_PKG_NAME"));
    config.set_time_offset_to_local().ok();
    config.build()
}

/// Gathers what a logger writes in pieces, and writes each record in one go.
struct Records<W: Write> {
    /// Where the records go.
    to: W,
    /// The record so far.
    record: Vec<u8>,
    /// Whom to tell of the first failure. Once taken, nothing more is written.
    on_failure: Option<OnFailure>,
}

impl<W: Write> Records<W> {
    fn new(to: W, on_failure: OnFailure) -> Records<W> {
        Records { to, record: Vec::new(), on_failure: Some(on_failure) }
    }
}

impl<W: Write> Write for Records<W> {
    /// Never fails, since a logger could do nothing about it.
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.on_failure.is_some() {
            self.record.extend_from_slice(piece);
        }
        if self.record.ends_with(b"\n") {
            let written = self.to.write_all(&self.record);
            self.record.clear();
            if let Err(why) = written
                && let Some(on_failure) = self.on_failure.take()
            {
                on_failure(why);
            }
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many records may wait to be written. More than that are left out, and their number is told.
const QUEUE: usize = 10_000;

/// How long a program that ends waits for the last records to be written.
const LAST_RECORDS: Duration = Duration::from_millis(100);

/// What the logger writes to: all places get the records in the same order.
struct Queues {
    queues: Vec<Queue>,
    /// The record so far.
    record: Vec<u8>,
}

impl Write for Queues {
    /// Never fails and never waits.
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.record.extend_from_slice(piece);
        if self.record.ends_with(b"\n") {
            self.queues.iter_mut().for_each(|queue| queue.send(self.record.clone()));
            self.record.clear();
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The way to one place, which a thread of its own writes to.
struct Queue {
    records: SyncSender<Message>,
    left_out: u64,
}

enum Message {
    Record(Vec<u8>),
    /// Answer once everything before this is written.
    Flush(SyncSender<()>),
}

impl Queue {
    fn begin<W: Write + Send + 'static>(mut to: Records<W>) -> io::Result<Queue> {
        let (records, queued) = mpsc::sync_channel(QUEUE);
        let write = move || {
            for message in queued {
                match message {
                    Message::Record(record) => to.write_all(&record).unwrap_or_default(),
                    Message::Flush(done) => done.send(()).unwrap_or_default(),
                }
            }
        };
        thread::Builder::new().name("log".to_owned()).spawn(write)?;
        Ok(Queue { records, left_out: 0 })
    }

    fn send(&mut self, record: Vec<u8>) {
        if self.left_out > 0 {
            let told = format!("{} records were left out: the log was held up\n", self.left_out);
            if self.records.try_send(Message::Record(told.into_bytes())).is_ok() {
                self.left_out = 0;
            }
        }
        let sent = self.records.try_send(Message::Record(record));
        self.left_out += u64::from(sent.is_err());
    }
}

/// Dropped at the end of the program, it waits a moment until the logs are written.
#[derive(Debug)]
pub struct Flush(Vec<SyncSender<Message>>);

impl Drop for Flush {
    fn drop(&mut self) {
        let deadline = Instant::now() + LAST_RECORDS;
        for records in &self.0 {
            let (done, written) = mpsc::sync_channel(1);
            if records.try_send(Message::Flush(done)).is_ok() {
                written.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers each write, and fails after `good` of them.
    struct Disk {
        good: usize,
        writes: mpsc::Sender<String>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.good == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.good -= 1;
            self.writes
                .send(String::from_utf8_lossy(bytes).into_owned())
                .expect("the test listens");
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_record_is_one_write_and_a_failure_is_told_once() {
        let (writes, written) = mpsc::channel();
        let (failures, failed) = mpsc::channel();
        let tell: OnFailure = Box::new(move |why| failures.send(why.kind()).expect("listens"));
        let mut records = Records::new(Disk { good: 2, writes }, tell);
        for record in ["one", "two", "three", "four"] {
            for piece in ["time ", record, "\n"] {
                records.write_all(piece.as_bytes()).expect("never fails");
            }
        }
        assert_eq!(written.try_iter().collect::<Vec<_>>(), ["time one\n", "time two\n"]);
        assert_eq!(failed.try_iter().collect::<Vec<_>>(), [io::ErrorKind::StorageFull]);
    }

    #[test]
    fn a_log_that_is_held_up_holds_nobody_up_and_tells_how_much_it_left_out() {
        /// Writes one record for each permission.
        struct Terminal {
            permissions: mpsc::Receiver<()>,
            written: mpsc::Sender<String>,
        }
        impl Write for Terminal {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.permissions.recv().ok();
                self.written.send(String::from_utf8_lossy(bytes).into_owned()).ok();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (permit, permissions) = mpsc::channel();
        let (writes, written) = mpsc::channel();
        let terminal = Records::new(Terminal { permissions, written: writes }, Box::new(|_| {}));
        let mut queue = Queue::begin(terminal).expect("a thread");
        // One more than fits may be in the thread's hands.
        for number in 0..QUEUE + 10 {
            queue.send(format!("{number}\n").into_bytes());
        }
        drop(permit);
        for number in 0..QUEUE {
            assert_eq!(written.recv().as_deref(), Ok(format!("{number}\n").as_str()));
        }
        queue.send(b"again\n".to_vec());
        let in_hand = format!("{QUEUE}\n");
        let told = written.iter().find(|record| *record != in_hand).expect("it goes on");
        assert!(told.ends_with(" records were left out: the log was held up\n"), "{told}");
    }
}
