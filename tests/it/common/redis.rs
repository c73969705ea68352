//! A Redis of a test's own: a `redis-server` on a free port of this machine, in a folder that is removed afterwards. The
//! library's own tests share it.
//!
//! `CHATROOM_TEST_REDIS` names another program, such as `valkey-server`. Where there is none, a test says so and passes,
//! unless `CHATROOM_NEEDS_REDIS` is set.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long it may take to start: far longer than it does on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often another port is tried, if somebody was faster.
const ATTEMPTS: usize = 10;

/// A Redis that runs, or that a test has ended and may start again. Dropped, it is ended and leaves nothing.
#[derive(Debug)]
pub struct RedisServer {
    /// The process; it may have ended.
    process: Child,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    /// Where its files are; removed when dropped.
    folder: TempDir,
    /// What it was told besides.
    options: Vec<String>,
}

/// The program, if there is one here.
///
/// # Panics
///
/// There is none, and `CHATROOM_NEEDS_REDIS` is set.
fn program() -> Option<String> {
    let named = std::env::var("CHATROOM_TEST_REDIS").ok().filter(|name| !name.is_empty());
    let program = named.unwrap_or_else(|| "redis-server".to_owned());
    let version = Command::new(&program).arg("--version").stdout(Stdio::null()).status();
    if version.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    let needed = std::env::var_os("CHATROOM_NEEDS_REDIS").is_some_and(|it| !it.is_empty());
    assert!(!needed, "CHATROOM_NEEDS_REDIS is set, and there is no {program}");
    println!("skipped: no {program}");
    None
}

impl RedisServer {
    /// Starts one with these options; `{folder}` in them is its folder. `None` where there is no such program.
    ///
    /// # Panics
    ///
    /// It does not start, or it is needed and not there.
    pub fn start(options: &[&str]) -> Option<RedisServer> {
        RedisServer::start_in(folder(), options)
    }

    /// The same in a folder that has what it needs.
    ///
    /// # Panics
    ///
    /// It does not start, or it is needed and not there.
    pub fn start_in(folder: TempDir, options: &[&str]) -> Option<RedisServer> {
        let program = program()?;
        let place = folder.path().display().to_string();
        let options: Vec<_> = options.iter().map(|it| it.replace("{folder}", &place)).collect();
        for _ in 0..ATTEMPTS {
            let port = free_port();
            let mut process = spawn(&program, port, folder.path(), &options);
            if is_up(&mut process, port) {
                return Some(RedisServer { process, port, folder, options });
            }
        }
        panic!("{program} does not start: {}", log_in(folder.path()));
    }

    /// One that speaks TLS as well, on the port that is the second value, with a certificate for `localhost` by the
    /// authority in `ca.pem` in its folder.
    ///
    /// # Panics
    ///
    /// It does not start, or it is needed and not there.
    pub fn start_with_tls(options: &[&str]) -> Option<(RedisServer, u16)> {
        let folder = folder();
        certify(folder.path());
        let port = free_port();
        let tls_port = port.to_string();
        let options = [
            &["--tls-port", &tls_port][..],
            &["--tls-cert-file", "{folder}/cert.pem", "--tls-key-file", "{folder}/key.pem"],
            &["--tls-ca-cert-file", "{folder}/ca.pem"],
            options,
        ]
        .concat();
        Some((RedisServer::start_in(folder, &options)?, port))
    }

    /// A Sentinel that watches one master under this name, and fails over by itself after half a second.
    ///
    /// # Panics
    ///
    /// It does not start, or it is needed and not there.
    pub fn start_sentinel(name: &str, master: &RedisServer) -> Option<RedisServer> {
        let folder = folder();
        let port = master.port;
        let file = folder.path().join("sentinel.conf");
        let watched = format!(
            "sentinel monitor {name} 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds {name} 500\n\
             sentinel failover-timeout {name} 3000\n"
        );
        std::fs::write(&file, watched).expect("the folder is ours");
        RedisServer::start_in(folder, &["{folder}/sentinel.conf", "--sentinel"])
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.process.try_wait().expect("it is our child").is_none()
    }

    /// The URL of a room there.
    pub fn url(&self, room: &str) -> String {
        format!("redis://127.0.0.1:{}/{room}", self.port)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.process.kill().ok();
        self.process.wait().expect("it is our child");
    }

