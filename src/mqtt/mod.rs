//! The port to the broker: devices announce themselves, tell their state and take commands.
//!
//! Only this module knows topics and payloads. [`engine::Engine`] is the port without its
//! connection.

mod abbreviation;
mod binding;
mod common;
mod component;
mod discovery;
pub mod engine;
mod keys;
mod message;
mod names;
mod routes;
mod trigger;
mod units;
