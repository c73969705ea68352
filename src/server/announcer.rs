//! The announcer: tells this network of the room, where `--announce` asks for it, and answers those who look for rooms.
//!
//! A thread of its own, which waits for messages, for the end, and for the next look at the interfaces: they come and
//! go, and the system is asked once a minute. It shares nothing with the room but that it ends with it, so whatever
//! fails here, or is done to it, the room goes on. It keeps nothing of what it hears.
//!
//! What it says and what it hears means is in [`crate::discovery`]; when it says it is here, as RFC 6762 has it (8): it
//! asks three times whether the name is free, takes the next one if it is not, tells twice of the room, and says
//! goodbye at the end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::system::{random_bits, start_thread};
use super::waker::Waker;
use crate::discovery::FACTS;
use crate::discovery::announcement::Announcement;
use crate::discovery::network::{Channel, Family};
use crate::problem::reason;
use crate::protocol::VERSION;
use crate::tls::ServerKey;
use work::Work;

mod work;

/// The announcer's thread. Dropped, it says goodbye and is joined.
#[derive(Debug)]
pub(super) struct Announcer {
    /// What ends the thread.
    end: Arc<End>,
    /// The thread.
    thread: Option<JoinHandle<()>>,
}

/// Asks the thread to end.
#[derive(Debug)]
struct End {
    /// Whether it is asked to.
    asked: AtomicBool,
    /// Wakes it for that.
    waker: Waker,
}

/// What a server says of its room. Without a key, or with one that others may renew, there is none to tell.
pub(super) fn announcement(
    name: &str,
    port: u16,
    tls: &'static str,
    key: Option<ServerKey>,
) -> Announcement {
    let [version, protocol, encryption, fingerprint] = FACTS;
    let mut facts = vec![
        (version, "1".to_owned()),
        (protocol, VERSION.to_string()),
        (encryption, tls.to_owned()),
    ];
    facts.extend(key.map(|key| (fingerprint, key.to_string())));
    // The machine's own name may be announced by the system already, with other addresses.
    let host = format!("chatroom-{:016x}", random_bits().unwrap_or_default() as u64);
    Announcement { name: name.to_owned(), host, port, facts }
}

impl Announcer {
    /// Begins to tell of a room that listens at `at`. Where that cannot be, it is logged, and there is none.
    pub(super) fn start(announcement: Announcement, at: SocketAddr) -> Option<Announcer> {
        let started = Announcer::try_start(announcement, at.ip());
        started.map_err(|why| log::warn!("the room is not announced: {why}; going on without")).ok()
    }

    fn try_start(announcement: Announcement, at: IpAddr) -> Result<Announcer, String> {
        let told = |why: io::Error| reason(&why);
        let families: &[Family] = match at.to_canonical() {
            IpAddr::V4(_) => &[Family::V4],
            IpAddr::V6(v6) if v6.is_unspecified() => &[Family::V4, Family::V6],
            IpAddr::V6(_) => &[Family::V6],
        };
        let opened: Vec<_> = families.iter().map(|family| Channel::shared(*family)).collect();
        // A system without IPv6 has the other one.
        if opened.iter().all(Result::is_err) {
            return Err(opened.into_iter().find_map(Result::err).map_or(String::new(), told));
        }
        let channels = opened.into_iter().filter_map(Result::ok).collect();
        let waker = Waker::new().map_err(told)?;
        let end = Arc::new(End { asked: AtomicBool::new(false), waker });
        let mut work = Work::new(announcement, at, channels);
        let ours = Arc::clone(&end);
        let thread = start_thread("announcer", move || work.run(&ours));
        Ok(Announcer { end, thread: Some(thread.map_err(|why| why.to_string())?) })
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.end.asked.store(true, Ordering::SeqCst);
        self.end.waker.wake();
        if let Some(thread) = self.thread.take() {
            // One that has panicked was logged, and the room does not need it.
            thread.join().ok();
        }
    }
}
