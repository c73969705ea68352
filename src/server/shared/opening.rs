//! How a server comes to share a room: its files are read, the engine is reached, and what all servers agree on is
//! checked. The caller's thread does it, before the server listens.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::backoff::Backoff;
use super::codec::MAX_LINE;
use super::engine::{Engine, Position};
use super::meta::{self, Agreed, Offer, RoomId};
use super::refusal::Refusal;
use super::settings::RoomSettings;
use super::trouble::Trouble;
use super::url::{Password, SharedUrl};
use crate::problem::reason;
use crate::secret_file::warn_if_public;
use crate::server::config::SharedConfig;
use crate::server::system::instant;

/// For how long the engine is tried.
const TRIED: Duration = Duration::from_secs(10);

/// How long a server that finds no room, or no log of it, waits for one that has had it: it comes back to an emptied engine
/// with its next heartbeat.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How much of a file is read, in bytes: a password is shorter, and so are the certificates of all authorities.
const MOST_READ: u64 = 1 << 20;

/// A room that this server shares now.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Where its log is.
    pub(crate) engine: Arc<dyn Engine>,
    /// What holds for it.
    pub(crate) agreed: Agreed,
    /// Whether its identity is the one that this server has brought: then nobody has been in it before, unless this server's
    /// archive has.
    pub(crate) is_ours: bool,
}

/// What a server brings besides its configuration for sharing.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// Its settings, for a room that has none yet.
    pub(crate) settings: RoomSettings,
    /// How many bytes the room remembers.
    pub(crate) memory: usize,
    /// How many bytes a client's line may have.
    pub(crate) max_line: usize,
    /// The shared room that its archive belongs to, if it has one.
    pub(crate) archive: Option<RoomId>,
}

/// Opens a shared room, and logs where it is and what it survives. `wait` waits for so long, and says whether the
/// server is still to begin. `None` if it is not.
///
/// # Errors
///
/// The room cannot be shared, or not by this server.
pub(crate) fn open(
    config: &SharedConfig,
    host: &Host,
    wait: &mut dyn FnMut(Duration) -> bool,
) -> Result<Option<Opened>, Refusal> {
    if host.max_line > MAX_LINE {
        return Err(Refusal::LineTooLong { told: host.max_line });
    }
    let engine = engine_of(config)?;
    let id = host.archive.or_else(RoomId::random).ok_or(Refusal::NoRandomNumbers)?;
    let offer = Offer {
        settings: host.settings.clone(),
        told: config.told,
        log_bytes: host.memory as u64,
        id,
    };
    join(engine, &config.url, &offer, wait)
}

/// Where the log is, with all that is needed to get there.
#[cfg(feature = "shared")]
fn engine_of(config: &SharedConfig) -> Result<Arc<dyn Engine>, Refusal> {
    let SharedConfig { url, password_file, authority, told: _ } = config;
    if url.password.is_some() && password_file.is_some() {
        return Err(Refusal::TwoPasswords);
    }
    if authority.is_some() && !url.is_over_tls() {
        return Err(Refusal::AuthorityWithoutTls);
    }
    let password = password_file.as_deref().map(read_password).transpose()?;
    let authority = authority.as_deref().map(read_authority).transpose()?;
    let engine = super::redis::Redis::engine(url, password, authority);
    engine.map_err(|trouble| Refusal::Engine { url: Box::new(url.clone()), trouble })
}

#[cfg(not(feature = "shared"))]
fn engine_of(_: &SharedConfig) -> Result<Arc<dyn Engine>, Refusal> {
    Err(Refusal::NotBuilt)
}

/// Tries until the engine answers, nothing but somebody's hands can help, or the time is up.
pub(super) fn join(
    engine: Arc<dyn Engine>,
    url: &SharedUrl,
    offer: &Offer,
    wait: &mut dyn FnMut(Duration) -> bool,
) -> Result<Option<Opened>, Refusal> {
    let begun = instant();
    let mut backoff = Backoff::new();
    loop {
        let trouble = match try_to_join(engine.as_ref(), url, offer, wait) {
            Ok(Some(agreed)) => {
                let agreed = agreed?;
                let is_ours = agreed.id == offer.id;
                return Ok(Some(Opened { engine, agreed, is_ours }));
            }
            Ok(None) => return Ok(None),
            Err(trouble) => trouble,
        };
        if trouble.needs_hands() || instant().duration_since(begun) >= TRIED {
            return Err(Refusal::Engine { url: Box::new(url.clone()), trouble });
        }
        if !wait(backoff.on_trouble()) {
            return Ok(None);
        }
    }
}

