//! A language model on another machine, spoken to as OpenAI's server is, which most others are too, or as Ollama's. It is
//! trusted with nothing: a choice counts only if it is one of those that were offered, however the other side was asked for
//! it; and who hangs, drips, redirects, or sends too much or nonsense is left in time.

use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{ModelError, Role, Turn};

/// Bytes of an answer: a few sentences, with all that servers put around them.
const MOST_BYTES: u64 = 256 << 10;
/// Bytes of its head.
const MOST_HEAD: usize = 16 << 10;
/// Longest time to reach the other side.
const REACH: Duration = Duration::from_secs(3);
/// Tokens of a choice: a word, in braces, and the blanks that some servers let a model write between.
const CHOICE_TOKENS: usize = 96;
/// What a server answers that does not know something of what it was asked.
const NOT_KNOWN: [u16; 3] = [400, 404, 422];
/// What a choice is called in the form that is asked for.
const CHOICE: &str = "choice";
/// Stands behind what a model thought before it answered.
const THOUGHT: &str = "</think>";

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `URL/chat/completions`.
    OpenAi,
    /// `URL/api/chat`.
    Ollama,
}

/// A model on another machine. It has no `Debug`, as it knows a secret.
pub struct Outside {
    url: String,
    model: String,
    key: Option<String>,
    protocol: Protocol,
    agent: ureq::Agent,
}

/// What was chosen, and how likely the model found it, where its server says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chosen {
    /// Which of those that were offered.
    pub at: usize,
    /// From 0 to 1.
    pub share: Option<f64>,
}

impl Outside {
    /// The model of this name at an address without a slash at its end. Nothing is sent yet.
    pub fn new(url: &str, model: &str, key: Option<&str>, protocol: Protocol) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(REACH))
            .http_status_as_error(false)
            // What is said in the house goes where its owner said, and nowhere else.
            .max_redirects(0)
            .proxy(None)
            .max_response_header_size(MOST_HEAD);
        let config = match url.starts_with("https://") {
            true => config.tls_config(TlsConfig::builder().root_certs(roots()).build()),
            false => config,
        };
        Self {
            url: url.to_owned(),
            model: model.to_owned(),
            key: key.map(str::to_owned),
            protocol,
            agent: config.build().into(),
        }
    }

    /// Has the model choose one of these words. Blocks, and no longer than `within`.
    ///
    /// # Errors
    /// When nobody answers in time, or what is answered is none of them.
    pub fn choose(
        &self,
        turns: &[Turn<'_>],
        offered: &[&str],
        within: Duration,
    ) -> Result<Chosen, ModelError> {
        let began = Instant::now();
        let form = json!({
            "type": "object",
            "properties": { CHOICE: { "type": "string", "enum": offered } },
            "required": [CHOICE],
            "additionalProperties": false,
        });
        let extras = match self.protocol {
            Protocol::OpenAi => json!({
                "max_tokens": CHOICE_TOKENS,
                "temperature": 0,
                "logprobs": true,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": { "name": CHOICE, "strict": true, "schema": form },
                },
            }),
            Protocol::Ollama => json!({
                "format": form,
                "options": { "temperature": 0, "num_predict": CHOICE_TOKENS },
            }),
        };
        let answer = match self.ask(turns, extras, within) {
            // A plain server, which knows nothing of forms: it is told in words what to choose from.
            Err(Unanswered::Status(status)) if NOT_KNOWN.contains(&status) => {
                self.ask(turns, json!({}), within.saturating_sub(began.elapsed()))
            }
            answer => answer,
        };
        chosen(&answer?, offered).ok_or(ModelError::NotOffered)
    }

    /// Has the model answer in words of its own. Blocks, and no longer than `within`.
    ///
    /// # Errors
    /// When nobody answers in time.
    pub fn write(
        &self,
        turns: &[Turn<'_>],
        most_tokens: usize,
        within: Duration,
    ) -> Result<String, ModelError> {
        let extras = match self.protocol {
            Protocol::OpenAi => json!({ "max_tokens": most_tokens }),
            Protocol::Ollama => json!({ "options": { "num_predict": most_tokens } }),
        };
        let answer = self.ask(turns, extras, within)?;
        Ok(without_thoughts(&answer.text).to_owned())
    }

    fn ask(
        &self,
        turns: &[Turn<'_>],
        extras: Value,
        within: Duration,
    ) -> Result<Written, Unanswered> {
        let path = match self.protocol {
            Protocol::OpenAi => "chat/completions",
            Protocol::Ollama => "api/chat",
        };
        let turn = |turn: &Turn<'_>| {
            let role = match turn.role {
                Role::System => "system",
                Role::Person => "user",
                Role::Model => "assistant",
            };
            json!({ "role": role, "content": turn.text })
        };
        let turns: Vec<Value> = turns.iter().map(turn).collect();
        let mut body = json!({ "model": self.model, "messages": turns, "stream": false });
        if let (Value::Object(body), Value::Object(extras)) = (&mut body, extras) {
            body.extend(extras);
        }
        let mut request = self.agent.post(format!("{}/{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let request = request.config().timeout_global(Some(within)).build();
        let line = |error: ureq::Error| Unanswered::Line(error.to_string());
        let mut response = request.send_json(&body).map_err(line)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(Unanswered::Status(status));
        }
        let mut bytes = Vec::new();
        let body = response.body_mut().as_reader();
        body.take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Unanswered::Line(error.to_string()))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(Unanswered::Nonsense("its answer is too long"));
        }
        let body: Value = serde_json::from_slice(&bytes)
            .map_err(|_| Unanswered::Nonsense("its answer is no JSON"))?;
        Written::read(&body).ok_or(Unanswered::Nonsense("its answer has no words"))
    }
}

