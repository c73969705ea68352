//! All before a name is settled: the banner, the form of the lines, when silence means something, and joining. The session's thread runs it.

use std::mem;
use std::time::Duration;

use super::farewell::on_refused;
use super::input::Input;
use super::keyboard::Silence;
use super::proof::Proof;
use super::{GO_ON, Next, Phase, Session};
use crate::protocol::foreign::{Foreign, TLS_HANDSHAKE};
use crate::protocol::name::Name;
use crate::protocol::reply::{Notice, Offer, Refusal, SharedNotice};
use crate::protocol::tag::Format;
use crate::server::hub::permit::Shown;
use crate::server::hub::permit::{Admitted, Denied};
use crate::server::kinds::{CAME_OR_WENT, TURNED_AWAY};
use crate::server::room::entry::Credentials;

impl Session {
    /// Greets the client, of whose input `come` has come already.
    pub(super) fn begin(&mut self, input: &mut Input, come: &[u8]) -> Next {
        let why = match &self.phase {
            Phase::Unnamed { permit, .. } => permit.why_missing(),
            Phase::Outside(outside) => outside.why_no_place(),
            Phase::Joined { .. } | Phase::Gone => None,
        };
        if let Some(why) = why.cloned() {
            return self.at_the_door(input, come.to_vec(), &why);
        }
        self.greet();
        if come.is_empty() {
            return GO_ON;
        }
        self.look_at_first_byte(come)?;
        self.chunk(input, come)
    }

    /// Sends the banner.
    pub(super) fn greet(&self) {
        self.connection.tell(Notice::Banner(self.greeting.offer));
        if self.hub.is_away() && self.connection.is_first_told_away() {
            self.connection.tell(Notice::Shared(SharedNotice::AwayAtDoor));
        }
    }

    /// Looks at the first byte of the client's input, which it has sent as the first of `bytes`. Nothing is said to a
    /// client that speaks TLS when it is too late for that, or where nobody does, and nothing of what it sends is said.
    pub(super) fn look_at_first_byte(&mut self, bytes: &[u8]) -> Next {
        if mem::replace(&mut self.has_begun, true) || bytes.first() != Some(&TLS_HANDSHAKE) {
            return GO_ON;
        }
        let peer = self.connection.peer();
        match self.greeting.offer {
            Offer::Tls => {
                log::debug!(target: TURNED_AWAY, "{peer} was turned away: it began TLS too late");
            }
            Offer::Nothing => {
                log::warn!(target: TURNED_AWAY, "{peer} was turned away: it speaks TLS");
            }
        }
        self.quit("")
    }

    /// How long to wait for more before that means something; `None` is for ever.
    pub(super) fn timeout(&self, input: &Input) -> Option<Duration> {
        let (is_unnamed, is_late) = match self.phase {
            Phase::Outside(ref outside) => {
                return Some(outside.timeout(input.arrival(), self.proof.grace()));
            }
            Phase::Unnamed { .. } => (true, false),
            Phase::Joined { is_late, .. } => (false, is_late),
            Phase::Gone => (false, false),
        };
        match input.arrival() {
            Some(arrival) => arrival.timeout(!is_unnamed),
            None => (is_unnamed || is_late).then_some(self.proof.grace()),
        }
    }

    /// Called when nothing has come for a while: what stands is a line, and a client that says nothing is a guest.
    pub(super) fn on_silence(&mut self, input: &mut Input) -> Next {
        let silence = input.on_silence();
        if let Phase::Outside(_) = self.phase
            && silence != Some(Silence::Message)
        {
            return self.on_silence_outside(silence);
        }
        match silence {
            Some(Silence::Wait) => return GO_ON,
            Some(Silence::Message) => return self.finish_line(input),
            // The client joins, so that it sees what happens in the room meanwhile.
            Some(Silence::Typing) | None => {}
        }
        self.join(None, self.lines_read);
        self.end_lateness();
        self.append();
        GO_ON
    }

    /// Tells a client that speaks another protocol so, and shows it out.
    pub(super) fn turn_away(&mut self, foreign: Foreign) -> Next {
        let (peer, why) = (self.connection.peer(), foreign.description());
        log::warn!(target: TURNED_AWAY, "{peer} was turned away: {why}");
        let refusal = Refusal::Foreign(foreign);
        match self.phase {
            Phase::Outside(_) | Phase::Unnamed { .. } => self.connection.tell(refusal),
            Phase::Joined { .. } | Phase::Gone => self.answer(&refusal),
        }
        self.append();
        self.quit("")
    }

