//! What is asked of Redis over one connection.

use std::io::Write;
use std::time::Duration;

use ::redis::{Cmd, Pipeline, RedisError, Value, cmd, pipe};

use super::{CALL, Login, Talk, meaning};
use crate::server::shared::engine::{
    COUNT, Group, Link, Looked, Missing, Position, Process, SNAPSHOTS,
};
use crate::server::shared::engine_settings::Settings;
use crate::server::shared::stranger::Stranger;
use crate::server::shared::trouble::{NO_RIGHT, Trouble};
use crate::server::shared::url::{Node, RoomName};

/// How long Redis waits for a group before it answers that there is none.
const BLOCK: Duration = Duration::from_secs(2);

/// How long a snapshot may take on its way: one of 20,000 members has some megabytes.
const SNAPSHOT: Duration = Duration::from_secs(10);

/// The only field of an entry of the stream.
const FIELD: &str = "g";

/// A connection to the Redis that keeps a room, which has let us in and is no replica.
#[derive(Debug)]
pub(super) struct RedisLink {
    /// The connection.
    talk: Talk,
    /// The process at its other end.
    process: Process,
    /// What that is, such as `Redis 7.0.15`.
    program: String,
    /// Whether it has replicas.
    has_replicas: bool,
    /// The key of the log.
    log: String,
    /// The key of the snapshots.
    snaps: String,
    /// The key of what all servers agree on.
    meta: String,
}

impl RedisLink {
    /// Asks who is there.
    ///
    /// # Errors
    ///
    /// It is not to be used: a replica, say, or somebody who does not let us in.
    pub(super) fn begin(mut talk: Talk, room: &RoomName) -> Result<RedisLink, Trouble> {
        let mut questions = pipe();
        questions.cmd("INFO").arg("server").cmd("ROLE");
        let [info, role] = talk.ask_for(&questions, CALL)?;
        let info = text(info).ok_or_else(|| talk.no_redis())?;
        let of =
            |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let (Some(run), Value::Array(role)) = (of("run_id"), role) else {
            return Err(talk.no_redis());
        };
        match role.first().cloned().and_then(text).as_deref() {
            Some("master") => {}
            Some("sentinel") => return Err(Trouble::Sentinel { place: talk.place }),
            _ => return Err(Trouble::ReadOnly { place: talk.place }),
        }
        Ok(RedisLink {
            process: process_of(run),
            program: match (of("valkey_version"), of("redis_version")) {
                (Some(version), _) => format!("Valkey {version}"),
                (None, version) => format!("Redis {}", version.unwrap_or("of some version")),
            },
            has_replicas: matches!(role.get(2), Some(Value::Array(them)) if !them.is_empty()),
            talk,
            log: room.key("log"),
            snaps: room.key("snaps"),
            meta: room.key("meta"),
        })
    }

    /// One command, answered at once.
    fn call(&mut self, command: &Cmd) -> Result<Value, Trouble> {
        self.talk.call(command, CALL)
    }

    /// Begins the log with a group. Snapshots that are left of another one go in the same moment: a server that found
    /// them would look for their places in this log. The place of the group.
    fn begin_log(&mut self, group: &[u8]) -> Result<Value, Trouble> {
        let mut commands = pipe();
        commands.cmd("MULTI");
        commands.cmd("LTRIM").arg(&self.snaps).arg(1).arg(0);
        commands.cmd("XADD").arg(&self.log).arg("*").arg(FIELD).arg(group).cmd("EXEC");
        let [_, _, _, answers] = self.talk.ask_for(&commands, CALL)?;
        let Value::Array(answers) = answers else { return self.no_redis() };
        answers.into_iter().nth(1).map_or_else(|| self.no_redis(), Ok)
    }

