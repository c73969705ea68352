//! Why the program ends. Whoever finds that it is over says so; `exit` makes an end of it.

use crate::problem::Problem;

/// How the program ends.
#[derive(Debug)]
pub(super) enum ExitReason {
    /// As the user wanted it.
    Clean,
    /// It could not do its work.
    Failed(Problem),
    /// It could not do its work, and has said so; its status.
    Told(i32),
    /// It has come upon a server that is not the right one, after it was connected to that one.
    WrongServer {
        /// What is wrong with it.
        server: Box<Problem>,
        /// That lines of the user's are not confirmed, if some are not.
        unconfirmed: Option<Box<Problem>>,
    },
    /// A thread panicked, with this to say.
    Panicked(String),
}
