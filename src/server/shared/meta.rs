//! What all servers of a shared room agree on: the form of what they write, the room's identity, and what holds for all
//! of it. Each fact is offered once, and whoever was first counts.

use std::fmt;

use data_encoding::HEXLOWER;

use super::engine::Link;
use super::entries::MAX_NUMBER;
use super::refusal::Refusal;
use super::settings::RoomSettings;
use super::trouble::Trouble;
use super::url::SharedUrl;
use crate::server::config::Told;
use crate::server::room::log::Numbers;
use crate::server::system::random_bits;

/// The form of groups and snapshots that this version reads and writes.
pub(crate) const FORMAT: u64 = 1;

/// How many bytes of groups may be kept. A log of fewer would be trimmed to less than one answer has, and a reader could
/// miss that (`follower.rs`).
const LOG_BYTES: std::ops::RangeInclusive<u64> = 1 << 20..=64 << 30;

/// The fact that has the numbers of a room whose log was emptied: the last event's, and the next member's.
const NUMBERS: &str = "numbers";

/// The identity of a shared room: 128 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RoomId([u8; 16]);

impl RoomId {
    /// Another one. `None` where the system has no random numbers.
    pub(crate) fn random() -> Option<RoomId> {
        random_bits().map(|bits| RoomId(bits.to_le_bytes()))
    }

    /// Reads what [`Display`](fmt::Display) shows.
    pub(crate) fn parse(text: &str) -> Option<RoomId> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(RoomId)
    }

    /// Its first 8 bytes, which each group has.
    pub(crate) fn short(self) -> u64 {
        u64::from_le_bytes(*self.0.first_chunk().expect("it has 16 bytes"))
    }
}

/// In hexadecimal digits.
impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// What a server brings to a room.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    /// The settings of a room that has none yet.
    pub(crate) settings: RoomSettings,
    /// Which of them its operator has given: another one of the room's will not do.
    pub(crate) told: Told,
    /// How many bytes of groups are kept.
    pub(crate) log_bytes: u64,
    /// The room's identity, for the case that it has none.
    pub(crate) id: RoomId,
}

/// What holds for a room, on all servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// Its identity.
    pub(crate) id: RoomId,
    /// Its settings.
    pub(crate) settings: RoomSettings,
    /// How many bytes of groups are kept.
    pub(crate) log_bytes: u64,
    /// The numbers of the room that a server knew which has found the log emptied, if one has: others may have been given
    /// out up to these.
    pub(crate) numbers: Option<Numbers>,
}

/// Whether the room has an identity there, and with it servers or a past.
///
/// # Errors
///
/// The engine does not answer.
pub(crate) fn has_room(link: &mut dyn Link) -> Result<bool, Trouble> {
    Ok(link.facts()?.iter().any(|(fact, _)| fact == "id"))
}

/// Joins the servers of a room, or begins it.
///
/// # Errors
///
/// The engine does not answer; or, inside, what holds for the room does not fit this server. Then nothing that the room
/// has was changed.
pub(crate) fn agree(
    link: &mut dyn Link,
    url: &SharedUrl,
    offer: &Offer,
) -> Result<Result<Agreed, Refusal>, Trouble> {
    // What is there is looked at first: a server that does not fit leaves no trace.
    let mut facts = Facts { url, facts: link.facts()? };
    if let Err(refusal) = facts.read(offer) {
        return Ok(Err(refusal));
    }
    for (fact, value) in all_facts(&offer.settings, offer.log_bytes, offer.id) {
        let counts = link.offer(fact, &value)?;
        facts.set(fact, counts);
    }
    Ok(facts.read(offer))
}

/// Offers what holds for a room once more, to an engine that has lost it, and these numbers, from which a server goes on
/// that comes before any which knows the room. The identity of the room that is there then.
///
/// # Errors
///
/// The engine does not answer.
pub(crate) fn offer_again(
    link: &mut dyn Link,
    agreed: &Agreed,
    Numbers { seq, member }: Numbers,
) -> Result<Option<RoomId>, Trouble> {
    link.offer(NUMBERS, &format!("{seq} {member}"))?;
    let mut id = None;
    for (fact, value) in all_facts(&agreed.settings, agreed.log_bytes, agreed.id) {
        id = RoomId::parse(&link.offer(fact, &value)?);
    }
    Ok(id)
}

