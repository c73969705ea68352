//! What the arguments make of a server, and what they refuse.

use chrono::Local;
use clap::CommandFactory;

use super::values::machine_name;
use super::*;
use crate::discovery::MAX_NAME;

#[test]
fn the_arguments_are_well_formed() {
    Arguments::command().debug_assert();
}

#[test]
fn a_server_without_options_is_the_default_one_with_a_history_and_encryption() {
    let arguments = Arguments::try_parse_from(["chatserver"]).expect("no option is required");
    let config = arguments.config();
    let file = HistoryFile::Default;
    let history = HistoryConfig { file, port: DEFAULT_PORT, ..HistoryConfig::default() };
    assert_eq!(config.history, history);
    let tls = TlsConfig { encryption: Encryption::Optional, key: KeySource::Default };
    assert_eq!(config.tls, tls);
    let (history, tls) = (HistoryConfig::default(), TlsConfig::default());
    assert_eq!(Config { history, tls, ..config }, Config::default());
}

#[test]
fn a_size_is_in_bytes_or_in_powers_of_1024() {
    let cases = [
        ("1048576", Some(1 << 20)),
        ("1024K", Some(1 << 20)),
        ("16m", Some(16 << 20)),
        ("1G", Some(1 << 30)),
        ("1048575", None),
        ("65G", None),
        ("99999999999999999999", None),
        ("99999999999G", None),
        ("M", None),
        ("16MB", None),
        ("-16M", None),
        ("", None),
    ];
    for (text, bytes) in cases {
        assert_eq!(size(text).ok(), bytes, "{text}");
    }
    let cases = [
        ("16M", Some(16 << 20)),
        ("16T", Some(16 << 40)),
        ("1t", Some(1 << 40)),
        ("16777215", None),
        ("17T", None),
        ("+16M", None),
        ("16777216T", None),
    ];
    for (text, bytes) in cases {
        assert_eq!(keep_size(text).ok(), bytes, "{text}");
    }
}

#[test]
fn a_time_to_keep_has_a_unit_or_no_end() {
    let hours = |hours: u64| Some(Keep(Some(Duration::from_secs(hours * 60 * 60))));
    let cases = [
        ("forever", Some(Keep(None))),
        ("1h", hours(1)),
        ("90d", hours(90 * 24)),
        ("100y", hours(100 * 365 * 24)),
        ("0h", None),
        ("101y", None),
        ("36501d", None),
        ("90", None),
        ("d", None),
        ("+1d", None),
        ("1.5d", None),
        ("9D", None),
        ("99999999999999999999h", None),
        ("9999999999999999h", None),
        ("", None),
    ];
    for (text, time) in cases {
        assert_eq!(keep(text).ok(), time, "{text}");
    }
}

#[test]
fn a_moment_is_a_day_or_a_time_of_the_clock_on_the_wall() {
    let shown = |text| {
        let at = chrono::DateTime::from_timestamp_millis(moment(text).ok()?)?;
        Some(at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string())
    };
    assert_eq!(shown("2026-11-28").as_deref(), Some("2026-11-28 00:00:00"));
    assert_eq!(shown("2026-11-28T14:05").as_deref(), Some("2026-11-28 14:05:00"));
    for text in ["", "28.11.2026", "2026-13-01", "2026-11-28 14:05", "2026-11-28T25:00", "26-11-28"]
    {
        assert_eq!(shown(text), None, "{text}");
    }
}

#[test]
fn a_history_is_at_its_place_in_a_file_or_nowhere() {
    let file = |arguments: &[&str]| {
        let words = ["chatserver"].iter().chain(arguments);
        Arguments::try_parse_from(words).expect("they are right").config().history.file
    };
    assert_eq!(file(&[]), HistoryFile::Default);
    assert_eq!(file(&["--history", "none"]), HistoryFile::None);
    assert_eq!(file(&["--history", "./none"]), HistoryFile::Named("./none".into()));
}

