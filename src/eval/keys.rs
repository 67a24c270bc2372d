//! Reads one YAML mapping by its keys: what is missing, wrong or unknown is told with its place.

use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::text::Likely;

/// By how much a text in a list is less likely than the one before.
const MUCH: f32 = 3.0;

/// Something in a file of an evaluation that cannot be read: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Wrong {
    /// The file, and the part of it.
    pub place: String,
    /// In plain words.
    pub what: String,
}

/// A mapping whose keys are taken out one by one; what is left at the end is unknown.
pub(super) struct Keys {
    place: String,
    map: Map<String, Json>,
}

impl Keys {
    pub(super) fn new(place: impl Into<String>, json: Json) -> Result<Self, Wrong> {
        let place = place.into();
        match json {
            Json::Object(map) => Ok(Self { place, map }),
            other => Err(Wrong { place, what: format!("expected keys and values, not `{other}`") }),
        }
    }

    /// Says more exactly where this is.
    pub(super) fn at(mut self, what: &str) -> Self {
        self.place = format!("{}: {what}", self.place);
        self
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn wrong(&self, what: impl Into<String>) -> Wrong {
        Wrong { place: self.place.clone(), what: what.into() }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Json> {
        self.map.shift_remove(key).filter(|json| !json.is_null())
    }

    /// A word; numbers and truths as they are written.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, Wrong> {
        let Some(json) = self.take(key) else { return Ok(None) };
        match word(&json) {
            Some(word) => Ok(Some(word)),
            None => Err(self.wrong(format!("`{key}` must be a text"))),
        }
    }

    pub(super) fn required(&mut self, key: &str) -> Result<String, Wrong> {
        self.text(key)?.ok_or_else(|| self.wrong(format!("`{key}` is missing")))
    }

    /// One text or several.
    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>, Wrong> {
        let Some(json) = self.take(key) else { return Ok(Vec::new()) };
        let words: Option<Vec<String>> = match &json {
            Json::Array(items) => items.iter().map(word).collect(),
            one => word(one).map(|word| vec![word]),
        };
        words.ok_or_else(|| self.wrong(format!("`{key}` must be a list of texts")))
    }

    /// What may have been heard otherwise: texts, each much less likely than the one before, or `{text: behind}`.
    pub(super) fn likely(&mut self, key: &str) -> Result<Vec<Likely>, Wrong> {
        let items = match self.take(key) {
            None => return Ok(Vec::new()),
            Some(Json::Array(items)) => items,
            Some(one) => vec![one],
        };
        let likely = |(n, item): (usize, &Json)| {
            if let Some(text) = word(item) {
                return Some(Likely { text, behind: MUCH * n as f32 });
            }
            let (text, behind) = item.as_object()?.iter().next()?;
            Some(Likely { text: text.clone(), behind: behind.as_f64()? as f32 })
        };
        let all: Option<Vec<Likely>> = items.iter().enumerate().map(likely).collect();
        all.ok_or_else(|| self.wrong(format!("`{key}` must be a list of texts")))
    }

    /// A number; `40%` is 40.
    pub(super) fn number(&mut self, key: &str) -> Result<Option<f64>, Wrong> {
        let Some(json) = self.take(key) else { return Ok(None) };
        match number(&json) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(format!("`{key}` must be a number"))),
        }
    }

    /// A list of mappings.
    pub(super) fn list(&mut self, key: &str) -> Result<Vec<Keys>, Wrong> {
        let items = match self.take(key) {
            None => return Ok(Vec::new()),
            Some(Json::Array(items)) => items,
            Some(one) => vec![one],
        };
        let at = |n: usize| format!("{}, {key} {}", self.place, n + 1);
        items.into_iter().enumerate().map(|(n, item)| Keys::new(at(n), item)).collect()
    }

    /// All that is left.
    pub(super) fn rest(self) -> Map<String, Json> {
        self.map
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Result<(), Wrong> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(key) => Err(self.wrong(format!("unknown key `{key}`"))),
        }
    }
}

/// A word as it is written; YAML's truths are the words `on` and `off` here.
pub(super) fn word(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(true) => Some("on".to_owned()),
        Json::Bool(false) => Some("off".to_owned()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A number, `40%` or `21.5 °C`.
pub(super) fn number(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim_end_matches(['%', '°', 'C', ' ']).parse().ok(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// `90s`, `10min`, `2h`, `3d`, and several of them: `1h 30min`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    for part in text.split_whitespace() {
        let end = part.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(part.len());
        let (number, unit) = part.split_at(end);
        let unit = match unit {
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
    }
    let is_sane = (0.0..=366.0 * 86_400.0).contains(&seconds) && !text.trim().is_empty();
    is_sane.then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_and_numbers_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("10min", Some(600)),
            ("1h 30min", Some(5_400)),
            ("2d", Some(172_800)),
            ("45s", Some(45)),
            ("0.5h", Some(1_800)),
            ("10", None),
            ("", None),
            ("1000d", None),
            ("soon", None),
        ] {
            assert_eq!(duration(text).map(|time| time.as_secs()), seconds, "{text}");
        }
        for (json, wanted) in [
            (json!("40%"), Some(40.0)),
            (json!(2), Some(2.0)),
            (json!("21.5 °C"), Some(21.5)),
            (json!("x"), None),
        ] {
            assert_eq!(number(&json), wanted, "{json}");
        }
    }

    #[test]
    fn an_unknown_key_is_told() {
        let mut keys = Keys::new("a.yaml", json!({"name": "x", "nmae": "y"})).unwrap();
        assert_eq!(keys.required("name").unwrap(), "x");
        assert_eq!(keys.finish().unwrap_err().to_string(), "a.yaml: unknown key `nmae`");
    }
}
