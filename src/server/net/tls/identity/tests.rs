use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use data_encoding::BASE64;
use rustls::server::ParsedCertificate;
use rustls::{ClientConnection, ServerConnection};

use super::key_file::NotKept;
use super::*;
use crate::key_file::{NoPlace, Role, Unusable};
use crate::test_folder::Folder;
use crate::tls::Fingerprint;
use crate::tls::anyone::trusting;

/// A connection in memory, whose handshake is over.
struct Connection {
    client: ClientConnection,
    server: ServerConnection,
    shown: CertificateDer<'static>,
}

impl Connection {
    fn to(identity: &Identity) -> Connection {
        let mut client = trusting(&[]);
        let mut server = ServerConnection::new(identity.config()).expect("a server");
        while client.is_handshaking() || server.is_handshaking() {
            Connection::carry(&mut client, &mut server);
            Connection::carry(&mut server, &mut client);
        }
        let shown = client.peer_certificates().expect("it was shown")[0].clone().into_owned();
        Connection { client, server, shown }
    }

    fn carry<A, B>(from: &mut rustls::ConnectionCommon<A>, to: &mut rustls::ConnectionCommon<B>)
    where
        A: rustls::SideData,
        B: rustls::SideData,
    {
        let mut bytes = Vec::new();
        while from.wants_write() {
            from.write_tls(&mut bytes).expect("memory takes it");
        }
        let mut bytes = &bytes[..];
        while !bytes.is_empty() {
            to.read_tls(&mut bytes).expect("memory gives it");
            to.process_new_packets().expect("it is what was sent");
        }
    }

    fn key(&self) -> ServerKey {
        let parsed = ParsedCertificate::try_from(&self.shown).expect("a certificate");
        ServerKey::of_spki(&parsed.subject_public_key_info())
    }

    /// Whether it carries what is said.
    fn goes_on(&mut self) -> bool {
        self.server.writer().write_all(b"hello").expect("memory takes it");
        Connection::carry(&mut self.server, &mut self.client);
        let mut heard = [0; 5];
        std::io::Read::read_exact(&mut self.client.reader(), &mut heard).is_ok()
            && heard == *b"hello"
    }
}

fn environment(folder: &Path) -> Environment {
    Environment { state_directory: Some(folder.into()), ..Environment::default() }
}

/// What `open` says to a key at that path.
fn complaint(path: &Path) -> String {
    let source = KeySource::Named(path.to_owned());
    Identity::open(&source, &Environment::default()).expect_err("it is no key").to_string()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).expect("it is there").permissions())
        & 0o7777
}

#[test]
fn a_key_is_made_once_and_shown_at_every_start() {
    let folder = Folder::new();
    let state = folder.file("state/chatroom");
    let first = Identity::open(&KeySource::Default, &environment(&state)).expect("a key");
    let file = state.join("server-key.pem");
    let text = fs::read(&file).expect("it was made");
    assert!(text.starts_with(b"-----BEGIN PRIVATE KEY-----"), "{text:?}");
    #[cfg(unix)]
    assert_eq!((mode(&file), mode(&state)), (0o600, 0o700));
    assert_eq!(fs::read_dir(&state).expect("it is there").count(), 1, "nothing else is left");
    for source in [KeySource::Default, KeySource::Named(file.clone())] {
        let again = Identity::open(&source, &environment(&state)).expect("the key");
        assert_eq!(again.key(), first.key());
        assert_eq!(Connection::to(&again).key(), first.key());
        assert_eq!(key(&source, &environment(&state)).expect("the key"), first.key());
    }
    assert_eq!(fs::read(&file).expect("it is there"), text);
}

#[test]
fn the_certificate_says_whether_its_key_is_kept() {
    let folder = Folder::new();
    let kept = Identity::open(&KeySource::Default, &environment(folder.path())).expect("a key");
    let one_run = Identity::open(&KeySource::OneRun, &Environment::default()).expect("a key");
    let has = |identity: &Identity, text: &str| {
        let shown = Connection::to(identity).shown;
        shown.windows(text.len()).any(|part| part == text.as_bytes())
    };
    assert!(has(&one_run, tls::COMMON_NAME_OF_ONE_RUN));
    assert!(has(&kept, tls::COMMON_NAME) && !has(&kept, tls::COMMON_NAME_OF_ONE_RUN));
}

