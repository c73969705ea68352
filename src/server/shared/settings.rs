//! What the servers of a room must be told alike, since the room is another one without it: how long its members may be
//! away, for how long names are kept, who its operators are, and who may come in. Pure.
//!
//! They stand beside the room's log, a field for each, where the first server puts them. A server that was not told one
//! takes the room's; one that was told another does not start. All else is each server's own: limits and timeouts of
//! connections, `--memory`, `--replay`, the history, TLS, and what the password of `--password-file` is, as long as all
//! or none of them have one.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::name::Name;
use crate::server::config::{Config, EntranceConfig};

/// The settings of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoomSettings {
    /// How long a member whose connection is lost may take to come back.
    pub(crate) away_timeout: Duration,
    /// For how long a name stays one's own after the last visit; `None` is for ever.
    pub(crate) keep_names: Option<Duration>,
    /// The names whose owners are operators, in their order without repetitions.
    pub(crate) operators: Vec<Name>,
    /// Whether only those may come in whom somebody has invited.
    pub(crate) invited: bool,
    /// Whether operators alone may invite.
    pub(crate) operators_invite: bool,
    /// Whether the room has a password.
    pub(crate) has_password: bool,
}

/// Which settings a server was told, and did not take for lack of another. A flag was told if it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Told {
    /// `--away-timeout`.
    pub(crate) away_timeout: bool,
    /// `--keep-names`.
    pub(crate) keep_names: bool,
    /// `--operator`.
    pub(crate) operators: bool,
    /// `--invite`.
    pub(crate) invite: bool,
}

const AWAY_TIMEOUT: &str = "away_timeout";
const KEEP_NAMES: &str = "keep_names";
const OPERATORS: &str = "operators";
const INVITED: &str = "invited";
const INVITE: &str = "invite";
const PASSWORD: &str = "password";

const YES: &str = "yes";
const NO: &str = "no";
const FOR_EVER: &str = "forever";
const OWNERS: &str = "owners";