/// What is written of a room, in this order. The identity is the last: a room that has one has everything else.
fn all_facts(
    settings: &RoomSettings,
    log_bytes: u64,
    id: RoomId,
) -> impl Iterator<Item = (&'static str, String)> {
    let first = [("format", FORMAT.to_string()), ("log_bytes", log_bytes.to_string())];
    first.into_iter().chain(settings.facts()).chain([("id", id.to_string())])
}

/// Reads what stands under [`NUMBERS`].
fn numbers(text: &str) -> Option<Numbers> {
    let (seq, member) = text.split_once(' ')?;
    let number = |text: &str| text.parse().ok().filter(|number| *number <= MAX_NUMBER);
    Some(Numbers { seq: number(seq)?, member: number(member)? })
}

/// What the engine has.
struct Facts<'a> {
    /// Where, for people.
    url: &'a SharedUrl,
    /// By name.
    facts: Vec<(String, String)>,
}

impl Facts<'_> {
    fn set(&mut self, fact: &str, value: String) {
        self.facts.retain(|(known, _)| known != fact);
        self.facts.push((fact.to_owned(), value));
    }

    /// What holds, where the offer fills the gaps.
    fn read(&self, offer: &Offer) -> Result<Agreed, Refusal> {
        let format = self.number("format", &(0..=u64::MAX))?.unwrap_or(FORMAT);
        if format > FORMAT {
            let room = self.url.room.clone();
            return Err(Refusal::Newer { room, format, reads: FORMAT });
        }
        let settings = offer.settings.read(&self.facts);
        let settings = settings.map_err(|it| self.senseless(it.fact, &it.value))?;
        if let Some(difference) = offer.settings.difference(&settings, offer.told) {
            return Err(Refusal::Differs { room: self.url.room.clone(), difference });
        }
        let log_bytes = self.number("log_bytes", &LOG_BYTES)?.unwrap_or(offer.log_bytes);
        let id = self.parse("id", RoomId::parse)?.unwrap_or(offer.id);
        let numbers = self.parse(NUMBERS, numbers)?;
        Ok(Agreed { id, settings, log_bytes, numbers })
    }

    fn number(
        &self,
        fact: &'static str,
        range: &std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Refusal> {
        self.parse(fact, |text| text.parse().ok().filter(|number| range.contains(number)))
    }

    fn parse<T>(
        &self,
        fact: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some((_, text)) = self.facts.iter().find(|(known, _)| known == fact) else {
            return Ok(None);
        };
        parse(text).map(Some).ok_or_else(|| self.senseless(fact, text))
    }

    fn senseless(&self, fact: &'static str, value: &str) -> Refusal {
        Refusal::Senseless { room: self.url.room.clone(), fact, value: value.to_owned() }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::time::Duration;

    use super::super::engine::Engine;
    use super::super::fake::Fake;
    use super::*;
    use crate::server::config::Config;

    fn url() -> SharedUrl {
        SharedUrl::parse("redis://cache/lobby").expect("it is one")
    }

    fn offer(away_timeout: u64, is_told: bool) -> Offer {
        let away_timeout = Duration::from_secs(away_timeout);
        Offer {
            settings: RoomSettings::of(&Config { away_timeout, ..Config::default() }),
            told: Told { away_timeout: is_told, ..Told::default() },
            log_bytes: 16 << 20,
            id: RoomId::random().expect("there are random numbers"),
        }
    }

    /// The room's identity, its timeout in seconds and what is kept of its log.
    fn agreed(link: &mut dyn Link, offer: &Offer) -> Result<(RoomId, u64, u64), String> {
        let agreed = agree(link, &url(), offer).expect("it answers");
        let agreed = agreed.map_err(|refusal| refusal.to_string())?;
        Ok((agreed.id, agreed.settings.away_timeout.as_secs(), agreed.log_bytes))
    }

    #[test]
    fn an_identity_is_shown_in_hexadecimal_digits_and_read_again() {
        let text = "0102030405060708090a0b0c0d0e0f10";
        let id = RoomId::parse(text).expect("it is one");
        assert_eq!((id.to_string().as_str(), id.short()), (text, 0x0807_0605_0403_0201));
        for text in
            ["", "01", "0102030405060708090a0b0c0d0e0f1", "0102030405060708090a0b0c0d0e0fXX"]
        {
            assert_eq!(RoomId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_server_decides_and_the_others_take_it() {
        let fake = Fake::new();
        let mut link = fake.connect().expect("it is there");
        assert_eq!(has_room(link.as_mut()), Ok(false));
        let first = offer(120, true);
        let of_first = agreed(link.as_mut(), &first).expect("nothing is in its way");
        assert_eq!(of_first, (first.id, 120, 16 << 20));
        assert_eq!(has_room(link.as_mut()), Ok(true));
        let second = Offer { log_bytes: 1 << 20, ..offer(60, false) };
        assert_eq!(agreed(link.as_mut(), &second), Ok(of_first));
        assert_eq!(agreed(link.as_mut(), &offer(120, true)), Ok(of_first));
    }

    #[test]
    fn whoever_comes_to_an_emptied_store_learns_from_which_numbers_the_room_goes_on() {
        let fake = Fake::new();
        let mut link = fake.connect().expect("it is there");
        let offer = offer(60, false);
        let agreed = agree(link.as_mut(), &url(), &offer).expect("it answers");
        let agreed = agreed.expect("nothing is in its way");
        assert_eq!(agreed.numbers, None);
        fake.empty();
        let survivors = Numbers { seq: 5000, member: 70 };
        assert_eq!(offer_again(link.as_mut(), &agreed, survivors), Ok(Some(agreed.id)));
        let late = Numbers { seq: 4000, member: 60 };
        assert_eq!(offer_again(link.as_mut(), &agreed, late), Ok(Some(agreed.id)));
        let newcomer = agree(link.as_mut(), &url(), &offer).expect("it answers");
        assert_eq!(newcomer, Ok(Agreed { numbers: Some(survivors), ..agreed }));
    }

    #[test]
    fn a_server_that_does_not_fit_is_refused_and_changes_nothing() {
        let fake = Fake::new();
        let mut link = fake.connect().expect("it is there");
        link.offer("away_timeout", "60").expect("it answers");
        let told = agreed(link.as_mut(), &offer(30, true)).expect_err("it says another");
        assert_eq!(told, "the shared room lobby has --away-timeout 60, not 30: give the same");
        assert_eq!(has_room(link.as_mut()), Ok(false));
        link.offer("format", "2").expect("it answers");
        let told = agreed(link.as_mut(), &offer(60, false)).expect_err("it is newer");
        let newer = "the shared room lobby needs a newer chatserver (format 2, this one reads 1); \
                     update this one";
        assert_eq!(told, newer);
        assert_eq!(has_room(link.as_mut()), Ok(false));
    }

    #[test]
    fn facts_without_sense_are_told_with_what_removes_them() {
        for (fact, value) in [
            ("away_timeout", "soon"),
            ("away_timeout", "86401"),
            ("log_bytes", "16M"),
            ("log_bytes", "1048575"),
            ("id", "lobby"),
            ("format", "-1"),
            ("numbers", "5"),
        ] {
            let fake = Fake::new();
            let mut link = fake.connect().expect("it is there");
            link.offer(fact, value).expect("it answers");
            let told = agreed(link.as_mut(), &offer(60, false)).expect_err("it makes no sense");
            let expected = format!(
                "the shared room lobby has {fact} \"{value}\" in Redis, which makes no sense; \
                 remove it: redis-cli HDEL 'chatroom:{{lobby}}:meta' {fact}"
            );
            assert_eq!(told, expected);
        }
    }
}
