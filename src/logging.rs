//! What both programs write down: `log`'s records, through `simplelog`, one line each.
//!
//! A file is appended to, is readable by its owner alone, and gets one write a record, so that
//! several programs can share it. A file that cannot be written any more is given up, and that is
//! told once; the program goes on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

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
pub fn to_stderr(file: Option<(File, OnFailure)>, level: LevelFilter) {
    let ignore: OnFailure = Box::new(|_| {});
    let mut loggers: Vec<Box<dyn SharedLogger>> =
        vec![WriteLogger::new(level, config(), Records::new(io::stderr(), ignore))];
    if let Some((file, on_failure)) = file {
        loggers.push(WriteLogger::new(level, config(), Records::new(file, on_failure)));
    }
    install(loggers);
}

/// Opens a log file to append to, and makes it, readable by its owner alone, if it is not there.
///
/// # Errors
///
/// The operating system's reason why the file cannot be written.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

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
}
