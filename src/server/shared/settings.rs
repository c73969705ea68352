//! The settings that make a shared room what it is, and that all its servers must have alike: how long its members may be
//! away, for how long names are kept, who its operators are, and who may come in. Pure.
//!
//! They stand beside the room's log (`meta`), a fact for each, where the first server puts them. A server that was not
//! told one takes the room's; a server that was told another one does not start. All else is each server's own: limits
//! and timeouts of connections, `--memory`, `--replay`, the history, TLS, and what the password of `--password-file` is,
//! as long as all servers or none have one.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::snapshot::hash;
use crate::protocol::name::Name;
use crate::server::bytes::Writer;
use crate::server::config::{Config, EntranceConfig, Told};

/// How long a member whose connection is lost may be kept, in seconds.
const AWAY_TIMEOUTS: RangeInclusive<u64> = 0..=86_400;

/// For how long a name may be kept, in hours.
const KEPT: RangeInclusive<u64> = 1..=100 * 365 * 24;

/// The settings of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoomSettings {
    /// How long a member whose connection is lost may take to come back.
    pub(crate) away_timeout: Duration,
    /// For how long a name stays one's own after the last visit; `None` is for ever.
    pub(crate) keep_names: Option<Duration>,
    /// The names whose owners are operators, in the order of their folded forms, of which none is there twice.
    pub(crate) operators: Vec<Name>,
    /// Whether only those may come in whom somebody has invited.
    pub(crate) invited: bool,
    /// Whether operators alone may invite.
    pub(crate) operators_invite: bool,
    /// Whether the room has a password.
    pub(crate) has_password: bool,
}

/// A setting of the room that is not as a server was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The option.
    option: &'static str,
    /// What the room has, as the fact has it.
    has: String,
    /// What the server was told, in the same form.
    told: String,
}

/// A fact that is none of those that any server writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Senseless {
    /// Its name.
    pub(crate) fact: &'static str,
    /// Its value.
    pub(crate) value: String,
}

const AWAY_TIMEOUT: &str = "away_timeout";
const KEEP_NAMES: &str = "keep_names";
const OPERATORS: &str = "operators";
const INVITED: &str = "invited";
const INVITE: &str = "invite";
const PASSWORD: &str = "password";

/// The option for each fact.
const OPTIONS: [&str; 6] =
    ["--away-timeout", "--keep-names", "--operator", "--invited", "--invite", "--password-file"];

const YES: &str = "yes";
const NO: &str = "no";
const FOR_EVER: &str = "forever";
const OWNERS: &str = "owners";

impl RoomSettings {
    /// Those of a server.
    pub(crate) fn of(config: &Config) -> RoomSettings {
        RoomSettings {
            away_timeout: config.away_timeout,
            keep_names: config.keep_names,
            operators: in_order(config.operators.clone()),
            invited: config.entrance.invited,
            operators_invite: config.entrance.operators_invite,
            has_password: config.entrance.password_file.is_some(),
        }
    }

    /// A server's configuration with the room's settings in place of its own.
    pub(crate) fn configure(&self, config: &Config) -> Config {
        let RoomSettings { away_timeout, keep_names, operators, invited, operators_invite, .. } =
            self.clone();
        let entrance = EntranceConfig { invited, operators_invite, ..config.entrance.clone() };
        Config { away_timeout, keep_names, operators, entrance, ..config.clone() }
    }

    /// The facts beside the log, each with its value as the option has it. Each is offered to the room.
    pub(crate) fn facts(&self) -> [(&'static str, String); 6] {
        let yes_or_no = |is_so| (if is_so { YES } else { NO }).to_owned();
        let invite = if self.operators_invite { OPERATORS } else { OWNERS };
        let names: Vec<_> = self.operators.iter().map(Name::as_str).collect();
        [
            (AWAY_TIMEOUT, self.away_timeout.as_secs().to_string()),
            (KEEP_NAMES, time(self.keep_names)),
            (OPERATORS, names.join(",")),
            (INVITED, yes_or_no(self.invited)),
            (INVITE, invite.to_owned()),
            (PASSWORD, yes_or_no(self.has_password)),
        ]
    }

    /// A number that only the same settings have: the servers of a room compare theirs.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut out = Writer::default();
        for (fact, value) in self.facts() {
            let value = if fact == OPERATORS { folded(&self.operators).join(",") } else { value };
            out.text(fact).text(&value);
        }
        hash(out.as_bytes())
    }

