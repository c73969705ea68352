//! Writes the man pages and the shells' completions of both programs, made of their arguments, into
//! `packaging/`: `cargo run --example packaging`
//!
//! Its test, a part of `cargo test`, fails when what stands there is not what it would write.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chatroom::arguments::{client as chatclient, server as chatserver};
use clap::CommandFactory;

mod completion;
#[cfg(test)]
mod documents;
mod page;
#[cfg(all(test, target_os = "linux"))]
mod version;

fn main() -> ExitCode {
    match files().and_then(|files| files.iter().try_for_each(|(path, text)| write(path, text))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("packaging: {why}");
            ExitCode::FAILURE
        }
    }
}

/// All that is made: where it stands, and its text.
fn files() -> io::Result<Vec<(PathBuf, String)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let mut files = Vec::new();
    for (command, about) in [
        (chatclient::Arguments::command(), &page::CHATCLIENT),
        (chatserver::Arguments::command(), &page::CHATSERVER),
    ] {
        let name = format!("{}.1", command.get_name());
        files.push((folder.join("man").join(name), page::page(&command, about)?));
        for shell in completion::SHELLS {
            let (name, text) = completion::completion(shell, &command);
            files.push((folder.join("completions").join(name), text));
        }
    }
    Ok(files)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packaged_is_what_the_arguments_are_now() {
        for (path, text) in files().expect("memory can be written") {
            let there = fs::read_to_string(&path).unwrap_or_default();
            let path = path.display();
            assert!(there == text, "{path} is stale: run cargo run --example packaging");
        }
    }

    #[test]
    fn a_page_tells_of_every_option_and_variable() {
        for command in [chatclient::Arguments::command(), chatserver::Arguments::command()] {
            let page = page::page(&command, &page::CHATSERVER).expect("memory can be written");
            for argument in command.get_arguments() {
                let option =
                    argument.get_long().map(|long| format!("\\-\\-{}", long.replace('-', "\\-")));
                let variable = argument.get_env().map(|variable| variable.display().to_string());
                for part in option.into_iter().chain(variable) {
                    assert!(page.contains(&part), "no {part} in:\n{page}");
                }
            }
        }
    }
}
