//! What `chatserver` says of the options for a room that several servers share, and that such a room is as another one to
//! its clients.

use super::common::process::run;
use super::common::server::{SHARED, chatserver, is_shared_everywhere};

#[test]
fn a_wrong_url_is_told_with_what_is_wrong_and_without_its_password() {
    let form = "it must be redis://HOST/ROOM, rediss://HOST/ROOM or \
                redis+sentinel://HOST,HOST/MASTER/ROOM";
    let no_room = "there is no room in it: give redis://HOST/ROOM";
    for (url, shown, why) in [
        ("cache", "cache", form),
        ("redis://cache", "redis://cache", no_room),
        (
            "redis://cache/Lobby",
            "redis://cache/Lobby",
            "the room cannot have 'L' in it: its name must be of a-z, 0-9, - and _",
        ),
        (
            "redis://chat:secret@cache:99999/lobby",
            "redis://chat:***@cache:99999/lobby",
            "\"99999\" is no port: it must be from 1 to 65535",
        ),
        ("redis://chat:secret@cache", "redis://chat:***@cache", no_room),
        (
            "redis+sentinel://chat:secret@a,b/lobby",
            "redis+sentinel://chat:***@a,b/lobby",
            "there is no master in it: give redis+sentinel://HOST,HOST/MASTER/ROOM",
        ),
    ] {
        let told = |from: &str| {
            format!(
                "chatserver: invalid value '{shown}' for '--shared <URL>': {why}{from}; see \
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

/// Those of the wire's tests that tell most in little time, once more; `scripts/shared-suites` runs them all.
#[cfg(unix)]
#[test]
fn what_is_true_of_what_was_said_before_and_of_names_and_connections_is_true_in_a_shared_room() {
    use super::common::redis::RedisServer;
    if is_shared_everywhere() {
        return;
    }
    let Some(redis) = RedisServer::start(&[]) else { return };
    let mut tests = std::process::Command::new(std::env::current_exe().expect("it runs"));
    tests.args([
        "recall::",
        "passwords::a_program_registers_and_logs_in_and_its_lines_are_counted",
        "resume::who_is_taken_over_was_never_away",
        "order::who_is_removed_is_out_though_it_does_not_go_and_may_come_back",
        "--test-threads",
        "4",
    ]);
    tests.env(SHARED, format!("redis://127.0.0.1:{}", redis.port));
    let done = tests.output().expect("it starts");
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && told.contains("test result: ok."), "{told}");
}