    /// Makes sure that we may use every command by which a room goes on, most of which are not needed at the start.
    /// Nothing is done: a transaction in which a command is malformed is not carried out.
    fn ask_for_rights(&mut self) -> Result<(), Trouble> {
        let mut trial = pipe();
        trial.cmd("MULTI").cmd("XADD");
        trial.cmd("XADD").arg(&self.log).arg("NOMKSTREAM").arg("*").arg(FIELD).arg("");
        trial.cmd("XTRIM").arg(&self.log).arg("MINID").arg("0");
        trial.cmd("RPUSH").arg(&self.snaps).arg("");
        trial.cmd("LTRIM").arg(&self.snaps).arg(0).arg(-1);
        trial.cmd("LINDEX").arg(&self.snaps).arg(0);
        trial.cmd("EXEC");
        let answers = self.talk.answers_to(&trial, CALL)?;
        let is_denied = |answer: &Value| error_in(answer).is_some_and(|it| it.code() == NO_RIGHT);
        let commands = ["XADD", "XTRIM", "RPUSH", "LTRIM", "LINDEX"];
        let denied = commands.iter().zip(&answers[2..]).filter(|(_, answer)| is_denied(answer));
        let denied: Vec<_> = denied.map(|(command, _)| *command).collect();
        if denied.is_empty() {
            return Ok(());
        }
        Err(Trouble::NoRights { code: format!("{NO_RIGHT}: {}", denied.join(", ")) })
    }

    fn no_redis<T>(&self) -> Result<T, Trouble> {
        Err(self.talk.no_redis())
    }
}

impl Link for RedisLink {
    fn process(&self) -> Process {
        self.process
    }

    fn append(&mut self, group: &[u8], missing: Missing) -> Result<Option<Position>, Trouble> {
        let mut command = cmd("XADD");
        command.arg(&self.log).arg("NOMKSTREAM").arg("*").arg(FIELD).arg(group);
        let mut at = self.call(&command)?;
        if at == Value::Nil && missing == Missing::Create {
            at = self.begin_log(group)?;
        }
        match at {
            Value::Nil => Ok(None),
            at => position(at).map_or_else(|| self.no_redis(), |at| Ok(Some(at))),
        }
    }

    fn read(&mut self, after: Position) -> Result<Vec<Group>, Trouble> {
        let mut command = xread();
        let millis = BLOCK.as_millis() as u64;
        command.arg("BLOCK").arg(millis).arg("STREAMS").arg(&self.log).arg(after.to_string());
        let answer = self.talk.call(&command, 2 * BLOCK)?;
        read_groups(answer).map_or_else(|| self.no_redis(), Ok)
    }

    fn look(&mut self, at: Position) -> Result<Looked, Trouble> {
        let id = at.to_string();
        let mut read = xread();
        read.arg("STREAMS").arg(&self.log).arg(&id);
        let mut questions = pipe();
        questions.cmd("MULTI");
        questions.cmd("XRANGE").arg(&self.log).arg(&id).arg(&id);
        questions.cmd("XRANGE").arg(&self.log).arg("-").arg("+").arg("COUNT").arg(1);
        questions.add_command(read).cmd("EXEC");
        let [_, _, _, _, answers] = self.talk.ask_for(&questions, CALL)?;
        looked(answers).map_or_else(|| self.no_redis(), Ok)
    }

    fn trim(&mut self, before: Position) -> Result<(), Trouble> {
        let mut command = cmd("XTRIM");
        self.call(command.arg(&self.log).arg("MINID").arg(before.to_string())).map(drop)
    }

    fn push_snapshot(&mut self, snapshot: &[u8]) -> Result<(), Trouble> {
        let mut commands = pipe();
        commands.cmd("RPUSH").arg(&self.snaps).arg(snapshot);
        commands.cmd("LTRIM").arg(&self.snaps).arg(-(SNAPSHOTS as i64)).arg(-1);
        self.talk.ask_for::<2>(&commands, SNAPSHOT).map(drop)
    }

    fn snapshots(&mut self) -> Result<usize, Trouble> {
        match self.call(cmd("LLEN").arg(&self.snaps))? {
            Value::Int(number) => Ok(number.max(0) as usize),
            _ => self.no_redis(),
        }
    }

