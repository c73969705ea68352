//! The rules of connecting, and what an attacker on the network can do. The servers are on this machine, so the
//! route is told that nothing is; that it knows this machine is tested by itself.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;

use super::verdict::in_words;
use super::*;
use crate::client::net::known_servers::{Known, Trust};
use crate::client::net::testing::{Act, BANNER, Identity, OFFER, Server};
use crate::test_folder::Folder;
use crate::tls::{COMMON_NAME_OF_ONE_RUN, Fingerprint};

/// The beginning of what a server says that has TLS 1.2 alone: the alert `protocol_version`.
const TLS_1_2_ALONE: &[u8] = &[21, 3, 3, 0, 2, 2, 70];

/// A folder for what is known.
struct Home(Folder);

impl Home {
    fn new() -> Home {
        Home(Folder::new())
    }

    fn path(&self) -> PathBuf {
        self.0.file("known_servers")
    }

    /// A new run of a client that wants this, to that server.
    fn route(&self, encryption: Encryption, server: SocketAddr) -> Route {
        let (host, port) = (server.ip().to_string(), server.port());
        Route {
            address: Address::new(&host, port),
            host,
            port,
            encryption,
            file: Some(KnownServersFile::new(self.path())),
            learns: true,
            is_here: |_| false,
            bond: Mutex::new(Bond::Free),
            is_one_of_several: false,
            is_loss_told: Arc::default(),
        }
    }

    /// What is known: each address with its key or `ca`, without the rest.
    fn known(&self) -> Vec<(String, Trust)> {
        let known = KnownServersFile::new(self.path()).read().expect("it can be read");
        known.all().map(|it| (it.address.to_string(), it.trust)).collect()
    }

    /// Has it known that a server there has this key, or a good certificate.
    fn learn(&self, address: &dyn ToString, trust: Trust) {
        let (host, port) = split(&address.to_string());
        let known = Known { address: Address::new(&host, port), trust, since: since() };
        let file = KnownServersFile::new(self.path());
        file.change(|servers| {
            servers.add(known);
            true
        })
        .expect("it can be written");
    }
}

fn split(address: &str) -> (String, u16) {
    let (host, port) = address.rsplit_once(':').expect("it has a port");
    (host.to_owned(), port.parse().expect("a number"))
}

fn since() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 28).expect("a day")
}

fn key(identity: &Identity) -> Trust {
    Trust::Key(identity.key)
}

/// What a connection is made for to the only server of a room.
const ALONE: Approach =
    Approach { manner: Manner::AsItIs, session: None, is_room_encrypted: false };

fn open(route: &Route) -> Result<(Secrecy, bool), Problem> {
    open_for(route, &ALONE)
}

/// The same for a session that began so.
fn open_again(route: &Route, began: Origin) -> Result<(Secrecy, bool), Problem> {
    open_for(route, &Approach { session: Some(began), ..ALONE })
}

fn open_for(route: &Route, approach: &Approach) -> Result<(Secrecy, bool), Problem> {
    let opened = route.open(approach, |_| ())?;
    assert!(opened.trouble.is_none(), "{:?}", opened.trouble);
    opened.connection.take_leave(None);
    Ok((opened.connection.secrecy().clone(), opened.may_resume))
}

fn secrecy(route: &Route) -> Secrecy {
    open(route).unwrap_or_else(|why| panic!("{why}")).0
}

fn wrong(route: &Route) -> Wrong {
    match open(route) {
        Err(problem) => {
            assert_eq!(problem.status(), 3);
            let Problem::WrongServer(wrong) = problem else { panic!("{problem}") };
            wrong.why
        }
        Ok((secrecy, _)) => panic!("connected: {secrecy:?}"),
    }
}

fn lost(route: &Route) -> Lost {
    match open(route) {
        Err(problem) => {
            assert_eq!(problem.status(), 1);
            let Problem::ConnectionLost { why, .. } = problem else { panic!("{problem}") };
            why
        }
        Ok((secrecy, _)) => panic!("connected: {secrecy:?}"),
    }
}

/// Nothing of ours went to a server in plain but the beginning of TLS.
fn assert_nothing_said(server: Server) {
    for said in server.end() {
        assert!(said.is_empty() || said.starts_with('\u{16}'), "{said:?}");
    }
}

fn auto() -> Encryption {
    Encryption::WherePossible
}

