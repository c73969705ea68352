//! A room inside another program: `cargo run --example embedded_server -- 5001`
//!
//! It prints what happens as JSON, says to all what is typed, and ends with its input.

use std::error::Error;
use std::io;

use chatroom::server::{self, Config, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(5001), |port| port.parse())?;
    let listener = server::bind("127.0.0.1", port)?;
    let room = Server::open(listener, Config::default().max_clients(20))?
        .on_event(|event| println!("{event}"))
        .start()?;
    println!("join with: chatclient {}", room.address());
    for line in io::stdin().lines() {
        room.announce(&line?);
    }
    room.shut_down()?;
    Ok(())
}
