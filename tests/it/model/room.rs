//! The room as the protocol says it is: who is here, and what each must get. Pure; it shares no code
//! with the server.

use super::commands::{FAR, Hopeless, Line, MAX_LINE, MEMBERS};

/// How many of the last lines a newcomer is shown.
const REPLAY: usize = 20;

/// How many joins and leaves there may be, for more than ten in a second are told together.
const MOST_MOVES: usize = 10;

/// Which event, of all that there were.
pub(crate) type EventId = usize;

/// A line that somebody is to get.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    /// Which event it is; an answer is none.
    pub(crate) event: Option<EventId>,
    /// Which of the client's lines it answers.
    pub(crate) answers: Option<u64>,
    pub(crate) body: Body,
    /// Whether it comes in the tagged form.
    pub(crate) tagged: bool,
}

/// What stands in the line.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Exactly(String),
    /// `| HH:MM ` and this.
    Replayed(String),
    /// Some token.
    Token,
    /// Some nonce.
    Nonce,
}

/// The limits, as the server tells them.
const LIMITS: &str = "= limits max-line 200 rate 0";

/// What is told of every connection that asks for the tagged form.
const NONCE: Due = Due { event: None, answers: None, body: Body::Nonce, tagged: true };

/// A room and those who have something to do with it.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) clients: [Option<Client>; MEMBERS],
    events: Vec<Event>,
    /// Under what names the members were here that have left.
    gone: Vec<String>,
    /// How many guests there were until now.
    guests: usize,
    /// How many have joined until now; they are told apart by their number.
    joined: usize,
    /// How many joins and leaves there were.
    moves: usize,
}

/// One who has a connection, or may come back on another one.
#[derive(Debug, Default)]
pub(crate) struct Client {
    pub(crate) tagged: bool,
    pub(crate) connected: bool,
    /// Nothing but blank lines has come yet.
    is_fresh: bool,
    /// It was a guest for its silence when it asked for the tagged form, and has done nothing since.
    is_late: bool,
    /// How many of its lines receipts count.
    counted: u64,
    /// The line that it has sent last, if that counts and is not settled yet.
    unsettled: Option<u64>,
    /// Whether its last line counts.
    is_last_counted: bool,
    member: Option<Member>,
    /// What it is to get on this connection and has not read.
    pub(crate) due: Vec<Due>,
}

#[derive(Debug)]
struct Member {
    id: usize,
    name: String,
    /// The first event that it may get.
    since: EventId,
    /// Which members were told that their private lines wait for it, since it is away.
    waited_for_by: Vec<usize>,
}

#[derive(Debug)]
struct Event {
    line: String,
    audience: Audience,
    /// Whether it is shown again.
    is_said: bool,
    /// Who gets a receipt for it, and for which line.
    receipt: Option<(usize, u64)>,
}

#[derive(Debug, Clone, Copy)]
enum Audience {
    AllBut(usize),
    Only(usize),
}

impl Event {
    /// What that member gets of it.
    fn seen_by(&self, id: usize, tagged: bool) -> Option<String> {
        match self.receipt {
            Some((author, line)) if tagged && author == id => return Some(format!("+ {line}")),
            _ => {}
        }
        let is_for = match self.audience {
            Audience::AllBut(author) => author != id,
            Audience::Only(reader) => reader == id,
        };
        is_for.then(|| self.line.clone())
    }

    fn is_replayed_to(&self, id: usize) -> bool {
        self.is_said && !matches!(self.audience, Audience::Only(reader) if reader != id)
    }
}

impl Client {
    /// Whether it is in the room, away or not.
    pub(crate) fn is_member(&self) -> bool {
        self.member.is_some()
    }

    /// Which line what it is told now answers: its last one, if that counts.
    fn answered(&self) -> Option<u64> {
        self.is_last_counted.then_some(self.counted)
    }

    fn is_away(&self) -> bool {
        self.is_member() && !self.connected
    }

    pub(crate) fn name(&self) -> &str {
        self.member.as_ref().map_or("somebody", |member| &member.name)
    }
}