    fn snapshot(&mut self, number: usize) -> Result<Option<Vec<u8>>, Trouble> {
        match self.talk.call(cmd("LINDEX").arg(&self.snaps).arg(number), SNAPSHOT)? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes)),
            _ => self.no_redis(),
        }
    }

    fn facts(&mut self) -> Result<Vec<(String, String)>, Trouble> {
        let facts = self.call(cmd("HGETALL").arg(&self.meta)).map(pairs)?;
        facts.map_or_else(|| self.no_redis(), Ok)
    }

    fn offer(&mut self, fact: &str, value: &str) -> Result<String, Trouble> {
        let mut questions = pipe();
        questions.cmd("HSETNX").arg(&self.meta).arg(fact).arg(value);
        questions.cmd("HGET").arg(&self.meta).arg(fact);
        let [_, value] = self.talk.ask_for(&questions, CALL)?;
        text(value).map_or_else(|| self.no_redis(), Ok)
    }

    fn settings(&mut self) -> Result<Settings, Trouble> {
        self.ask_for_rights()?;
        let mut setting = |name: &str| match self.call(cmd("CONFIG").arg("GET").arg(name)) {
            Ok(answer) => Ok(pairs(answer).and_then(|them| Some(them.into_iter().next()?.1))),
            // A provider may keep its settings to itself.
            Err(Trouble::NoRights { .. } | Trouble::Says(_)) => Ok(None),
            Err(trouble) => Err(trouble),
        };
        let appendonly = setting("appendonly")?.map(|it| it == "yes");
        let appendfsync = setting("appendfsync")?;
        let maxmemory_policy = setting("maxmemory-policy")?;
        let min_replicas = setting("min-replicas-to-write")?.and_then(|it| it.parse().ok());
        let (program, has_replicas) = (self.program.clone(), self.has_replicas);
        Ok(Settings {
            program,
            appendonly,
            appendfsync,
            maxmemory_policy,
            min_replicas,
            has_replicas,
        })
    }
}

impl Talk {
    /// Says who we are.
    pub(super) fn log_in(&mut self, login: &Login) -> Result<(), Trouble> {
        let mut command = cmd("AUTH");
        if let Some(user) = &login.user {
            command.arg(user);
        }
        self.call(command.arg(&login.password.0), CALL).map(drop)
    }

    /// Where a Sentinel says that the master is.
    pub(super) fn master_of(&mut self, name: &str) -> Result<Node, Trouble> {
        let asked = self.call(cmd("SENTINEL").arg("get-master-addr-by-name").arg(name), CALL);
        let answer = asked.map_err(|trouble| match trouble {
            Trouble::Says(words) if words.starts_with("ERR unknown command") => {
                Trouble::NoSentinel { place: self.place.clone() }
            }
            other => other,
        })?;
        let Value::Array(parts) = answer else {
            return Err(Trouble::NoMaster { master: name.to_owned() });
        };
        let mut parts = parts.into_iter().map(text);
        match (parts.next().flatten(), parts.next().flatten().map(|port| port.parse())) {
            (Some(host), Some(Ok(port))) => Ok(Node { host, port }),
            _ => Err(self.no_redis()),
        }
    }

    /// What only a test has to say.
    #[cfg(test)]
    pub(super) fn do_for_test(&mut self, words: &[&str]) {
        let mut command = cmd(words[0]);
        command.arg(&words[1..]);
        self.call(&command, CALL).expect("it does it");
    }

    /// One command.
    fn call(&mut self, command: &Cmd, patience: Duration) -> Result<Value, Trouble> {
        let mut question = pipe();
        question.add_command(command.clone());
        let [answer] = self.ask_for(&question, patience)?;
        Ok(answer)
    }

    /// So many commands at once, all of which have to succeed.
    fn ask_for<const N: usize>(
        &mut self,
        commands: &Pipeline,
        patience: Duration,
    ) -> Result<[Value; N], Trouble> {
        debug_assert_eq!(commands.len(), N);
        let answers = self.answers_to(commands, patience)?;
        for answer in &answers {
            if let Some(error) = error_in(answer) {
                let detail = error.details().unwrap_or_default();
                return Err(Trouble::of_answer(error.code(), detail, &self.place));
            }
        }
        answers.try_into().map_err(|_| self.no_redis())
    }

    /// What Redis answers to each of these commands, if only with an error.
    fn answers_to(
        &mut self,
        commands: &Pipeline,
        patience: Duration,
    ) -> Result<Vec<Value>, Trouble> {
        if self.patience != patience {
            let set = self.wire.set_patience(patience).map_err(RedisError::from);
            set.map_err(|why| meaning(&why, &self.place))?;
            self.patience = patience;
        }
        let answers = self.exchange(&commands.get_packed_pipeline(), commands.len());
        if !self.has_answered {
            self.look_who_answers(answers.as_ref().err())?;
        }
        answers.map_err(|why| meaning(&why, &self.place))
    }

