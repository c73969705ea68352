//! Films a session for the README:
//! `cargo build && cargo run --example recording -- docs/session.svg`
//!
//! The programs are the real ones, in a real terminal; [`play`] is what happens. The film's clock is
//! not the wall's: it is set by the script, and the film waits until what is expected is there. So
//! one recording differs from the next in nothing but the times that the client itself shows.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use room::Room;
use scene::Scene;

mod film;
mod room;
mod row;
mod scene;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else {
        eprintln!("recording: name the SVG file to write");
        return ExitCode::from(2);
    };
    match record().and_then(|film| Ok(std::fs::write(file, film)?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("recording: {why}");
            ExitCode::FAILURE
        }
    }
}

fn record() -> Result<String> {
    let room = Room::open()?;
    let mut scene = Scene::begin(&room)?;
    play(&mut scene, &room)?;
    Ok(scene.film.draw())
}

/// The script, with pauses for the reader in milliseconds. `\x7f` is the key Backspace, `\r` Enter.
fn play(scene: &mut Scene, room: &Room) -> Result<()> {
    let mut bob = room.connect()?;
    writeln!(bob, "/nick bob")?;
    scene.sees("$")?;
    scene.pause(500);
    scene.types("chatclient --name alice\r")?;
    scene.sees("-- you are alice, with 1 other here")?;
    scene.pause(1000);
    writeln!(bob, "has anyone the log of the last build?")?;
    scene.sees("<bob> has anyone")?;
    scene.pause(900);
    scene.types("one momemt\x7f\x7fnt, it is nearly done\r")?;
    scene.sees("<alice> one moment, it")?;
    scene.pause(600);
    writeln!(bob, "/me waits")?;
    scene.sees("* bob waits")?;
    scene.pause(600);
    let mut carol = room.connect()?;
    writeln!(carol, "/nick carol")?;
    scene.sees("-- carol joined")?;
    scene.pause(400);
    writeln!(carol, "/msg alice there is cake in the kitchen")?;
    scene.sees("[carol -> you] there is cake")?;
    scene.pause(800);
    // The build is done while she writes, and what she writes stays where it is.
    scene.types("/msg carol I am")?;
    room.runs("echo 'build 42: ok' | chatclient --name ci")?;
    scene.sees("-- ci left")?;
    scene.pause(500);
    scene.types(" on my way\r")?;
    scene.sees("[you -> carol] I am on my way")?;
    scene.pause(700);
    writeln!(bob, "🎉 thanks, alice!")?;
    scene.sees("thanks, alice!")?;
    scene.pause(800);
    scene.types("/who\r")?;
    scene.sees("-- 3 here: alice, bob, carol")?;
    scene.pause(800);
    writeln!(bob, "/quit lunch")?;
    scene.sees("-- bob left: lunch")?;
    scene.pause(500);
    scene.types("save me a piece")?;
    scene.pause(3000);
    Ok(())
}