/// `None` if the server is not to begin any more.
fn try_to_join(
    engine: &dyn Engine,
    url: &SharedUrl,
    offer: &Offer,
    wait: &mut dyn FnMut(Duration) -> bool,
) -> Result<Option<Result<Agreed, Refusal>>, Trouble> {
    let mut link = engine.connect()?;
    let settings = link.settings()?;
    // A key of another program's is found now, and not by the first line that somebody says.
    let has_log = link.look(Position::START)?.first.is_some();
    link.snapshots()?;
    let is_there = has_log && meta::has_room(link.as_mut())?;
    if !is_there && !wait(HEARTBEAT) {
        return Ok(None);
    }
    // Whoever begins a room puts what stands beside its log there first: the servers of this one may be running.
    let has_log = link.look(Position::START)?.first.is_some();
    if has_log && !meta::has_room(link.as_mut())? {
        return Ok(Some(Err(Refusal::NoSettings { room: url.room.clone() })));
    }
    // The servers that run begin the log anew, and the snapshots of the old one go with that.
    if !has_log && link.snapshots()? > 0 {
        return Ok(Some(Err(Refusal::NoLog { room: url.room.clone() })));
    }
    let agreed = meta::agree(link.as_mut(), url, offer)?;
    if agreed.is_ok() {
        settings.remarks(url).iter().for_each(|remark| log::log!(remark.level, "{}", remark.text));
    }
    Ok(Some(agreed))
}

/// The password that is the first line of a file, as it stands there.
#[cfg_attr(not(feature = "shared"), expect(dead_code, reason = "nothing is reached without it"))]
fn read_password(path: &Path) -> Result<Password, Refusal> {
    let unfit = |why: &str| unfit("the password for Redis", path, why);
    let bytes = read(path).map_err(|why| unfit(&reason(&why)))?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    match std::str::from_utf8(line) {
        Ok("") => Err(unfit("its first line is empty")),
        Ok(password) => {
            warn_if_public("the password for Redis", path);
            Ok(Password(password.to_owned()))
        }
        Err(_) => Err(unfit("its first line is not UTF-8")),
    }
}

/// The authorities whose certificates a file has in PEM.
#[cfg_attr(not(feature = "shared"), expect(dead_code, reason = "nothing is reached without it"))]
fn read_authority(path: &Path) -> Result<rustls::RootCertStore, Refusal> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let unfit = |why: &str| unfit("a certificate authority", path, why);
    let bytes = read(path).map_err(|why| unfit(&reason(&why)))?;
    let mut roots = rustls::RootCertStore::empty();
    let added = CertificateDer::pem_slice_iter(&bytes)
        .map(|certificate| certificate.is_ok_and(|certificate| roots.add(certificate).is_ok()))
        .collect::<Vec<_>>();
    if added.is_empty() || added.contains(&false) {
        return Err(unfit("it is no certificate in PEM"));
    }
    Ok(roots)
}

