//! The server's key and certificate, as an operator has to do with them: files, options, output and log.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use chatroom::tls::ServerKey;
use rcgen::{CertificateParams, KeyPair, PublicKeyData};

use crate::common::process::{Running, end, run, spawn};
use crate::common::server::{TestServer, chatserver};

/// An empty folder for the test of that name.
fn folder(test: &str) -> PathBuf {
    crate::common::folder("server_key", test)
}

/// A server that encrypts, at a free port, with that state folder.
fn server(state: &Path) -> Command {
    let mut command = chatserver();
    command.env("CHATROOM_TLS", "optional").env("STATE_DIRECTORY", state);
    command
}

/// What `--fingerprint` and these options say.
#[track_caller]
fn fingerprint(state: &Path, options: &[&str]) -> (Option<i32>, String, String) {
    run(server(state).arg("--fingerprint").args(options))
}

/// The fingerprint that is printed, alone.
#[track_caller]
fn printed(state: &Path, options: &[&str]) -> String {
    let (status, out, err) = fingerprint(state, options);
    // Whoever did not expect one is told that a key was made.
    let is_told = err.is_empty() || err.contains("made the key ") && err.lines().count() == 1;
    assert!(status == Some(0) && is_told, "{err}");
    let shown = out.strip_suffix('\n').expect(&out);
    assert!(shown.len() == 23 && !shown.contains('\n'), "{out:?}");
    shown.to_owned()
}

/// A server that has begun, and the first lines of its standard output.
fn begin(command: &mut Command, lines: usize) -> (Running, Vec<String>) {
    let mut process = spawn(command);
    let out = BufReader::new(process.stdout.take().expect("it is piped"));
    (process, out.lines().take(lines).map(|line| line.expect("it speaks")).collect())
}

/// What it has logged before it began to listen, without the times. Ends it.
fn log_of(mut process: Running) -> Vec<String> {
    let log = BufReader::new(process.stderr.take().expect("it is piped"));
    let lines = log.lines().map(|line| line.expect("it logs"));
    let lines = lines.take_while(|line| !line.contains("] listening on "));
    lines.filter_map(|line| Some(line.split_once(' ')?.1.to_owned())).collect()
}

/// A key and a certificate for it, as somebody else has made them.
struct Pair {
    certificate: String,
    key: String,
    shown: String,
}

impl Pair {
    fn new() -> Pair {
        let pair = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["chat.example.org".to_owned()]).expect("a name");
        Pair {
            certificate: params.self_signed(&pair).expect("a certificate").pem(),
            key: pair.serialize_pem(),
            shown: ServerKey::of_spki(&pair.subject_public_key_info()).to_string(),
        }
    }

    /// Writes both into the folder, and gives the options that name them.
    fn write(&self, folder: &Path) -> [String; 4] {
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
        fs::write(&certificate, &self.certificate).expect("ours");
        fs::write(&key, &self.key).expect("ours");
        // Or the server warns of it.
        #[cfg(unix)]
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("ours");
        let [certificate, key] = [certificate, key].map(|path| path.display().to_string());
        ["--tls-cert".to_owned(), certificate, "--tls-key".to_owned(), key]
    }
}

#[test]
fn a_server_makes_its_key_once_and_says_it_behind_the_line_for_scripts() {
    let state = folder("once");
    let (first, lines) = begin(server(&state).args(["127.0.0.1", "0"]), 2);
    assert!(lines[0].starts_with("listening on 127.0.0.1:"), "{lines:?}");
    let key = lines[1].strip_prefix("key ").expect(&lines[1]).to_owned();
    let file = state.join("server-key.pem");
    let made = format!(
        "[INFO ] made the key {key} in {}; keep a copy, so that the server can move",
        file.display()
    );
    let log = log_of(first);
    assert_eq!(log[1], made);
    let bytes = fs::read(&file).expect("it is there");
    let (second, again) = begin(server(&state).args(["127.0.0.1", "0"]), 2);
    assert_eq!(again[1], lines[1]);
    let log = log_of(second);
    assert!(!log.iter().any(|line| line.contains("key")), "{log:#?}");
    assert_eq!(fs::read(&file).expect("it is there"), bytes);
    assert_eq!(printed(&state, &[]), key);
}

#[test]
fn a_server_without_encryption_makes_no_key_and_says_none() {
    let state = folder("off");
    let (server, lines) = begin(server(&state).args(["0.0.0.0", "0", "--tls", "off"]), 1);
    assert!(lines[0].starts_with("listening on "), "{lines:?}");
    drop(server);
    assert_eq!(fs::read_dir(&state).expect("it is there").count(), 0);
}