/// That a line of its reader's is done.
fn done(line: u64) -> Due {
    let body = Body::Exactly("= done".to_owned());
    Due { event: None, answers: Some(line), body, tagged: true }
}

/// A name without its case.
fn word(name: &str) -> String {
    name.to_lowercase()
}

/// A name as it looks.
fn look(name: &str) -> String {
    name.replace('I', "l").to_lowercase().replace('\u{430}', "a").replace("rn", "m")
}

impl Room {
    /// Whether somebody may come and leave again.
    pub(crate) fn may_move(&self) -> bool {
        self.moves + 2 <= MOST_MOVES
    }

    /// Somebody connects.
    pub(crate) fn connect(&mut self, who: usize) {
        self.clients[who] = Some(Client { connected: true, is_fresh: true, ..Client::default() });
    }

    /// Somebody has said nothing for long enough.
    pub(crate) fn be_guest(&mut self, who: usize) {
        self.settle(who);
    }

    /// Sends a line. Nothing more of that connection is read if this is `false`.
    pub(crate) fn send(&mut self, who: usize, line: &Line) -> bool {
        let client = self.client(who);
        let is_first = client.is_fresh;
        client.is_fresh &= *line == Line::Blank;
        if *line == Line::Tags && is_first {
            client.is_late = client.member.is_some();
            client.tagged = client.member.is_none();
            if client.tagged && client.counted > 0 {
                client.due.push(done(client.counted));
            }
            client.due.push(NONCE);
            return true;
        }
        if !matches!(line, Line::Resume(_) | Line::Blank) {
            self.end_lateness(who);
        }
        let client = self.client(who);
        let counts = !matches!(line, Line::Tags | Line::Resume(_));
        client.counted += u64::from(counts);
        (client.unsettled, client.is_last_counted) = (counts.then_some(client.counted), counts);
        let goes_on = self.act(who, line);
        // Each line is settled once, and they are in their order.
        let client = self.client(who);
        if let Some(line) = client.unsettled.take().filter(|_| client.tagged) {
            client.due.push(done(line));
        }
        goes_on
    }

    /// Does what a line asks for. Nothing more of that connection is read if this is `false`.
    fn act(&mut self, who: usize, line: &Line) -> bool {
        match line {
            Line::Say(text) => self.say(who, |name| format!("<{name}> {text}")),
            Line::SaySlash(text) => self.say(who, |name| format!("<{name}> /{text}")),
            Line::Act(text) => self.say(who, |name| format!("* {name} {}", text.trim_start())),
            Line::Nick(name) => self.rename(who, name),
            Line::BadNick(_, why) => self.refuse_name(who, why),
            Line::Msg(to, text) => self.whisper(who, to, text.trim_start()),
            Line::Who => {
                self.settle(who);
                self.answer(who, self.who());
            }
            Line::History(most) => {
                self.settle(who);
                let answers = self.client(who).unsettled;
                self.replay(who, *most, answers);
            }
            Line::Quit(farewell) => {
                self.quit(who, farewell.trim());
                return false;
            }
            Line::Blank => {}
            Line::TooLong => {
                let why = "that line was too long and was not sent: the most is";
                self.answer(who, format!("!! {why} {MAX_LINE} bytes"));
            }
            Line::Unknown(word) => {
                let hint = match word.as_str() {
                    "/whois" => "did you mean /who?",
                    "/hsitory" => "did you mean /history?",
                    "/etc" => "/help lists them; to say it, begin with //",
                    _ => "to say it, begin with //",
                };
                self.answer(who, format!("!! unknown command {word}; {hint}"));
            }
            Line::Misused(line, usage) => {
                let word = line.split(' ').next().unwrap_or_default();
                self.answer(who, format!("!! {word} goes like this: {usage}"));
            }
            Line::Tags => self.answer(who, "!! /tags: that is for the first line alone".to_owned()),
            Line::Resume(how) => self.fail_to_resume(who, how),
        }
        true
    }

