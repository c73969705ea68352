//! What sessions check secrets with, and all of them share: who may come in, the passwords of names, and who has
//! guessed wrong.

use std::sync::Arc;

use super::config::Config;
use super::entrance::Entrance;
use super::guesses::Guesses;
use super::passwords::Passwords;
use crate::problem::Problem;

/// The parts that check secrets. None knows of another.
#[derive(Debug)]
pub(crate) struct Secrets {
    /// Who may come in.
    pub(super) entrance: Arc<Entrance>,
    /// Computes the hashes of passwords.
    pub(super) passwords: Passwords,
    /// How long whoever has failed waits.
    pub(super) guesses: Guesses,
}

impl Secrets {
    /// Those of a server with this configuration, where nobody has guessed anything yet.
    ///
    /// # Errors
    ///
    /// As [`Entrance::open`].
    pub(super) fn open(config: &Config) -> Result<Arc<Secrets>, Problem> {
        let entrance = Arc::new(Entrance::open(config)?);
        Ok(Arc::new(Secrets {
            entrance,
            passwords: Passwords::default(),
            guesses: Guesses::default(),
        }))
    }
}
