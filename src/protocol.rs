//! The wire, pure: no sockets, no threads, no clocks.
//!
//! Both programs speak it from here, so that what one writes the other reads. The parts, in the
//! order that a line travels through them:
//!
//! - [`proxy`]: where a client is that comes by way of a proxy
//! - [`telnet`]: a stream of bytes → text, without telnet's commands
//! - [`lines`]: a stream of text → lines
//! - [`text`]: one line's bytes → text that is safe to show
//! - [`foreign`]: whether the first line is another protocol's
//! - [`request`]: a member's line → what it asks for
//! - [`words`]: what of a text a search compares
//! - [`name`]: what a member may be called, and when two names are the same
//! - [`reply`]: the lines that the server sends
//! - [`tag`]: what a program gets before and besides them
//! - [`proof`]: how a program proves that it has a key
//! - [`json`]: an event of the room as a JSON object, for programs that do not speak the wire
//!
//! `docs/PROTOCOL.md` describes the wire for those who write a client in another language.

use std::time::Duration;

#[cfg(test)]
pub(crate) mod arbitrary;
pub(crate) mod folding;
pub mod foreign;
pub mod json;
pub mod lines;
pub mod moment;
pub mod name;
pub mod network;
pub mod proof;
pub mod proxy;
pub mod reply;
pub mod request;
pub mod span;
pub(crate) mod suggestion;
pub mod tag;
pub mod telnet;
pub mod text;
pub mod words;

/// The version that the server's banner names. It changes when an old client would misread the new
/// wire.
pub const VERSION: u32 = 1;

/// The longest farewell, in bytes: everybody gets it, and so does the log. What is longer is cut.
pub const MAX_FAREWELL: usize = 200;

/// The address that both programs use when none is given: this machine alone.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1";

/// The TCP port that both programs use when none is given.
pub const DEFAULT_PORT: u16 = 5000;

/// How long bytes without a newline may stand before they count as a whole line, for peers that
/// never send a newline; and how long a new member has to name itself before it becomes a guest.
/// Longer than one line's packets take to arrive, shorter than anyone waits for an answer.
pub const GRACE: Duration = Duration::from_millis(300);

/// The longest line, in bytes without its line end, that a server takes unless it is told
/// otherwise. A paragraph fits; a file does not.
pub const DEFAULT_MAX_LINE: usize = 4096;