#[test]
fn a_file_that_is_no_key_is_refused_in_words_and_not_changed() {
    let folder = Folder::new();
    let good = KeyPair::generate().expect("a key").serialize_pem();
    let damaged = good.replacen("MI", "MA", 1);
    let cut = good[..good.len() / 2].to_owned();
    let other = "it is damaged, or of another kind than P-256, P-384, Ed25519 and RSA of 2048 to \
                 4096 bits";
    let form =
        "it is a private key, but not in PKCS#8, as 'openssl pkcs8 -topk8 -nocrypt' makes it";
    let no_key = "it is not a private key";
    for (content, told) in [
        ("", "it is empty"),
        ("hello\n", no_key),
        (&cut, no_key),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", no_key),
        (&damaged, other),
        ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", form),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "it has a passphrase",
        ),
    ] {
        let path = folder.file("server-key.pem");
        fs::write(&path, content).expect("ours");
        let line = format!(
            "cannot use the key {}: {told}; move it away, or name another file",
            path.display()
        );
        assert_eq!(complaint(&path), line);
        let of_state = Identity::open(&KeySource::Default, &environment(folder.path()));
        assert_eq!(of_state.expect_err("it is no key").to_string(), line);
        assert_eq!(folder.contents(), [("server-key.pem".to_owned(), content.into())]);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_of_ones_own_is_refused_in_words_and_left_alone() {
    use std::os::unix::fs::{chown, symlink};
    let folder = Folder::new();
    let good = folder.file("good.pem");
    fs::write(&good, KeyPair::generate().expect("a key").serialize_pem()).expect("ours");
    let told = |path: &Path| {
        let whole = complaint(path);
        let start = format!("cannot use the key {}: ", path.display());
        let rest = whole.strip_prefix(&start).expect(&whole);
        rest.strip_suffix("; move it away, or name another file").expect(&whole).to_owned()
    };
    let [link, nowhere, directory] = ["link", "nowhere", "directory"].map(|name| folder.file(name));
    symlink(&good, &link).expect("a link");
    symlink(folder.file("not there"), &nowhere).expect("a link");
    fs::create_dir(&directory).expect("a folder");
    for link in [&link, &nowhere] {
        assert_eq!(told(link), "it is a symbolic link, which is not followed");
    }
    assert!(!folder.file("not there").exists());
    assert_eq!(told(&directory), "it is no regular file");
    let before = fs::read(&good).expect("ours");
    fs::hard_link(&good, folder.file("second")).expect("a link");
    assert_eq!(told(&good), "it has a second name (a hard link)");
    fs::remove_file(folder.file("second")).expect("ours");
    // It takes root to give a file away.
    if chown(&good, Some(65_534), None).is_ok() {
        assert_eq!(told(&good), "it belongs to another user");
    }
    assert_eq!(fs::read(&good).expect("it is there"), before);
}

#[test]
fn a_named_key_that_cannot_be_made_is_an_error_with_what_to_do() {
    let folder = Folder::new();
    let path = folder.file("nowhere/key.pem");
    let start = format!("cannot use the key {}: ", path.display());
    let no_folder = "no such folder; make its folder first, or name another file";
    assert_eq!(complaint(&path), format!("{start}{no_folder}"));
    let refusal = Unusable::Unmade("read-only file system".to_owned()).at(Role::Key, &path);
    let unmade = "it is not there, and cannot be made: read-only file system; name another file";
    assert_eq!(refusal.to_string(), format!("{start}{unmade}"));
}

#[test]
fn a_key_that_cannot_be_kept_is_for_this_run_and_has_no_fingerprint_to_rely_on() {
    let folder = Folder::new();
    let file = folder.file("file");
    fs::write(&file, "not a folder").expect("ours");
    let below = environment(&file.join("chatroom"));
    let nowhere = Environment::default();
    for environment in [&below, &nowhere] {
        let open = || Identity::open(&KeySource::Default, environment).expect("a key for now");
        let first = open();
        assert_ne!(first.key(), open().key());
        let name = tls::COMMON_NAME_OF_ONE_RUN.as_bytes();
        assert!(Connection::to(&first).shown.windows(name.len()).any(|part| part == name));
    }
    let told = |environment| key(&KeySource::Default, environment).expect_err("none").to_string();
    let end = "so it is new at each start; give --key FILE";
    assert_eq!(
        told(&nowhere),
        format!("the key cannot be kept (no folder for it is known), {end}")
    );
    let start = format!("the key cannot be kept ({}: ", file.join("chatroom").display());
    assert!(told(&below).starts_with(&start) && told(&below).ends_with(end), "{}", told(&below));
    let (folder, why) = (PathBuf::from("/x/chatroom"), "read-only file system".to_owned());
    assert_eq!(
        NotKept(NoPlace::Unfit { folder, why }).to_string(),
        format!("the key cannot be kept (/x/chatroom: read-only file system), {end}")
    );
}

#[test]
fn servers_that_start_at_once_have_one_key() {
    for _ in 0..20 {
        let folder = Folder::new();
        let (all, environment) = (Barrier::new(8), environment(folder.path()));
        let keys: Vec<ServerKey> = thread::scope(|scope| {
            let start = || {
                all.wait();
                Identity::open(&KeySource::Default, &environment).expect("a key").key()
            };
            let started: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            started.into_iter().map(|it| it.join().expect("no panic")).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        let names: Vec<_> = folder.contents().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["server-key.pem"]);
    }
}

#[test]
fn what_a_server_has_left_that_ended_while_it_made_the_key_is_no_obstacle() {
    let folder = Folder::new();
    for name in ["server-key.pem-new", "server-key.pem-lock"] {
        fs::write(folder.file(name), "-----BEGIN PRIV").expect("ours");
    }
    Identity::open(&KeySource::Default, &environment(folder.path())).expect("a key");
    let names: Vec<_> = folder.contents().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["server-key.pem"]);
}

/// A certificate and its key, as somebody else has made them.
struct Pair {
    certificate: String,
    key: String,
    shown: ServerKey,
}

impl Pair {
    fn new() -> Pair {
        let pair = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["chat.example.org".to_owned()]).expect("a name");
        Pair {
            certificate: params.self_signed(&pair).expect("a certificate").pem(),
            key: pair.serialize_pem(),
            shown: ServerKey::of_spki(&pair.subject_public_key_info()),
        }
    }
}

