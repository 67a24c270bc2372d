//! What the text of a template is as a value: what looks like one of Python's literals is one, as
//! in Home Assistant; and lengths of time, times of day and truths as people write them.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::home::value::Value;

/// Lists in lists beyond this are text.
const DEEPEST: usize = 32;

/// The value of a rendered text.
pub fn native(text: &str) -> Value {
    let trimmed = text.trim();
    let mut reader = Literal { rest: trimmed };
    match reader.value(0) {
        Some(value) if reader.rest.is_empty() && !is_odd(&value, trimmed) => value,
        _ => Value::from(text),
    }
}

/// `"text"` with its quotes stays a text as it is, and `+1` and `007` are no numbers to Home Assistant.
fn is_odd(value: &Value, text: &str) -> bool {
    match value {
        Value::Text(_) => true,
        Value::Int(_) | Value::Float(_) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            text.starts_with('+')
                || digits.contains('_')
                || digits
                    .strip_prefix('0')
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        }
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => false,
    }
}

struct Literal<'a> {
    rest: &'a str,
}

impl Literal<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: char) -> bool {
        self.skip();
        let Some(rest) = self.rest.strip_prefix(token) else { return false };
        self.rest = rest;
        true
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip();
        if depth > DEEPEST {
            return None;
        }
        match self.rest.chars().next()? {
            '[' => self.items('[', ']', depth).map(|(items, _)| Value::List(items)),
            '(' => {
                let (mut items, has_comma) = self.items('(', ')', depth)?;
                if items.len() == 1 && !has_comma { items.pop() } else { Some(Value::List(items)) }
            }
            '{' => self.map(depth),
            quote @ ('\'' | '"') => self.text(quote).map(Value::from),
            _ => self.word(),
        }
    }

    fn items(&mut self, open: char, close: char, depth: usize) -> Option<(Vec<Value>, bool)> {
        let mut items = Vec::new();
        let mut has_comma = false;
        if !self.eat(open) {
            return None;
        }
        loop {
            if self.eat(close) {
                return Some((items, has_comma));
            }
            items.push(self.value(depth + 1)?);
            if self.eat(',') {
                has_comma = true;
            } else {
                return self.eat(close).then_some((items, has_comma));
            }
        }
    }

    fn map(&mut self, depth: usize) -> Option<Value> {
        let mut map: Vec<(Arc<str>, Value)> = Vec::new();
        if !self.eat('{') {
            return None;
        }
        loop {
            if self.eat('}') {
                return Some(Value::Map(map));
            }
            let key = match self.value(depth + 1)? {
                Value::Text(key) => key,
                Value::Int(key) => key.to_string().into(),
                _ => return None,
            };
            if !self.eat(':') {
                return None;
            }
            let value = self.value(depth + 1)?;
            match map.iter_mut().find(|(known, _)| *known == key) {
                Some(slot) => slot.1 = value,
                None => map.push((key, value)),
            }
            if !self.eat(',') {
                return self.eat('}').then_some(Value::Map(map));
            }
        }
    }

    fn text(&mut self, quote: char) -> Option<String> {
        let mut out = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next()?.1 {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    c @ ('\\' | '\'' | '"') => out.push(c),
                    other => {
                        out.push('\\');
                        out.push(other);
                    }
                },
                c if c == quote => {
                    self.rest = &self.rest[at + c.len_utf8()..];
                    return Some(out);
                }
                c => out.push(c),
            }
        }
        None
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find([',', ']', ')', '}', ':', ' ', '\n', '\t']);
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match word {
            // Home Assistant takes JSON's words too where they stand in lists from `to_json`.
            "None" => return Some(Value::Null),
            "True" => return Some(Value::Bool(true)),
            "False" => return Some(Value::Bool(false)),
            _ => {}
        }
        if !word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
            return None;
        }
        if let Ok(whole) = word.parse() {
            return Some(Value::Int(whole));
        }
        let number: f64 = word.parse().ok()?;
        number.is_finite().then_some(Value::Float(number))
    }
}

/// A truth as people write it.
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Text(text) => match &*text.trim().to_lowercase() {
            "true" | "yes" | "on" | "enable" | "1" => Some(true),
            "false" | "no" | "off" | "disable" | "0" => Some(false),
            _ => None,
        },
        Value::Int(number) => Some(*number != 0),
        Value::Float(number) => Some(*number != 0.0),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

/// Whether what a template gave counts as true.
pub fn is_true(value: &Value) -> bool {
    truth(value).unwrap_or(false)
}

/// A number, or a text that is one.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Text(text) => text.trim().parse().ok(),
        Value::Bool(_) => None,
        other => other.as_f64(),
    }
    .filter(|number: &f64| number.is_finite())
}