/// Why there is no answer. Nothing of what the other side wrote is in it.
enum Unanswered {
    Line(String),
    Status(u16),
    Nonsense(&'static str),
}

impl From<Unanswered> for ModelError {
    fn from(why: Unanswered) -> Self {
        Self::Outside(match why {
            Unanswered::Line(text) => text,
            Unanswered::Status(401 | 403) => "it refuses the key".to_owned(),
            Unanswered::Status(status) => format!("it answered with status {status}"),
            Unanswered::Nonsense(what) => what.to_owned(),
        })
    }
}

/// What a server wrote.
struct Written {
    text: String,
    /// Its tokens and the logarithms of how likely they were; empty where the server does not say.
    tokens: Vec<(String, f64)>,
}

impl Written {
    fn read(body: &Value) -> Option<Self> {
        let choice = body.pointer("/choices/0");
        let message =
            choice.and_then(|choice| choice.get("message")).or_else(|| body.get("message"));
        let text = message?.get("content")?.as_str()?.to_owned();
        let tokens = choice.and_then(|choice| choice.pointer("/logprobs/content")?.as_array());
        let token = |token: &Value| {
            let text = token.get("token")?.as_str()?.to_owned();
            Some((text, token.get("logprob")?.as_f64()?))
        };
        let tokens: Option<Vec<_>> =
            tokens.map_or(Some(Vec::new()), |all| all.iter().map(token).collect());
        Some(Self { text, tokens: tokens.unwrap_or_default() })
    }