impl RoomSettings {
    /// Those of a server.
    pub(crate) fn of(config: &Config) -> RoomSettings {
        let mut operators = config.operators.clone();
        operators.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        operators.dedup();
        RoomSettings {
            away_timeout: config.away_timeout,
            keep_names: config.keep_names,
            operators,
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

    /// The fields beside the log, each with its value as the option has it. Each is to be put there unless it is there.
    pub(crate) fn fields(&self) -> [(&'static str, String); 6] {
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

    /// What holds for the room of that name, beside whose log these fields stand. A field that is missing is as here.
    ///
    /// # Errors
    ///
    /// This server was told something else than the room has, or a field means nothing: what is to be said of that.
    pub(crate) fn agree(
        &self,
        room: &str,
        told: Told,
        fields: &BTreeMap<String, String>,
    ) -> Result<RoomSettings, String> {
        let own: BTreeMap<_, _> = self.fields().into_iter().collect();
        let value = |field: &str| fields.get(field).unwrap_or(&own[field]).as_str();
        // A server without the room's password could ask nobody for it.
        for (field, option, is_told) in [
            (AWAY_TIMEOUT, "--away-timeout", told.away_timeout),
            (KEEP_NAMES, "--keep-names", told.keep_names),
            (OPERATORS, "--operator", told.operators),
            (INVITED, "--invited", self.invited),
            (INVITE, "--invite", told.invite),
            (PASSWORD, "--password-file", true),
        ] {
            let (theirs, ours) = (value(field), own[field].as_str());
            if is_told && theirs != ours {
                let differs = difference(option, theirs, ours);
                return Err(format!("the shared room {room} has {differs}"));
            }
        }
        let wrong = |field: &str| {
            let value = value(field);
            format!("the shared room {room} has {field} {value}, which means nothing here")
        };
        let away_timeout = value(AWAY_TIMEOUT).parse().map_err(|_| wrong(AWAY_TIMEOUT))?;
        let names = value(OPERATORS).split(',').filter(|name| !name.is_empty());
        let names: Option<Vec<_>> = names.map(|name| Name::parse(name).ok()).collect();
        Ok(RoomSettings {
            away_timeout: Duration::from_secs(away_timeout),
            keep_names: read_time(value(KEEP_NAMES)).ok_or_else(|| wrong(KEEP_NAMES))?,
            operators: names.ok_or_else(|| wrong(OPERATORS))?,
            invited: value(INVITED) == YES,
            operators_invite: value(INVITE) == OPERATORS,
            has_password: value(PASSWORD) == YES,
        })
    }
}

/// How an option of the room's differs from a server's, and what to do.
fn difference(option: &str, theirs: &str, ours: &str) -> String {
    match theirs {
        "" | NO => format!("no {option}: give none"),
        YES => format!("{option}: give the same"),
        _ => format!("{option} {theirs}, not {ours}: give the same"),
    }
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
    let hours = match unit {
        "y" => 365 * 24,
        "d" => 24,
        "h" => 1,
        _ => return None,
    };
    let seconds = count.parse::<u64>().ok()?.checked_mul(hours * 3600)?;
    Some(Some(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Name {
        Name::parse(name).expect("a name")
    }

    fn fields(settings: &RoomSettings) -> BTreeMap<String, String> {
        settings.fields().map(|(field, value)| (field.to_owned(), value)).into()
    }

    fn all(is_told: bool) -> Told {
        Told { away_timeout: is_told, keep_names: is_told, operators: is_told, invite: is_told }
    }

    #[test]
    fn a_server_that_was_told_nothing_takes_what_the_room_has() {
        let own = RoomSettings::of(&Config::default());
        let operators = vec![name("alice"), name("bob")];
        for keep_names in [None, Some(12), Some(48), Some(2 * 365 * 24)] {
            let keep_names = keep_names.map(|hours| Duration::from_secs(3600 * hours));
            let away_timeout = Duration::from_secs(120);
            let (operators, invited) = (operators.clone(), true);
            let room = RoomSettings { away_timeout, keep_names, operators, invited, ..own.clone() };
            assert_eq!(own.agree("lobby", all(false), &fields(&room)), Ok(room.clone()));
            let config = room.configure(&Config::default());
            assert_eq!(RoomSettings::of(&config), room);
        }
        assert_eq!(own.agree("lobby", all(true), &BTreeMap::new()), Ok(own.clone()));
    }

    #[test]
    fn a_server_that_was_told_something_else_does_not_start() {
        let room = RoomSettings::of(&Config::default());
        let refused = |change: fn(&mut RoomSettings)| {
            let mut own = room.clone();
            change(&mut own);
            own.agree("lobby", all(true), &fields(&room)).expect_err("they differ")
        };
        assert_eq!(
            refused(|own| own.away_timeout = Duration::from_secs(30)),
            "the shared room lobby has --away-timeout 60, not 30: give the same"
        );
        assert_eq!(
            refused(|own| own.keep_names = None),
            "the shared room lobby has --keep-names 90d, not forever: give the same"
        );
        assert_eq!(
            refused(|own| own.operators.push(name("eve"))),
            "the shared room lobby has no --operator: give none"
        );
        assert_eq!(
            refused(|own| own.operators_invite = true),
            "the shared room lobby has --invite owners, not operators: give the same"
        );
        assert_eq!(
            refused(|own| own.invited = true),
            "the shared room lobby has no --invited: give none"
        );
        assert_eq!(
            refused(|own| own.has_password = true),
            "the shared room lobby has no --password-file: give none"
        );
        let locked = RoomSettings { has_password: true, ..room.clone() };
        assert_eq!(
            room.agree("lobby", all(false), &fields(&locked)),
            Err("the shared room lobby has --password-file: give the same".to_owned())
        );
    }

    #[test]
    fn a_field_that_means_nothing_is_told() {
        let own = RoomSettings::of(&Config::default());
        for (field, value) in [
            ("away_timeout", "soon"),
            ("keep_names", "90"),
            ("operators", "a b"),
            ("keep_names", "é"),
        ] {
            let fields = [(field.to_owned(), value.to_owned())].into();
            let told =
                format!("the shared room lobby has {field} {value}, which means nothing here");
            assert_eq!(own.agree("lobby", all(false), &fields), Err(told));
        }
    }
}
