//! A chatserver that a trial kills, stops and starts again, at one port.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::common::process::signal;
use crate::common::server::{TestServer, chatserver, port};

/// It may run or not.
pub(super) struct Server {
    /// Where its clients come.
    pub(super) address: SocketAddr,
    /// What it is told besides.
    options: Vec<String>,
    /// What stands in its environment.
    environment: Vec<(String, String)>,
    /// What all its lives have logged.
    log: PathBuf,
    running: Option<TestServer>,
}

impl Server {
    /// It does not run yet.
    pub(super) fn new(folder: &Path, name: &str, options: &[&str]) -> Server {
        let options = ["--rate-limit", "0", "--memory", "64M"].iter().chain(options);
        Server {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port())),
            options: options.map(|&option| option.to_owned()).collect(),
            environment: Vec::new(),
            log: folder.join(format!("{name}.log")),
            running: None,
        }
    }

    /// Has this in its environment from the next start on.
    pub(super) fn give(&mut self, environment: &[(String, String)]) {
        self.environment.extend_from_slice(environment);
    }

    /// Starts it, unless it runs.
    ///
    /// # Panics
    ///
    /// It does not start, or has ended by itself.
    pub(super) fn start(&mut self) {
        if let Some(running) = &mut self.running {
            return assert!(running.is_running(), "it has ended by itself: {}", self.last_words());
        }
        let mut command = chatserver();
        command.args(["127.0.0.1", &self.address.port().to_string()]).args(&self.options);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let log: File = OpenOptions::new().create(true).append(true).open(&self.log).expect("ours");
        self.running = Some(TestServer::run(command.stderr(log)));
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            assert!(running.is_running(), "it has ended by itself: {}", self.last_words());
            running.kill();
        }
    }

    /// SIGTERM: it ends well.
    pub(super) fn term(&mut self) {
        if let Some(mut running) = self.running.take() {
            assert!(running.is_running(), "it has ended by itself: {}", self.last_words());
            signal("-TERM", running.id());
            assert_eq!(running.status(), Some(0), "{}", self.last_words());
        }
    }

    /// It ends by itself, with that status, and has logged why.
    #[cfg(planted_faults)]
    pub(super) fn wait_for_end(&mut self, status: i32, why: &str) {
        let mut running = self.running.take().expect("it was started");
        assert_eq!(running.status(), Some(status), "{}", self.last_words());
        assert!(self.last_words().contains(why), "{}", self.last_words());
    }

    /// SIGSTOP, or SIGCONT.
    pub(super) fn stop(&self, is_stopped: bool) {
        if let Some(running) = &self.running {
            signal(if is_stopped { "-STOP" } else { "-CONT" }, running.id());
        }
    }

    /// Whether it runs.
    pub(super) fn runs(&mut self) -> bool {
        self.running.as_mut().is_some_and(TestServer::is_running)
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}
