//! `[model]`: who is asked about what nobody understood, and who answers what is not about the house: a language model on
//! this board, or one on another machine. Without an address of the owner's nothing leaves the house.

use std::path::Path;

use toml::Spanned;

use super::problem::Problems;
use super::raw;
use super::{Mistake, Secret};

/// What `[model] talk` calls the model at `[model] url`.
const OUTSIDE: &str = "outside";
/// Longest address, in bytes.
const LONGEST_URL: usize = 500;
/// Longest key, in bytes.
const LONGEST_KEY: usize = 512;
/// Longest name of a model, in bytes.
const LONGEST_NAME: usize = 200;

/// The language model.
#[derive(Clone, PartialEq)]
pub struct Model {
    /// It is asked about what nobody understood.
    pub ask: bool,
    /// Who answers what is not about the house, in words of its own.
    pub talk: Option<Talker>,
    /// The model on another machine, in the place of the one on this board.
    pub outside: Option<OutsideModel>,
}

/// Who answers what is not about the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Talker {
    /// The model of this name in the catalogue, or in the file of this path.
    Here(String),
    /// [`Model::outside`].
    Outside,
}

impl Talker {
    /// Who is called so; nobody has no name.
    pub fn named(name: String) -> Option<Self> {
        match name.as_str() {
            "" => None,
            OUTSIDE => Some(Self::Outside),
            _ => Some(Self::Here(name)),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Self::Here(name) => name,
            Self::Outside => OUTSIDE,
        }
    }
}

/// A language model on another machine.
#[derive(Clone, PartialEq, Eq)]
pub struct OutsideModel {
    /// Where it answers, without a slash at its end.
    pub url: String,
    /// What its server calls it.
    pub name: String,
    /// What it wants to be shown.
    pub key: Option<Secret>,
    /// How it is spoken to.
    pub protocol: ModelProtocol,
}

/// How a model's server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelProtocol {
    /// As OpenAI's, which most servers speak too: `URL/chat/completions`.
    OpenAi,
    /// As Ollama's own: `URL/api/chat`.
    Ollama,
}

impl OutsideModel {
    /// Whether somebody could have meant it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn checked(&self) -> Result<(), Mistake> {
        match self {
            Self { url, .. } if !is_url(url) => Err(Mistake::ModelUrl),
            Self { name, .. } if !is_name(name) => Err(Mistake::ModelName),
            Self { key: Some(key), .. } if !is_key(key.expose()) => Err(Mistake::ModelKey),
            _ => Ok(()),
        }
    }

    /// The machine's name or address, and its port.
    pub fn machine(&self) -> (&str, u16) {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("http", &self.url));
        let machine = rest.split('/').next().unwrap_or(rest);
        let usual = if scheme == "https" { 443 } else { 80 };
        match machine.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().unwrap_or(usual)),
            _ => (machine, usual),
        }
    }

    /// Whether what is said, and the key, can be read on the way.
    pub fn is_in_the_clear(&self) -> bool {
        self.url.starts_with("http://")
    }
}

pub(super) fn check(raw: raw::Model, folder: &Path, problems: &mut Problems) -> Model {
    let raw::Model { ask, talk, url, name, key, key_file, protocol } = raw;
    let talk_at = talk.as_ref().map(Spanned::span);
    let talk = super::check::text(talk, "[model] talk", "", problems);
    let is_outside_named = url.is_some();
    let key = secret(key, key_file, folder, problems);
    let protocol = protocol.map_or(ModelProtocol::OpenAi, |field| match field.get_ref().as_str() {
        "openai" => ModelProtocol::OpenAi,
        "ollama" => ModelProtocol::Ollama,
        other => {
            let what = format!("`[model] protocol` cannot be `{other}`");
            problems.add(field.span(), what, "Write \"openai\" or \"ollama\".");
            ModelProtocol::OpenAi
        }
    });
    let outside = url.and_then(|field| {
        let url = field.get_ref().trim().trim_end_matches('/').to_owned();
        if !is_url(&url) {
            let what = format!("`[model] url`: `{url}` is no address of a server");
            problems.add(field.span(), what, "Write \"http://192.168.1.30:8080/v1\".");
            return None;
        }
        let Some(name) = &name else {
            let what = "`[model] url` is there, and `[model] name` is not".to_owned();
            problems.add(field.span(), what, "Write what the server calls its model.");
            return None;
        };
        let said = name.get_ref().trim();
        if !is_name(said) {
            let hint = format!("It has 1 to {LONGEST_NAME} bytes, on one line.");
            problems.add(name.span(), "`[model] name` is no name of a model".to_owned(), hint);
        }
        Some(OutsideModel { url, name: said.to_owned(), key, protocol })
    });
    let talk = Talker::named(talk);
    if let (Some(Talker::Outside), false, Some(at)) = (&talk, is_outside_named, talk_at) {
        let what = "`[model] talk` is \"outside\", and there is no `[model] url`".to_owned();
        problems.add(at, what, "Write where that model answers.");
    }
    Model { ask: ask.is_none_or(Spanned::into_inner), talk, outside }
}

