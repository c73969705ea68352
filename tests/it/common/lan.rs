//! Several hosts on a network, each in a namespace of its own, with a switch between them, so that what one says to all
//! is heard by all.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::network::{ip, on};
use super::process::without_our_variables;

/// The hosts, which are gone when it is dropped.
pub struct Lan {
    /// The namespace with the switches in it.
    switch: String,
    /// The namespaces of the hosts.
    hosts: Vec<String>,
}

impl Lan {
    /// Makes so many hosts, each of which is on every one of so many networks; `None` where that cannot be done, and then
    /// it has said why. On the first network they are 10.77.0.1, 10.77.0.2 and so on, on the second one 10.77.1.1.
    pub fn make(hosts: usize, networks: usize) -> Option<Lan> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = |which| format!("chatroom-{}-lan-{number}-{which}", std::process::id());
        let hosts = (1..=hosts).map(|host| name(host.to_string())).collect();
        let lan = Lan { switch: name("switch".to_owned()), hosts };
        match lan.build(networks) {
            Ok(()) => Some(lan),
            Err(why) => {
                eprintln!("skipped: {why}");
                None
            }
        }
    }

    fn build(&self, networks: usize) -> Result<(), String> {
        ip(&["netns", "add", &self.switch])?;
        for host in &self.hosts {
            ip(&["netns", "add", host])?;
            ip(&["-n", host, "link", "set", "lo", "up"])?;
        }
        for network in 0..networks {
            let switch = format!("switch{network}");
            ip(&["-n", &self.switch, "link", "add", &switch, "type", "bridge"])?;
            ip(&["-n", &self.switch, "link", "set", &switch, "up"])?;
            for (host, at) in self.hosts.iter().zip(1..) {
                self.plug(host, at, network, &switch)?;
            }
        }
        Ok(())
    }

    fn plug(&self, host: &str, at: usize, network: usize, switch: &str) -> Result<(), String> {
        let (plug, interface) = (format!("n{network}h{at}"), format!("eth{network}"));
        ip(&[
            "link",
            "add",
            &plug,
            "netns",
            &self.switch,
            "type",
            "veth",
            "peer",
            "name",
            &interface,
            "netns",
            host,
        ])?;
        ip(&["-n", &self.switch, "link", "set", &plug, "master", switch, "up"])?;
        let address = format!("10.77.{network}.{at}/24");
        ip(&["-n", host, "addr", "add", &address, "dev", &interface])?;
        ip(&["-n", host, "link", "set", &interface, "up"])
    }

    /// What stands before a program that runs on that host.
    pub fn prefix(&self, host: usize) -> [&str; 4] {
        ["ip", "netns", "exec", &self.hosts[host]]
    }

    /// A program on that host.
    pub fn program(&self, host: usize, program: &str) -> Command {
        let [ip, rest @ ..] = self.prefix(host);
        let mut command = Command::new(ip);
        command.args(rest).arg(program);
        without_our_variables(&mut command);
        command
    }

    /// Does something on that host: its sockets stay there.
    pub fn on<T: Send>(&self, host: usize, work: impl FnOnce() -> T + Send) -> T {
        on(&self.hosts[host], work)
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for namespace in self.hosts.iter().chain([&self.switch]) {
            ip(&["netns", "del", namespace]).ok();
        }
    }
}