fn unfit(what: &'static str, path: &Path, why: &str) -> Refusal {
    Refusal::File { what, path: path.to_owned(), why: why.to_owned() }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_READ).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::super::fake::Fake;
    use super::*;
    use crate::server::config::{Config, Told};

    fn url() -> SharedUrl {
        SharedUrl::parse("redis://cache/lobby").expect("it is one")
    }

    fn offer() -> Offer {
        Offer {
            settings: RoomSettings::of(&Config::default()),
            told: Told::default(),
            log_bytes: 16 << 20,
            id: RoomId::random().expect("there are random numbers"),
        }
    }

    /// Opens what a test has, with a wait that notes how long it was and lets something happen meanwhile.
    fn join_while(
        fake: &Fake,
        offer: &Offer,
        mut meanwhile: impl FnMut(Duration) -> bool,
    ) -> (Result<Option<Opened>, Refusal>, Vec<Duration>) {
        let mut waits = Vec::new();
        let joined = join(fake.engine(), &url(), offer, &mut |time| {
            waits.push(time);
            meanwhile(time)
        });
        (joined, waits)
    }

    #[test]
    fn a_server_without_a_room_waits_for_one_that_has_had_it() {
        let fake = Fake::new();
        let (first, survivor) = (offer(), offer());
        let (opened, waits) = join_while(&fake, &first, |_| {
            let mut link = fake.connect().expect("it is there");
            link.offer("id", &survivor.id.to_string()).is_ok()
        });
        let opened = opened.expect("it can be shared").expect("the server is to begin");
        assert_eq!((opened.agreed.id, opened.is_ours), (survivor.id, false));
        assert_eq!(waits, [HEARTBEAT]);
        // Somebody has begun it, and the next one waits for nothing.
        fake.write(0..1);
        let (opened, waits) = join_while(&fake, &offer(), |_| true);
        let opened = opened.expect("it can be shared").expect("the server is to begin");
        assert_eq!((opened.agreed.id, waits.len()), (survivor.id, 0));
    }

    #[test]
    fn a_server_that_nobody_has_been_before_begins_the_room() {
        let fake = Fake::new();
        let offer = offer();
        let (opened, _) = join_while(&fake, &offer, |_| true);
        let opened = opened.expect("it can be shared").expect("the server is to begin");
        assert_eq!((opened.agreed.id, opened.is_ours), (offer.id, true));
    }

    #[test]
    fn an_engine_that_has_just_started_is_tried_again() {
        let fake = Fake::new();
        fake.refuse(Some(Trouble::Loading));
        let mut attempts = 0;
        let (opened, _) = join_while(&fake, &offer(), |_| {
            attempts += 1;
            fake.refuse((attempts < 5).then_some(Trouble::Loading));
            true
        });
        assert!(opened.is_ok_and(|opened| opened.is_some()) && attempts >= 5);
    }

    #[test]
    fn what_only_hands_can_mend_is_told_at_once() {
        let fake = Fake::new();
        fake.refuse(Some(Trouble::WrongType));
        let (opened, waits) = join_while(&fake, &offer(), |_| true);
        assert!(opened.is_err() && waits.is_empty());
    }

    #[test]
    fn a_server_that_is_told_to_end_meanwhile_does_not_begin() {
        let fake = Fake::new();
        fake.refuse(Some(Trouble::Loading));
        let (opened, waits) = join_while(&fake, &offer(), |_| false);
        assert!(opened.is_ok_and(|opened| opened.is_none()) && waits.len() == 1);
        fake.refuse(None);
        let (opened, _) = join_while(&fake, &offer(), |_| false);
        assert!(opened.is_ok_and(|opened| opened.is_none()));
        assert_eq!(fake.connect().expect("it is there").facts(), Ok(Vec::new()));
    }

    #[cfg(feature = "shared")]
    #[test]
    fn files_that_cannot_be_used_and_options_that_clash_are_told() {
        let folder = crate::test_folder::Folder::new();
        let file = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.file(name), bytes).expect("it can be written");
            Some(folder.file(name))
        };
        let told = |url: &str, password_file, authority| {
            let url = SharedUrl::parse(url).expect("it is one");
            let told = Told::default();
            let config = SharedConfig { url, password_file, authority, told };
            engine_of(&config).map(drop).map_err(|why| why.to_string())
        };
        let at = |name: &str| folder.file(name).display().to_string();
        let password = file("password", b"se cret \r\nsecond\n");
        assert_eq!(told("redis://cache/lobby", password.clone(), None), Ok(()));
        let read = read_password(&folder.file("password"));
        assert_eq!(read, Ok(Password("se cret ".to_owned())));
        let twice = told("redis://:secret@cache/lobby", password, None);
        let once =
            "the password for Redis is in --shared and in --shared-password-file; give it once";
        assert_eq!(twice, Err(once.to_owned()));
        let empty = told("redis://cache/lobby", file("empty", b"\nsecond"), None);
        let why = format!(
            "cannot read the password for Redis from {}: its first line is empty",
            at("empty")
        );
        assert_eq!(empty, Err(why));
        let missing = told("redis://cache/lobby", Some(folder.file("missing")), None);
        let why = format!("cannot read the password for Redis from {}: ", at("missing"));
        assert!(missing.is_err_and(|told| told.starts_with(&why)));
        let no_pem = told("rediss://cache/lobby", None, file("authority", b"no certificate"));
        let why = format!(
            "cannot read a certificate authority from {}: it is no certificate in PEM",
            at("authority")
        );
        assert_eq!(no_pem, Err(why));
        let plain = told("redis://cache/lobby", None, Some(folder.file("authority")));
        assert!(plain.is_err_and(|told| told.starts_with("--shared-ca is for a connection with ")));
    }
}
