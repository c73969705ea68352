//! Standard input of a client without a terminal: read, decoded, cut into lines, and each made what is
//! sent of it.

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::ControlFlow;

use log::warn;

use super::Filter;
use super::decoder::Decoder;
use super::json;
use crate::client::config::Input;
use crate::client::exit::complain;
use crate::client::exit_reason::ExitReason;
use crate::client::link::NOT_CARRIED;
use crate::client::output::Output;
use crate::client::run::Run;
use crate::client::typed::Typed;
use crate::problem::Problem;
use crate::protocol::lines::{Line, LineSplitter};

/// How many bytes are read from standard input at once, at most.
const CHUNK: usize = 64 * 1024;

/// The longest line of the input, in bytes, that is said to a server of ours, in several lines if need be: nobody has
/// written a longer one, and it would drown what is said.
/// To any other server a line is sent at any length, but none longer than this is logged whole.
pub(super) const MAX_LINE: usize = 64 * 1024;

/// Gives standard input to `take`, in UTF-8, until that has had enough.
pub(super) fn read_input(
    run: &Run<'_, Filter>,
    mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), ExitReason> {
    let mut input = io::stdin().lock();
    let mut buffer = vec![0; CHUNK];
    let mut decoder = Decoder::new();
    let mut is_damage_told = false;
    let mut is_empty = true;
    loop {
        let length = match input.read(&mut buffer) {
            Ok(length) => length,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => {
                return Err(ExitReason::Failed(Problem::System("read standard input", why)));
            }
        };
        is_empty &= length == 0;
        let text = match length {
            0 => Cow::Owned(decoder.finish()),
            _ => decoder.decode(&buffer[..length]),
        };
        if decoder.take_damage() && !std::mem::replace(&mut is_damage_told, true) {
            complain("the input is not all UTF-8; what cannot be read is sent as \u{fffd}");
        }
        if take(&text).is_break() || length == 0 {
            break;
        }
    }
    if is_empty && run.output.conversation.is_none() {
        complain("there is no input to say; to stay and print what is said: chatclient --listen");
    }
    Ok(())
}

/// The same, line by line, as each is to be sent.
pub(super) fn read_lines(
    run: &Run<'_, Filter>,
    mut take: impl FnMut(Typed) -> ControlFlow<()>,
) -> Result<(), ExitReason> {
    // As the server does, or the two would not count alike.
    let mut splitter = LineSplitter::with_universal_newlines(MAX_LINE);
    let mut goes_on = ControlFlow::Continue(());
    if run.config.input == Input::Json {
        return read_objects(run, take);
    }
    read_input(run, |mut chunk| {
        while goes_on.is_continue()
            && let Some(line) = splitter.next(&mut chunk)
        {
            match line {
                Line::Whole(line) => goes_on = take_parts(run, as_sent(run, line), &mut take),
                Line::TooLong(_) => refuse_long_line(run),
            }
        }
        goes_on
    })?;
    if goes_on.is_continue()
        && let Some(last) = splitter.finish()
    {
        let _ = take_parts(run, as_sent(run, last), &mut take);
    }
    Ok(())
}

/// The same where the input is JSON: gives the lines that each object asks to send.
fn read_objects(
    run: &Run<'_, Filter>,
    mut take: impl FnMut(Typed) -> ControlFlow<()>,
) -> Result<(), ExitReason> {
    let mut splitter = LineSplitter::new(MAX_LINE);
    let (mut goes_on, mut number) = (ControlFlow::Continue(()), 0);
    let mut act = |input: &[u8], number: u64| match json::lines_of(&String::from_utf8_lossy(input))
    {
        Ok(lines) => lines.into_iter().try_for_each(|line| {
            let line = Typed::new(line).of_input(number);
            let most = run.link.max_line();
            match most.filter(|most| line.wire().len() > *most) {
                Some(most) => {
                    let why =
                        format!("that line is too long and was not sent: the most is {most} bytes");
                    run.output.refuse_input(&why, number);
                    ControlFlow::Continue(())
                }
                None if run.link.may_carry(&line) => take(line),
                None => {
                    run.output.refuse_input(NOT_CARRIED, number);
                    ControlFlow::Continue(())
                }
            }
        }),
        Err(why) => {
            run.output.refuse_input(&why, number);
            ControlFlow::Continue(())
        }
    };
    read_input(run, |mut chunk| {
        while goes_on.is_continue()
            && let Some(line) = splitter.next(&mut chunk)
        {
            number += 1;
            match line {
                Line::Whole(line) if line.trim_ascii().is_empty() => {}
                Line::Whole(line) => goes_on = act(line, number),
                Line::TooLong(_) => {
                    let why = format!("a line of more than {MAX_LINE} bytes was not sent");
                    run.output.refuse_input(&why, number);
                }
            }
        }
        goes_on
    })?;
    if goes_on.is_continue()
        && let Some(last) = splitter.finish().filter(|last| !last.trim_ascii().is_empty())
    {
        let _ = act(last, number + 1);
    }
    Ok(())
}

/// Gives the line to `take`, in parts if it is longer than the server takes, unless there is a password in it that
/// others could read along.
fn take_parts(
    run: &Run<'_, Filter>,
    line: Typed,
    take: &mut impl FnMut(Typed) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if !run.link.may_carry(&line) {
        refuse(run, NOT_CARRIED);
        return ControlFlow::Continue(());
    }
    match run.link.max_line() {
        Some(most) => line.split(most).into_iter().try_for_each(take),
        None => take(line),
    }
}

/// A line of the input, as it is sent to a server that knows commands.
fn as_sent(run: &Run<'_, Filter>, line: &[u8]) -> Typed {
    let is_text = run.config.input == Input::Text && run.output.conversation.is_none();
    let line = Typed::new(line);
    if is_text { line.into_saying() } else { line }
}

fn refuse_long_line(run: &Run<'_, Filter>) {
    refuse(run, &format!("a line of more than {MAX_LINE} bytes was not sent"));
}

fn refuse(run: &Run<'_, Filter>, why: &str) {
    warn!("{why}");
    complain(why);
    run.output.mark_refused(1);
}
