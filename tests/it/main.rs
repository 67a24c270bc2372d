//! The integration tests: one binary, so that the library is linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod broker;
mod corpus;
mod hub;
mod storage;
mod support;
mod templates;
