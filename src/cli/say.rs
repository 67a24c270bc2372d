//! `homard say`: one sentence to the running house.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::daemon::{Daemon, usual_places};
use super::{FAILED, Failure, NOT_UNDERSTOOD, REFUSED, say};

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
    /// Print the whole answer as JSON
    #[arg(long, env = "HOMARD_JSON")]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
    /// The data of the house to speak to [default: that of `run`, else that of `demo`]
    #[arg(long, env = "HOMARD_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Say {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let daemon = self.daemon.find(&usual_places(self.data_dir.as_deref())?)?;
        let mut body = json!({"text": self.text.join(" ")});
        if let Some(language) = &self.language {
            body["language"] = json!(language);
        }
        if let Some(area) = &self.area {
            body["area"] = json!(area);
        }
        let answer = daemon.post("/api/conversation/process", &body)?;
        let Some((speech, ending)) = read(&answer) else {
            let text = format!("What answers at {} is no Homard.", daemon.url());
            return Err(Failure::new(FAILED, text));
        };
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

/// The sentence that is said back, and the exit code.
fn read(answer: &Value) -> Option<(&str, u8)> {
    let response = answer.get("response")?;
    let speech = response.pointer("/speech/plain/speech")?.as_str()?;
    let code = match response.get("response_type")?.as_str()? {
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
    }
}
