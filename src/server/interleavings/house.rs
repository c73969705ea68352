//! The server under test, and the time that passes for it.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::thread::{self, JoinHandle};

use super::client::{BANNER, Client, KEPT, ROOMY};
use crate::server::accept::Acceptor;
use crate::server::batch::Batch;
use crate::server::broadcaster::Broadcaster;
use crate::server::hub::Hub;
use crate::server::hub::fetch::{Fetched, Request};
use crate::server::reception::Reception;
use crate::server::room::restore::Restored;
use crate::server::secrets::Secrets;
use crate::server::shared::sharing::Sharing;
use crate::server::system::{TcpListener, TcpStream, listen, model};
use crate::server::waker::Waker;
use crate::server::{Config, Problem, Shutdown, Status, run, serve};

/// Serves a hub's room until it is told to end.
pub(super) fn serve_hub(
    listener: TcpListener,
    config: &Config,
    asked: &Shutdown,
    hub: &Arc<Hub>,
    sharing: Option<Sharing>,
) -> Result<(), Problem> {
    let broadcaster = Broadcaster::new(Arc::clone(hub), config.stall_timeout);
    let secrets = Secrets::open(config).expect("everybody may come in");
    let reception = Reception::new(Arc::clone(hub), secrets, config, None);
    serve(listener, Acceptor::new(reception, config), asked, hub, broadcaster, sharing)
}

/// A server on a thread of its own.
pub(super) struct House {
    pub(super) is_kept: bool,
    pub(super) port: u16,
    pub(super) shutdown: Shutdown,
    pub(super) status: Status,
    pub(super) server: JoinHandle<Result<(), Problem>>,
}

impl House {
    pub(super) fn open(memory: usize) -> House {
        let config = Config { max_clients: 10, rate_limit: 0, memory, ..Config::default() };
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).expect("there are ports");
        let port = listener.local_addr().expect("it is bound").port();
        let shutdown = Shutdown::new().expect("there are pipes");
        let (asked, status) = (shutdown.clone(), Status::default());
        let told = status.clone();
        let server = thread::spawn(move || run(listener, &config, &asked, &told));
        House { is_kept: false, port, shutdown, status, server }
    }

    /// The same with a keeper that keeps nothing and settles each cut later than it took it.
    pub(super) fn open_kept(memory: usize) -> House {
        let config = Config { max_clients: 10, rate_limit: 0, memory, ..Config::default() };
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).expect("there are ports");
        let port = listener.local_addr().expect("it is bound").port();
        let shutdown = Shutdown::new().expect("there are pipes");
        let asked = shutdown.clone();
        let hub = Arc::new(Hub::new(Waker::new().expect("there are pipes"), &config));
        hub.restore(&config, Restored::nothing(), None);
        let status = Status::default();
        status.is_of(&hub);
        let shelf = Shelf::default();
        let (kept, to_keep) = (Arc::clone(&hub), Arc::clone(&shelf));
        let keeper = thread::spawn(move || keep(&kept, &to_keep));
        let read = Arc::clone(&hub);
        let fetcher = thread::spawn(move || fetch(&read, &shelf));
        let server = thread::spawn(move || {
            let ended = serve_hub(listener, &config, &asked, &hub, None);
            hub.end_fetches();
            [keeper, fetcher].map(|thread| thread.join().expect("it does not panic"));
            ended
        });
        House { is_kept: true, port, shutdown, status, server }
    }

    /// A client that has said nothing.
    pub(super) fn connect(&self) -> Client {
        self.connect_with(ROOMY)
    }

    pub(super) fn connect_with(&self, capacity: usize) -> Client {
        Client { stream: TcpStream::connect(self.port, capacity), received: Vec::new() }
    }

    /// A client that is in the room.
    pub(super) fn join(&self, name: &str) -> Client {
        self.join_with(name, ROOMY)
    }

    pub(super) fn join_with(&self, name: &str, capacity: usize) -> Client {
        let mut client = self.connect_with(capacity);
        client.send(&format!("/nick {name}\n"));
        client.expect(BANNER);
        client.expect_start(&format!("-- you are {name}, "));
        if self.is_kept {
            client.expect(KEPT);
        }
        client
    }

    /// A program that is in the room, and its token.
    pub(super) fn join_tagged(&self, name: &str) -> (Client, String) {
        let mut client = self.connect();
        client.send(&format!("/tags\n/nick {name}\n"));
        client.expect(BANNER);
        let token =
            client.until(|body| body.starts_with("= token "))["= token ".len()..].to_owned();
        client.until(|body| body == "= done");
        (client, token)
    }

    /// Ends the server, which must be possible at any moment.
    pub(super) fn shut_down(self) {
        self.shutdown.begin();
        assert!(self.server.join().expect("it does not panic").is_ok());
    }

    /// The same where somebody has to be waited for: time passes until the server has ended.
    pub(super) fn shut_down_in_time(self) {
        let clock = Clock::start(Duration::from_millis(100));
        self.shut_down();
        clock.stop();
    }
}

/// All that was kept.
type Shelf = Arc<Mutex<Vec<Arc<Batch>>>>;

/// The keeper's thread.
fn keep(hub: &Hub, shelf: &Shelf) {
    while let Some(cut) = hub.cut(None) {
        shelf.lock().expect("no panic").extend(cut.batches);
        thread::yield_now();
        let closing = cut.following.closing;
        hub.settle(cut.following, cut.end);
        if closing {
            break;
        }
    }
}

/// The fetcher's thread, which reads a batch at a time.
fn fetch(hub: &Hub, shelf: &Shelf) {
    while let Some(Request { connection, range, .. }) = hub.next_request() {
        let holds_next = |batch: &&Arc<Batch>| batch.holds(range.start);
        let found = shelf.lock().expect("no panic").iter().rev().find(holds_next).cloned();
        let end = found.as_ref().map_or(range.end, |batch| batch.end().min(range.end));
        let batches = found.into_iter().collect();
        hub.deliver(connection, Fetched { batches, missing: 0, range: range.start..end });
    }
}

/// Lets time pass, step by step.
pub(super) struct Clock {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Clock {
    pub(super) fn start(step: Duration) -> Clock {
        let stopped = Arc::new(AtomicBool::new(false));
        let ours = Arc::clone(&stopped);
        let thread = thread::spawn(move || {
            while !ours.load(Ordering::Relaxed) {
                model::pass(step);
                thread::yield_now();
            }
        });
        Clock { stopped, thread }
    }

    pub(super) fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic");
    }
}
