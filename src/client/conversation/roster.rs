//! Who is here, as far as the server's lines have told, and who spoke last. Pure.
//!
//! Nobody asks the server for it: whoever comes, goes or speaks is known from then on, and an answer
//! to `/who` settles it.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::client::colours::Ink;
use crate::protocol::name::Likeness;
use crate::protocol::reply::{Names, ReadNotice};

/// The most names that are kept. A room has 100 members unless its owner wants more; a server that
/// makes up names gets no more memory than this, and the names beyond are not completed.
const MOST: usize = 10_000;

/// Those who are here.
#[derive(Debug, Default)]
pub(super) struct Roster {
    /// Our own name, once it is known.
    me: Option<String>,
    /// By their likeness.
    members: HashMap<String, Member>,
    /// The part of an answer to `/who` that has come, while there is more to come.
    listing: Vec<String>,
    /// An answer to `/who` has come, so whoever is not known is not here.
    is_complete: bool,
    /// How often somebody has spoken.
    spoken: u64,
}

/// What is known of a member besides the name.
#[derive(Debug)]
pub(super) struct Member {
    /// What the name is compared by.
    pub(super) likeness: Likeness,
    /// The colour of the name.
    pub(super) ink: Ink,
    /// The value of `spoken` when the member last spoke; 0 is never.
    spoke: u64,
}

impl Member {
    fn new(name: &str) -> Member {
        let likeness = Likeness::of(name);
        let ink = Ink::of(&likeness);
        Member { likeness, ink, spoke: 0 }
    }
}

/// Which members are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// All besides us.
    Others,
    /// Those besides us who have spoken.
    Speakers,
}

impl Roster {
    /// Our own name, once it is known.
    pub(super) fn me(&self) -> Option<&str> {
        self.me.as_deref()
    }

    /// Whoever is here under exactly that name.
    pub(super) fn get(&self, name: &str) -> Option<&Member> {
        self.members.get(name)
    }

    /// Whether it is known that nobody here is called so.
    pub(super) fn has_nobody_called(&self, likeness: &Likeness) -> bool {
        let is_called_so = |member: &Member| member.likeness.is_same_word(likeness);
        self.is_complete && !self.members.values().any(is_called_so)
    }

