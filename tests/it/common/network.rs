//! Two hosts on this machine, each in a network namespace of its own, with a wire between them that
//! does what the test says.
//!
//! The wire is a program and not `tc netem`, which not every kernel has.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::process::{Running, without_our_variables};
use super::server::{TestServer, chatserver_by};

const WIRE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/network/wire.py");

/// An address that no other network has (RFC 5737), for the near host and for the far one.
const ADDRESSES: [&str; 2] = ["192.0.2.1", "192.0.2.2"];

/// What becomes of packets on the wire.
#[derive(Clone, Copy)]
pub struct Weather {
    /// How long they take, in milliseconds.
    pub delay: u32,
    /// How many of a hundred are lost.
    pub loss: u32,
    /// How many of a hundred overtake those before them.
    pub reorder: u32,
}

/// The best.
pub const FAIR: Weather = Weather { delay: 0, loss: 0, reorder: 0 };

/// The cable is cut somewhere: nothing passes, and neither host is told.
pub const CUT: Weather = Weather { delay: 0, loss: 100, reorder: 0 };

/// Two hosts and the wire between them, gone when dropped.
pub struct Network {
    /// The namespaces of the near host and of the far one.
    hosts: [String; 2],
    interfaces: [String; 2],
    wire: Option<(Running, ChildStdin, BufReader<ChildStdout>)>,
}

impl Network {
    /// Makes the hosts; `None` where that cannot be done, and then it has said why.
    pub fn make() -> Option<Network> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let id = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let hosts = ["near", "far"].map(|which| format!("chatroom-{id}-{which}"));
        let interfaces = ["n", "f"].map(|which| format!("cr{which}{id}"));
        let mut network = Network { hosts, interfaces, wire: None };
        match network.build() {
            Ok(()) => Some(network),
            Err(why) => {
                eprintln!("skipped: {why}");
                None
            }
        }
    }

    fn build(&mut self) -> Result<(), String> {
        for host in &self.hosts {
            ip(&["netns", "add", host])?;
        }
        let [near, far] = &self.interfaces.clone();
        let mut wire = Command::new("ip")
            .args(["netns", "exec", &self.hosts[0], "python3", WIRE, near, far])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|why| why.to_string())?;
        let (stdin, stdout) = (wire.stdin.take().expect("piped"), wire.stdout.take());
        let stdout = BufReader::new(stdout.expect("piped"));
        self.wire = Some((Running(wire), stdin, stdout));
        if self.hear() != "ready\n" {
            return Err("no python3, or no /dev/net/tun".to_owned());
        }
        ip(&["-n", &self.hosts[0], "link", "set", far, "netns", &self.hosts[1]])?;
        (0..2).try_for_each(|host| self.connect(host))
    }

    /// Gives a host its address on the wire.
    fn connect(&self, host: usize) -> Result<(), String> {
        let (name, interface) = (&self.hosts[host], &self.interfaces[host]);
        let peer = ADDRESSES[1 - host];
        ip(&["-n", name, "addr", "add", ADDRESSES[host], "peer", peer, "dev", interface])?;
        ip(&["-n", name, "link", "set", interface, "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        if let Some((_, _, stdout)) = &mut self.wire {
            stdout.read_line(&mut line).ok();
        }
        line
    }

    /// From now on it is like this on the wire.
    pub fn be(&mut self, weather: Weather) {
        let Weather { delay, loss, reorder } = weather;
        let part = |percent| f64::from(percent) / 100.0;
        let (_, stdin, _) = self.wire.as_mut().expect("it is built");
        let line = format!("{} {} {}\n", f64::from(delay) / 1000.0, part(loss), part(reorder));
        stdin.write_all(line.as_bytes()).expect("the wire is there");
        assert_eq!(self.hear(), "done\n");
    }

    /// Pulls the cable out of the far host, or puts it in again; its system is told.
    pub fn plug_far(&self, in_: bool) {
        let state = if in_ { "up" } else { "down" };
        ip(&["-n", &self.hosts[1], "link", "set", &self.interfaces[1], state]).expect("it has one");
        if in_ {
            // Routes go with the link.
            let route = ["route", "replace", ADDRESSES[0], "dev", &self.interfaces[1]];
            ip(&[&["-n", &self.hosts[1]], &route[..]].concat()).expect("the link is up");
        }
    }

    /// A server on the near host.
    pub fn serve(&self, options: &str) -> TestServer {
        let script =
            format!("exec ip netns exec {} \"$0\" {} 0 {options}", self.hosts[0], ADDRESSES[0]);
        TestServer::run(&mut chatserver_by(&script))
    }

    /// A program on the far host.
    pub fn far_program(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.hosts[1]]).arg(program);
        without_our_variables(&mut command);
        command
    }

    /// Does something on the near host: its sockets stay there.
    pub fn near<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        on(&self.hosts[0], work)
    }

    /// Does something on the far host: its sockets stay there.
    pub fn far<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        on(&self.hosts[1], work)
    }
}

/// One host without a wire, whose own address is none of this machine's to its programs: they take what they say to
/// it for something that leaves the machine. Gone when dropped.
pub struct Host(String);

impl Host {
    /// Makes it; `None` where that cannot be done, and then it has said why.
    pub fn make() -> Option<Host> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let host = Host(format!("chatroom-{}-host-{number}", std::process::id()));
        match host.build() {
            Ok(()) => Some(host),
            Err(why) => {
                eprintln!("skipped: {why}");
                None
            }
        }
    }

    fn build(&self) -> Result<(), String> {
        ip(&["netns", "add", &self.0])?;
        ip(&["-n", &self.0, "link", "set", "lo", "up"])?;
        ip(&["-n", &self.0, "addr", "add", ADDRESSES[0], "dev", "lo"])
    }

    /// Gives it this address besides.
    pub fn add(&self, address: &str) {
        ip(&["-n", &self.0, "addr", "add", address, "dev", "lo"]).expect("it can have it");
    }

    /// Its address.
    pub fn address(&self) -> &'static str {
        ADDRESSES[0]
    }

    /// What stands before a program that runs there.
    pub fn prefix(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.0]
    }

    /// Does something there: its sockets stay there.
    pub fn on<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        on(&self.0, work)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        ip(&["netns", "del", &self.0]).ok();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some((wire, stdin, _)) = self.wire.take() {
            drop(stdin);
            end(wire);
        }
        for host in &self.hosts {
            ip(&["netns", "del", host]).ok();
        }
    }
}

fn end(mut wire: Running) {
    wire.kill().ok();
    wire.wait().ok();
}

/// Does something on a thread that is in that namespace.
pub(super) fn on<T: Send>(host: &str, work: impl FnOnce() -> T + Send) -> T {
    let namespace: PathBuf = ["/run/netns", host].iter().collect();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let namespace = File::open(namespace).expect("the host is there");
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("whoever made it may enter it");
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Runs `ip`, and says why it did not work.
pub(super) fn ip(arguments: &[&str]) -> Result<(), String> {
    let ran = Command::new("ip").args(arguments).stdin(Stdio::null()).output();
    let ran = ran.map_err(|why| format!("no ip: {why}"))?;
    let why = String::from_utf8_lossy(&ran.stderr);
    if ran.status.success() { Ok(()) } else { Err(format!("ip {arguments:?}: {}", why.trim())) }
}
