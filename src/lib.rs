//! Homard: a hub and assistant for the house.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod broker;
pub mod clock;
pub mod config;
pub mod home;
pub mod hub;
pub mod intent;
pub mod json;
pub mod mqtt;
pub mod storage;
pub mod template;
pub mod text;
pub mod web;