#[test]
fn a_room_that_others_reach_warns_of_what_it_lacks() {
    let state = folder("warning");
    let start = "[WARN ] everyone who can reach this machine can join, read and write: there are no \
                 passwords";
    for (tls, end) in [("optional", ""), ("required", ""), ("off", " and no encryption")] {
        let server = TestServer::run(server(&state).args(["0.0.0.0", "0", "--tls", tls]));
        assert_eq!(server.logs("[WARN ]"), format!("{start}{end}"));
    }
    let server = TestServer::run(server(&state).args(["127.0.0.1", "0"]));
    server.connect().send("/nick alice\n");
    let log = server.log_up_to("alice joined");
    assert!(!log.iter().any(|line| line.contains("WARN")), "{log:#?}");
}

#[test]
fn a_fingerprint_is_printed_alone_and_makes_the_key_if_there_is_none() {
    let state = folder("fingerprint");
    let shown = printed(&state, &[]);
    assert_eq!(printed(&state, &["--tls", "off"]), shown);
    let named = state.join("another.pem").display().to_string();
    let other = printed(&state, &["--key", &named]);
    assert_ne!(other, shown);
    assert_eq!(printed(&state, &["--key", &named]), other);
    let (_server, lines) = begin(server(&state).args(["127.0.0.1", "0", "--key", &named]), 2);
    assert_eq!(lines[1], format!("key {other}"));
    let pair = Pair::new();
    let options = pair.write(&state);
    let options = options.each_ref().map(String::as_str);
    assert_eq!(printed(&state, &options), pair.shown);
    let (_server, lines) = begin(server(&state).args(["127.0.0.1", "0"]).args(options), 2);
    assert_eq!(lines[1], format!("key {}", pair.shown));
    // Each by its variable, too.
    let of = |variables: &[(&str, &str)]| {
        let (status, out, err) =
            run(server(&state).arg("--fingerprint").envs(variables.iter().copied()));
        assert_eq!((status, err.as_str()), (Some(0), ""));
        out
    };
    assert_eq!(of(&[("CHATROOM_KEY", &named)]), format!("{other}\n"));
    let certificate = [("CHATROOM_TLS_CERT", options[1]), ("CHATROOM_TLS_KEY", options[3])];
    assert_eq!(of(&certificate), format!("{}\n", pair.shown));
}

#[test]
fn a_fingerprint_is_what_openssl_computes_of_the_key() {
    let state = folder("openssl");
    let shown = printed(&state, &[]);
    let script = "openssl pkey -in server-key.pem -pubout -outform der | openssl dgst -sha256 -binary | \
                  openssl base64";
    let hash = Command::new("sh").args(["-c", script]).current_dir(&state).output();
    let Some(hash) = hash.ok().filter(|hash| hash.status.success() && !hash.stdout.is_empty())
    else {
        eprintln!("skipped: no openssl on this system");
        return;
    };
    let hash = String::from_utf8(hash.stdout).expect("base64");
    let typed: chatroom::tls::Fingerprint =
        format!("SHA256:{}", hash.trim()).parse().expect("a fingerprint");
    assert_eq!(typed.to_string(), shown);
}

#[test]
fn servers_that_are_started_at_once_have_one_key() {
    let state = folder("at-once");
    let start = |_| {
        let mut command = server(&state);
        command.arg("--fingerprint").spawn().expect("the program starts")
    };
    let started: Vec<Child> = (0..8).map(start).collect();
    let outcomes: Vec<_> = started.into_iter().map(|child| end(Running(child))).collect();
    let first = outcomes[0].clone();
    assert_eq!(first.0, Some(0));
    let is_same = |(status, out, _): &(_, String, _)| *status == first.0 && *out == first.1;
    assert!(outcomes.iter().all(is_same), "{outcomes:?}");
    let made = outcomes.iter().filter(|(_, _, err)| err.contains("made the key "));
    assert_eq!(made.count(), 1, "{outcomes:?}");
    assert_eq!(printed(&state, &[]) + "\n", first.1);
    assert_eq!(fs::read_dir(&state).expect("it is there").count(), 1);
}

