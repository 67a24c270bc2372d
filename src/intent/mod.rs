//! Understanding: an utterance becomes an intent. Pure: no file, no clock, no task. Way 1 is here,
//! sentence templates in hassil's notation; what an intent does is the assistant's business.
//!
//! Reading order: `sentence` (the notation), `pack` (what a language brings), `program` (compiled),
//! `matcher` (matching and ranking), `lists` (names of the home).

pub mod lists;
pub mod matcher;
pub mod number;
pub mod pack;
pub mod program;
pub mod sentence;
mod trie;
pub mod value;
