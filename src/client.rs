//! The client.
pub mod editor;
mod keys;
mod row;
pub mod screen;
