//! Why the program ends. Whoever finds that it is over says so; `exit` makes an end of it.

use crate::problem::Problem;

/// How the program ends.
#[derive(Debug)]
pub(super) enum ExitReason {
    /// As the user wanted it.
    Clean,
    /// It could not do its work.
    Failed(Problem),
    /// A thread panicked, with this to say.
    Panicked(String),
}