    /// How likely the tokens were of which a part of the text is made.
    fn share(&self, part: std::ops::Range<usize>) -> Option<f64> {
        let whole: String = self.tokens.iter().map(|(text, _)| text.as_str()).collect();
        // llama.cpp's server gives the text without the fence that the model put around it, and the tokens with it.
        let before = whole.find(&self.text).filter(|_| !self.tokens.is_empty())?;
        let part = before + part.start..before + part.end;
        let mut at = 0;
        let mut sum = 0.0;
        for (text, log) in &self.tokens {
            let end = at + text.len();
            if at < part.end && end > part.start {
                sum += log;
            }
            at = end;
        }
        let share = sum.exp();
        (0.0..=1.0).contains(&share).then_some(share)
    }
}

/// Which of those that were offered was written: in the form that was asked for, or as a word alone.
fn chosen(written: &Written, offered: &[&str]) -> Option<Chosen> {
    let text = without_thoughts(&written.text).trim();
    let form: Option<Value> = serde_json::from_str(text).ok();
    let word = match &form {
        Some(form) => form.as_str().or_else(|| form.get(CHOICE)?.as_str())?,
        None => text.trim_matches(|c: char| matches!(c, '"' | '\'' | '`' | '*' | '.')),
    };
    let at = offered.iter().position(|one| one.eq_ignore_ascii_case(word))?;
    let share = written.text.rfind(word).and_then(|from| written.share(from..from + word.len()));
    Some(Chosen { at, share })
}

/// What is behind a model's thoughts.
fn without_thoughts(text: &str) -> &str {
    text.rsplit_once(THOUGHT).map_or(text, |(_, answer)| answer)
}

/// What the system trusts, as every other connection does.
fn roots() -> RootCerts {
    let roots = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<Certificate<'static>> =
        roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    RootCerts::from(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [&str; 4] = ["warm", "light", "ask", "none"];

    fn read(body: &str) -> Option<Chosen> {
        let body: Value = serde_json::from_str(body).unwrap();
        chosen(&Written::read(&body)?, &OFFERED)
    }

    fn said(text: &str) -> Option<Chosen> {
        read(&json!({ "choices": [{ "message": { "content": text } }] }).to_string())
    }

    #[test]
    fn only_what_was_offered_is_chosen() {
        let warm = Some(Chosen { at: 0, share: None });
        for text in [
            "warm",
            " Warm.\n",
            "\"warm\"",
            "**warm**",
            r#"{"choice":"warm"}"#,
            "<think>light? none? ask?</think>\n\nwarm",
        ] {
            assert_eq!(said(text), warm, "{text}");
        }
        assert_eq!(said("none").map(|one| one.at), Some(3));
        for text in [
            "",
            "unlock",
            "warm light",
            "warmer",
            "I think it is warm",
            r#"{"choice":"unlock"}"#,
            r#"{"choice":["warm"]}"#,
            r#"{"choose":"warm"}"#,
            r#"["warm"]"#,
            "7",
            "<think>warm",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn ollama_says_it_otherwise_and_what_is_no_answer_is_none() {
        let body = r#"{"message": {"role": "assistant", "content": "{\"choice\": \"light\"}"}}"#;
        assert_eq!(read(body), Some(Chosen { at: 1, share: None }));
        for body in ["{}", "[]", "7", r#"{"choices": []}"#, r#"{"choices": [{"message": {}}]}"#] {
            assert_eq!(read(body), None, "{body}");
        }
    }

    /// Only of the tokens that the word is made of, and only where they are those that were written.
    #[test]
    fn how_likely_it_is_is_what_the_words_own_tokens_say() {
        let share = |tokens: &[(&str, f64)]| {
            let tokens: Vec<Value> = tokens
                .iter()
                .map(|(token, share)| json!({ "token": token, "logprob": share.ln() }))
                .collect();
            let body = json!({ "choices": [{
                "message": { "content": r#"{"choice":"warm"}"# },
                "logprobs": { "content": tokens },
            }] });
            let share = read(&body.to_string()).unwrap().share;
            share.map(|share| (share * 100.0).round())
        };
        let asked = [("{\"choice", 0.1), ("\":\"", 0.5), ("wa", 0.8), ("rm", 0.5), ("\"}", 0.1)];
        assert_eq!(share(&asked), Some(40.0));
        let fence = [("```", 0.1), ("json\n", 0.2)];
        assert_eq!(share(&[&fence[..], &asked, &[("\n```", 0.3)]].concat()), Some(40.0));
        assert_eq!(share(&[("{\"choice\":\"warm\"}", 0.7), ("<end>", 0.1)]), Some(70.0));
        assert_eq!(share(&[("other", 0.9)]), None);
        assert_eq!(share(&[]), None);
        assert_eq!(share(&[("{\"choice\":\"warm\"}", 7.0)]), None);
    }
}
