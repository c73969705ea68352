//! A bot that answers `!ping`: `cargo run --example bot -- 192.168.1.7`

use chatroom::bot::{Bot, Error, Event};

fn main() -> Result<(), Error> {
    let place = std::env::args().nth(1).unwrap_or("127.0.0.1".to_owned());
    let bot = Bot::builder(&place).name("bot").connect()?;
    for event in bot.events() {
        match event? {
            Event::Said { from, text } if text == "!ping" => {
                bot.say(&format!("pong, <{from}>"))?;
            }
            _ => {}
        }
    }
    Ok(())
}
