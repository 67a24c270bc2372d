//! Coverage-guided fuzzing of everything that reads foreign text. One binary for all targets; `HOMARD_FUZZ` names the
//! one to run. `make fuzz` builds it so that the library reports which code ran; see `run` beside this file.
#![no_main]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout
)]

mod discovery;
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the integration tests, which use more of it"
)]
#[path = "../it/support/house.rs"]
mod house;
mod sentence;
mod template;
mod topic;
mod utterance;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

/// What is done with an input.
type Check = fn(&str);

/// What can be fuzzed: a name and what is done with each input. A panic, a failed assertion, more than five
/// seconds or more than a gigabyte is a finding.
const TARGETS: &[(&str, Check)] = &[
    ("discovery", discovery::check),
    ("sentence", sentence::check),
    ("template", template::check),
    ("topic", topic::check),
    ("utterance", utterance::check),
];

static CHOSEN: OnceLock<Check> = OnceLock::new();

fn choose() {
    let wanted = std::env::var("HOMARD_FUZZ").unwrap_or_default();
    if let Some((_, check)) = TARGETS.iter().find(|(name, _)| *name == wanted) {
        CHOSEN.set(*check).unwrap();
        // What is made once, the house and its assistant, is no part of the time of the first input.
        check("");
        return;
    }
    for (name, _) in TARGETS {
        println!("{name}");
    }
    std::process::exit(if wanted == "list" { 0 } else { 2 });
}

fuzz_target!(init: choose(), |data: &[u8]| {
    // What is no UTF-8 is refused before any of these parsers; the replacement keeps such inputs useful.
    CHOSEN.get().unwrap()(&String::from_utf8_lossy(data));
});

/// The first line of an input and the rest; most targets need two texts.
fn two_parts(input: &str) -> (&str, &str) {
    input.split_once('\n').unwrap_or((input, ""))
}

/// Whether messages can be sent to a topic (section 4.7 of the MQTT specification).
fn is_topic(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= 65535 && !topic.contains(['\0', '+', '#'])
}
