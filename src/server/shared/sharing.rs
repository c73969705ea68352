//! How a server joins the others of a shared room: it reads the room out of the log, says that it is there, and serves
//! clients once it has read that. Two threads keep up with the log from then on.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::beginning::Beginning;
use super::log_reader::{End, LogReader};
use super::log_start::HAS_NO_MEMBERS;
use super::log_writer::LogWriter;
use super::meta::RoomId;
use super::opening::{self, Host, Opened};
use super::outbox::Outbox;
use super::refusal::Refusal;
use super::settings::RoomSettings;
use super::trouble::Trouble;
use crate::machine;
use crate::problem::Problem;
use crate::protocol::text::{make_safe, shortened};
use crate::server::config::{Config, SharedConfig};
use crate::server::hub::Hub;
use crate::server::keeping::Kept;
use crate::server::room::group::Act;
use crate::server::room::log::Numbers;
use crate::server::shutdown::Shutdown;
use crate::server::system::random;
use crate::server::system::thread::JoinHandle;
use crate::server::vital::Vital;

/// How much of a machine's name is told, in bytes.
const MAX_NAME: usize = 64;

/// How long the room's other servers are waited for at the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long the server's own first group may take to come back.
const FIRST_GROUP: Duration = Duration::from_secs(10);

/// Why a server keeps nothing whose archive belongs to another room, as people are told.
const OTHER_ROOM: &str = "the history file belongs to another room";

/// This server's part in a shared room.
#[derive(Debug)]
pub(crate) struct Sharing {
    /// Whose room it is.
    hub: Arc<Hub>,
    /// They end with the server's farewell.
    threads: [JoinHandle<()>; 2],
    /// Why it cannot go on, if it cannot.
    why: Arc<OnceLock<Refusal>>,
}

impl Sharing {
    /// Joins the other servers of a room that this one has opened, with this server's archive of the room if it keeps one.
    /// An archive of another room is let go, and people are told that nothing is kept.
    ///
    /// # Errors
    ///
    /// The engine does not answer any more, or the system has no more threads or random numbers.
    pub(crate) fn begin(
        opened: Opened,
        shared: &SharedConfig,
        config: &Config,
        hub: &Arc<Hub>,
        shutdown: &Shutdown,
        history: &mut Option<Kept>,
    ) -> Result<Sharing, Problem> {
        let Opened { engine, agreed, is_ours } = opened;
        let producer = new_producer().ok_or(Refusal::NoRandomNumbers)?;
        let id = agreed.id.short();
        let unreached = |trouble| Refusal::Engine { url: Box::new(shared.url.clone()), trouble };
        let found = Beginning::find(engine.as_ref(), config, id).map_err(unreached)?;
        let Beginning { mut room, from, is_empty } =
            found.ok_or_else(|| Refusal::NoWayIn { room: shared.url.room.clone() })?;
        let had = history.is_some();
        history.take_if(|it| !it.is_for(agreed.id));
        let known = history.as_ref().and_then(Kept::numbers);
        let given_out = if is_empty && !is_ours {
            // Somebody has had this room, and is not back yet.
            Some(agreed.numbers.unwrap_or(Numbers { seq: 0, member: 1 }))
        } else {
            None
        };
        let numbers = known.into_iter().chain(given_out).max_by_key(|it| it.seq);
        match history {
            Some(archive) => archive.be_archive_of(agreed.id, &mut room, &config.history)?,
            None if had => room.keep_nothing(config.history.keep, OTHER_ROOM),
            None => {}
        }
        let mut outbox = Outbox::new(id, producer);
        if is_empty {
            outbox.begin_log();
        }
        hub.share(room, outbox, shared.url.clone(), agreed.log_bytes);
        if let Some(Numbers { seq, member }) = numbers {
            // The log may have lost what others, or the archive, have: those numbers are not to be used again.
            // What that was, nobody knows here.
            let (kept, has_lost_lines) = (HAS_NO_MEMBERS, true);
            hub.propose(&Act::Back { old: producer, kept, seq, member, has_lost_lines });
        }
        let (server, version) = hello(config);
        let settings = RoomSettings::of(config).fingerprint();
        hub.propose(&Act::Hello { server: &server, version, settings });
        let end = End { shutdown: shutdown.clone(), why: Arc::default() };
        let why = Arc::clone(&end.why);
        let reader =
            LogReader::new(Arc::clone(hub), config.clone(), engine.clone(), (agreed, from), end);
        let writer = LogWriter::new(Arc::clone(hub), engine, config.clone());
        // Without either of them the room stands still.
        let vital =
            Vital { hub: Arc::clone(hub), shutdown: shutdown.clone(), give_up: Hub::end_log };
        let threads = [
            vital.start("log reader", move || reader.run())?,
            vital.start("log writer", move || writer.run())?,
        ];
        let sharing = Sharing { hub: Arc::clone(hub), threads, why };
        let read = hub.wait_for_log(FIRST_GROUP);
        if hub.has_other_settings() {
            hub.take_leave(FAREWELL);
            return Err(Refusal::OtherSettings { room: shared.url.room.clone() }.into());
        }
        if let Err(trouble) = read {
            hub.end_log();
            let url = Box::new(shared.url.clone());
            let silent = || Trouble::Away { place: url.to_string(), why: None };
            let trouble = trouble.unwrap_or_else(silent);
            return Err(Refusal::Engine { url, trouble }.into());
        }
        Ok(sharing)
    }

    /// Takes leave of the other servers, which have all that was said here then, if they can be reached.
    pub(crate) fn take_leave(&self) {
        self.hub.take_leave(FAREWELL);
    }

    /// Waits for the threads' end, but for one that waits for an engine which does not answer.
    ///
    /// # Errors
    ///
    /// The server could not go on, or a bug has ended one of them.
    pub(crate) fn end(self) -> Result<(), Problem> {
        // The log reader may still be there, and have it, too: it may wait for an answer.
        if let Some(why) = self.why.get() {
            return Err(why.clone().into());
        }
        let mut ended =
            self.threads.into_iter().filter(JoinHandle::is_finished).map(JoinHandle::join);
        ended.try_for_each(|ended| ended.map_err(|_panic| Problem::Bug))
    }
}

/// Opens the room that this server is to share, which its archive may belong to already. `None` if the server is not to
/// begin any more.
///
/// # Errors
///
/// The room cannot be shared, or not by this server.
pub(crate) fn open(
    shared: &SharedConfig,
    config: &Config,
    archive: Option<RoomId>,
    shutdown: &Shutdown,
) -> Result<Option<Opened>, Problem> {
    let host = Host {
        settings: RoomSettings::of(config),
        memory: config.memory,
        max_line: config.max_line,
        archive,
    };
    Ok(opening::open(shared, &host, &mut |time| !shutdown.wait(time))?)
}

/// A number by which the others know this server, until it ends.
pub(crate) fn new_producer() -> Option<u64> {
    random().map(u64::from_ne_bytes).filter(|number| *number != 0)
}

/// What a server says of itself: what it is called, by its machine and its port, and its version.
pub(crate) fn hello(config: &Config) -> (String, &'static str) {
    let name = match config.history.port {
        0 => host_name(),
        port => format!("{}:{port}", host_name()),
    };
    #[cfg(planted_faults)]
    if let Some(version) = super::planted::program_version() {
        return (name, version);
    }
    (name, env!("CARGO_PKG_VERSION"))
}

/// What this server is called, for those who look after the room.
fn host_name() -> String {
    shortened(&make_safe(machine::name().as_bytes()), MAX_NAME).into_owned()
}