/// What the server wants to be shown. No message holds it.
fn secret(
    key: Option<Spanned<String>>,
    file: Option<Spanned<String>>,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Secret> {
    if let (Some(_), Some(file)) = (&key, &file) {
        let what = "`[model]` has both `key` and `key_file`".to_owned();
        problems.add(file.span(), what, "Keep one of them.");
    }
    let from_file = file.and_then(|field| {
        let path = folder.join(field.get_ref());
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(Spanned::new(field.span(), text)),
            Err(error) => {
                let what = format!("`[model] key_file`: {}: {error}", path.display());
                problems.add(field.span(), what, "It holds the key of the model's server.");
                None
            }
        }
    });
    let key = key.or(from_file).filter(|field| !field.get_ref().trim().is_empty())?;
    let text = key.get_ref().trim();
    if !is_key(text) {
        let what = "`[model] key` is no key of a server".to_owned();
        problems.add(key.span(), what, "It is one word of letters, digits and signs.");
        return None;
    }
    Some(Secret::new(text))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(char::is_control)
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= LONGEST_KEY && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Without user, query and fragment: the path of each call is put behind it.
fn is_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:[]/".contains(c);
    rest.filter(|_| url.len() <= LONGEST_URL).is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with(['/', ':']) && rest.chars().all(is_plain)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<Model, String> {
        let config = Config::parse(&format!("[model]\n{text}\n"), Path::new("homard.toml"));
        config.map(|config| config.model).map_err(|problems| problems.to_string())
    }

    #[test]
    fn nothing_leaves_the_house_unless_it_is_written() {
        let usual = parse("").unwrap();
        assert!(usual.outside.is_none() && usual.talk.is_none() && usual.ask);
        let text = "url = \"http://10.0.0.5:8080/v1/\"\nname = \"qwen3\"\nkey = \" s-1 \"\ntalk = \"outside\"";
        let model = parse(text).unwrap();
        let outside = model.outside.unwrap();
        assert_eq!(
            (outside.url.as_str(), outside.name.as_str()),
            ("http://10.0.0.5:8080/v1", "qwen3")
        );
        assert_eq!(outside.key.as_ref().map(Secret::expose), Some("s-1"));
        assert_eq!(outside.protocol, ModelProtocol::OpenAi);
        assert_eq!(model.talk, Some(Talker::Outside));
        let talk = parse("talk = \"/a/b.gguf\"").unwrap().talk;
        assert_eq!(talk, Some(Talker::Here("/a/b.gguf".to_owned())));
    }

    #[test]
    fn the_machine_is_told_from_its_address() {
        let check = |url: &str, host: &str, port: u16| {
            let (url, name) = (url.to_owned(), String::new());
            let outside = OutsideModel { url, name, key: None, protocol: ModelProtocol::Ollama };
            assert_eq!(outside.machine(), (host, port));
        };
        check("http://10.0.0.5:8080/v1", "10.0.0.5", 8080);
        check("https://models.example/v1", "models.example", 443);
        check("http://hub", "hub", 80);
        check("http://[fd00::5]/v1", "[fd00::5]", 80);
        check("http://[fd00::5]:99/v1", "[fd00::5]", 99);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_key() {
        let check = |text: &str, expected: &str| {
            let Err(problems) = parse(text) else { panic!("{text} is taken") };
            assert!(problems.contains(expected) && !problems.contains("s3cr3t"), "{problems}");
        };
        let name = "name = \"m\"";
        check(&format!("url = \"ftp://x\"\n{name}"), "is no address of a server");
        check(&format!("url = \"http://a@b/v1?c\"\n{name}"), "is no address of a server");
        check("url = \"http://a\"", "`[model] name` is not");
        check("url = \"http://a\"\nname = \"\"", "is no name of a model");
        check(&format!("url = \"http://a\"\n{name}\nprotocol = \"grpc\""), "cannot be `grpc`");
        check("talk = \"outside\"", "there is no `[model] url`");
        check("key = \"s3cr3t\\n x\"", "is no key of a server");
        check("key_file = \"nowhere\"", "`[model] key_file`");
        check("key = \"s3cr3t\"\nkey_file = \"nowhere\"", "both `key` and `key_file`");
    }
}