    /// What the room with these facts has. A fact that is missing is as here.
    ///
    /// # Errors
    ///
    /// The first fact without sense.
    pub(crate) fn read(&self, facts: &[(String, String)]) -> Result<RoomSettings, Senseless> {
        let facts = Facts(facts);
        let away_timeout = facts.read(AWAY_TIMEOUT, |text| {
            let seconds = text.parse().ok().filter(|it| AWAY_TIMEOUTS.contains(it));
            seconds.map(Duration::from_secs)
        })?;
        let invite = facts.read(INVITE, |text| one_of(text, [OWNERS, OPERATORS]))?;
        let room = RoomSettings {
            away_timeout: away_timeout.unwrap_or(self.away_timeout),
            keep_names: facts.read(KEEP_NAMES, read_time)?.unwrap_or(self.keep_names),
            operators: facts.read(OPERATORS, read_names)?.unwrap_or(self.operators.clone()),
            invited: facts.read(INVITED, yes_or_no)?.unwrap_or(self.invited),
            operators_invite: invite.unwrap_or(self.operators_invite),
            has_password: facts.read(PASSWORD, yes_or_no)?.unwrap_or(self.has_password),
        };
        Ok(room)
    }

    /// The first setting of the room's that is not what this server was told; `None` if it can be one of the room's.
    pub(crate) fn difference(&self, room: &RoomSettings, told: Told) -> Option<Difference> {
        let is_told = [
            told.away_timeout,
            told.keep_names,
            told.operators,
            self.invited,
            told.invite,
            // Without the room's password, this server could ask nobody for it.
            true,
        ];
        let is_same = [
            self.away_timeout == room.away_timeout,
            self.keep_names == room.keep_names,
            folded(&self.operators) == folded(&room.operators),
            self.invited == room.invited,
            self.operators_invite == room.operators_invite,
            self.has_password == room.has_password,
        ];
        let other = (0..OPTIONS.len()).find(|&at| is_told[at] && !is_same[at])?;
        let value = |settings: &RoomSettings| settings.facts()[other].1.clone();
        Some(Difference { option: OPTIONS[other], has: value(room), told: value(self) })
    }
}

/// As it goes on after `the shared room lobby has`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { option, has, told } = self;
        match has.as_str() {
            "" | NO => write!(f, "no {option}: give none"),
            YES => write!(f, "{option}: give the same"),
            _ => write!(f, "{option} {has}, not {told}: give the same"),
        }
    }
}

/// The facts of a room.
struct Facts<'a>(&'a [(String, String)]);

impl Facts<'_> {
    /// One of them, if it is there.
    fn read<T>(
        &self,
        fact: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Senseless> {
        let Some((_, value)) = self.0.iter().find(|(known, _)| known == fact) else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| Senseless { fact, value: value.clone() })
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    one_of(text, [NO, YES])
}

/// Whether it is the second one; `None` if it is neither.
fn one_of(text: &str, [no, yes]: [&str; 2]) -> Option<bool> {
    (text == no || text == yes).then_some(text == yes)
}

fn read_names(text: &str) -> Option<Vec<Name>> {
    let names = text.split(',').filter(|name| !name.is_empty());
    names.map(|name| Name::parse(name).ok()).collect::<Option<_>>().map(in_order)
}

fn in_order(mut names: Vec<Name>) -> Vec<Name> {
    names.sort_by_cached_key(word);
    names.dedup_by_key(|name| word(name));
    names
}

fn folded(names: &[Name]) -> Vec<String> {
    names.iter().map(word).collect()
}

/// A name without case.
fn word(name: &Name) -> String {
    name.likeness().folded().to_owned()
}

/// A time as `--keep-names` takes it.
fn time(time: Option<Duration>) -> String {
    const UNITS: [(u64, char); 3] = [(365 * 24, 'y'), (24, 'd'), (1, 'h')];
    let Some(hours) = time.map(|time| time.as_secs() / 3600) else { return FOR_EVER.to_owned() };
    let unit = UNITS.into_iter().find(|(unit, _)| hours.is_multiple_of(*unit));
    let (unit, letter) = unit.unwrap_or((1, 'h'));
    format!("{}{letter}", hours / unit)
}