#[test]
fn what_stays_on_this_machine_is_plain_and_nothing_is_asked_or_remembered() {
    let home = Home::new();
    // It would be told that this cannot be read.
    fs::create_dir(home.path()).expect("ours");
    let server = Server::start(vec![Act::Plain(OFFER)]);
    let route = Route { is_here: is_this_machine, ..home.route(auto(), server.address) };
    let opened = route.open(&ALONE, |_| ()).expect("it listens");
    assert!(opened.trouble.is_none());
    assert_eq!(*opened.connection.secrecy(), Secrecy::Here);
    assert_eq!(opened.connection.openness(), Openness::Closed);
    assert!(opened.connection.exporter().is_none());
    drop(opened);
    assert_eq!(server.end(), [""]);
    for here in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::"] {
        assert!(is_this_machine(here.parse().expect("an address")), "{here}");
    }
    for away in ["192.168.1.7", "fe80::1", "2001:db8::1", "::ffff:10.0.0.1"] {
        assert!(!is_this_machine(away.parse().expect("an address")), "{away}");
    }
}

#[test]
fn on_this_machine_tls_is_spoken_to_whoever_asks_for_it() {
    let home = Home::new();
    let identity = Identity::usual();
    let server = Server::start(vec![Act::Tls(identity.clone())]);
    let route = home.route(Encryption::Always, server.address);
    let route = Route { is_here: is_this_machine, ..route };
    assert_eq!(secrecy(&route), Secrecy::Tls(identity.key, Acquaintance::New));
    assert_eq!(home.known(), [(server.address.to_string(), key(&identity))]);
    assert_nothing_said(server);
}

/// Whether a connection was lost as by a reset, of which Windows may tell as of an end.
fn is_of_reset(lost: &Lost) -> bool {
    matches!(lost, Lost::Broken(_)) || cfg!(windows) && matches!(lost, Lost::Closed)
}

#[test]
fn an_unknown_server_is_listened_to_first_and_once_it_has_offered_tls_there_is_no_way_back() {
    let home = Home::new();
    let identity = Identity::usual();
    let acts = vec![Act::Plain(OFFER), Act::Tls(identity.clone()), Act::Answer(BANNER.as_bytes())];
    let server = Server::start(acts);
    let address = server.address.to_string();
    let route = home.route(auto(), server.address);
    let opened = route.open(&ALONE, |_| ()).expect("it listens");
    assert_eq!(*opened.connection.secrecy(), Secrecy::Plain);
    assert_eq!(opened.connection.openness(), Openness::Open);
    drop(opened);
    route.take_offer();
    assert_eq!(
        open_again(&route, Origin::Plain).expect("it is TLS"),
        (Secrecy::Tls(identity.key, Acquaintance::New), false),
        "a session that was plain does not go on over TLS"
    );
    assert_eq!(home.known(), [(address, key(&identity))]);
    assert_eq!(wrong(&route), Wrong::UnencryptedNow);
    assert_nothing_said(server);
}

#[test]
fn a_server_that_has_offered_tls_and_speaks_none_is_not_talked_to() {
    let home = Home::new();
    let acts =
        vec![Act::Answer(BANNER.as_bytes()), Act::Answer(TLS_1_2_ALONE), Act::Close, Act::Reset];
    let server = Server::start(acts);
    let route = home.route(auto(), server.address);
    route.take_offer();
    assert_eq!(wrong(&route), Wrong::Unencrypted);
    assert_eq!(wrong(&route), Wrong::Unencrypted);
    assert!(matches!(lost(&route), Lost::Closed));
    assert!(is_of_reset(&lost(&route)));
    assert_nothing_said(server);
}

#[test]
fn a_known_server_is_talked_to_over_tls_at_once_whatever_else_it_shows() {
    let home = Home::new();
    let [one, other] = [Identity::usual(), Identity::new(COMMON_NAME_OF_ONE_RUN)];
    let server = Server::start(vec![Act::Tls(one.clone()), Act::Tls(other.clone())]);
    // It may have several keys; and a good certificate is no better than a key.
    for trust in [Trust::Ca, key(&one), key(&other)] {
        home.learn(&server.address, trust);
    }
    for identity in [one, other] {
        let route = home.route(auto(), server.address);
        assert_eq!(secrecy(&route), Secrecy::Tls(identity.key, Acquaintance::Known));
    }
    assert_eq!(home.known().len(), 3, "nothing is added");
    assert_nothing_said(server);
}