#[test]
fn a_key_or_certificate_that_cannot_be_used_is_one_line_and_status_1() {
    let state = folder("refused");
    let at = |name: &str| state.join(name).display().to_string();
    let [text, empty, key, nowhere] =
        ["text.pem", "empty.pem", "server-key.pem", "none.pem"].map(at);
    fs::write(&text, "hello\n").expect("ours");
    fs::write(&empty, "").expect("ours");
    fs::write(&key, "not a key").expect("ours");
    let away = "; move it away, or name another file";
    let [certificate_option, certificate, key_option, its_key] = Pair::new().write(&state);
    let option = |path: &str| vec!["--key".to_owned(), path.to_owned()];
    let options = |certificate: &str, key: &str| {
        vec![certificate_option.clone(), certificate.into(), key_option.clone(), key.into()]
    };
    let cases = [
        (vec![], format!("key {key}: it is not a private key{away}")),
        (option(&text), format!("key {text}: it is not a private key{away}")),
        (option(&empty), format!("key {empty}: it is empty{away}")),
        (
            option(&at("no/key.pem")),
            format!(
                "key {}: no such folder; make its folder first, or name another file",
                at("no/key.pem")
            ),
        ),
        (options(&text, &its_key), format!("certificate {text}: it is not a certificate in PEM")),
        (options(&certificate, &text), format!("key {text}: it is not a private key")),
    ];
    let expect = |outcome: (Option<i32>, String, String), told: &str, options: &[String]| {
        assert_eq!((outcome.0, outcome.1.as_str()), (Some(1), ""), "{options:?}");
        let last = outcome.2.lines().last().expect("it says why");
        assert!(last.starts_with(&format!("chatserver: cannot use the {told}")), "{last}");
    };
    for (options, told) in cases {
        expect(run(server(&state).args(["127.0.0.1", "0"]).args(&options)), &told, &options);
        let (status, out, err) = run(server(&state).arg("--fingerprint").args(&options));
        assert_eq!(err, format!("chatserver: cannot use the {told}\n"));
        expect((status, out, err), &told, &options);
    }
    let gone = options(&nowhere, &its_key);
    let told = format!("certificate {nowhere}: ");
    expect(run(server(&state).args(["127.0.0.1", "0"]).args(&gone)), &told, &gone);
    #[cfg(unix)]
    {
        let (_, _, err) = run(server(&state).arg("--fingerprint").args(&gone));
        let told = "no such file or directory\n";
        assert_eq!(err, format!("chatserver: cannot use the certificate {nowhere}: {told}"));
    }
    assert_eq!(fs::read(&key).expect("it is there"), b"not a key");
}

#[test]
fn keys_and_certificates_exclude_each_other() {
    let state = folder("usage");
    for (options, part) in [
        (&["--tls-cert", "c"][..], "arguments were not provided: --tls-key <FILE>"),
        (&["--tls-key", "k"], "arguments were not provided: --tls-cert <FILE>"),
        (
            &["--tls-cert", "c", "--tls-key", "k", "--key", "o"],
            "cannot be used with '--key <FILE>'",
        ),
        (&["--fingerprint", "--health-check"], "cannot be used with '--health-check'"),
        (&["--fingerprint", "--export", "x"], "cannot be used with '--export <FILE>'"),
    ] {
        let (status, out, err) = run(server(&state).args(options));
        assert_eq!((status, out.as_str()), (Some(2), ""), "{options:?}: {err}");
        assert!(err.contains(part) && err.lines().count() == 1, "{options:?}: {err}");
    }
}