/// The time that is written so; `None` if it is none.
fn read_time(text: &str) -> Option<Option<Duration>> {
    if text == FOR_EVER {
        return Some(None);
    }
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "y" => 365 * 24,
        "d" => 24,
        "h" => 1,
        _ => return None,
    };
    let hours = count.parse::<u64>().ok()?.checked_mul(unit).filter(|it| KEPT.contains(it))?;
    Some(Some(Duration::from_secs(hours * 3600)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Name {
        Name::parse(name).expect("a name")
    }

    fn facts(settings: &RoomSettings) -> Vec<(String, String)> {
        settings.facts().map(|(fact, value)| (fact.to_owned(), value)).into()
    }

    fn all(is_told: bool) -> Told {
        Told { away_timeout: is_told, keep_names: is_told, operators: is_told, invite: is_told }
    }

    /// What is told of a server that was told everything, in a room.
    fn told(own: &RoomSettings, room: &RoomSettings) -> Option<String> {
        own.difference(room, all(true)).map(|difference| difference.to_string())
    }

    #[test]
    fn a_server_that_was_told_nothing_takes_what_the_room_has() {
        let own = RoomSettings::of(&Config::default());
        for keep_names in [None, Some(12), Some(48), Some(2 * 365 * 24)] {
            let room = RoomSettings {
                away_timeout: Duration::from_secs(120),
                keep_names: keep_names.map(|hours| Duration::from_secs(3600 * hours)),
                operators: vec![name("alice"), name("Bob")],
                invited: true,
                ..own.clone()
            };
            let read = own.read(&facts(&room)).expect("it has sense");
            assert_eq!(read, room);
            assert_eq!(own.difference(&read, all(false)), None);
            let config = read.configure(&Config::default());
            assert_eq!(RoomSettings::of(&config), room);
        }
        assert_eq!(own.read(&[]), Ok(own));
    }

    #[test]
    fn a_server_that_was_told_something_else_does_not_start() {
        let room = RoomSettings::of(&Config::default());
        let refused = |change: fn(&mut RoomSettings)| {
            let mut own = room.clone();
            change(&mut own);
            told(&own, &room).expect("they differ")
        };
        let seconds = Duration::from_secs;
        assert_eq!(
            refused(|own| own.away_timeout = Duration::from_secs(30)),
            "--away-timeout 60, not 30: give the same"
        );
        assert_eq!(
            refused(|own| own.keep_names = None),
            "--keep-names 90d, not forever: give the same"
        );
        assert_eq!(refused(|own| own.operators.push(name("eve"))), "no --operator: give none");
        assert_eq!(
            refused(|own| own.operators_invite = true),
            "--invite owners, not operators: give the same"
        );
        assert_eq!(refused(|own| own.invited = true), "no --invited: give none");
        assert_eq!(refused(|own| own.has_password = true), "no --password-file: give none");
        let locked = RoomSettings { has_password: true, ..room.clone() };
        let difference = room.difference(&locked, all(false)).expect("it could let nobody in");
        assert_eq!(difference.to_string(), "--password-file: give the same");
        let other = RoomSettings { away_timeout: seconds(30), ..room.clone() };
        assert_eq!(other.difference(&room, all(false)), None);
    }

    #[test]
    fn operators_are_the_same_in_any_order_and_case() {
        let with = |names: &[&str]| {
            let operators = names.iter().map(|it| name(it)).collect();
            RoomSettings::of(&Config { operators, ..Config::default() })
        };
        let room = with(&["alice", "Bob"]);
        assert_eq!(told(&with(&["bob", "ALICE", "bob"]), &room), None);
        assert_eq!(
            told(&with(&["bob"]), &room).as_deref(),
            Some("--operator alice,Bob, not bob: give the same")
        );
    }

    #[test]
    fn a_fact_without_sense_is_told() {
        let own = RoomSettings::of(&Config::default());
        for (fact, value) in [
            ("away_timeout", "soon"),
            ("away_timeout", "86401"),
            ("keep_names", "90"),
            ("keep_names", "é"),
            ("keep_names", "0h"),
            ("keep_names", "101y"),
            ("operators", "a b"),
            ("invited", "true"),
            ("invite", "all"),
            ("password", ""),
        ] {
            let read = own.read(&[(fact.to_owned(), value.to_owned())]);
            assert_eq!(read, Err(Senseless { fact, value: value.to_owned() }));
        }
    }
}
