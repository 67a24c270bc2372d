//! The panel's words: one file of data per language, `words/LANGUAGE.json`, for the server and the
//! scripts alike.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::http::{HeaderMap, header};

use crate::packed::{Packed, packed};

/// One language.
#[derive(Debug)]
pub(super) struct Words {
    /// Its code, `fr`.
    pub(super) language: &'static str,
    /// The file as it goes to the scripts.
    pub(super) file: Packed,
    by_key: HashMap<String, String>,
}

/// All languages; the first is spoken where nobody asked for another.
pub(super) static LANGUAGES: LazyLock<[Words; 2]> = LazyLock::new(|| {
    let files = [
        ("en", packed!("src/web/panel/words/en.json")),
        ("fr", packed!("src/web/panel/words/fr.json")),
    ];
    files.map(|(language, file)| {
        // A unit test reads every file.
        let by_key = serde_json::from_str(&file.text()).unwrap_or_default();
        Words { language, file, by_key }
    })
});

impl Words {
    /// The words for a key; the key itself where there are none, which a test forbids.
    pub(super) fn get<'a>(&'a self, key: &'a str) -> &'a str {
        self.by_key.get(key).map_or(key, String::as_str)
    }

    /// The language of this code.
    pub(super) fn of(code: &str) -> Option<&'static Self> {
        LANGUAGES.iter().find(|words| words.language == code)
    }

    /// What is shown for a state before the script words it better.
    pub(super) fn state<'a>(&'a self, word: &'a str) -> &'a str {
        self.by_key.get(&format!("state.{word}")).map_or(word, String::as_str)
    }

    /// The language of `Accept-Language` that the panel speaks best, else the home's, else English.
    pub(super) fn accepted(headers: &HeaderMap, home: &str) -> &'static Self {
        let spoken = |tag: &str| {
            let main = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
            LANGUAGES.iter().find(|words| words.language == main)
        };
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|line| line.to_str().ok());
        let mut best: Option<(f64, &Self)> = None;
        for choice in accepted.unwrap_or_default().split(',') {
            let mut parts = choice.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok());
            let weight: f64 = weight.unwrap_or(1.0);
            if let Some(words) = spoken(tag)
                && weight > best.map_or(0.0, |(best, _)| best)
            {
                best = Some((weight, words));
            }
        }
        best.map(|(_, words)| words).or_else(|| spoken(home)).unwrap_or(&LANGUAGES[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::panel::files::SCRIPTS;
    use axum::http::HeaderValue;

    #[test]
    fn the_browser_s_languages_choose_and_then_the_home_s() {
        for (line, home, language) in [
            ("", "en", "en"),
            ("", "fr", "fr"),
            ("", "de", "en"),
            ("fr", "en", "fr"),
            ("fr-CH, fr;q=0.9, en;q=0.8", "en", "fr"),
            ("de, en;q=0.5, fr;q=0.7", "en", "fr"),
            ("en-GB,fr;q=0.9", "fr", "en"),
            ("fr;q=0", "en", "en"),
            ("*;q=x", "fr_FR", "fr"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(line));
            assert_eq!(Words::accepted(&headers, home).language, language, "{line} at {home}");
        }
    }

    #[test]
    fn every_language_has_every_word_and_every_gap() {
        let gaps = |text: &str| {
            let mut gaps: Vec<String> = text
                .split('{')
                .skip(1)
                .map(|rest| rest.split('}').next().unwrap().to_owned())
                .collect();
            gaps.sort();
            gaps
        };
        for words in LANGUAGES.iter() {
            let by_key: HashMap<String, String> = serde_json::from_str(&words.file.text()).unwrap();
            assert_eq!(by_key.len(), LANGUAGES[0].by_key.len(), "{}", words.language);
            for (key, text) in &LANGUAGES[0].by_key {
                let other = by_key.get(key).unwrap_or_else(|| panic!("{}: {key}", words.language));
                assert!(!other.is_empty(), "{}: {key}", words.language);
                assert_eq!(gaps(text), gaps(other), "{}: {key}", words.language);
            }
        }
    }

    /// Keys that are put together from parts (`` t(`do.${service}`) ``) are not seen here.
    #[test]
    fn the_scripts_say_only_what_there_are_words_for() {
        let known = |key: &str| {
            let by_key = &LANGUAGES[0].by_key;
            by_key.contains_key(key) || by_key.contains_key(&format!("{key}.other"))
        };
        let mut n_keys = 0;
        for (name, script) in SCRIPTS {
            let script = script.text();
            for start in ["t(\"", "count(\""] {
                for (at, _) in script.match_indices(start) {
                    let is_call =
                        script[..at].chars().next_back().is_some_and(|c| !c.is_alphanumeric());
                    let key = script[at + start.len()..].split('"').next().unwrap();
                    if is_call {
                        assert!(known(key), "{name}: {key}");
                        n_keys += 1;
                    }
                }
            }
        }
        assert!(n_keys > 100, "{n_keys}");
    }

    /// What is wrong is worded beside where it is noticed; the panel's table follows it.
    #[test]
    fn what_is_wrong_with_a_device_can_be_said_in_every_language() {
        const OPENERS: [&str; 4] = ["problem(", "Reject(", "Fault(", "Err(format!("];
        let gap = regex::Regex::new(r"\{[^}]*\}").unwrap();
        let literal = regex::Regex::new(r#""((?:[^"\\]|\\.)*)""#).unwrap();
        let line_break = regex::Regex::new(r"\\\n\s*").unwrap();
        let mut said = Vec::new();
        for (name, source) in sources("src/mqtt") {
            let source = source.split("\n#[cfg(test)]").next().unwrap().to_owned();
            for (at, opener) in OPENERS.iter().flat_map(|opener| source.match_indices(opener)) {
                let inside = parenthesis(&source[at + opener.len()..]);
                for text in literal.captures_iter(inside).map(|found| found[1].to_owned()) {
                    let text = line_break.replace_all(&text, "");
                    if text.contains(' ') && text.contains(char::is_alphabetic) {
                        said.push((name.clone(), gap.replace_all(&text, "x").into_owned()));
                    }
                }
            }
        }
        assert!(said.len() > 100, "{}", said.len());
        for words in LANGUAGES.iter().skip(1) {
            let table = format!("src/web/panel/files/problems-{}.json", words.language);
            let table = std::fs::read_to_string(table).unwrap();
            let table: HashMap<String, String> = serde_json::from_str(&table).unwrap();
            let patterns: Vec<regex::Regex> = table
                .iter()
                .map(|(english, wording)| {
                    let n_gaps = |text: &str| text.matches("{}").count();
                    assert_eq!(n_gaps(english), n_gaps(wording), "{english}");
                    let parts: Vec<String> = english.split("{}").map(regex::escape).collect();
                    // A gap alone matches all there is.
                    assert!(parts.iter().any(|part| part.len() > 1), "{english}");
                    regex::Regex::new(&format!("^{}$", parts.join("(.+?)"))).unwrap()
                })
                .collect();
            for (name, text) in &said {
                let is_there = patterns.iter().any(|pattern| pattern.is_match(text));
                assert!(is_there, "{}: {name}: {text}", words.language);
            }
        }
    }

    /// The Rust files below a folder, with their texts.
    fn sources(folder: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap().to_owned();
            if path.is_dir() {
                found.extend(sources(&name));
            } else if name.ends_with(".rs") {
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
        found
    }

    /// The text as far as the parenthesis that closes what was opened before it.
    fn parenthesis(text: &str) -> &str {
        let mut depth = 1;
        let end = text.char_indices().find(|(_, c)| {
            depth += i32::from(*c == '(') - i32::from(*c == ')');
            depth == 0
        });
        &text[..end.map_or(text.len(), |(at, _)| at)]
    }
}
