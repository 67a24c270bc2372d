//! The last lines of the log, in memory, for the panel. Bounded in lines and in their length. What is logged holds no
//! secret by the rules of the house; what looks like one is blotted out all the same.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::clock::Clock;
use crate::web::LogLine;

/// Lines that are kept.
const MOST_LINES: usize = 1_000;
/// Longest line, in bytes.
const LONGEST_LINE: usize = 2_000;
/// What is said word by word (sentences of people, messages of devices) is below this level and is not kept.
const LEAST: Level = Level::DEBUG;

/// The last lines. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    lines: Arc<Mutex<VecDeque<LogLine>>>,
    clock: Clock,
}

impl Default for Journal {
    fn default() -> Self {
        Self { lines: Arc::default(), clock: Clock::system(TimeZone::UTC) }
    }
}

impl Journal {
    /// The last lines that are at least so grave, the oldest first.
    pub(super) fn lines(&self, least: Level, most: usize) -> Vec<LogLine> {
        let kept = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // Graver levels are smaller.
        let mut lines: Vec<LogLine> =
            kept.iter().rev().filter(|line| line.level <= least).take(most).cloned().collect();
        lines.reverse();
        lines
    }

    fn add(&self, line: LogLine) {
        let mut kept = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > LEAST {
            return;
        }
        let mut words = Words::default();
        event.record(&mut words);
        let mut text = blotted(&format!("{}{}", words.message, words.fields));
        text.truncate(text.floor_char_boundary(LONGEST_LINE));
        let module = metadata.target().trim_start_matches("homard::").to_owned();
        self.add(LogLine { at: self.clock.now(), level: *metadata.level(), module, text });
    }
}

/// An event as it is read: the sentence, then its fields.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a text cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            name => write!(self.fields, " {name}={value}"),
        };
    }
}

/// The text without what looks like a token, or a password in an address.
fn blotted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, word) in text.split(' ').enumerate() {
        if n > 0 {
            out.push(' ');
        }
        if let Some((before, _)) = word.split_once("hmd_") {
            out.push_str(before);
            out.push_str("hmd_…");
        } else if let Some((scheme, rest)) = word.split_once("://")
            && let Some((credentials, place)) = rest.rsplit_once('@')
            && credentials.contains(':')
        {
            let _ = write!(out, "{scheme}://…@{place}");
        } else if let Some((before, _)) = word.split_once("token=") {
            let _ = write!(out, "{before}token=…");
        } else {
            out.push_str(word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn the_last_lines_are_kept_by_level_and_hold_no_secret() {
        let journal = Journal::default();
        let subscriber = tracing_subscriber::registry().with(journal.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!("word by word");
            tracing::info!(url = "mqtt://ann:secret@hub:1883", "Begins with hmd_0123abcd here.");
            tracing::warn!(person = %"Ann", "Odd: /?token=secret");
            for n in 0..MOST_LINES {
                tracing::debug!(n, "{}", "é".repeat(LONGEST_LINE));
            }
        });
        assert_eq!(journal.lines(Level::DEBUG, 5_000).len(), MOST_LINES);
        assert_eq!(journal.lines(Level::DEBUG, 3).len(), 3);
        assert!(journal.lines(Level::WARN, 10).is_empty());
        let last = journal.lines(Level::DEBUG, 1).remove(0);
        assert!(last.text.len() <= LONGEST_LINE && last.module.contains("journal"));

        for (text, expected) in [
            ("plain words", "plain words"),
            ("is hmd_12345", "is hmd_…"),
            ("(token=hmd_1)", "(token=hmd_…"),
            ("url=mqtt://a:b@hub:1", "url=mqtt://…@hub:1"),
            ("url=mqtt://hub:1", "url=mqtt://hub:1"),
            ("/?token=abc", "/?token=…"),
        ] {
            assert_eq!(blotted(text), expected);
        }
    }
}
