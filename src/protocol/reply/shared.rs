//! What a server tells of a room that it shares with other servers, which one store holds together. Pure.

use std::fmt;
use std::time::Duration;

/// What stands behind `-- ` at the beginning of each notice that the room is away.
pub(super) const AWAY: &str = "the room is away: ";

/// What is told of a room that several servers hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedNotice {
    /// The server cannot reach the room; lines are kept until it can.
    Away,
    /// The same to somebody who is not in the room yet: a newcomer, or a member who resumes.
    AwayAtDoor,
    /// The server reaches the room again.
    Back,
    /// The room had taken the server for dead after so long, and a plain client has joined anew.
    JoinedAgain(Duration),
    /// The room's store has lost its newest entries.
    SetBack(SetBack),
    /// The reader, who resumes, has seen lines that the room does not have any more.
    LinesGone,
    /// The other servers write the room in a form that this one cannot read; the connection ends.
    TooOld,
    /// The room's store was emptied, and another room has begun there; the connection ends.
    OtherRoom,
}

/// What a store that was set back has lost, as far as the reader is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetBack {
    /// The reader saw lines of the last so many seconds that others may not find.
    Newest(Duration),
    /// The same of everything.
    Everything,
    /// To all: lines that nobody may have seen.
    MayBeMissing,
}

impl fmt::Display for SharedNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            SharedNotice::Away => write!(f, "-- {AWAY}what you say is kept until it is back"),
            SharedNotice::AwayAtDoor => write!(f, "-- {AWAY}you come in when it is back"),
            SharedNotice::Back => f.write_str("-- the room is back"),
            SharedNotice::JoinedAgain(after) => {
                let after = Seconds(after);
                write!(f, "-- the room was away for {after}, and you have joined again")
            }
            SharedNotice::SetBack(what) => write!(f, "-- the room's store was set back: {what}"),
            SharedNotice::LinesGone => f.write_str(
                "-- some lines that you saw are gone from the room: its store was set back",
            ),
            SharedNotice::TooOld => {
                f.write_str("-- this server is too old for the room: connect to another one")
            }
            SharedNotice::OtherRoom => f.write_str(
                "-- the room's store was emptied, and another room has begun there: connect again",
            ),
        }
    }
}

impl fmt::Display for SetBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            SetBack::Newest(time) => {
                write!(f, "others may not find the lines of the last {}", Seconds(time))
            }
            SetBack::Everything => f.write_str("others may not find what was said before"),
            SetBack::MayBeMissing => f.write_str("some of the newest lines may be missing"),
        }
    }
}

/// A time in whole seconds, the last one begun, and never none: `3 s`.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begun = u64::from(self.0.subsec_nanos() > 0);
        write!(f, "{} s", self.0.as_secs().saturating_add(begun).max(1))
    }
}