/// A length of time: seconds, `H:M`, `H:M:S`, or a map of units. Negative only where `may_be_negative`.
pub fn length(value: &Value, may_be_negative: bool) -> Option<SignedDuration> {
    const LONGEST_S: f64 = 366.0 * 86_400.0 * 10.0;
    let seconds = match value {
        Value::Map(parts) => {
            let mut sum = 0.0;
            for (unit, amount) in parts {
                let seconds = match &**unit {
                    "days" => 86_400.0,
                    "hours" => 3_600.0,
                    "minutes" => 60.0,
                    "seconds" => 1.0,
                    "milliseconds" => 0.001,
                    _ => return None,
                };
                sum += number(amount)? * seconds;
            }
            if parts.is_empty() {
                return None;
            }
            sum
        }
        Value::Text(text) if text.contains(':') => clock(text)?,
        other => number(other)?,
    };
    let is_good = seconds.abs() <= LONGEST_S && (may_be_negative || seconds >= 0.0);
    is_good.then(|| SignedDuration::from_secs_f64(seconds))
}

/// `H:M` or `H:M:S`, with a sign perhaps, in seconds.
fn clock(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let parts: Vec<&str> = rest.split(':').collect();
    let number = |text: &str| -> Option<f64> {
        let number: f64 = text.trim().parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number)
    };
    let seconds = match parts.as_slice() {
        [hours, minutes] => number(hours)? * 3_600.0 + number(minutes)? * 60.0,
        [hours, minutes, seconds] => {
            number(hours)? * 3_600.0 + number(minutes)? * 60.0 + number(seconds)?
        }
        _ => return None,
    };
    Some(sign * seconds)
}

/// A time of day, `7:30` or `07:30:00`, in seconds since midnight.
pub fn time_of_day(text: &str) -> Option<u32> {
    let mut parts = text.trim().split(':');
    let mut part = |below: u32| -> Option<u32> {
        let part = parts.next()?;
        let is_plain = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        is_plain.then(|| part.parse().ok())?.filter(|n| *n < below)
    };
    let (hour, minute) = (part(24)?, part(60)?);
    let second = match text.matches(':').count() {
        1 => 0,
        2 => part(60)?,
        _ => return None,
    };
    Some(hour * 3_600 + minute * 60 + second)
}

/// A text as Home Assistant compares it with a state: numbers and truths written out as Python does.
pub fn word(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::Text(text) => Some(Arc::clone(text)),
        Value::Int(number) => Some(number.to_string().into()),
        Value::Float(number) => Some(format!("{number:?}").into()),
        Value::Bool(truth) => Some(if *truth { "True" } else { "False" }.into()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_like_values_are() {
        let text = |text: &str| Value::from(text);
        for (source, expected) in [
            ("5", Value::Int(5)),
            ("-2.5", Value::Float(-2.5)),
            ("True", Value::Bool(true)),
            ("None", Value::Null),
            ("on", text("on")),
            ("true", text("true")),
            ("007", text("007")),
            ("+1", text("+1")),
            ("12:30", text("12:30")),
            ("'a'", text("'a'")),
            ("[1, 'a', \"b\"]", Value::List(vec![Value::Int(1), text("a"), text("b")])),
            ("(1,)", Value::List(vec![Value::Int(1)])),
            ("[]", Value::List(Vec::new())),
            ("{'a': 1}", Value::Map(vec![("a".into(), Value::Int(1))])),
            ("light.a, light.b", text("light.a, light.b")),
            ("[oops", text("[oops")),
            ("", text("")),
            ("1.2.3", text("1.2.3")),
        ] {
            assert_eq!(native(source), expected, "{source}");
        }
        let deep = "[".repeat(5_000);
        assert_eq!(native(&deep), Value::from(deep.as_str()));
    }

    #[test]
    fn lengths_are_read_as_people_write_them() {
        let map = |unit: &str, amount: Value| Value::Map(vec![(unit.into(), amount)]);
        for (value, seconds) in [
            (Value::from("00:05:00"), Some(300.0)),
            (Value::from("0:30"), Some(1_800.0)),
            (Value::from("90"), Some(90.0)),
            (Value::Int(5), Some(5.0)),
            (Value::Float(0.5), Some(0.5)),
            (map("minutes", Value::Int(5)), Some(300.0)),
            (map("hours", Value::from("1.5")), Some(5_400.0)),
            (map("milliseconds", Value::Int(250)), Some(0.25)),
            (map("weeks", Value::Int(1)), None),
            (Value::Map(Vec::new()), None),
            (Value::from("soon"), None),
            (Value::Int(-5), None),
            (Value::Float(1e300), None),
            (Value::from("inf"), None),
        ] {
            let found = length(&value, false).map(|length| length.as_secs_f64());
            assert_eq!(found, seconds, "{value:?}");
        }
        assert_eq!(length(&Value::from("-00:30:00"), true), Some(SignedDuration::from_mins(-30)));
    }

    #[test]
    fn times_of_day() {
        for (text, seconds) in [
            ("07:30:00", Some(27_000)),
            ("7:05", Some(25_500)),
            ("23:59:59", Some(86_399)),
            ("24:00", None),
            ("7", None),
            ("07:30:00:00", None),
            ("sensor.x", None),
        ] {
            assert_eq!(time_of_day(text), seconds, "{text}");
        }
    }
}