#[test]
fn another_key_than_the_known_one_is_refused_and_told_whose_it_is() {
    let home = Home::new();
    let [before, now] = [Identity::usual(), Identity::usual()];
    let server = Server::start(vec![Act::Tls(now.clone()), Act::Tls(now.clone())]);
    home.learn(&server.address, key(&before));
    let expected = |known_as| {
        let (before, now) = (before.key, now.key);
        Wrong::OtherKey { before, since: since(), now, known_as }
    };
    assert_eq!(wrong(&home.route(auto(), server.address)), expected(None));
    home.learn(&"192.168.1.9:5000", key(&now));
    let known_as = Some("192.168.1.9:5000".to_owned());
    assert_eq!(wrong(&home.route(Encryption::Always, server.address)), expected(known_as));
    assert_eq!(home.known().len(), 2, "nothing is added");
    assert_nothing_said(server);
}

#[test]
fn a_known_server_that_answers_without_our_tls_is_refused() {
    for trust in [key(&Identity::usual()), Trust::Ca] {
        let home = Home::new();
        let server = Server::start(vec![
            Act::Answer(BANNER.as_bytes()),
            Act::Answer(b"this is something else"),
            Act::Answer(TLS_1_2_ALONE),
            Act::Answer(b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"),
        ]);
        home.learn(&server.address, trust);
        for _ in 0..4 {
            assert_eq!(wrong(&home.route(auto(), server.address)), Wrong::UnencryptedNow);
        }
        assert_nothing_said(server);
    }
}

#[test]
fn a_connection_that_is_closed_or_reset_says_nothing_about_the_key() {
    let home = Home::new();
    let identity = Identity::usual();
    let acts = vec![Act::Close, Act::Reset, Act::Tls(identity.clone())];
    let server = Server::start(acts);
    home.learn(&server.address, key(&identity));
    let route = home.route(auto(), server.address);
    assert!(matches!(lost(&route), Lost::Closed));
    assert!(is_of_reset(&lost(&route)));
    assert_eq!(secrecy(&route), Secrecy::Tls(identity.key, Acquaintance::Known));
    assert_nothing_said(server);
}

#[test]
fn a_certificate_without_its_key_proves_nothing() {
    let home = Home::new();
    let identity = Identity::usual();
    let server = Server::start((0..3).map(|_| Act::Tls(identity.stolen())).collect());
    home.learn(&server.address, key(&identity));
    let unproven = Wrong::Unproven { before: identity.key, since: since() };
    assert_eq!(wrong(&home.route(auto(), server.address)), unproven);
    let wanted: Fingerprint = identity.key.to_string().parse().expect("a fingerprint");
    let route = home.route(Encryption::Only(wanted.clone()), server.address);
    assert_eq!(wrong(&route), Wrong::NotTheKey { wanted, now: None });
    fs::remove_file(home.path()).expect("ours");
    assert_eq!(wrong(&home.route(Encryption::Always, server.address)), Wrong::Unencrypted);
    assert_nothing_said(server);
}

#[test]
fn a_key_of_one_run_is_used_and_not_remembered_and_refused_where_a_key_is_known() {
    let home = Home::new();
    let [first, second] = [(); 2].map(|()| Identity::new(COMMON_NAME_OF_ONE_RUN));
    let acts = [&first, &second, &second].map(|it| Act::Tls(it.clone()));
    let server = Server::start(acts.into());
    let route = home.route(Encryption::Always, server.address);
    let one_run = |it: &Identity| Secrecy::Tls(it.key, Acquaintance::OneRun);
    assert_eq!(secrecy(&route), one_run(&first));
    // The server was started again, or is another one: it does not get the token.
    let again = open_again(&route, Origin::Tls(first.key));
    assert_eq!(again.expect("it is TLS"), (one_run(&second), false));
    assert!(home.known().is_empty());
    home.learn(&server.address, key(&first));
    assert!(matches!(wrong(&home.route(auto(), server.address)), Wrong::OtherKey { .. }));
    assert_nothing_said(server);
}

/// Of several servers, one is passed over whose key is new, as often as it comes, and taken only where no other is left.
#[test]
fn a_new_server_of_several_is_not_told_the_session_and_not_remembered_in_passing() {
    let home = Home::new();
    let [session, new, known] = [Identity::usual(), Identity::usual(), Identity::usual()];
    let acts = [&session, &new, &new, &new, &known].map(|it| Act::Tls(it.clone()));
    let server = Server::start(acts.into());
    let route = || {
        let route = home.route(Encryption::Always, server.address);
        Route { is_one_of_several: true, ..route }
    };
    let began = Some(Origin::Tls(session.key));
    let in_passing = Approach { manner: Manner::InPassing, session: began, ..ALONE };
    let (_, may_resume) = open_for(&route(), &in_passing).expect("it has the session's key");
    assert!(may_resume);
    fs::remove_file(home.path()).expect("ours");
    for _ in 0..2 {
        let passed = open_for(&route(), &in_passing);
        assert!(matches!(passed, Err(Problem::NewServer { .. })), "{passed:?}");
        assert!(home.known().is_empty());
    }
    let as_it_is = Approach { manner: Manner::AsItIs, ..in_passing };
    assert!(!open_for(&route(), &as_it_is).expect("it is TLS").1, "a new session begins");
    assert_eq!(home.known(), [(server.address.to_string(), key(&new))]);
    fs::remove_file(home.path()).expect("ours");
    home.learn(&server.address, key(&known));
    let as_before = Approach { manner: Manner::InPassing, ..as_it_is };
    assert!(open_for(&route(), &as_before).expect("its key is known").1);
    assert_nothing_said(server);
}

#[test]
fn a_server_of_an_encrypted_room_is_not_talked_to_in_plain() {
    let home = Home::new();
    let server = Server::start(vec![Act::Answer(BANNER.as_bytes())]);
    let route = Route { is_one_of_several: true, ..home.route(auto(), server.address) };
    let approach = Approach { is_room_encrypted: true, ..ALONE };
    let Err(Problem::WrongServer(wrong)) = open_for(&route, &approach) else { panic!("plain") };
    assert_eq!(wrong.why, Wrong::Unencrypted);
    assert_nothing_said(server);
}

#[test]
fn a_key_that_is_known_from_another_address_is_known() {
    let home = Home::new();
    let identity = Identity::usual();
    let server = Server::start(vec![Act::Tls(identity.clone())]);
    home.learn(&"192.168.1.7:5000", key(&identity));
    let known_as = Acquaintance::KnownAs("192.168.1.7:5000".to_owned());
    let route = home.route(Encryption::Always, server.address);
    assert_eq!(secrecy(&route), Secrecy::Tls(identity.key, known_as));
    assert_eq!(home.known()[1], (server.address.to_string(), key(&identity)));
    assert_nothing_said(server);
}

#[test]
fn a_server_that_took_us_for_a_plain_client_is_tried_three_times_again_over_tls_alone() {
    let home = Home::new();
    let identity = Identity::usual();
    let full = b"!! the room is full (100 clients)\n";
    let required = b"!! this room is encrypted: use chatclient, or ncat --ssl HOST PORT\n";
    let late = || [OFFER.as_bytes(), full, required].map(Act::Answer);
    let mut acts: Vec<Act> = late().into();
    acts.push(Act::Tls(identity.clone()));
    let server = Server::start(acts);
    home.learn(&server.address, key(&identity));
    let route = home.route(auto(), server.address);
    assert_eq!(secrecy(&route), Secrecy::Tls(identity.key, Acquaintance::Known));
    assert_nothing_said(server);
    let mut acts: Vec<Act> = late().into();
    acts.push(Act::Answer(OFFER.as_bytes()));
    let server = Server::start(acts);
    let route = home.route(Encryption::Always, server.address);
    assert!(matches!(lost(&route), Lost::Late));
    assert_nothing_said(server);
}

#[test]
fn with_a_fingerprint_nothing_else_counts_and_the_file_is_neither_read_nor_written() {
    let home = Home::new();
    fs::create_dir(home.path()).expect("ours");
    let identity = Identity::usual();
    let server = Server::start(vec![
        Act::Tls(identity.clone()),
        Act::Tls(identity.clone()),
        Act::Answer(BANNER.as_bytes()),
    ]);
    let only = |key: &ServerKey| {
        let wanted: Fingerprint = key.to_string().parse().expect("a fingerprint");
        (home.route(Encryption::Only(wanted.clone()), server.address), wanted)
    };
    let (route, _) = only(&identity.key);
    assert_eq!(secrecy(&route), Secrecy::Tls(identity.key, Acquaintance::Known));
    let (route, wanted) = only(&ServerKey::of_spki(b"another"));
    assert_eq!(wrong(&route), Wrong::NotTheKey { wanted, now: Some(identity.key) });
    let (route, _) = only(&identity.key);
    assert_eq!(wrong(&route), Wrong::Unencrypted);
    assert!(home.path().is_dir());
    assert_nothing_said(server);
}

#[test]
fn plain_is_plain_to_a_known_server_too_and_takes_no_offer() {
    let home = Home::new();
    let server = Server::start(vec![Act::Plain(OFFER)]);
    home.learn(&server.address, key(&Identity::usual()));
    let route = home.route(Encryption::Never, server.address);
    let opened = route.open(&ALONE, |_| ()).expect("it listens");
    assert_eq!(*opened.connection.secrecy(), Secrecy::Plain);
    assert_eq!(opened.connection.openness(), Openness::Closed);
    drop(opened);
    assert_eq!(server.end(), [""]);
}

#[test]
fn a_session_goes_to_the_key_that_it_began_with_and_to_no_other() {
    let home = Home::new();
    let [one, other] = [Identity::usual(), Identity::usual()];
    let acts = [&one, &one, &other].map(|it| Act::Tls(it.clone()));
    let server = Server::start(acts.into());
    let route = home.route(Encryption::Always, server.address);
    assert_eq!(secrecy(&route), Secrecy::Tls(one.key, Acquaintance::New));
    // What the file says meanwhile is for other sessions.
    fs::remove_file(home.path()).expect("ours");
    home.learn(&server.address, key(&other));
    assert_eq!(
        open_again(&route, Origin::Tls(one.key)).expect("it is TLS"),
        (Secrecy::Tls(one.key, Acquaintance::Known), true)
    );
    let Wrong::OtherKey { before, now, .. } = wrong(&route) else { panic!("another") };
    assert_eq!((before, now), (one.key, other.key));
    assert_nothing_said(server);
}

#[test]
fn a_file_that_cannot_be_used_is_told_once_and_the_run_knows_the_server_all_the_same() {
    let home = Home::new();
    fs::create_dir(home.path()).expect("ours");
    let [one, other] = [Identity::usual(), Identity::usual()];
    let acts = [&one, &one, &other].map(|it| Act::Tls(it.clone()));
    let server = Server::start(acts.into());
    let route = home.route(Encryption::Always, server.address);
    let opened = route.open(&ALONE, |_| ()).expect("it is TLS");
    assert_eq!(*opened.connection.secrecy(), Secrecy::Tls(one.key, Acquaintance::New));
    let told = opened.trouble.as_ref().map(ToString::to_string);
    let path = home.path().display().to_string();
    let expected =
        format!("cannot remember servers in {path}: it is no regular file; going on without it");
    assert_eq!(told, Some(expected));
    opened.connection.take_leave(None);
    drop(opened);
    assert_eq!(secrecy(&route), Secrecy::Tls(one.key, Acquaintance::Known));
    assert!(matches!(wrong(&route), Wrong::OtherKey { .. }));
    assert_nothing_said(server);
}

#[test]
fn a_file_that_cannot_be_used_or_is_damaged_at_that_server_is_told_before_anything_is_said_in_plain()
 {
    let unusable: fn(&Home) = |home| fs::create_dir(home.path()).expect("ours");
    let damaged: fn(&Home) = |home| {
        let address = home.known().remove(0).0;
        fs::write(home.path(), format!("{address} key:garbage 2026-11-28\n")).expect("ours");
    };
    for (make, learns, why) in
        [(unusable, false, "it is no regular file"), (damaged, true, "cannot be read")]
    {
        let home = Home::new();
        let server = Server::start(vec![Act::Plain(BANNER)]);
        if learns {
            home.learn(&server.address, key(&Identity::usual()));
        }
        make(&home);
        let route = home.route(auto(), server.address);
        let opened = route.open(&ALONE, |_| ()).expect("it listens");
        assert_eq!(*opened.connection.secrecy(), Secrecy::Plain);
        let told = opened.trouble.as_ref().map(ToString::to_string).unwrap_or_default();
        assert!(told.contains(why) && told.ends_with("; going on without it"), "{told}");
        drop(opened);
        assert_nothing_said(server);
    }
}

#[test]
fn without_a_place_for_it_nothing_is_remembered_and_that_is_told() {
    let home = Home::new();
    let identity = Identity::usual();
    let server = Server::start(vec![Act::Tls(identity.clone())]);
    let route = Route { file: None, ..home.route(Encryption::Always, server.address) };
    let opened = route.open(&ALONE, |_| ()).expect("it is TLS");
    let told = opened.trouble.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(told.ends_with("no state folder is known; set HOME; going on without it"), "{told}");
    opened.connection.take_leave(None);
    drop(opened);
    assert_nothing_said(server);
}

#[test]
fn a_client_that_keeps_nothing_adds_nothing_and_checks_all_the_same() {
    let home = Home::new();
    let [one, other] = [Identity::usual(), Identity::usual()];
    let acts = [&one, &other].map(|it| Act::Tls(it.clone()));
    let server = Server::start(acts.into());
    let route = || Route { learns: false, ..home.route(Encryption::Always, server.address) };
    assert_eq!(secrecy(&route()), Secrecy::Tls(one.key, Acquaintance::New));
    assert!(home.known().is_empty());
    home.learn(&server.address, key(&one));
    assert!(matches!(wrong(&route()), Wrong::OtherKey { .. }));
    assert_nothing_said(server);
}

/// Two clients meet a server at the same time, and an attacker stands between it and one of them.
#[test]
fn a_server_that_another_client_has_remembered_meanwhile_has_to_be_that_one() {
    for is_same in [true, false] {
        let home = Home::new();
        let [one, other] = [Identity::usual(), Identity::usual()];
        let (file, trust) = (home.path(), key(if is_same { &one } else { &other }));
        let (known, fill) = std::sync::mpsc::channel::<SocketAddr>();
        let work = Box::new(move || {
            let address = fill.recv().expect("the test tells");
            let known =
                Known { address: Address::new("127.0.0.1", address.port()), trust, since: since() };
            let changed = KnownServersFile::new(file).change(|servers| {
                servers.add(known);
                true
            });
            changed.expect("it can be written");
        });
        let mut acts = vec![Act::First(work, one.clone())];
        if !is_same {
            acts.push(Act::Tls(one.clone()));
        }
        let server = Server::start(acts);
        known.send(server.address).expect("it waits");
        let route = home.route(Encryption::Always, server.address);
        if is_same {
            assert_eq!(secrecy(&route), Secrecy::Tls(one.key, Acquaintance::Known));
        } else {
            assert!(matches!(wrong(&route), Wrong::OtherKey { .. }));
        }
        assert_eq!(home.known().len(), 1);
        assert_nothing_said(server);
    }
}

#[test]
fn clients_that_meet_a_server_at_once_remember_it_once() {
    let home = Home::new();
    let identity = Identity::usual();
    let server = Server::start((0..4).map(|_| Act::Tls(identity.clone())).collect());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| secrecy(&home.route(Encryption::Always, server.address)));
        }
    });
    assert_eq!(home.known(), [(server.address.to_string(), key(&identity))]);
    assert_nothing_said(server);
}

#[test]
fn why_a_certificate_is_not_valid_is_told_in_plain_words() {
    use rustls::{CertificateError, Error};
    let bad = |why: CertificateError| in_words(&Error::InvalidCertificate(why));
    assert_eq!(bad(CertificateError::Expired), "it has expired");
    assert_eq!(bad(CertificateError::NotValidForName), "it is for another name");
    assert_eq!(
        bad(CertificateError::UnknownIssuer),
        "no authority that this system knows vouches for it"
    );
    let none = Error::General("No CA certificates were loaded from the system".to_owned());
    assert_eq!(in_words(&none), "no CA certificates were loaded from the system");
}

#[test]
fn a_name_in_the_place_of_the_server_is_told_where_it_belongs() {
    let told = |host| unknown_host(host, io::ErrorKind::NotFound.into()).to_string();
    let name = told("alice");
    assert!(name.ends_with("; to join as alice: chatclient --name alice"), "{name}");
    for host in ["chat.lan", "-alice", "2001:db8::1"] {
        assert!(told(host).ends_with("; check the name"), "{host}");
    }
}