#[test]
fn a_key_that_cannot_be_kept_is_told_and_the_room_goes_on() {
    let state = folder("unkept").join("file");
    fs::write(&state, "not a folder").expect("ours");
    let below = state.join("chatroom");
    let told = format!("the key cannot be kept ({}: ", below.display());
    let end = "), so it is new at each start; give --key FILE";
    let mut keys = Vec::new();
    for _ in 0..2 {
        let (server, lines) = begin(server(&below).args(["127.0.0.1", "0"]), 2);
        keys.push(lines[1].clone());
        let log = log_of(server);
        assert!(log[1].starts_with(&format!("[WARN ] {told}")), "{log:#?}");
        assert!(log[1].ends_with(end), "{log:#?}");
    }
    assert_ne!(keys[0], keys[1]);
    let (status, out, err) = fingerprint(&below, &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert!(err.starts_with(&format!("chatserver: {told}")), "{err}");
    assert!(err.ends_with(&format!("{end}\n")), "{err}");
}

#[cfg(unix)]
#[test]
fn a_hang_up_reloads_the_certificate_and_opens_the_log_again() {
    use crate::common::process::{signal, wait_for_text};
    let state = folder("hang-up");
    let (old, new) = (Pair::new(), Pair::new());
    let options = old.write(&state);
    let server = TestServer::run(server(&state).args(["127.0.0.1", "0"]).args(&options));
    let hangs_up = |told: &str| {
        signal("-HUP", server.id());
        assert_eq!(server.logs("SIGHUP: "), told);
    };
    hangs_up(&format!("[INFO ] SIGHUP: the certificate was reloaded: key {}", old.shown));
    fs::write(&options[1], &new.certificate).expect("ours");
    let [_, certificate, _, key] = &options;
    hangs_up(&format!(
        "[WARN ] SIGHUP: the certificate was not reloaded: {certificate} and {key} do not belong \
         together; going on with the old one"
    ));
    fs::write(&options[3], &new.key).expect("ours");
    hangs_up(&format!("[INFO ] SIGHUP: the certificate was reloaded: key {}", new.shown));
    drop(server);
    let log = state.join("log");
    let mut command = self::server(&state);
    command.args(["127.0.0.1", "0", "--log-file"]).arg(&log).args(&options);
    let server = TestServer::run(&mut command);
    fs::rename(&log, state.join("log.1")).expect("ours");
    signal("-HUP", server.id());
    wait_for_text(&log, "SIGHUP: the log file is opened again");
    wait_for_text(&log, "SIGHUP: the certificate was reloaded: key ");
}

#[cfg(unix)]
#[test]
fn a_hang_up_leaves_a_key_of_the_servers_own_as_it_is() {
    use crate::common::process::signal;
    let state = folder("own-key");
    let server = TestServer::run(server(&state).args(["127.0.0.1", "0"]));
    signal("-HUP", server.id());
    let log = server.log_up_to("SIGHUP: ");
    assert!(
        log.last().expect("it ends so").ends_with("SIGHUP: there is no log file to open again")
    );
    assert!(!log.iter().any(|line| line.contains("reloaded")), "{log:#?}");
}

/// The script for certbot's deploy hooks, as `docs/RUNNING.md` has it, for that folder.
#[cfg(target_os = "linux")]
fn hook(folder: &Path) -> PathBuf {
    let page = include_str!("../../docs/RUNNING.md");
    let (_, page) =
        page.split_once("renewal-hooks/deploy/chatroom`, executable:\n\n").expect("it is there");
    let lines = page.lines().map_while(|line| line.strip_prefix("    "));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    assert!(text.contains("cd /var/lib/chatroom\n"), "{text}");
    let path = folder.join("hook");
    let place = folder.join("service").display().to_string();
    fs::write(&path, text.replace("/var/lib/chatroom", &place)).expect("ours");
    path
}

/// As certbot runs it: `live` has links to the files of the last renewal.
#[cfg(target_os = "linux")]
#[test]
fn the_hook_that_the_page_has_for_certbot_brings_the_service_each_new_certificate_of_its_name() {
    use crate::common::tls::TlsClient;
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = folder("certbot");
    let service = folder.join("service");
    fs::create_dir(&service).expect("ours");
    let hook = hook(&folder);
    let renew = |name: &str, pair: &Pair| {
        let live = folder.join("live").join(name);
        let archive = folder.join("archive").join(&pair.shown);
        [&live, &archive].iter().for_each(|it| fs::create_dir_all(it).expect("ours"));
        for (name, text) in [("fullchain.pem", &pair.certificate), ("privkey.pem", &pair.key)] {
            fs::write(archive.join(name), text).expect("ours");
            fs::remove_file(live.join(name)).ok();
            symlink(archive.join(name), live.join(name)).expect("ours");
        }
        let mut command = Command::new("sh");
        command.arg(&hook).current_dir("/").env("RENEWED_LINEAGE", &live);
        command.env("RENEWED_DOMAINS", name).status().expect("there is a shell").success()
    };
    let pairs = [Pair::new(), Pair::new(), Pair::new()];
    assert!(renew("chat.example.org", &pairs[0]));
    let files = ["fullchain.pem", "privkey.pem"].map(|name| service.join(name));
    for file in &files {
        assert_eq!(fs::metadata(file).expect("it is there").permissions().mode() & 0o777, 0o600);
    }
    let mut command = server(&folder);
    command.args(["127.0.0.1", "0", "--tls-cert"]).arg(&files[0]).arg("--tls-key").arg(&files[1]);
    let server = TestServer::run(&mut command);
    // Another site's is none of the room's.
    assert!(renew("www.example.org", &pairs[1]));
    assert_eq!(fs::read_to_string(&files[0]).expect("it is there"), pairs[0].certificate);
    assert!(renew("chat.example.org", &pairs[2]));
    // It looks once a second, when somebody connects.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    TlsClient::join(server.address, "alice");
    server.logs(&format!("the certificate was reloaded: key {}", pairs[2].shown));
    // One that cannot be copied is told to certbot, and leaves what there is.
    fs::remove_file(folder.join("live/chat.example.org/privkey.pem")).expect("ours");
    let mut command = Command::new("sh");
    command.arg(&hook).env("RENEWED_LINEAGE", folder.join("live/chat.example.org"));
    assert!(!command.stderr(std::process::Stdio::null()).status().expect("a shell").success());
    assert_eq!(fs::read_to_string(&files[1]).expect("it is there"), pairs[2].key);
    assert_eq!(fs::read_dir(&service).expect("ours").count(), 2);
}
