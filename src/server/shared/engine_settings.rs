//! How Redis is set, as far as that matters to a room, and what the log of a server says of it. Pure.

use log::Level;

use super::url::{SharedUrl, Way};

/// What is known of the process that keeps a room. Where it does not tell a setting, that is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Settings {
    /// What it is, and which version, such as `Redis 7.0.15`.
    pub(crate) program: String,
    /// Whether it writes down what it takes.
    pub(crate) appendonly: Option<bool>,
    /// When that is brought to the disk: `always`, `everysec` or `no`.
    pub(crate) appendfsync: Option<String>,
    /// What it drops when its memory is full.
    pub(crate) maxmemory_policy: Option<String>,
    /// How many replicas have to be there for it to take anything.
    pub(crate) min_replicas: Option<u64>,
    /// Whether it has replicas now.
    pub(crate) has_replicas: bool,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    /// How much it matters.
    pub(crate) level: Level,
    /// What it says.
    pub(crate) text: String,
}

impl Settings {
    /// What the log says of a room that is kept there.
    pub(crate) fn remarks(&self, url: &SharedUrl) -> Vec<Remark> {
        let warn = |text: &str| Remark { level: Level::Warn, text: format!("shared: {text}") };
        let mut remarks = vec![self.introduction(url)];
        if url.is_readable_on_the_way() {
            remarks.push(warn(
                "what is said is unencrypted on the way to Redis; use rediss:// outside a trusted \
                 network",
            ));
        }
        if let Some(policy) = self.maxmemory_policy.as_deref().filter(|it| *it != "noeviction") {
            remarks.push(warn(&format!(
                "Redis may drop keys when its memory is full (maxmemory-policy {policy}); set \
                 maxmemory-policy noeviction"
            )));
        }
        let is_replicated = self.has_replicas || matches!(url.way, Way::Sentinels { .. });
        if is_replicated && self.min_replicas == Some(0) {
            remarks.push(warn(
                "Redis takes entries without its replicas, and may lose them when it fails over; \
                 set min-replicas-to-write 1",
            ));
        }
        remarks
    }

    /// Which room, where, and what it survives.
    fn introduction(&self, url: &SharedUrl) -> Remark {
        let fsync = self.appendfsync.as_deref();
        let (setting, survives) = match (self.appendonly, fsync) {
            (Some(false), _) => (", no appendonly", ": what was said is gone when Redis ends"),
            (Some(true), Some("always")) => (", appendonly always", ": survives a power failure"),
            (Some(true), Some("everysec")) => {
                (", appendonly everysec", ": survives its death, may lose 2 s at a power failure")
            }
            (Some(true), Some("no")) => (
                ", appendonly without fsync",
                ": survives its death, may lose 30 s at a power failure",
            ),
            (Some(true), _) => (", appendonly", ": survives its death"),
            (None, _) => ("", ""),
        };
        let level = if self.appendonly == Some(false) { Level::Warn } else { Level::Info };
        let (room, program) = (&url.room, &self.program);
        let text = format!("shared: the room {room} at {url} ({program}{setting}){survives}");
        Remark { level, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str, settings: &Settings) -> Vec<String> {
        let url = SharedUrl::parse(url).expect("it is one");
        settings.remarks(&url).into_iter().map(|remark| remark.text).collect()
    }

    #[test]
    fn a_log_says_what_the_room_survives() {
        let unencrypted = "shared: what is said is unencrypted on the way to Redis; use rediss:// outside a trusted network";
        let settings = |appendonly, fsync: Option<&str>| Settings {
            program: "Redis 7.0.15".to_owned(),
            appendonly,
            appendfsync: fsync.map(str::to_owned),
            ..Settings::default()
        };
        let room = "shared: the room lobby at redis://cache:6379 (Redis 7.0.15";
        for (appendonly, fsync, said) in [
            (
                Some(true),
                Some("everysec"),
                ", appendonly everysec): survives its death, may lose 2 s at a power failure",
            ),
            (
                Some(false),
                Some("everysec"),
                ", no appendonly): what was said is gone when Redis ends",
            ),
            (Some(true), Some("always"), ", appendonly always): survives a power failure"),
            (Some(true), None, ", appendonly): survives its death"),
            (None, None, ")"),
        ] {
            let lines = told("redis://:secret@cache/lobby", &settings(appendonly, fsync));
            assert_eq!(lines, [&format!("{room}{said}"), unencrypted]);
        }
        let lines = told("rediss://cache/lobby", &settings(None, None));
        assert_eq!(lines, ["shared: the room lobby at rediss://cache:6379 (Redis 7.0.15)"]);
    }

    #[test]
    fn settings_that_may_lose_what_was_said_are_told_with_the_remedy() {
        let settings = Settings {
            maxmemory_policy: Some("allkeys-lru".to_owned()),
            min_replicas: Some(0),
            has_replicas: true,
            ..Settings::default()
        };
        let lines = told("rediss://cache/lobby", &settings);
        assert!(
            lines[1].ends_with("(maxmemory-policy allkeys-lru); set maxmemory-policy noeviction")
        );
        assert!(lines[2].ends_with("; set min-replicas-to-write 1"));
        let safe = Settings {
            maxmemory_policy: Some("noeviction".to_owned()),
            min_replicas: Some(1),
            ..settings
        };
        assert_eq!(told("rediss://cache/lobby", &safe).len(), 1);
        let alone = Settings { min_replicas: Some(0), ..Settings::default() };
        assert_eq!(told("rediss://cache/lobby", &alone).len(), 1);
        assert_eq!(told("redis+sentinel://localhost/m/lobby", &alone).len(), 2);
    }
}
