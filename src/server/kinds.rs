//! The kinds of log records about clients. Beyond ten records of a kind in a second, the rest are logged as one
//! sum, such as `… and 890 more came or went in the last second` (`logging`).

/// Members join, leave, are away and come back.
pub(super) const CAME_OR_WENT: &str = "came or went";

/// Members take other names.
pub(super) const RENAMED: &str = "took another name";

/// Clients are not let in, or speak another protocol.
pub(super) const TURNED_AWAY: &str = "were turned away";

/// The server's own program complains, or what it says is not said.
#[cfg(not(shuttle))]
pub(super) const HOOK_ERRORS: &str = "lines came from the hook";

/// Operators keep order.
pub(super) const ORDERED: &str = "were ordered";

/// Clients guess at passwords.
pub(super) const GUESSED_WRONG: &str = "guessed at passwords";

/// Clients bring more than they may.
pub(super) const HELD_BACK: &str = "were held back";
