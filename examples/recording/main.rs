//! Films a session for the README:
//! `cargo build && cargo run --example recording -- docs/session.svg`
//!
//! The programs are the real ones, in a real terminal; [`play`] is what happens. The film's clock is
//! not the wall's: it is set by the script, and the film waits until what is expected is there. So
//! one recording differs from the next in nothing but the times and the port that the client itself shows.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use room::Room;
use scene::Scene;

mod film;
mod room;
mod row;
mod scene;
mod wire;

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

/// What the build's bot answers.
const BUILT: &str =
    "build 42 is done: https://ci.example.net/chatroom/builds/42/chatroom_0.1.0-1_amd64.deb";

/// The script, with pauses for the reader in milliseconds. `\x7f` is the key Backspace, `\r` Enter.
fn play(scene: &mut Scene, room: &Room) -> Result<()> {
    let mut bob = room.connect()?;
    writeln!(bob, "/nick bob")?;
    scene.sees("$")?;
    scene.pause(500);
    scene.types("chatclient --name alice\r")?;
    scene.sees("-- you are alice, with 1 other here")?;
    scene.pause(900);
    writeln!(bob, "alice, is the new version out?")?;
    scene.sees("<bob> alice, is")?;
    scene.pause(900);
    scene.types("it is beign\x7f\x7fng built, one momemt\x7f\x7fnt\r")?;
    scene.sees("-- alice is yours now")?;
    scene.pause(900);
    let mut carol = room.connect()?;
    writeln!(carol, "/nick carol\n/register correct horse battery")?;
    scene.sees("-- carol joined")?;
    scene.pause(500);
    writeln!(carol, "/msg alice there is cake in the kitchen")?;
    scene.sees("[carol -> you] there is cake")?;
    scene.pause(900);
    // A bot comes while she writes, and what she writes stays where it is.
    scene.types("/r I am on")?;
    let mut ci = room.connect()?;
    writeln!(ci, "/nick ci")?;
    scene.sees("-- ci joined")?;
    scene.types_on("/r I am on", " my way\r")?;
    scene.sees("[you -> carol] I am on my way")?;
    scene.pause(700);
    scene.types("!build\r")?;
    scene.sees("<alice> !build")?;
    scene.pause(300);
    writeln!(ci, "{BUILT}")?;
    scene.sees("amd64.deb")?;
    scene.pause(1200);
    writeln!(bob, "🎉 thanks, alice!")?;
    scene.sees("thanks, alice!")?;
    scene.pause(800);
    scene.types("/who\r")?;
    scene.sees("-- 4 here: alice*, bob, carol*, ci")?;
    scene.pause(1500);
    // The network breaks: what she says then, and what the others say, is there when it is back.
    room.wire.breaks();
    scene.sees("lost")?;
    scene.pause(600);
    scene.types("save me a piece\r")?;
    scene.sees("waiting to be sent")?;
    writeln!(bob, "the cake is nearly gone")?;
    scene.pause(1200);
    room.wire.is_mended();
    scene.sees("<bob> the cake")?;
    scene.sees("<alice> save me a piece")?;
    scene.pause(3500);
    Ok(())
}
