//! `chatclient`'s configuration file: where it is, what counts more, and what is wrong with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::peer::Peer;
use crate::common::process::{at_home, client_program, end, run, spawn, without_our_variables};

/// A client in an empty folder for the test of that name.
fn client(folder: &Path) -> Command {
    let mut command = Command::new(client_program());
    at_home(&mut command, folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    without_our_variables(&mut command);
    command
}

fn folder(test: &str) -> PathBuf {
    crate::common::folder("client_config", test)
}

/// Writes the file where it is looked for.
fn write(folder: &Path, text: &[u8]) -> PathBuf {
    let path = folder.join("chatroom").join("chatclient.conf");
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("ours");
    fs::write(&path, text).expect("ours");
    path
}

/// Asserts that a client which is told no server finds this one in what it reads, and asks for that name.
#[track_caller]
fn expect_name(command: &mut Command, peer: &Peer, name: &str) {
    let child = spawn(command);
    peer.accept_as(name).close();
    end(child);
}

#[test]
fn what_is_usual_stands_in_a_file_that_the_environment_and_options_override() {
    let folder = folder("usual");
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    let text = format!("\u{feff}host = \"{host}\"\r\nport = {port}\r\nname = \"filed\"\r\n");
    write(&folder, text.as_bytes());
    expect_name(&mut client(&folder), &peer, "filed");
    expect_name(client(&folder).env("CHATROOM_NAME", "variable"), &peer, "variable");
    let mut named = client(&folder);
    named.env("CHATROOM_NAME", "variable").args(["--name", "option"]);
    expect_name(&mut named, &peer, "option");
    // Another file, named in two ways.
    let other = folder.join("other.conf");
    fs::write(&other, text.replace("filed", "other")).expect("ours");
    expect_name(client(&folder).arg("--config").arg(&other), &peer, "other");
    expect_name(client(&folder).env("CHATROOM_CONFIG", &other), &peer, "other");
    // None.
    let mut none = client(&folder);
    none.env("CHATROOM_CONFIG", &other).env("USER", "user").arg("--no-config").args([host, port]);
    expect_name(&mut none, &peer, "user");
}

#[test]
fn the_files_host_may_be_several_servers_of_one_room() {
    let folder = folder("several");
    let nowhere = Peer::listen().address();
    let peer = Peer::listen();
    let [host, port] = peer.arguments();
    // The port is for the one without.
    let text = format!("host = \"{nowhere},{host}\"\nport = {port}\nname = \"filed\"\n");
    write(&folder, text.as_bytes());
    expect_name(&mut client(&folder), &peer, "filed");
    // It is not for another one, where nobody listens now.
    let (status, _, err) = run(client(&folder).args([&format!("{nowhere},{nowhere}")]));
    assert_eq!(status, Some(1), "{err}");
    assert!(err.starts_with(&format!("chatclient: cannot connect to {nowhere}: ")), "{err}");
}

#[test]
fn the_printed_file_is_a_good_start_wherever_it_was_written() {
    let folder = folder("printed");
    // A broken one is no obstacle to a new one.
    let path = write(&folder, b"no good\n");
    let (status, text, err) = run(client(&folder).arg("--print-config"));
    assert_eq!((status, err.as_str()), (Some(0), ""), "{text}");
    if cfg!(unix) {
        assert!(text.contains(&*path.to_string_lossy()), "{text}");
    }
    let units = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for bytes in [text.clone().into_bytes(), [&b"\xff\xfe"[..], &units(&text)].concat()] {
        write(&folder, &bytes);
        let (status, out, err) = run(client(&folder).arg("--known"));
        assert_eq!((status, out.as_str(), err.as_str()), (Some(0), "", ""));
    }
}

#[test]
fn a_file_that_cannot_be_used_is_told_in_one_line_and_is_wrong_usage() {
    let folder = folder("wrong");
    let complaint = |what: &str| {
        let (status, out, err) = run(&mut client(&folder));
        assert_eq!((status, out.as_str()), (Some(2), ""), "{what}: {err}");
        assert_eq!(err.lines().count(), 1, "{what}: {err}");
        err
    };
    let path = write(&folder, b"# mine\nbel = \"off\"\n");
    let shown = path.display();
    let told = format!("chatclient: {shown}:2: there is no key \"bel\"; did you mean bell?\n");
    assert_eq!(complaint("an unknown key"), told);
    write(&folder, b"bell = off\n");
    assert!(complaint("no quotes").starts_with(&format!("chatclient: {shown}:1: ")));
    write(&folder, b"name = \"jos\xe9\"\n");
    assert!(complaint("no UTF-8").starts_with(&format!("chatclient: {shown}:1: this is no UTF-8")));
    write(&folder, &b"#\n".repeat(200_000));
    assert!(complaint("a huge one").ends_with(": it is larger than 256 KB\n"));
    fs::remove_file(&path).expect("ours");
    fs::create_dir(&path).expect("ours");
    assert!(
        complaint("a folder")
            .starts_with(&format!("chatclient: cannot use the configuration {shown}: "))
    );
    let (status, _, err) = run(client(&folder).args(["--config", "missing.conf"]));
    assert_eq!(status, Some(2), "{err}");
    assert!(err.starts_with("chatclient: cannot use the configuration missing.conf: "), "{err}");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_change_is_not_obeyed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("others");
    let path = write(&folder, b"plain = true\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o646)).expect("ours");
    let (status, _, err) = run(client(&folder).arg("--known"));
    let told = "others may change it; chmod go-w takes that from them\n";
    assert_eq!(status, Some(2), "{err}");
    assert!(err.ends_with(told), "{err}");
    // A link, as those who keep their files elsewhere have it, is as good as what it leads to.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
    let kept = folder.join("kept.conf");
    fs::rename(&path, &kept).expect("ours");
    std::os::unix::fs::symlink(&kept, &path).expect("ours");
    assert_eq!(run(client(&folder).arg("--known")).0, Some(0));
}
