use std::collections::BTreeMap;

use clap::{CommandFactory, FromArgMatches};

use super::keys::{NO_KEYS, key, sample};
use super::*;
use crate::arguments::client::Arguments;
use crate::client::Config;

/// What the text says, each option with its values, or what is wrong with it.
fn read(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let home = PathBuf::from("/home/a");
    let settings = settings(&Arguments::command(), text, Some(&home));
    let settings = settings.map_err(|trouble| trouble.told(Path::new("f")))?;
    Ok(settings.into_iter().map(|it| (it.id, it.values)).collect())
}

/// The options that the file sets where these words are given besides.
fn counts(text: &str, words: &[&str], has_password: bool) -> Vec<String> {
    // Without the environment that the tests run in.
    let command = Arguments::command().mut_args(|argument| argument.env(None::<&str>));
    let words = ["chatclient"].iter().chain(words);
    let matches = command.clone().try_get_matches_from(words).expect("they are right");
    let settings = settings(&command, text, None).expect("it is right");
    let kept = not_overridden(settings, &matches, has_password);
    kept.into_iter().map(|setting| setting.id).collect()
}

/// The configuration of a client with that file and these words.
fn config(text: &str, words: &[&str]) -> Config {
    let command = Arguments::command().mut_args(|argument| argument.env(None::<&str>));
    let settings = settings(&command, text, None).expect("it is right");
    let command = with_defaults(command, settings);
    let words = ["chatclient"].iter().chain(words);
    let mut matches = command.try_get_matches_from(words).expect("they are right");
    Arguments::from_arg_matches_mut(&mut matches).expect("so it is").into()
}

fn servers(config: &Config) -> Vec<String> {
    config.servers.iter().map(|it| format!("{} {}", it.host, it.port)).collect()
}

#[test]
fn words_stay_in_their_order_whichever_of_them_the_file_has() {
    for text in ["", "host = \"a,b:6001\"", "port = 6000", "port = 6000\nhost = \"a\""] {
        assert_eq!(servers(&config(text, &["elsewhere", "7000"])), ["elsewhere 7000"], "{text}");
    }
    assert_eq!(servers(&config("host = \"a,b:6001\"", &[])), ["a 5000", "b 6001"]);
}

#[test]
fn every_option_is_a_key_or_said_to_be_none_with_the_reason() {
    let mut command = Arguments::command();
    command.build();
    let none = |name: &str| NO_KEYS.iter().any(|(no_key, _)| *no_key == name);
    let text = sample(&command, "here");
    for argument in command.get_arguments() {
        let name = key(argument);
        let line = format!("\n#{name} = ");
        assert_eq!(text.matches(&line).count(), usize::from(!none(name)), "{name} in:\n{text}");
    }
    let options: Vec<_> = command.get_arguments().map(key).collect();
    for (name, why) in NO_KEYS.iter().filter(|(name, _)| *name != "password") {
        assert!(options.contains(name) && !why.is_empty(), "{name} is no option");
    }
}

#[test]
fn the_printed_file_says_nothing_and_with_each_key_what_is_so_anyway() {
    let text = sample(&Arguments::command(), "here");
    assert!(text.is_ascii() && text.lines().all(|line| line.len() < 100), "{text}");
    assert_eq!(read(&text), Ok(BTreeMap::new()));
    for line in text.lines().filter(|line| line.starts_with('#') && !line.starts_with("# ")) {
        let set = read(&line[1..]).unwrap_or_else(|why| panic!("{line}: {why}"));
        let examples =
            ["name", "fingerprint", "password_file", "identity", "highlight", "reconnect"];
        for (id, values) in set {
            let command = Arguments::command();
            let argument = command.get_arguments().find(|it| it.get_id() == id.as_str());
            let defaults = argument.expect("it is an option").get_default_values();
            let is_default = defaults.iter().eq(values.iter().map(String::as_str));
            let is_usual = match id.as_str() {
                "port" => values == ["5000"],
                "host" => values == ["127.0.0.1"],
                _ => is_default,
            };
            assert!(is_usual || examples.contains(&id.as_str()), "{line}");
        }
    }
}

#[test]
fn what_the_file_says_becomes_a_default() {
    let text = "host = \"chat.lan\"\nport = 6000\nname = \"false\"\nbell = \"off\"\nnotify = true\n\
                highlight = [\"deploy\", \"release\"]\nno-history = false\nreconnect = false\n\
                log-file = \"~/chat.log\"\npassword-file = \"room\"\n";
    let expected = [
        ("host", vec!["chat.lan"]),
        ("port", vec!["6000"]),
        ("name", vec!["false"]),
        ("bell", vec!["off"]),
        ("notify", vec!["true"]),
        ("highlight", vec!["deploy", "release"]),
        ("no_reconnect", vec!["true"]),
        ("log_file", vec!["/home/a/chat.log"]),
        ("password_file", vec!["room"]),
    ];
    let expected = expected.map(|(id, values)| {
        (id.to_owned(), values.into_iter().map(str::to_owned).collect::<Vec<_>>())
    });
    if cfg!(unix) {
        assert_eq!(read(text), Ok(BTreeMap::from(expected)));
    }
    let usual = config(text, &[]);
    assert_eq!(servers(&usual), ["chat.lan 6000"]);
    assert!(usual.notify && !usual.is_nowhere);
    assert_eq!(usual.highlights, ["deploy", "release"]);
    assert_eq!(usual.on_loss, Some(crate::client::OnLoss::Ends));
    let words = ["elsewhere", "7000", "--highlight", "a,b", "--bell", "all", "--no-notify"];
    let other = config(text, &words);
    assert_eq!(servers(&other), ["elsewhere 7000"]);
    assert_eq!(other.highlights, ["a", "b"]);
    assert_eq!(other.bell, crate::client::BellChoice::All);
}

