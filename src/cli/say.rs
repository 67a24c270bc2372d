//! `homard say`: one sentence to the running house.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::daemon::{Daemon, usual_places};
use super::{FAILED, Failure, NOT_UNDERSTOOD, REFUSED, say};
use crate::app::run_file::{RunFile, write_private};
use crate::clock::Clock;

/// The file that remembers the last conversation.
const LAST: &str = "conversation.json";
/// For this long, in seconds, what is said goes on with what was said before.
const GOES_ON: i64 = 120;

#[derive(Args)]
pub(super) struct Say {
    /// The sentence, `turn on the kitchen light`; quotes are not needed
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// The language it is in; the home's own unless given
    #[arg(long, env = "HOMARD_LANGUAGE", value_name = "CODE")]
    language: Option<String>,
    /// The room it is said in: id, name or another name
    #[arg(long, env = "HOMARD_AREA", value_name = "ROOM")]
    area: Option<String>,
    /// Go on with this conversation (`conversation_id` of an answer); without it, with the one of
    /// the last two minutes, so that a question back can be answered
    #[arg(long, env = "HOMARD_CONVERSATION", value_name = "ID")]
    conversation: Option<String>,
    /// Print the whole answer as JSON
    #[arg(long, env = "HOMARD_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    /// Print how it was read and why what was done was done
    #[arg(long, env = "HOMARD_EXPLAIN", value_parser = BoolishValueParser::new(),
        conflicts_with = "json")]
    explain: bool,
    #[command(flatten)]
    daemon: Daemon,
    /// The data of the house to speak to [default: that of `run`, else that of `demo`]
    #[arg(long, env = "HOMARD_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Say {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let places = usual_places(self.data_dir.as_deref())?;
        let daemon = self.daemon.find(&places)?;
        let memory = Memory::beside(&places);
        let now = Clock::system(TimeZone::UTC).now().as_second();
        let mut body = json!({"text": self.text.join(" ")});
        if let Some(language) = &self.language {
            body["language"] = json!(language);
        }
        if let Some(area) = &self.area {
            body["area"] = json!(area);
        }
        let conversation = match &self.conversation {
            Some(id) => Some(id.clone()),
            None => memory.recall(daemon.url(), now),
        };
        if let Some(id) = conversation {
            body["conversation_id"] = json!(id);
        }
        let answer = daemon.post("/api/conversation/process", &body)?;
        let Some((speech, ending)) = read(&answer) else {
            let text = format!("What answers at {} is no Homard.", daemon.url());
            return Err(Failure::new(FAILED, text));
        };
        if let Some(id) = answer.get("conversation_id").and_then(Value::as_str) {
            memory.keep(Last { url: daemon.url().to_owned(), id: id.to_owned(), at: now });
        }
        if self.json {
            say(format!("{answer:#}"))?;
        } else {
            say(speech)?;
        }
        if self.explain {
            for line in explained(&answer) {
                say(line)?;
            }
        }
        match ending {
            0 => Ok(()),
            code => Err(Failure::new(code, "")),
        }
    }
}

/// The last conversation, and with which house.
#[derive(Serialize, Deserialize)]
struct Last {
    url: String,
    id: String,
    /// When, in seconds since 1970.
    at: i64,
}

/// Where the last conversation is remembered: beside the data of the house, or among the user's
/// own things of this session where those are another user's.
struct Memory {
    files: Vec<PathBuf>,
}

