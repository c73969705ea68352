//! The figures of a room that several servers hold, as one of them sees it. Pure.

use std::time::Duration;

use super::{Tenths, megabytes};
use crate::protocol::reply::Count;

/// The most servers that are listed.
const MOST_SERVERS: usize = 20;

/// A server that is less far behind keeps pace: one that has nothing to say tells only every 2 s what it has read.
const PACE: Duration = Duration::from_secs(3);

/// A shared room at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SharedFigures {
    /// Its name.
    pub(crate) room: String,
    /// How many groups its log has had.
    pub(crate) groups: u64,
    /// How many bytes they had.
    pub(crate) bytes: u64,
    /// Its servers, the coordinator first.
    pub(crate) servers: Vec<ServerFigures>,
    /// For how long the room has been away, and why, if it is.
    pub(crate) away: Option<(Duration, String)>,
}

/// One of its servers, as the log tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerFigures {
    /// What it is called, safe to show.
    pub(crate) name: String,
    /// Its version, safe to show.
    pub(crate) version: String,
    /// How far behind the log it was when it gave its last sign of life; `None` while the room is away, and nobody knows.
    pub(crate) behind: Option<Duration>,
    /// How long ago that was.
    pub(crate) silence: Duration,
    /// Whether it is this one.
    pub(crate) is_this: bool,
    /// Whether it writes the snapshots.
    pub(crate) is_coordinator: bool,
}

impl SharedFigures {
    /// The figures as facts, each of which fits a line.
    pub(super) fn facts(&self) -> impl Iterator<Item = String> {
        let SharedFigures { room, groups, bytes, servers, away } = self;
        let count = Count(servers.len() as u64, "server");
        let groups = Count(*groups, "group");
        let all = format!("shared room {room}: {count}, {groups} of {} MB", megabytes(*bytes));
        let away = away
            .as_ref()
            .map(|(time, why)| format!("the room has been away for {} s: {why}", time.as_secs()));
        let more = servers.len().saturating_sub(MOST_SERVERS);
        let more = (more > 0).then(|| format!("and {}", Count(more as u64, "more server")));
        let listed = servers.iter().take(MOST_SERVERS).map(ServerFigures::fact);
        [all].into_iter().chain(away).chain(listed).chain(more)
    }
}

impl ServerFigures {
    fn fact(&self) -> String {
        let ServerFigures { name, version, behind, silence, .. } = self;
        let this = if self.is_this { ", this one" } else { "" };
        let coordinator = if self.is_coordinator { ", the coordinator" } else { "" };
        let pace = match *behind {
            None => String::new(),
            Some(behind) if behind < PACE => "keeps pace, ".to_owned(),
            Some(behind) => format!("{} s behind, ", seconds(behind)),
        };
        let silence = seconds(*silence);
        let server = match name.as_str() {
            // It came back to a log that had lost its name.
            "" => "a server".to_owned(),
            name => format!("server {name} ({version})"),
        };
        format!("{server}{this}{coordinator}: {pace}heard {silence} s ago")
    }
}

fn seconds(time: Duration) -> Tenths {
    Tenths::of(u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 20), 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, behind: u64, silence: u64) -> ServerFigures {
        ServerFigures {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            behind: Some(Duration::from_millis(behind)),
            silence: Duration::from_millis(silence),
            is_this: false,
            is_coordinator: false,
        }
    }

    #[test]
    fn each_server_has_a_line_and_a_room_that_is_away_says_why() {
        let first = ServerFigures { is_coordinator: true, ..server("chat1", 1400, 320) };
        let second = ServerFigures { is_this: true, ..server("chat2", 0, 0) };
        let mut figures = SharedFigures {
            room: "lobby".to_owned(),
            groups: 5012,
            bytes: 1_250_000,
            servers: vec![first, second, server("chat3", 12_040, 5000)],
            away: None,
        };
        let facts: Vec<_> = figures.facts().collect();
        let expected = [
            "shared room lobby: 3 servers, 5012 groups of 1.2 MB",
            "server chat1 (1.0.0), the coordinator: keeps pace, heard 0.3 s ago",
            "server chat2 (1.0.0), this one: keeps pace, heard 0 s ago",
            "server chat3 (1.0.0): 12 s behind, heard 5 s ago",
        ];
        assert_eq!(facts, expected);
        let why = "cache:6379 does not answer".to_owned();
        figures.away = Some((Duration::from_millis(12_900), why));
        figures.servers[1].behind = None;
        let told = [
            "the room has been away for 12 s: cache:6379 does not answer",
            "server chat1 (1.0.0), the coordinator: keeps pace, heard 0.3 s ago",
            "server chat2 (1.0.0), this one: heard 0 s ago",
        ];
        assert_eq!(figures.facts().skip(1).take(3).collect::<Vec<_>>(), told);
        figures.servers = (0..22).map(|_| server("chat", 0, 0)).collect();
        assert_eq!(figures.facts().last().as_deref(), Some("and 2 more servers"));
        figures.servers[0].name.clear();
        let nameless = "a server: keeps pace, heard 0 s ago";
        assert_eq!(figures.facts().nth(2).as_deref(), Some(nameless));
        assert_eq!(figures.facts().count(), 2 + MOST_SERVERS + 1);
    }
}