/// Writes a file so that its time is another one than before, as it is but within one tick of the system's clock.
fn put(path: &Path, content: &str) {
    static TICKS: AtomicU64 = AtomicU64::new(1_000_000_000);
    fs::write(path, content).expect("ours");
    let tick = Duration::from_secs(TICKS.fetch_add(1, Ordering::Relaxed));
    set_time(path, SystemTime::UNIX_EPOCH + tick);
}

fn set_time(path: &Path, time: SystemTime) {
    let file = fs::File::options().write(true).open(path).expect("ours");
    file.set_modified(time).expect("ours");
}

/// A server whose certificate is in files.
struct Renewed {
    _folder: Folder,
    chain: PathBuf,
    key: PathBuf,
    identity: Identity,
    /// By the clock of the test.
    now: Instant,
}

impl Renewed {
    fn new(pair: &Pair) -> Renewed {
        let folder = Folder::new();
        let [chain, key] = ["cert.pem", "key.pem"].map(|name| folder.file(name));
        fs::write(&chain, &pair.certificate).expect("ours");
        fs::write(&key, &pair.key).expect("ours");
        let source = KeySource::Certificate { chain: chain.clone(), key: key.clone() };
        let identity = Identity::open(&source, &Environment::default()).expect("a pair");
        Renewed { _folder: folder, chain, key, identity, now: Instant::now() }
    }

    /// What a look a second later finds; the identity takes it.
    fn look(&mut self) -> Option<Result<ServerKey, String>> {
        self.now += Duration::from_secs(1);
        let files = self.identity.files.as_ref().expect("it has files");
        let read = files.lock().expect("no panic").look(self.now)?;
        Some(match self.identity.take(read) {
            Reloaded::New(key) => Ok(key),
            Reloaded::Old(refusal) => Err(refusal.brief()),
        })
    }

    fn apart(&self) -> String {
        format!("{} and {} do not belong together", self.chain.display(), self.key.display())
    }
}