impl Memory {
    fn beside(places: &[PathBuf]) -> Self {
        let data = places.iter().find(|dir| RunFile::read(dir).is_some()).map(|dir| dir.join(LAST));
        let session = std::env::var_os("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join(format!("homard-{LAST}")));
        Self { files: data.into_iter().chain(session).collect() }
    }

    /// The conversation to go on with.
    fn recall(&self, url: &str, now: i64) -> Option<String> {
        let last = self.files.iter().find_map(|file| {
            let last: Last = serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
            // A clock that was put back says nothing about what is going on.
            let is_fresh = (0..=GOES_ON).contains(&(now.saturating_sub(last.at)));
            (is_fresh && last.url == url).then_some(last)
        });
        last.map(|last| last.id)
    }

    fn keep(&self, last: Last) {
        let Ok(text) = serde_json::to_string(&last) else { return };
        // Where it can be kept nowhere, only a question back cannot be answered without --conversation.
        let _ = self.files.iter().find(|file| write_private(file, text.as_bytes()).is_ok());
    }
}

/// How the answer says that it was found, line by line.
fn explained(answer: &Value) -> Vec<String> {
    let homard = &answer["homard"];
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut lines = Vec::new();
    let mut line = |key: &str, text: String| {
        if !text.is_empty() && text != "null" {
            lines.push(format!("{key:<10} {text}"));
        }
    };
    line("by", word(&homard["by"]));
    line("intent", word(&homard["intent"]));
    line("sentence", homard["template"].as_str().unwrap_or_default().to_owned());
    for (name, value) in homard["slots"].as_object().into_iter().flatten() {
        line("slot", format!("{name} = {}", word(value)));
    }
    for span in list(&homard["spans"]) {
        let (said, role, meaning) =
            (word(&span["said"]), word(&span["role"]), word(&span["meaning"]));
        let score = span["score"].as_f64().unwrap_or_default();
        line("heard", format!("\"{said}\" as {role}: {meaning} ({score:.2})"));
    }
    for rival in list(&homard["candidates"]) {
        let score = rival["score"].as_f64().unwrap_or_default();
        line("or", format!("{} ({score:.2})", word(&rival["reading"])));
    }
    for why in list(&homard["why"]) {
        line("why", word(&why));
    }
    let named = |item: &Value, part: &str| item.get(part).map(word).unwrap_or_default();
    for list_of in ["success", "failed"] {
        for item in list(&answer["response"]["data"][list_of]) {
            let reason = named(&item, "reason");
            let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
            line("did", format!("{} {}{reason}", named(&item, "id"), named(&item, "outcome")));
        }
    }
    for (step, took) in homard["elapsed_ms"].as_object().into_iter().flatten() {
        line("took", format!("{step} {:.2} ms", took.as_f64().unwrap_or_default()));
    }
    lines
}

/// The sentence that is said back, and the exit code.
pub(super) fn read(answer: &Value) -> Option<(&str, u8)> {
    let response = answer.get("response")?;
    let speech = response.pointer("/speech/plain/speech")?.as_str()?;
    let asks = answer.get("continue_conversation").and_then(Value::as_bool).unwrap_or_default();
    let code = match response.get("response_type")?.as_str()? {
        _ if asks => REFUSED,
        "error" => match response.pointer("/data/code").and_then(Value::as_str) {
            Some("no_intent_match") => NOT_UNDERSTOOD,
            _ => REFUSED,
        },
        _ => 0,
    };
    Some((speech, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_goes_on_for_two_minutes_with_the_same_house() {
        let dir = std::env::temp_dir().join(format!("homard-say-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let memory = Memory { files: vec![dir.join("no/such/folder"), dir.join(LAST)] };
        let at = 1_795_345_020;
        assert_eq!(memory.recall("http://a", at), None);
        memory.keep(Last { url: "http://a".into(), id: "7".into(), at });
        for (url, seconds, expected) in [
            ("http://a", 0, Some("7")),
            ("http://a", 120, Some("7")),
            ("http://a", 121, None),
            ("http://a", -1, None),
            ("http://b", 1, None),
        ] {
            let now = at + seconds;
            assert_eq!(memory.recall(url, now).as_deref(), expected, "{url} {seconds}");
        }
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(dir.join(LAST)).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn answers_become_exit_codes() {
        let check = |response_type: &str, code: Option<&str>, expected| {
            let answer = json!({"response": {
                "speech": {"plain": {"speech": "So."}}, "response_type": response_type,
                "data": {"code": code},
            }});
            assert_eq!(read(&answer), expected, "{answer}");
        };
        check("action_done", None, Some(("So.", 0)));
        check("query_answer", None, Some(("So.", 0)));
        check("error", Some("no_intent_match"), Some(("So.", 3)));
        check("error", Some("no_valid_targets"), Some(("So.", 4)));
        check("error", Some("failed_to_handle"), Some(("So.", 4)));
        assert_eq!(read(&json!({"message": "x"})), None);
        let asked = json!({"continue_conversation": true, "response": {
            "speech": {"plain": {"speech": "Which one?"}}, "response_type": "error",
            "data": {"code": "no_valid_targets"},
        }});
        assert_eq!(read(&asked), Some(("Which one?", 4)));
    }

    #[test]
    fn an_answer_is_explained_line_by_line() {
        let answer = json!({
            "response": {"data": {
                "success": [{"id": "light.hall", "outcome": "confirmed"}],
                "failed": [{"id": "light.x", "outcome": "refused", "reason": "it is offline"}],
            }},
            "homard": {
                "by": "words", "intent": "HassTurnOn", "slots": {"name": "hall"},
                "spans": [{"said": "whole", "role": "name", "meaning": "Hall", "score": 0.8}],
                "candidates": [{"reading": "turn on the whole", "score": 1.5}],
                "why": ["light.hall: harmless"], "elapsed_ms": {"understand": 0.25},
            },
        });
        let expected = [
            "by         words",
            "intent     HassTurnOn",
            "slot       name = hall",
            "heard      \"whole\" as name: Hall (0.80)",
            "or         turn on the whole (1.50)",
            "why        light.hall: harmless",
            "did        light.hall confirmed",
            "did        light.x refused: it is offline",
            "took       understand 0.25 ms",
        ];
        assert_eq!(explained(&answer), expected);
        // What answers nothing is explained by nothing.
        assert!(explained(&json!({})).is_empty());
    }
}
