//! `homard hear`: a recording to the running house, as if it was said to it.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde_json::Value;

use super::daemon::{Connection, Daemon, usual_places};
use super::say::read;
use super::{FAILED, Failure, say};

#[derive(Args)]
pub(super) struct Hear {
    /// The recording: WAV of any kind, or Ogg with Opus
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The language that is spoken; found out among the household's unless given
    #[arg(long, env = "HOMARD_LANGUAGE", value_name = "CODE")]
    language: Option<String>,
    /// The room it is said in: id, name or another name
    #[arg(long, env = "HOMARD_AREA", value_name = "ROOM")]
    area: Option<String>,
    /// Print the whole answer as JSON
    #[arg(long, env = "HOMARD_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    #[command(flatten)]
    daemon: Daemon,
    /// The data of the house to speak to [default: that of `run`, else that of `demo`]
    #[arg(long, env = "HOMARD_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Hear {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let recording = std::fs::read(&self.file)
            .map_err(|error| Failure::new(FAILED, format!("{}: {error}", self.file.display())))?;
        let daemon = self.daemon.find(&usual_places(self.data_dir.as_deref())?)?;
        let circumstances = Circumstances {
            language: self.language.clone(),
            area: self.area.clone(),
            json: self.json,
        };
        post(&daemon, &circumstances, &recording)
    }
}

/// How and where it was said, and how the answer is wanted.
pub(super) struct Circumstances {
    pub(super) language: Option<String>,
    pub(super) area: Option<String>,
    pub(super) json: bool,
}

/// Sends a recording to the house and prints what it heard and answered; its answer is how the command ends.
pub(super) fn post(
    daemon: &Connection,
    circumstances: &Circumstances,
    recording: &[u8],
) -> Result<(), Failure> {
    let Circumstances { language, area, json } = circumstances;
    let said: Vec<(&str, &str)> = [("language", language), ("area", area)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
        .collect();
    let answer = daemon.post_bytes("/api/speech", &said, recording)?;
    let Some((speech, ending)) = read(&answer) else {
        let text = format!("What answers at {} is no Homard.", daemon.url());
        return Err(Failure::new(FAILED, text));
    };
    if *json {
        say(format!("{answer:#}"))?;
    } else {
        let heard = answer.get("transcript").and_then(Value::as_str).unwrap_or_default();
        say(format!("“{heard}”"))?;
        say(speech)?;
    }
    match ending {
        0 => Ok(()),
        code => Err(Failure::new(code, "")),
    }
}
