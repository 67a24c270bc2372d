//! `[update]`: whose programs are trusted, and where newer ones are asked for, if anywhere.

use std::time::Duration;

use super::problem::Problems;
use super::raw;

/// The key of whoever has built this program, if they gave one.
const BUILT_IN: Option<&str> = option_env!("HOMARD_UPDATE_KEY");
/// Letters of a public key of minisign: 42 bytes as base64.
const KEY_LETTERS: usize = 56;
/// What a new program may take to answer, in seconds.
const WITHIN: (f64, f64) = (5.0, 900.0);

/// How newer programs come to this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The public key of minisign with which they must be signed; without one there are none.
    pub key: Option<String>,
    /// The folder of a web server where they lie, without a slash at its end; without one nobody is asked.
    pub url: Option<String>,
    /// What a new program may take to answer before the old one comes back.
    pub within: Duration,
}

impl Default for Update {
    fn default() -> Self {
        let key = BUILT_IN.filter(|key| is_key(key)).map(str::to_owned);
        Self { key, url: None, within: Duration::from_secs(120) }
    }
}

pub(super) fn check(raw: raw::Update, problems: &mut Problems) -> Update {
    let usual = Update::default();
    let key = raw.key.filter(|field| !field.get_ref().trim().is_empty()).map(|field| {
        let key = field.get_ref().trim().to_owned();
        if !is_key(&key) {
            let what = "`[update] key` is no public key of minisign".to_owned();
            problems.add(field.span(), what, "It is the second line of minisign.pub.");
        }
        key
    });
    let url = raw.url.filter(|field| !field.get_ref().trim().is_empty()).map(|field| {
        let url = field.get_ref().trim().trim_end_matches('/').to_owned();
        if !is_url(&url) {
            let what = format!("`[update] url`: `{url}` is no address of a web server");
            problems.add(field.span(), what, "Write \"https://example.org/homard\".");
        }
        url
    });
    let within = raw.within.map_or(usual.within, |field| {
        let seconds = *field.get_ref();
        if !(WITHIN.0..=WITHIN.1).contains(&seconds) {
            let what = format!("`[update] within` cannot be {seconds}");
            let hint = format!("It is a number of seconds from {} to {}.", WITHIN.0, WITHIN.1);
            problems.add(field.span(), what, hint);
            return usual.within;
        }
        Duration::from_secs_f64(seconds)
    });
    Update { key: key.or(usual.key), url, within }
}

/// Whether its letters can be those of a public key, whose first bytes are `Ed`.
fn is_key(key: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    key.len() == KEY_LETTERS && key.starts_with("RW") && key.chars().all(is_letter)
}

fn is_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:[]/".contains(c);
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && rest.chars().all(is_plain)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn parse(text: &str) -> Result<Update, String> {
        let config = Config::parse(text, Path::new("homard.toml"));
        config.map(|config| config.update).map_err(|problems| problems.to_string())
    }

    #[test]
    fn nobody_is_asked_unless_it_is_written() {
        let usual = parse("").unwrap();
        assert_eq!(usual.url, None);
        let text =
            format!("[update]\nkey = \"{KEY}\"\nurl = \"https://a.example/h/\"\nwithin = 30\n");
        let written = parse(&text).unwrap();
        assert_eq!(written.key.as_deref(), Some(KEY));
        assert_eq!(written.url.as_deref(), Some("https://a.example/h"));
        assert_eq!(written.within, Duration::from_secs(30));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |text: &str, expected: &str| {
            let problems = parse(&format!("[update]\n{text}\n")).unwrap_err();
            assert!(problems.contains(expected), "{problems}");
        };
        check("key = \"mine\"", "`[update] key` is no public key of minisign");
        check("url = \"ftp://a\"", "`[update] url`: `ftp://a` is no address of a web server");
        check("url = \"https://\"", "is no address of a web server");
        check("within = 1", "`[update] within` cannot be 1");
        check("urls = \"x\"", "`[update] urls` is no setting");
    }
}
