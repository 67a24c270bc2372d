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

/// The sentence that is said back, and the exit code.
fn read(answer: &Value) -> Option<(&str, u8)> {
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
}
