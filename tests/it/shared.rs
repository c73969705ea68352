//! What `chatserver` says of the options for a room that several servers share.

use super::common::process::run;
use super::common::server::chatserver;

/// What a URL has to be.
const EXPECTED: &str = "it must be redis://HOST/ROOM, rediss://HOST/ROOM or \
                        redis+sentinel://HOST,HOST/MASTER/ROOM";

#[test]
fn a_wrong_url_is_told_with_what_it_must_be_and_without_its_password() {
    for (url, shown) in [
        ("cache", "cache"),
        ("redis://cache", "redis://cache"),
        ("redis://cache/Lobby", "redis://cache/Lobby"),
        ("redis://chat:secret@cache", "redis://chat:***@cache"),
        ("redis+sentinel://chat:secret@a,b/lobby", "redis+sentinel://chat:***@a,b/lobby"),
    ] {
        let told = |from: &str| {
            format!(
                "chatserver: invalid value '{shown}' for '--shared <URL>': {EXPECTED}{from}; see \
                 chatserver --help\n"
            )
        };
        let given = run(chatserver().args(["--shared", url]));
        assert_eq!(given, (Some(2), String::new(), told("")));
        let from_environment = run(chatserver().env("CHATROOM_SHARED", url));
        let told = told(" (from the environment's CHATROOM_SHARED)");
        assert_eq!(from_environment, (Some(2), String::new(), told));
    }
}

#[test]
fn files_for_a_shared_room_are_for_one_alone() {
    for option in ["--shared-password-file", "--shared-ca"] {
        let (status, _, told) = run(chatserver().args([option, "file"]));
        assert_eq!(status, Some(2), "{told}");
        assert!(told.contains("--shared <URL>"), "{told}");
    }
}

#[test]
fn help_says_who_reads_what_is_said_in_a_shared_room() {
    let (status, help, _) = run(chatserver().arg("--help"));
    let sentence = "A shared room has at most 20,000 members. Whoever can read its Redis can read \
                    what is said there, private lines too.";
    assert!(status == Some(0) && help.contains(sentence), "{help}");
}
