//! The kinds of what is logged of the clients: beyond ten of a kind in a second they are told together,
//! as `… and 890 more came or went in the last second` (`logging`).

/// Members join, leave, are away and come back.
pub(super) const CAME_OR_WENT: &str = "came or went";

/// Members take other names.
pub(super) const RENAMED: &str = "took another name";

/// Clients are not let in, or speak another protocol.
pub(super) const TURNED_AWAY: &str = "were turned away";

/// Clients bring more than they may.
pub(super) const HELD_BACK: &str = "were held back";
