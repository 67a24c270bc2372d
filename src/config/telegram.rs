//! `[telegram]`: the bot by which the house can be reached, and where its messages go through.

use std::path::Path;

use toml::Spanned;

use super::Secret;
use super::problem::Problems;
use super::raw;

/// Where Telegram itself answers.
const API_URL: &str = "https://api.telegram.org";
/// Longest token, in bytes; those that are given out have 46.
const LONGEST_TOKEN: usize = 128;

/// The house in a messenger.
#[derive(Clone, PartialEq)]
pub struct Telegram {
    /// What the bot shows to Telegram; without it there is none.
    pub token: Option<Secret>,
    /// The server of the Bot API: Telegram's, or one's own. Without a slash at its end.
    pub api_url: String,
}

impl Default for Telegram {
    fn default() -> Self {
        Self { token: None, api_url: API_URL.to_owned() }
    }
}

pub(super) fn check(raw: raw::Telegram, folder: &Path, problems: &mut Problems) -> Telegram {
    let raw::Telegram { token, token_file, api_url } = raw;
    if let (Some(_), Some(file)) = (&token, &token_file) {
        let what = "`[telegram]` has both `token` and `token_file`".to_owned();
        problems.add(file.span(), what, "Keep one of them.");
    }
    let from_file = token_file.and_then(|field| {
        let path = folder.join(field.get_ref());
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(Spanned::new(field.span(), text)),
            Err(error) => {
                let what = format!("`[telegram] token_file`: {}: {error}", path.display());
                problems.add(field.span(), what, "It holds the token that @BotFather gave you.");
                None
            }
        }
    });
    let token = token.or(from_file).filter(|field| !field.get_ref().trim().is_empty());
    let token = token.and_then(|field| {
        let token = Secret::new(field.get_ref().trim());
        if is_token(&token) {
            return Some(token);
        }
        let what = "`[telegram] token` is no token of a bot".to_owned();
        problems.add(
            field.span(),
            what,
            "@BotFather gives you one: digits, a colon, letters and digits.",
        );
        None
    });
    let api_url = api_url.filter(|field| !field.get_ref().trim().is_empty()).map(|field| {
        let url = field.get_ref().trim().trim_end_matches('/').to_owned();
        if !is_url(&url) {
            let what = format!("`[telegram] api_url`: `{url}` is no address of a server");
            problems.add(field.span(), what, "Write \"http://192.168.1.10:8081\".");
        }
        url
    });
    Telegram { token, api_url: api_url.unwrap_or_else(|| API_URL.to_owned()) }
}

/// Whether it can be the token of a bot: `123456:AbC-_d`.
pub(super) fn is_token(token: &Secret) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    token.expose().len() <= LONGEST_TOKEN
        && token.expose().split_once(':').is_some_and(|(number, rest)| {
            !number.is_empty()
                && number.chars().all(|c| c.is_ascii_digit())
                && !rest.is_empty()
                && rest.chars().all(is_letter)
        })
}

/// Without user, query and fragment: the token is put behind it.
fn is_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]/".contains(c);
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && rest.chars().all(is_plain)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("homard.toml")).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_bot_is_read() {
        let text = "[telegram]\ntoken = \" 12:a-B_9 \"\napi_url = \"http://[::1]:8081/\"\n";
        let telegram = parse(text).unwrap().telegram;
        assert_eq!(telegram.token.unwrap().expose(), "12:a-B_9");
        assert_eq!(telegram.api_url, "http://[::1]:8081");
        let telegram = parse("").unwrap().telegram;
        assert!(telegram.token.is_none() && telegram.api_url == super::API_URL);
        assert!(parse("[telegram]\ntoken = \"\"\n").unwrap().telegram.token.is_none());
    }

    #[test]
    fn what_is_wrong_is_said_without_the_token() {
        let check = |text: &str, expected: &str| {
            let Err(problems) = parse(text) else { panic!("{text} is taken") };
            assert!(problems.contains(expected), "{problems}");
        };
        check("[telegram]\ntoken = \"a:b\"\n", "is no token of a bot");
        check("[telegram]\ntoken_file = \"nowhere\"\n", "`[telegram] token_file`");
        check("[telegram]\napi_url = \"ftp://x\"\n", "is no address of a server");
        check("[telegram]\napi_url = \"http://a@b/?c\"\n", "is no address of a server");
        check("[telegram]\ntokn = \"1:a\"\n", "`[telegram] tokn` is no setting");
    }
}