    /// Somebody sends nothing more, or its connection breaks. `partial` is a line without its end.
    pub(crate) fn lose(&mut self, who: usize, partial: Option<&str>, is_broken: bool) {
        if self.client(who).tagged {
            self.client(who).connected = false;
            return;
        }
        if let Some(text) =
            partial.filter(|_| !self.clients[who].as_ref().is_some_and(|it| it.is_late))
        {
            self.say(who, |name| format!("<{name}> {text}"));
        }
        self.leave(who, if is_broken { " (connection lost)" } else { "" });
    }

    /// Somebody takes up on another connection, after that event.
    pub(crate) fn resume(&mut self, who: usize, seen: Option<EventId>) {
        let client = self.client(who);
        client.connected = true;
        client.due.clear();
        let member = client.member.as_mut().expect("it has a name");
        member.waited_for_by.clear();
        let (id, name) = (member.id, member.name.clone());
        let from = member.since.max(seen.map_or(0, |seen| seen + 1));
        let counted = client.counted;
        let fact =
            |body| Due { event: None, answers: None, body: Body::Exactly(body), tagged: true };
        let greeting = [
            format!("-- welcome back, {name}"),
            format!("= resumed {counted}"),
            LIMITS.to_owned(),
            format!("= nick {name}"),
        ];
        let events = self.events.iter().enumerate().skip(from).filter_map(|(event, it)| {
            let body = Body::Exactly(it.seen_by(id, true)?);
            Some(Due { event: Some(event), answers: None, body, tagged: true })
        });
        let due = [NONCE].into_iter().chain(greeting.map(fact)).chain(events).collect();
        self.client(who).due = due;
    }

    fn client(&mut self, who: usize) -> &mut Client {
        self.clients[who].as_mut().expect("it is here")
    }

    fn member(&self, who: usize) -> &Member {
        self.clients[who].as_ref().and_then(|it| it.member.as_ref()).expect("it has a name")
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.clients.iter().flatten().filter_map(|client| client.member.as_ref())
    }

    fn is_free(&self, name: &str, but_for: Option<usize>) -> bool {
        let mut others = self.members().filter(|member| Some(member.id) != but_for);
        !others.any(|member| look(&member.name) == look(name))
    }

    fn happen(&mut self, line: String, audience: Audience, is_said: bool, line_of: Option<usize>) {
        let receipt = line_of.and_then(|who| {
            let client = self.clients[who].as_ref()?;
            client.tagged.then(|| (self.member(who).id, client.counted))
        });
        if let Some(who) = line_of.filter(|_| receipt.is_some()) {
            self.client(who).unsettled = None;
        }
        let event = Event { line, audience, is_said, receipt };
        for client in self.clients.iter_mut().flatten().filter(|client| client.connected) {
            let Some(member) = &client.member else { continue };
            if let Some(body) = event.seen_by(member.id, client.tagged) {
                let (event, body) = (Some(self.events.len()), Body::Exactly(body));
                client.due.push(Due { event, answers: None, body, tagged: client.tagged });
            }
        }
        self.events.push(event);
    }

    fn tell(&mut self, who: usize, body: Body) {
        self.tell_in_answer(who, body, None);
    }

    fn tell_in_answer(&mut self, who: usize, body: Body, answers: Option<u64>) {
        let client = self.client(who);
        let answers = answers.filter(|_| client.tagged);
        client.due.push(Due { event: None, answers, body, tagged: client.tagged });
    }

    /// Answers its last line, once it has a name.
    fn answer(&mut self, who: usize, line: impl Into<String>) {
        self.settle(who);
        let answers = self.client(who).answered();
        self.tell_in_answer(who, Body::Exactly(line.into()), answers);
    }

    /// Whoever does something without having a name is a guest.
    fn settle(&mut self, who: usize) {
        if self.client(who).member.is_none() {
            self.guests += 1;
            self.join(who, format!("guest{}", self.guests), None);
        }
    }