#[test]
fn a_key_is_at_its_place_in_a_file_or_that_of_a_certificate() {
    let parse =
        |arguments: &[&str]| Arguments::try_parse_from(["chatserver"].iter().chain(arguments));
    let key = |arguments: &[&str]| parse(arguments).expect("they are right").tls().key;
    assert_eq!(key(&[]), KeySource::Default);
    assert_eq!(key(&["--key", "k.pem"]), KeySource::Named("k.pem".into()));
    let certificate = ["--tls-cert", "c.pem", "--tls-key", "k.pem"];
    let (chain, its_key) = ("c.pem".into(), "k.pem".into());
    assert_eq!(key(&certificate), KeySource::Certificate { chain, key: its_key });
    for wrong in [
        &certificate[..2],
        &certificate[2..],
        &[&certificate[..], &["--key", "k.pem"]].concat(),
        &["--fingerprint", "--health-check"],
        &["--fingerprint", "--export", "talk.txt"],
    ] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_room_is_closed_by_a_password_or_to_all_but_invited_people() {
    let entrance = |arguments: &[&str]| {
        let words = ["chatserver"].iter().chain(arguments);
        Arguments::try_parse_from(words).expect("they are right").config().entrance
    };
    assert_eq!(entrance(&[]), EntranceConfig::default());
    let password_file = Some("room".into());
    let expected = EntranceConfig { password_file, ..EntranceConfig::default() };
    assert_eq!(entrance(&["--password-file", "room"]), expected);
    let expected = EntranceConfig { invited: true, ..EntranceConfig::default() };
    assert_eq!(entrance(&["--invited", "--invite", "owners"]), expected);
    let expected = EntranceConfig { operators_invite: true, ..EntranceConfig::default() };
    assert_eq!(entrance(&["--invite", "operators"]), expected);
}

#[test]
fn a_room_is_shared_at_a_url_and_its_settings_are_told_or_the_rooms() {
    let parse =
        |arguments: &[&str]| Arguments::try_parse_from(["chatserver"].iter().chain(arguments));
    let shared = |arguments: &[&str]| parse(arguments).expect("they are right").config().shared;
    assert_eq!(shared(&[]), None);
    let url = SharedUrl::parse("rediss://cache/lobby").expect("it is one");
    let told = Told::default();
    let expected = SharedConfig { url, password_file: None, authority: None, told };
    let at = ["--shared", "rediss://cache/lobby"];
    assert_eq!(shared(&at), Some(expected.clone()));
    let files = ["--shared-password-file", "p", "--shared-ca", "ca.pem"];
    for (settings, told) in [
        (["--away-timeout", "60"], Told { away_timeout: true, ..told }),
        (["--keep-names", "90d"], Told { keep_names: true, ..told }),
        (["--operator", "alice"], Told { operators: true, ..told }),
        (["--invite", "owners"], Told { invite: true, ..told }),
    ] {
        let of_one = SharedConfig { told, ..expected.clone() };
        assert_eq!(shared(&[&at[..], &settings].concat()), Some(of_one));
    }
    let expected = SharedConfig {
        password_file: Some("p".into()),
        authority: Some("ca.pem".into()),
        ..expected
    };
    assert_eq!(shared(&[&at[..], &files].concat()), Some(expected));
    assert!(parse(&files[..2]).is_err() && parse(&files[2..]).is_err());
    let told = parse(&["--shared", "redis://chat:secret@cache/Lobby"]).expect_err("no room");
    assert!(!told.to_string().contains("secret"), "{told}");
    assert!(told.to_string().contains("redis://chat:***@cache/Lobby"), "{told}");
}

#[test]
fn a_room_is_announced_under_a_name_that_is_given_with_it() {
    let announce = |arguments: &[&str]| {
        let words = ["chatserver"].iter().chain(arguments);
        let parsed = Arguments::try_parse_from(words).expect("they are right");
        (parsed.config().announce, parsed.address)
    };
    let everyone = "0.0.0.0".to_owned();
    assert_eq!(announce(&[]).0, None);
    assert_eq!(announce(&["--announce", "0.0.0.0"]), (Some(machine_name()), everyone.clone()));
    let lab = Some("The lab".to_owned());
    assert_eq!(announce(&["--announce=The lab", "0.0.0.0"]), (lab, everyone));
    assert_eq!(announce(&["--announce=no"]).0, None);
    assert!((1..=MAX_NAME).contains(&machine_name().len()));
    assert!(announced(&"x".repeat(63)).is_ok());
    for text in ["", " ", " lab", "a\u{1b}[31m", "a\nb", &"x".repeat(64)] {
        assert!(announced(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_date_is_for_an_export_alone() {
    assert!(Arguments::try_parse_from(["chatserver", "--since", "2026-11-28"]).is_err());
    let words = ["chatserver", "--since", "2026-11-28", "--export", "talk.txt"];
    let export = Arguments::try_parse_from(words).expect("they are right").export();
    assert!(export.is_some_and(|export| export.since.is_some() && export.port == DEFAULT_PORT));
}