    /// Sends commands, and reads so many answers.
    fn exchange(&mut self, packed: &[u8], count: usize) -> Result<Vec<Value>, RedisError> {
        self.wire.write_all(packed)?;
        self.wire.flush()?;
        (0..count).map(|_| self.parser.parse_value(&mut self.wire)).collect()
    }

    /// What else than Redis has answered the first commands, or has failed to.
    fn look_who_answers(&mut self, trouble: Option<&RedisError>) -> Result<(), Trouble> {
        // One that is slow, or has just stood still, is not asked once more.
        let is_silent = trouble.is_some_and(RedisError::is_timeout) && !self.wire.has_heard();
        let stranger = if is_silent { None } else { self.wire.stranger(&self.node) };
        match stranger {
            Some(stranger) => Err(Trouble::NoRedis { place: self.place.clone(), stranger }),
            None => {
                self.has_answered = trouble.is_none();
                Ok(())
            }
        }
    }

    fn no_redis(&self) -> Trouble {
        Trouble::NoRedis { place: self.place.clone(), stranger: Stranger::Unknown }
    }
}

/// An error that an answer is, or that one of a transaction's is.
fn error_in(answer: &Value) -> Option<&::redis::ServerError> {
    match answer {
        Value::ServerError(error) => Some(error),
        Value::Array(answers) => answers.iter().find_map(|answer| match answer {
            Value::ServerError(error) => Some(error),
            _ => None,
        }),
        _ => None,
    }
}

/// The beginning of an XREAD.
fn xread() -> Cmd {
    let mut command = cmd("XREAD");
    command.arg("COUNT").arg(COUNT);
    command
}

/// The answers of a look's transaction.
fn looked(answers: Value) -> Option<Looked> {
    let Value::Array(answers) = answers else { return None };
    let [here, first, next] = <[Value; 3]>::try_from(answers).ok()?;
    Some(Looked {
        group: groups(here)?.pop().map(|group| group.bytes),
        first: groups(first)?.first().map(|group| group.at),
        next: read_groups(next)?,
    })
}

/// What XREAD answers, for one stream.
fn read_groups(answer: Value) -> Option<Vec<Group>> {
    let streams = match answer {
        Value::Nil => return Some(Vec::new()),
        Value::Array(streams) => streams,
        _ => return None,
    };
    match streams.into_iter().next()? {
        Value::Array(stream) => groups(stream.into_iter().nth(1)?),
        _ => None,
    }
}

/// What XRANGE answers: entries, each with its id and its fields.
fn groups(answer: Value) -> Option<Vec<Group>> {
    let Value::Array(entries) = answer else { return None };
    let group = |entry| {
        let Value::Array(parts) = entry else { return None };
        let [id, fields] = <[Value; 2]>::try_from(parts).ok()?;
        Some(Group { at: position(id)?, bytes: field(fields) })
    };
    entries.into_iter().map(group).collect()
}

/// The one field that is ours. Another program's entry has none.
fn field(fields: Value) -> Vec<u8> {
    let Value::Array(fields) = fields else { return Vec::new() };
    match <[Value; 2]>::try_from(fields) {
        Ok([Value::BulkString(name), Value::BulkString(bytes)]) if name == FIELD.as_bytes() => {
            bytes
        }
        _ => Vec::new(),
    }
}

fn position(id: Value) -> Option<Position> {
    Position::parse(&text(id)?)
}

/// What HGETALL and CONFIG GET answer.
fn pairs(answer: Value) -> Option<Vec<(String, String)>> {
    let Value::Array(parts) = answer else { return None };
    let parts = parts.into_iter().map(text).collect::<Option<Vec<_>>>()?;
    let pairs = parts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    Some(pairs.collect())
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

/// The hash of a process' own number. All servers compare it, so it is the same in every build.
fn process_of(run: &str) -> Process {
    let hash = ring::digest::digest(&ring::digest::SHA256, run.trim().as_bytes());
    let first = hash.as_ref().first_chunk().expect("SHA-256 has 32 bytes");
    Process(u64::from_le_bytes(*first))
}