    /// A guest that asked late for the tagged form gets it from here on.
    fn end_lateness(&mut self, who: usize) {
        let events = self.events.len();
        let client = self.client(who);
        if !std::mem::take(&mut client.is_late) {
            return;
        }
        client.tagged = true;
        let member = client.member.as_mut().expect("it is a guest");
        member.since = events;
        let name = member.name.clone();
        self.tell(who, Body::Token);
        self.tell(who, Body::Exactly(LIMITS.to_owned()));
        self.tell(who, Body::Exactly(format!("= nick {name}")));
        let client = self.client(who);
        if client.counted > 0 {
            client.due.push(done(client.counted));
        }
    }

    /// Joins, and is told before all else if it did not get the name that it wanted.
    fn join(&mut self, who: usize, name: String, refused: Option<&str>) {
        let others = self.members().count();
        let away = self.clients.iter().flatten().filter(|client| client.is_away()).count();
        self.joined += 1;
        self.moves += 1;
        let id = self.joined;
        self.happen(format!("-- {name} joined"), Audience::AllBut(id), false, None);
        let with = match others {
            0 => "alone here".to_owned(),
            1 => "with 1 other here".to_owned(),
            _ => format!("with {others} others here"),
        } + &if away > 0 { format!(", {away} of them away") } else { String::new() };
        self.tell(who, Body::Exactly(format!("-- you are {name}, {with}")));
        if self.client(who).tagged {
            self.tell(who, Body::Token);
            self.tell(who, Body::Exactly(LIMITS.to_owned()));
            self.tell(who, Body::Exactly(format!("= nick {name}")));
        }
        if let Some(refused) = refused {
            self.tell(who, Body::Exactly(format!("!! /nick: the name {refused} is taken")));
        }
        let since = self.events.len();
        self.client(who).member = Some(Member { id, name, since, waited_for_by: Vec::new() });
        if self.events.iter().any(|event| event.is_replayed_to(id)) {
            self.replay(who, REPLAY, None);
        }
    }

    fn replay(&mut self, who: usize, most: usize, answers: Option<u64>) {
        let (id, tagged) = (self.member(who).id, self.client(who).tagged);
        let all = self.events.iter().enumerate().filter(|(_, event)| event.is_replayed_to(id));
        let mut lines: Vec<Due> = all
            .map(|(event, it)| {
                let body = Body::Replayed(it.line.clone());
                Due { event: Some(event), answers: None, body, tagged }
            })
            .collect();
        lines.drain(..lines.len().saturating_sub(most));
        let header = match lines.len() {
            0 => "-- nothing has been said".to_owned(),
            1 => "-- the last line:".to_owned(),
            count => format!("-- the last {count} lines:"),
        };
        self.tell_in_answer(who, Body::Exactly(header), answers);
        if !lines.is_empty() {
            self.client(who).due.append(&mut lines);
            let footer = Body::Exactly("-- you are up to date".to_owned());
            self.tell_in_answer(who, footer, answers);
        }
    }

    fn say(&mut self, who: usize, line: impl FnOnce(&str) -> String) {
        self.settle(who);
        let Member { id, name, .. } = self.member(who);
        self.happen(line(name), Audience::AllBut(*id), true, Some(who));
    }

    fn whisper(&mut self, who: usize, to: &str, text: &str) {
        self.settle(who);
        let found = self.members().find(|member| word(&member.name) == word(to));
        let found = found.map(|member| (member.id, member.name.clone()));
        let Member { id, name, .. } = self.member(who);
        let (id, line) = (*id, format!("[{name} -> you] {text}"));
        match found {
            Some((reader, _)) if reader == id => self.answer(who, "!! /msg: that is you"),
            Some((reader, name)) => {
                self.happen(line, Audience::Only(reader), true, Some(who));
                self.happen(format!("[you -> {name}] {text}"), Audience::Only(id), true, None);
                if self.waits_for(reader, id) {
                    let line = format!("-- {name} is away: your line waits until {name} is back");
                    self.happen(line, Audience::Only(id), false, None);
                }
            }
            None if self.gone.contains(&word(to)) => {
                self.answer(who, format!("!! /msg: {to} has just left"));
            }
            None => self.answer(who, format!("!! /msg: nobody here is called {to}")),
        }
    }