#[test]
fn a_renewed_certificate_is_shown_once_both_of_its_files_are_there() {
    let (old, new) = (Pair::new(), Pair::new());
    let mut server = Renewed::new(&old);
    let mut before = Connection::to(&server.identity);
    assert_eq!((before.key(), server.look()), (old.shown, None));
    put(&server.chain, &format!("{}{}", new.certificate, old.certificate));
    assert_eq!(server.look(), Some(Err(server.apart())));
    assert_eq!(server.look(), None, "a change is told once");
    assert_eq!(Connection::to(&server.identity).key(), old.shown);
    put(&server.key, &new.key);
    assert_eq!(server.look(), Some(Ok(new.shown)));
    assert_eq!(server.look(), None);
    assert_eq!(Connection::to(&server.identity).key(), new.shown);
    assert_eq!(server.identity.key(), new.shown);
    assert!(before.goes_on());
}

#[test]
fn files_are_looked_at_once_in_a_second_at_most() {
    let (old, new) = (Pair::new(), Pair::new());
    let server = Renewed::new(&old);
    put(&server.chain, &format!("{}{}", new.certificate, old.certificate));
    put(&server.key, &new.key);
    server.identity.look(server.now);
    assert_eq!(server.identity.key(), old.shown);
    server.identity.look(server.now + Duration::from_secs(1));
    assert_eq!(server.identity.key(), new.shown);
}

#[test]
fn a_broken_file_leaves_the_old_certificate_and_a_good_one_is_taken_without_a_new_time() {
    let (old, new) = (Pair::new(), Pair::new());
    let mut server = Renewed::new(&old);
    let time = fs::metadata(&server.key).and_then(|found| found.modified()).expect("a time");
    for (content, told) in
        [("", "it is empty"), ("hello\n", "it is not a certificate in PEM"), ("", "it is empty")]
    {
        put(&server.chain, content);
        assert_eq!(server.look(), Some(Err(format!("{}: {told}", server.chain.display()))));
        assert_eq!(server.look(), None);
    }
    fs::remove_file(&server.chain).expect("ours");
    let gone = server.look().expect("a change").expect_err("it is gone");
    assert!(gone.starts_with(&format!("{}: ", server.chain.display())), "{gone}");
    put(&server.chain, &new.certificate);
    assert_eq!(server.look(), Some(Err(server.apart())));
    assert_eq!(Connection::to(&server.identity).key(), old.shown);
    // As long as the old one, and as old.
    put(&server.key, &new.key);
    set_time(&server.key, time);
    assert_eq!(server.look(), Some(Ok(new.shown)));
}

#[test]
fn no_handshake_waits_while_another_one_reads_the_files() {
    let (old, new) = (Pair::new(), Pair::new());
    let server = Renewed::new(&old);
    put(&server.chain, &new.certificate);
    put(&server.key, &new.key);
    let later = server.now + Duration::from_secs(5);
    let reading = server.identity.files.as_ref().expect("it has files").lock();
    server.identity.look(later);
    assert_eq!(Connection::to(&server.identity).key(), old.shown);
    drop(reading);
    server.identity.look(later);
    assert_eq!(Connection::to(&server.identity).key(), new.shown);
}

#[test]
fn handshakes_go_on_while_the_files_are_replaced_again_and_again() {
    let pairs = [Pair::new(), Pair::new()];
    let server = Renewed::new(&pairs[0]);
    let known = pairs.each_ref().map(|pair| pair.shown);
    thread::scope(|scope| {
        let replaced = scope.spawn(|| {
            for pair in pairs.iter().cycle().take(200) {
                put(&server.chain, &pair.certificate);
                put(&server.key, &pair.key);
            }
        });
        let mut now = server.now;
        while !replaced.is_finished() {
            now += Duration::from_secs(1);
            server.identity.look(now);
            assert!(known.contains(&Connection::to(&server.identity).key()));
        }
        server.identity.look(now + Duration::from_secs(1));
    });
    assert_eq!(server.identity.key(), known[1], "the last pair");
}