#[test]
fn what_is_wrong_is_told_in_one_line_with_the_line_that_it_stands_on() {
    for (text, told) in [
        ("\nnme = \"a\"", "f:2: there is no key \"nme\"; did you mean name?"),
        ("Bell = \"off\"", "f:1: there is no key \"Bell\"; did you mean bell?"),
        ("log_file = \"a\"", "f:1: there is no key \"log_file\"; did you mean log-file?"),
        ("x = 1", "f:1: there is no key \"x\"; chatclient --print-config shows them all"),
        ("[joins]", "f:1: joins must be text in quotes, as in joins = \"…\""),
        (
            "quiet = true",
            "f:1: quiet is no key of this file: each call says for itself what its input and output are",
        ),
        (
            "no_reconnect = true",
            "f:1: no-reconnect is no key of this file: write reconnect = false",
        ),
        (
            "password = \"x\"",
            "f:1: password is no key of this file: put it in a file of its own, which password-file names",
        ),
        ("bell = \"on\"", "f:1: bell: it must be one of off, mentions, all, and is \"on\""),
        ("bell = false", "f:1: bell must be text in quotes, as in bell = \"…\""),
        ("port = \"5000\"", "f:1: port must be a number, as in port = 5000"),
        ("port = 0", "f:1: port: it must be a number from 1 to 65535, and is \"0\""),
        ("port = 0x10", "f:1: port must be a number, as in port = 5000"),
        ("notify = \"yes\"", "f:1: notify must be true or false, without quotes"),
        ("highlight = [1]", "f:1: highlight must be texts, as in highlight = [\"one\", \"two\"]"),
        ("identity = 1", "f:1: identity must be a path in quotes, as in identity = \"~/file\""),
        ("identity = \"\"", "f:1: identity: it must not be empty"),
        ("tls = true\n\nplain = true", "f:3: tls and plain do not go together"),
        ("host = \"a:1\"\nport = 2", "f:2: the port is given twice, here and with the host"),
        (
            "host = \"a:1,b:2\"\nport = 3",
            "f:2: each of the servers has its port, so this one is for none of them",
        ),
        (
            "host = \"a,b:0\"",
            "f:1: host: b:0: its port must be a number from 1 to 65535, and is \"a,b:0\"",
        ),
    ] {
        assert_eq!(read(text), Err(told.to_owned()), "{text}");
    }
    for text in ["name = \"you\"", "host = \"5000\"", "time = \"%\"", "fingerprint = \"x\""] {
        assert!(read(text).is_err_and(|told| told.starts_with("f:1: ")), "{text}");
    }
}

#[test]
fn a_stronger_source_overrides_the_file_without_a_conflict() {
    let key = "fingerprint = \"k3vqd-7m2xa-pz6lt-4wbne\"";
    let none: [&str; 0] = [];
    assert_eq!(counts("plain = true", &["--tls"], false), none);
    assert_eq!(counts("tls = true", &["--plain"], false), none);
    assert_eq!(counts(key, &["--plain"], false), none);
    assert_eq!(counts(key, &["--tls"], false), ["fingerprint"]);
    assert_eq!(counts("plain = true", &["--fingerprint", "k3vqd-7m2xa-pz6lt-4wbne"], false), none);
    assert_eq!(counts("reconnect = true", &["--no-reconnect"], false), none);
    assert_eq!(counts("reconnect = false", &["--reconnect"], false), none);
    assert_eq!(counts("notify = true", &["--no-notify"], false), none);
    assert_eq!(counts("no-history = true", &["--history"], false), none);
    assert_eq!(counts("no-identity = true", &["--identity", "f"], false), none);
    assert_eq!(counts("identity = \"f\"", &["--no-identity"], false), none);
    assert_eq!(counts("password-file = \"f\"", &[], true), none);
    assert_eq!(counts("password-file = \"f\"", &[], false), ["password_file"]);
}

#[test]
fn what_belongs_to_the_files_hosts_is_given_to_no_other() {
    let rest = "port = 6000\npassword-file = \"f\"\nfingerprint = \"k3vqd-7m2xa-pz6lt-4wbne\"\n";
    let of_host = format!("host = \"chat.lan\"\n{rest}");
    let all = ["host", "port", "password_file", "fingerprint"];
    assert_eq!(counts(&of_host, &[], false), all);
    assert_eq!(counts(&of_host, &["Chat.lan"], false), all);
    assert_eq!(counts(&of_host, &["elsewhere"], false), ["host"]);
    // Without one, it is what is usual anywhere.
    assert_eq!(counts(rest, &["elsewhere"], false), all[1..]);
    assert_eq!(counts(rest, &["elsewhere:7000"], false), all[2..]);
    let of_hosts = format!("host = \"a,b:6001\"\n{rest}");
    let with_port = |words: &[&str]| counts(&of_hosts, words, false) == all;
    let without_port = |words: &[&str]| counts(&of_hosts, words, false) == [all[0], all[2], all[3]];
    assert!(with_port(&[]) && with_port(&["A"]) && with_port(&["b:7000,a"]));
    // The port is not b's; and where each has one, it is nobody's.
    assert!(without_port(&["b"]) && without_port(&["a,b"]) && without_port(&["a:7000,b:6001"]));
    // A password for both would be told to the other one, too.
    assert_eq!(counts(&of_hosts, &["a,elsewhere"], false), ["host"]);
    assert_eq!(counts(rest, &["elsewhere,there:7000"], false), all[1..]);
    assert_eq!(counts(rest, &["elsewhere:7000,there:7001"], false), all[2..]);
}
