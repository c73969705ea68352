//! Whole programs against each other, over real sockets and terminals: one file for each property.
//!
//! They are one program, so that its tests run side by side; `common` is what they share.

mod common;

mod bots;
mod chatserver;
mod client_door;
mod client_filter;
mod client_filter_input;
mod client_filter_reconnect;
mod client_hostile;
mod client_identity;
mod client_keys;
mod client_looks;
mod client_reconnect;
mod client_secrets;
mod client_servers;
mod client_servers_tls;
mod client_terminal;
mod client_tls;
mod client_tls_far;
mod console;
mod crashes;
mod cuts;
mod door;
mod forgery;
mod history;
mod keyboard;
mod limits;
mod logs;
mod model;
mod network;
mod order;
mod passwords;
mod proof;
mod protocol;
mod proxy;
mod python;
mod recall;
mod reliability;
mod resume;
mod room;
mod server_key;
mod shared;
mod signals;
mod soak;
mod storm;
mod strangers;
mod system;
mod tls;
mod together;
mod troubles;