#[cfg(unix)]
#[test]
fn a_signal_has_the_files_read_whether_they_have_changed_or_not() {
    let (old, new) = (Pair::new(), Pair::new());
    let mut server = Renewed::new(&old);
    let is_new = |reloaded, key| matches!(reloaded, Some(Reloaded::New(it)) if it == key);
    assert!(is_new(server.identity.reload(), old.shown));
    put(&server.chain, &new.certificate);
    assert!(matches!(server.identity.reload(), Some(Reloaded::Old(_))));
    put(&server.key, &new.key);
    assert!(is_new(server.identity.reload(), new.shown));
    assert_eq!(server.look(), None, "it is known already");
    let own = Identity::of_one_run().expect("a key");
    assert!(own.reload().is_none());
}

#[cfg(unix)]
#[test]
fn certificates_may_lie_behind_links_and_nothing_waits_for_a_pipe() {
    let (old, new) = (Pair::new(), Pair::new());
    let mut server = Renewed::new(&old);
    // As certbot has them: the new files are beside the old ones, then each link is put in place.
    for (path, content) in [(&server.chain, &new.certificate), (&server.key, &new.key)] {
        let file = path.with_extension("2.pem");
        put(&file, content);
        fs::remove_file(path).expect("ours");
        std::os::unix::fs::symlink(&file, path).expect("a link");
    }
    assert_eq!(server.look(), Some(Ok(new.shown)));
    fs::remove_file(&server.key).expect("ours");
    let made = Command::new("mkfifo").arg(&server.key).status();
    assert!(made.expect("there is a mkfifo").success());
    let told = format!("{}: it is no regular file", server.key.display());
    assert_eq!(server.look(), Some(Err(told)));
}

#[test]
fn a_certificate_that_cannot_be_used_at_the_start_is_told_by_its_file() {
    let folder = Folder::new();
    let pair = Pair::new();
    let write = |name: &str, content: &str| {
        fs::write(folder.file(name), content).expect("ours");
        folder.file(name)
    };
    let chain = write("cert.pem", &pair.certificate);
    let its_key = write("key.pem", &pair.key);
    let other = write("other.pem", &Pair::new().key);
    let text = write("text.pem", "hello\n");
    let empty = write("empty.pem", "");
    let odd = write("odd.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let [shown_chain, shown_key, shown_other, shown_text, shown_empty, shown_odd] =
        [&chain, &its_key, &other, &text, &empty, &odd].map(|path| path.display());
    let certificate = "cannot use the certificate";
    for (chain, key, told) in [
        (
            &chain,
            &other,
            format!("{certificate} {shown_chain}: it does not belong to the key {shown_other}"),
        ),
        (&text, &its_key, format!("{certificate} {shown_text}: it is not a certificate in PEM")),
        (&odd, &its_key, format!("{certificate} {shown_odd}: it is not a certificate in PEM")),
        (&its_key, &its_key, format!("{certificate} {shown_key}: it is not a certificate in PEM")),
        (&empty, &its_key, format!("{certificate} {shown_empty}: it is empty")),
        (&chain, &text, format!("cannot use the key {shown_text}: it is not a private key")),
        (&chain, &empty, format!("cannot use the key {shown_empty}: it is empty")),
    ] {
        let source = KeySource::Certificate { chain: chain.clone(), key: key.clone() };
        let opened = Identity::open(&source, &Environment::default());
        assert_eq!(opened.expect_err("no pair").to_string(), told);
    }
}

/// What `openssl` makes of its input.
fn openssl(arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take()?.write_all(input).ok()?;
    child.wait_with_output().ok().filter(|output| output.status.success()).map(|it| it.stdout)
}

#[test]
fn a_fingerprint_is_what_openssl_computes_of_the_certificate_that_is_shown() {
    let server = Renewed::new(&Pair::new());
    let own = Identity::of_one_run().expect("a key");
    for identity in [&own, &server.identity] {
        let shown = Connection::to(identity).shown;
        let Some(public) = openssl(&["x509", "-inform", "der", "-pubkey", "-noout"], &shown) else {
            eprintln!("skipped: no openssl on this system");
            return;
        };
        let der = openssl(&["pkey", "-pubin", "-outform", "der"], &public).expect("a key");
        let hash = openssl(&["dgst", "-sha256", "-binary"], &der).expect("a hash");
        let typed: Fingerprint =
            format!("SHA256:{}", BASE64.encode(&hash)).parse().expect("a fingerprint");
        assert!(typed.fits(&identity.key()));
        assert_eq!(typed.to_string(), identity.key().to_string());
    }
}