    /// Called when the client asks for the tagged form with its first line. If it is in the room by then, it is far
    /// away, or waited.
    pub(super) fn on_tags(&mut self) {
        match &mut self.phase {
            Phase::Outside(outside) => outside.tag(),
            Phase::Unnamed { format, .. } => *format = Format::Tagged,
            Phase::Joined { is_late, .. } => *is_late = true,
            Phase::Gone => {}
        }
        if self.lines_read > 0 {
            self.tell_done(self.lines_read);
        }
        self.ask_for_proof();
    }

    /// Makes a guest that asked late for the tagged form a tagged guest, which does not resume any more.
    pub(super) fn end_lateness(&mut self) {
        if !matches!(self.phase, Phase::Joined { is_late: true, .. }) {
            return;
        }
        // The answers gathered so far are in the plain form.
        self.append();
        let key = mem::replace(&mut self.proof, Proof::Closed).key();
        if let Phase::Joined { member, is_late } = &mut self.phase {
            *is_late = false;
            member.tag(self.lines_read, key);
        }
    }

    /// Whether the client, if its connection is lost, may say again what was not taken: it gets the tagged form,
    /// or has asked for it.
    pub(super) fn may_resume(&self) -> bool {
        match &self.phase {
            Phase::Outside(outside) => outside.format() == Format::Tagged,
            Phase::Unnamed { format, .. } => *format == Format::Tagged,
            Phase::Joined { member, is_late } => *is_late || member.format() == Format::Tagged,
            Phase::Gone => false,
        }
    }

    /// Whether a name can be asked for again: in the tagged form, until there is one.
    fn has_open_name(&self) -> bool {
        matches!(self.phase, Phase::Unnamed { format: Format::Tagged, .. })
    }

    /// Tells a client that it does not get the name it wants. In the tagged form it may ask for
    /// another one.
    pub(super) fn refuse_name(&mut self, refusal: &Refusal<'_>) {
        if self.has_open_name() {
            self.tell_outside(Format::Tagged, refusal);
        } else {
            self.answer(refusal);
        }
    }

    /// Sees to it that the client is in the room, as a guest if it has no name. Joining does not consume
    /// the current line, which is counted already if it is one that counts.
    pub(super) fn member(&mut self) {
        if matches!(self.phase, Phase::Unnamed { .. }) {
            let current = u64::from(self.answers.is_some());
            self.join(None, self.lines_read.saturating_sub(current));
        }
    }

    /// Tells a client that it is not let in, and lets it know that nothing more comes.
    fn refuse_entry(&mut self, refusal: &Refusal<'_>) {
        let Phase::Unnamed { format, .. } = self.phase else { return };
        self.tell_outside(format, refusal);
        self.complete();
        on_refused(&self.connection, refusal);
        // A client that stays all the same would keep its thread, and has no place.
        self.connection.end_input();
        self.phase = Phase::Gone;
    }

    /// Gives up a client that has left while the room was away.
    fn let_go(&mut self) {
        self.connection.end_input();
        self.phase = Phase::Gone;
    }

    /// What the client has shown for a name that it wants.
    pub(super) fn shown_for(&self, wanted: Option<&Name>) -> Shown {
        let may_claim = wanted.is_some_and(|name| !self.is_made_of_refused(name));
        let given = self.given.credentials_for(wanted);
        let credentials = Credentials { key: self.proof.key(), may_claim, ..given };
        Shown { credentials, is_let_in: self.given.has_used_code }
    }

    /// Whether a name is one that was refused, with a number behind it: such a name does not become the client's own.
    fn is_made_of_refused(&self, name: &Name) -> bool {
        let refused = self.refused.as_ref().map(Name::as_str);
        let number = refused.and_then(|refused| name.as_str().strip_prefix(refused));
        number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Joins, as a guest unless the client has `wanted` a name; `taken` of its lines count as taken.
    pub(super) fn join(&mut self, wanted: Option<&Name>, taken: u64) {
        let phase = mem::replace(&mut self.phase, Phase::Gone);
        let Phase::Unnamed { permit, format } = phase else {
            self.phase = phase;
            return;
        };
        let shown = self.shown_for(wanted);
        match permit.join(wanted, &self.connection, format, taken, shown) {
            Ok(Admitted { membership, here, closing }) => {
                let (name, peer) = (membership.name(), self.connection.peer());
                if !closing {
                    log::info!(target: CAME_OR_WENT, "{name} joined from {peer}, {here} here");
                }
                self.phase = Phase::Joined { member: membership, is_late: false };
                self.proof = Proof::Closed;
            }
            Err((permit, denied)) => {
                self.phase = Phase::Unnamed { permit, format };
                match (denied, wanted) {
                    (Denied::Name(why), Some(name)) => {
                        self.refused = Some(name.clone());
                        self.refuse_name(&why.refusal(name));
                    }
                    (Denied::Name(_), None) => {}
                    (Denied::Entry(refusal), _) => self.refuse_entry(&refusal),
                    (Denied::Left, _) => self.let_go(),
                }
            }
        }
    }
}
