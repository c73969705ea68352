//! The thread `errors`: reads the program's standard error, for the log.

use std::io::{BufRead, BufReader, Read};

use super::CHUNK;
use crate::protocol::lines::{Line, LineSplitter};
use crate::protocol::text::make_safe;
use crate::server::kinds::HOOK_ERRORS;

/// The longest line of standard error that is logged, in bytes.
const MOST_LOGGED: usize = 1024;

/// Logs what the program writes to its standard error, line by line.
pub(super) fn log_errors(errors: impl Read) {
    let mut errors = BufReader::with_capacity(CHUNK, errors);
    let mut splitter = LineSplitter::new(MOST_LOGGED);
    let log = |line: &[u8]| log::info!(target: HOOK_ERRORS, "on-event: {}", make_safe(line));
    loop {
        let length = match errors.fill_buf() {
            Ok([]) => break,
            Ok(mut chunk) => {
                let length = chunk.len();
                while let Some(line) = splitter.next(&mut chunk) {
                    match line {
                        Line::Whole(line) => log(line),
                        Line::TooLong(_) => log(b"(a line that is too long)"),
                    }
                }
                length
            }
            Err(why) if why.kind() == std::io::ErrorKind::Interrupted => 0,
            Err(_) => break,
        };
        errors.consume(length);
    }
    splitter.finish().into_iter().for_each(log);
}