    /// Whether the first private line waits that this sender has said since the reader is away.
    fn waits_for(&mut self, reader: usize, sender: usize) -> bool {
        let mut away = self.clients.iter_mut().flatten().filter(|client| client.is_away());
        let reader = away.find_map(|client| client.member.as_mut().filter(|it| it.id == reader));
        let Some(told) = reader.map(|reader| &mut reader.waited_for_by) else { return false };
        let is_first = !told.contains(&sender);
        told.push(sender);
        is_first
    }

    fn rename(&mut self, who: usize, new: &str) {
        let is_new = self.client(who).member.is_none();
        let own = self.clients[who].as_ref().and_then(|it| it.member.as_ref()).map(|it| it.id);
        let is_own = self.clients[who].as_ref().is_some_and(|client| client.name() == new);
        if new.starts_with("guest") && !is_own {
            let why = format!("/nick: the server alone gives names like {new}");
            return self.refuse_name(who, &why);
        }
        if is_new && !self.client(who).tagged && !self.is_free(new, own) {
            self.guests += 1;
            return self.join(who, format!("guest{}", self.guests), Some(new));
        }
        if !self.is_free(new, own) {
            return self.refuse_name(who, &format!("/nick: the name {new} is taken"));
        }
        if is_new {
            return self.join(who, new.to_owned(), None);
        }
        let Member { id, name: old, .. } = self.member(who);
        if old != new {
            let line = format!("-- {old} is now {new}");
            self.happen(line, Audience::AllBut(*id), true, Some(who));
        }
        self.client(who).member.as_mut().expect("it has a name").name = new.to_owned();
        self.answer(who, format!("-- you are now {new}"));
        if self.client(who).tagged {
            self.answer(who, format!("= nick {new}"));
        }
    }

    /// In the tagged form the name stays open.
    fn refuse_name(&mut self, who: usize, why: &str) {
        if !self.client(who).tagged {
            self.settle(who);
        }
        let answers = self.client(who).answered();
        self.tell_in_answer(who, Body::Exactly(format!("!! {why}")), answers);
    }

    fn fail_to_resume(&mut self, who: usize, how: &Hopeless) {
        let usage = "/resume goes like this: /resume TOKEN SEQ";
        if *how == Hopeless::Malformed {
            return self.refuse_name(who, usage);
        }
        let client = self.client(who);
        if !client.is_late && (!client.tagged || client.member.is_some()) {
            let late = "!! /resume: that is for right after /tags, before there is a name";
            return self.answer(who, late);
        }
        let is_known = |of: usize| {
            self.clients[of].as_ref().is_some_and(|it| it.tagged && it.member.is_some())
        };
        let why = match *how {
            Hopeless::FromTheFuture(of) if is_known(of) => {
                format!("/resume: there is no event {FAR} yet")
            }
            _ => "/resume: nobody here can be resumed with that token".to_owned(),
        };
        self.refuse_name(who, &why);
    }

    fn who(&self) -> String {
        let listed = |client: &Client| {
            let name = &client.member.as_ref()?.name;
            let mark = if client.is_away() { " (away)" } else { "" };
            Some((word(name), format!("{name}{mark}")))
        };
        let mut members: Vec<_> = self.clients.iter().flatten().filter_map(listed).collect();
        members.sort();
        let names: Vec<String> = members.into_iter().map(|(_, listed)| listed).collect();
        format!("-- {} here: {}", names.len(), names.join(", "))
    }

    fn quit(&mut self, who: usize, farewell: &str) {
        if self.client(who).member.is_none() {
            // It was never here.
            self.client(who).connected = false;
        } else if farewell.is_empty() {
            self.leave(who, "");
        } else {
            self.leave(who, &format!(": {farewell}"));
        }
    }

    fn leave(&mut self, who: usize, how: &str) {
        let client = self.client(who);
        client.connected = false;
        let Member { id, name, .. } = client.member.take().expect("it is in the room");
        self.gone.push(word(&name));
        self.moves += 1;
        self.happen(format!("-- {name} left{how}"), Audience::AllBut(id), false, None);
    }
}
