//! The values of the server's options: what each may be, and what it means.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use clap::builder::TypedValueParser;
use clap::{Arg, Command, Error, ValueEnum};

use crate::arguments;
use crate::discovery::MAX_NAME;
use crate::machine;
use crate::protocol::name::Name;
use crate::protocol::tag::Millis;
use crate::protocol::text::make_safe;
use crate::server::{SharedUrl, without_password};

/// The parser of a shared room's URL. What it does not take is told without the password in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedUrls;

impl TypedValueParser for SharedUrls {
    type Value = SharedUrl;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<SharedUrl, Error> {
        let text = value.to_string_lossy();
        SharedUrl::parse(&text).or_else(|why| {
            let refuse = move |_: &str| Err::<SharedUrl, _>(why.clone());
            let shown = without_password(&text);
            TypedValueParser::parse_ref(&refuse, command, argument, OsStr::new(&shown))
        })
    }
}

/// The address of a proxy, which is no name: it is compared with those that connect.
pub(super) fn proxy(text: &str) -> Result<IpAddr, String> {
    let address = text.trim().trim_start_matches('[').trim_end_matches(']');
    address.parse().map_err(|_| "it must be an IP address, such as 192.0.2.1".to_owned())
}

/// Under which name the room is announced; `None` if it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Announced(pub(super) Option<String>);

/// The name of a room, or whether it is announced under the machine's.
pub(super) fn announced(text: &str) -> Result<Announced, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => return Ok(Announced(Some(machine_name()))),
        "no" | "false" | "off" | "0" => return Ok(Announced(None)),
        _ => {}
    }
    let is_text = make_safe(text.as_bytes()) == text && text.trim() == text;
    if is_text && (1..=MAX_NAME).contains(&text.len()) {
        return Ok(Announced(Some(text.to_owned())));
    }
    Err(format!("it must be plain text of 1 to {MAX_NAME} bytes, without blanks around it"))
}

/// What the machine is called, without its domain.
pub(super) fn machine_name() -> String {
    let name = machine::name();
    let name = name.split('.').next().unwrap_or_default();
    let is_good = name != "localhost" && (1..=MAX_NAME).contains(&name.len());
    let is_text = make_safe(name.as_bytes()) == name && name.trim() == name;
    if is_good && is_text { name.to_owned() } else { "chatroom".to_owned() }
}

/// For how long something is kept; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keep(pub(super) Option<Duration>);

/// What a line survives once it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Survives {
    /// The end of the server, however sudden
    Crash,
    /// The end of the machine, too
    Power,
}

/// A time with its unit, or for ever.
pub(super) fn keep(text: &str) -> Result<Keep, String> {
    const HOUR: u64 = 60 * 60;
    const YEAR: u64 = 365 * 24 * HOUR;
    if text == "forever" {
        return Ok(Keep(None));
    }
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 'h')) => (&text[..at], HOUR),
        Some((at, 'd')) => (&text[..at], 24 * HOUR),
        Some((at, 'y')) => (&text[..at], YEAR),
        _ => (text, 0),
    };
    let seconds = arguments::digits(number).and_then(|number| number.checked_mul(unit));
    seconds
        .filter(|seconds| (HOUR..=100 * YEAR).contains(seconds))
        .map(|seconds| Keep(Some(Duration::from_secs(seconds))))
        .ok_or_else(|| "it must be forever, or from 1h to 100y with h, d or y".to_owned())
}

/// What the room may remember.
pub(super) fn size(text: &str) -> Result<usize, String> {
    bytes(text)
        .filter(|bytes| (1 << 20..=64 << 30).contains(bytes))
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| "it must be from 1M to 64G, in bytes or with K, M or G".to_owned())
}

/// How large the history may become.
pub(super) fn keep_size(text: &str) -> Result<u64, String> {
    bytes(text)
        .filter(|bytes| (16 << 20..=16 << 40).contains(bytes))
        .ok_or_else(|| "it must be from 16M to 16T, in bytes or with K, M, G or T".to_owned())
}

/// A number of bytes, perhaps with K, M, G or T for powers of 1024.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (&text[..at], 1 << 10),
        (at, 'm' | 'M') => (&text[..at], 1 << 20),
        (at, 'g' | 'G') => (&text[..at], 1 << 30),
        (at, 't' | 'T') => (&text[..at], 1 << 40),
        _ => (text, 1),
    };
    arguments::digits(number)?.checked_mul(unit)
}

/// A command for the shell.
pub(super) fn command(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("there is no command in it".to_owned());
    }
    Ok(text.to_owned())
}

/// A name that somebody may own.
pub(super) fn name(text: &str) -> Result<Name, String> {
    let name = Name::parse(text.trim()).map_err(|why| why.to_string())?;
    if name.likeness().is_guests() {
        return Err(format!("nobody owns a name like {name}"));
    }
    Ok(name)
}

/// A day, from its beginning on, or a time, by the clock on the wall.
pub(super) fn moment(text: &str) -> Result<Millis, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN));
    let time = day
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
        // As an export has it.
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"));
    time.ok().filter(|_| text.as_bytes().get(4) == Some(&b'-')).map(local).ok_or_else(|| {
        "it must be a day or a time, as in 2026-11-28 or 2026-11-28T14:05".to_owned()
    })
}

/// When the clock on the wall shows that first, or would, if it were not put forward then.
fn local(time: NaiveDateTime) -> Millis {
    let at = |time: NaiveDateTime| Local.from_local_datetime(&time).earliest();
    let later = || at(time + chrono::Duration::hours(1));
    at(time)
        .or_else(later)
        .map_or_else(|| time.and_utc().timestamp_millis(), |at| at.timestamp_millis())
}
