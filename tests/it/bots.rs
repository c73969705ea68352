//! The bots of docs/BOTS.md, as they stand there, each with its interpreter where that is installed.
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::process::{at_home, client_program, server_program, spawn};
use crate::common::server::TestServer;

/// The code block of that language.
fn code(language: &str) -> String {
    let page = include_str!("../../docs/BOTS.md");
    let (_, behind) = page.split_once(&format!("```{language}\n")).expect("the page has it");
    let (code, _) = behind.split_once("```").expect("it ends");
    code.to_owned()
}

/// Runs the bot of that language, which the interpreter runs from a file, and has it answer.
fn answers(language: &str, interpreter: &str) {
    if Command::new(interpreter).arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: there is no {interpreter} here");
        return;
    }
    let folder = crate::common::folder("bots", language);
    let file = folder.join(format!("bot.{language}"));
    std::fs::write(&file, code(language)).expect("the folder is ours");
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let client = client_program();
    let ours = Path::new(&client).parent().expect("it is in a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = std::env::split_paths(&path);
    let path = std::env::join_paths([ours.to_owned()].into_iter().chain(others)).expect("paths");
    let mut command = Command::new(interpreter);
    command.arg(&file).args([server.address.ip().to_string(), server.address.port().to_string()]);
    at_home(&mut command, &folder).env("PATH", path).stdin(Stdio::null());
    let mut bot = spawn(&mut command);
    alice.expect("-- bot joined");
    // It hears nothing from before it was there, and answers nobody else.
    alice.send("hello\n!ping\n");
    alice.expect("<bot> pong, <alice>");
    alice.send("!pong\n!ping\n");
    alice.expect("<bot> pong, <alice>");
    // The client leaves with the program.
    bot.kill().expect("it runs");
    alice.expect("-- bot left");
}

#[test]
fn one_in_rust_is_the_example_and_answers() {
    let example = include_str!("../../examples/bot.rs");
    assert!(example.ends_with(&code("rust")), "the page has another one");
    let ours = server_program();
    let example = Path::new(&ours).with_file_name("examples").join("bot");
    if !example.exists() {
        eprintln!("skipped: cargo build --examples has not made {}", example.display());
        return;
    }
    let folder = crate::common::folder("bots", "rust");
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    let mut command = Command::new(example);
    let mut bot = spawn(at_home(&mut command, &folder).arg(server.address.to_string()));
    alice.expect("-- bot joined");
    alice.send("hello\n!ping\n");
    alice.expect("<bot> pong, <alice>");
    bot.kill().expect("it runs");
}

#[test]
fn one_that_the_server_runs_answers() {
    if Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: there is no python3 here");
        return;
    }
    let file = crate::common::folder("bots", "hook").join("hook.py");
    std::fs::write(&file, code("py")).expect("the folder is ours");
    let command = format!("exec python3 '{}'", file.display());
    let server = TestServer::start(&["--on-event", &command, "--on-event-name", "ci"]);
    let mut alice = server.join("alice");
    alice.send("hello\n!ping\n");
    alice.expect("<ci> pong, <alice>");
}

#[test]
fn one_in_a_shell_answers() {
    answers("sh", "bash");
}

#[test]
fn one_in_python_answers() {
    answers("python", "python3");
}

#[test]
fn one_in_node_answers() {
    answers("js", "node");
}

#[test]
fn one_in_powershell_answers() {
    answers("powershell", "pwsh");
}