    /// Those who are wanted: who spoke last comes first, and then the alphabet decides.
    pub(super) fn names(&self, who: Who) -> Vec<&str> {
        let wanted = |(name, member): &(&String, &Member)| {
            Some(name.as_str()) != self.me() && (who == Who::Others || member.spoke > 0)
        };
        let mut members: Vec<_> = self.members.iter().filter(wanted).collect();
        members.sort_by_key(|(_, member)| (Reverse(member.spoke), member.likeness.folded()));
        members.into_iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Somebody has spoken, and so is here.
    pub(super) fn spoke(&mut self, name: &str) {
        self.spoken += 1;
        let spoken = self.spoken;
        if let Some(member) = self.member(name) {
            member.spoke = spoken;
        }
    }

    /// Somebody has turned out to be here.
    pub(super) fn is_here(&mut self, name: &str) {
        self.member(name);
    }

    /// Takes over what a notice tells.
    pub(super) fn learn(&mut self, notice: ReadNotice<'_>) {
        match notice {
            ReadNotice::YouAre(name) => {
                // The first word of a connection: who was here before may be gone.
                self.members.clear();
                self.listing.clear();
                self.is_complete = false;
                self.rename_me(name);
            }
            ReadNotice::YouAreNow(name) => self.rename_me(name),
            ReadNotice::Joined(name) => self.is_here(name),
            ReadNotice::Left(name) => {
                self.members.remove(name);
            }
            ReadNotice::IsNow { old, new } => self.rename(old, new),
            ReadNotice::Here(names) if names.is_readable() => {
                self.listing.clear();
                self.is_complete = true;
                self.list(names);
            }
            ReadNotice::More(names) if !self.listing.is_empty() => self.list(names),
            // Nothing else tells of who is here.
            _ => {}
        }
    }

    fn member(&mut self, name: &str) -> Option<&mut Member> {
        // Not by `entry`, which would copy the name of whoever speaks at each line.
        if !self.members.contains_key(name) {
            if self.members.len() >= MOST {
                return None;
            }
            self.members.insert(name.to_owned(), Member::new(name));
        }
        self.members.get_mut(name)
    }

    fn rename_me(&mut self, name: &str) {
        if let Some(old) = self.me.take() {
            self.rename(&old, name);
        }
        self.is_here(name);
        self.me = Some(name.to_owned());
    }

    fn rename(&mut self, old: &str, new: &str) {
        let spoke = self.members.remove(old).map_or(0, |member| member.spoke);
        if let Some(member) = self.member(new) {
            member.spoke = member.spoke.max(spoke);
        }
    }

    fn list(&mut self, names: Names<'_>) {
        let room = MOST.saturating_sub(self.listing.len());
        self.listing.extend(names.iter().take(room).map(str::to_owned));
        if !names.goes_on() {
            let mut before = std::mem::take(&mut self.members);
            for name in std::mem::take(&mut self.listing) {
                let member = before.remove(&name).unwrap_or_else(|| Member::new(&name));
                self.members.insert(name, member);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::reply::{self, Message, ReadSpeech};

    /// The names after these lines, `(alice)` being us.
    fn after(lines: &[&str]) -> String {
        let mut roster = Roster::default();
        for line in lines {
            match reply::parse(line).message() {
                Some(Message::Speech(ReadSpeech::Said(name, _))) => roster.spoke(name),
                Some(Message::Notice(notice)) => roster.learn(notice),
                other => panic!("not for the roster: {other:?}"),
            }
        }
        let me = roster.me().map(|name| format!("({name})"));
        let names = roster.names(Who::Others).into_iter().map(str::to_owned);
        me.into_iter().chain(names).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn who_is_here_is_learned_from_what_the_server_says() {
        const ME: &str = "-- you are alice, with 2 others here";
        let cases: &[(&[&str], &str)] = &[
            (&[], ""),
            (&[ME], "(alice)"),
            (&[ME, "-- dave joined", "-- bob joined"], "(alice) bob dave"),
            (&[ME, "<dave> hi", "<bob> hi", "-- carol joined"], "(alice) bob dave carol"),
            (&[ME, "<dave> hi", "<bob> hi", "<dave> ho"], "(alice) dave bob"),
            (&["<bob> hi", "<dave> hi", "-- dave left: bob left"], "bob"),
            (&["<bob> hi", "-- bob was too slow and was dropped"], ""),
            (&["<bob> hi", "-- bob left (connection lost)"], ""),
            (&["<bob> hi", "<dave> hi", "-- bob is now Abe"], "dave Abe"),
            (&["-- bob is now abe"], "abe"),
            (&[ME, "-- you are now al", "-- bob joined"], "(al) bob"),
            (&["<bob> hi", "-- 3 here: abe, bob, Carol"], "bob abe Carol"),
            (&["<bob> hi", "-- 1 here: abe"], "abe"),
            (&["<bob> hi", "-- 3 here: abe, bob,"], "bob"),
            (&["<bob> hi", "-- 3 here: abe, bob,", "-- carol"], "bob abe carol"),
            (&["-- 3 here: abe,", "<eve> hi", "-- bob,", "-- carol"], "abe bob carol"),
            (&["-- 3 here: abe,", "-- 1 here: bob", "-- carol"], "bob"),
            (&["-- carol, dave"], ""),
            (&[ME, "-- 2 here: alice, bob"], "(alice) bob"),
            (
                &["<bob> hi", "-- 3 here: abe (away), bob (away),", "-- carol (away)"],
                "bob abe carol",
            ),
            (
                &[ME, "-- bob joined", "-- bob is away: your line waits until bob is back"],
                "(alice) bob",
            ),
            (&[ME, "<bob> hi", ME], "(alice)"),
            (
                &["<bob> hi", ME, "-- 3 here: @alice*, bob*,", "-- @carol* (away)"],
                "(alice) bob carol",
            ),
            (&[ME, "-- bob joined", "-- bob was removed by alice: flooding"], "(alice)"),
            (&[ME, "-- bob joined", "-- bob was banned by alice for 7 days"], "(alice)"),
        ];
        for (lines, expected) in cases {
            assert_eq!(after(lines), *expected, "{lines:?}");
        }
    }

    #[test]
    fn a_server_that_makes_up_names_gets_no_endless_memory() {
        let mut roster = Roster::default();
        (0..MOST + 10).for_each(|number| roster.spoke(&format!("guest{number}")));
        assert_eq!(roster.names(Who::Speakers).len(), MOST);
        for _ in 0..MOST {
            let line = "-- 9 here: a, b,";
            roster.learn(reply::parse(line).notice().expect("a notice"));
        }
        let more = reply::parse("-- c, d,").notice().expect("a notice");
        (0..MOST).for_each(|_| roster.learn(more));
        assert_eq!(roster.listing.len(), MOST);
    }
}
