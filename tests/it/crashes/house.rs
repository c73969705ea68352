//! A server that is killed and started again, on one port and with one file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use super::rows::Rows;
use crate::common::process::{run, signal};
use crate::common::server::{TestServer, chatserver, is_shared_everywhere, port};
use crate::common::{DEADLINE, folder};

/// The server of a test.
pub(super) struct House {
    /// The folder of the test.
    pub(super) folder: PathBuf,
    /// The history.
    pub(super) file: PathBuf,
    pub(super) address: SocketAddr,
    /// What it is told besides its port and its file.
    options: Vec<String>,
    /// The one that runs.
    server: Mutex<Option<TestServer>>,
}

impl House {
    /// Starts a server with a new history.
    pub(super) fn open(test: &str, options: &[&str]) -> House {
        let folder = folder("crashes", test);
        let file = folder.join("room.db");
        // One key for all its lives: those who talk encrypted go on with no other.
        let key = folder.join("server-key.pem").display().to_string();
        let always = ["--rate-limit", "0", "--tls", "optional", "--key", &key];
        let options = [&always, options].concat();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let server = start(&file, port(), &options);
        let address = server.address;
        House { folder, file, address, options, server: Mutex::new(Some(server)) }
    }

    /// SIGKILL, and the next one at once.
    pub(super) fn kill_and_start_again(&self) {
        let mut server = self.server.lock().expect("nobody has panicked");
        if let Some(running) = &mut *server {
            assert!(running.is_running(), "it has ended by itself");
        }
        // It kills.
        *server = None;
        *server = Some(start(&self.file, self.address.port(), &self.options));
    }

    /// Waits until all of them are members.
    #[track_caller]
    pub(super) fn wait_for(&self, names: &[String]) {
        let deadline = Instant::now() + DEADLINE;
        let server = self.server.lock().expect("nobody has panicked");
        let mut visitor = server.as_ref().expect("it runs").join("visitor");
        loop {
            let here = visitor.who();
            if names.iter().all(|name| here.contains(name.as_str())) {
                break;
            }
            assert!(Instant::now() < deadline, "{names:?} and not {here}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        visitor.send("/quit\n");
    }

    /// Waits until the file has all that has happened: nobody does that for an archive of a shared room.
    #[track_caller]
    pub(super) fn wait_until_all_is_kept(&self) {
        if !is_shared_everywhere() {
            return;
        }
        let server = self.server.lock().expect("nobody has panicked");
        // What comes later stands behind the rest, and those that compare read no more.
        let mut last = server.as_ref().expect("it runs").join("last");
        let deadline = Instant::now() + DEADLINE;
        while !Rows::read(&self.file).has("-- last joined") {
            assert!(Instant::now() < deadline, "the archive has not all of it");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        last.send("/quit\n");
    }

    /// What `--export` writes beside the running server is what the file has.
    pub(super) fn assert_exports(&self, rows: &Rows) {
        let export = self.folder.join("export.jsonl");
        let mut command = chatserver();
        command.arg("--history").arg(&self.file).arg("--export").arg(&export);
        let (status, _, err) = run(&mut command);
        assert_eq!(status, Some(0), "{err}");
        let text = std::fs::read_to_string(&export).expect("it was written");
        let exported: Vec<u64> = text.lines().filter_map(number).collect();
        assert_eq!(exported, rows.public().map(|(seq, _)| seq).collect::<Vec<_>>());
    }

    /// Ends as it is asked to.
    pub(super) fn ends_well(&self) {
        let mut server = self.server.lock().expect("nobody has panicked").take().expect("it runs");
        signal("-TERM", server.id());
        assert_eq!(server.status(), Some(0));
        let log = server.rest_of_the_log();
        assert!(!log.iter().any(|line| line.contains("[ERROR]")), "{log:#?}");
    }
}

/// The number of an exported line.
fn number(line: &str) -> Option<u64> {
    let (_, rest) = line.split_once("\"seq\":")?;
    rest.split([',', '}']).next()?.parse().ok()
}

fn start(file: &Path, port: u16, options: &[String]) -> TestServer {
    let mut command = chatserver();
    command.args(["127.0.0.1", &port.to_string(), "--history"]).arg(file).args(options);
    TestServer::run(&mut command)
}