    /// Starts it again, on the same port and with the same files.
    ///
    /// # Panics
    ///
    /// It does not start.
    pub fn restart(&mut self) {
        self.kill();
        let program = program().expect("it was there before");
        for _ in 0..ATTEMPTS {
            self.process = spawn(&program, self.port, self.folder(), &self.options);
            if is_up(&mut self.process, self.port) {
                return;
            }
        }
        panic!("{program} does not start again: {}", log_in(self.folder()));
    }

    /// Stops it (SIGSTOP): its port takes connections, and nothing answers.
    pub fn stop(&self) {
        self.signal("-STOP");
    }

    /// Has it go on.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        let status = Command::new("kill").args([signal, &process]).status();
        assert!(status.expect("there is a kill").success());
    }

    /// Has it do something, as `redis-cli` would: what it answers, a line for each part.
    ///
    /// # Panics
    ///
    /// It does not answer, or refuses.
    pub fn ask(&self, words: &[&str]) -> String {
        let answer = ask(self.port, words).unwrap_or_else(|why| panic!("{words:?}: {why}"));
        assert!(!answer.starts_with('-'), "{words:?}: {answer}");
        answer
    }

    /// Waits until it answers something that has `part` in it.
    ///
    /// # Panics
    ///
    /// It never does.
    pub fn wait_for(&self, words: &[&str], part: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let answer = ask(self.port, words).unwrap_or_default();
            if answer.contains(part) {
                return;
            }
            assert!(Instant::now() < deadline, "no {part:?} in {answer:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An empty folder.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for temporary files")
}

/// Makes an authority, and a certificate of it for `localhost`, as PEM files in a folder.
///
/// # Panics
///
/// The folder cannot be written to.
pub fn certify(folder: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let key = KeyPair::generate().expect("random");
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).expect("it signs").pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("random");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &issuer).expect("it signs").pem();
    for (file, text) in
        [("ca.pem", authority), ("cert.pem", certificate), ("key.pem", key.serialize_pem())]
    {
        std::fs::write(folder.join(file), text).expect("the folder is ours");
    }
}

/// A port that nobody has at the moment. `--port 0` would be no port at all.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

fn spawn(program: &str, port: u16, folder: &Path, options: &[String]) -> Child {
    let mut command = Command::new(program);
    // A configuration file stands before all options.
    let is_file = options.first().is_some_and(|first| !first.starts_with("--"));
    let (file, options) = options.split_at(usize::from(is_file));
    command.args(file).args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]);
    command.arg(folder).arg("--logfile").arg(folder.join("log"));
    if !is_file {
        command.args(["--save", ""]);
    }
    command.args(options).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the program starts")
}

/// Whether it answers; false if it ends, as it does where the port is taken.
fn is_up(process: &mut Child, port: u16) -> bool {
    let deadline = Instant::now() + DEADLINE;
    while process.try_wait().expect("it is our child").is_none() {
        // One that wants a password, or is still loading, says so.
        if ask(port, &["PING"]).is_ok_and(|answer| !answer.starts_with("-LOADING")) {
            return true;
        }
        assert!(Instant::now() < deadline, "it neither answers nor ends");
        thread::sleep(Duration::from_millis(5));
    }
    false
}

fn log_in(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

fn ask(port: u16, words: &[&str]) -> std::io::Result<String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut question = format!("*{}\r\n", words.len());
    for word in words {
        question.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    (&stream).write_all(question.as_bytes())?;
    let mut answer = String::new();
    read_answer(&mut BufReader::new(&stream), &mut answer)?;
    Ok(answer)
}

/// One answer (RESP 2), a line for each string, number or error in it.
fn read_answer(from: &mut impl BufRead, into: &mut String) -> std::io::Result<()> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let length = line.get(1..).and_then(|number| number.parse::<i64>().ok()).unwrap_or(-1);
    match line.chars().next() {
        Some('$') if length >= 0 => {
            let mut bytes = vec![0; length as usize + 2];
            from.read_exact(&mut bytes)?;
            into.push_str(&String::from_utf8_lossy(&bytes[..length as usize]));
        }
        Some('*') => {
            for _ in 0..length.max(0) {
                read_answer(from, into)?;
            }
            return Ok(());
        }
        _ => into.push_str(line),
    }
    into.push('\n');
    Ok(())
}
