//! Python's text of values: `str()`, `repr()`, number parsing and rounding. Producers and Home Assistant compare
//! such text, so `true` must be `True` and `21.0` must stay `21.0` wherever a JSON value becomes text.

use std::fmt::Write as _;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use super::frame::MAX_TEXT;

/// Python's `str()` of a JSON value: `True`, `None`, `1`, `1.0`, `1e+22`, `{'a': [1, 'x']}`; a string is itself.
pub fn str_of_json(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::String(text) => text.clone(),
        other => {
            let mut out = String::new();
            push_json(&mut out, other);
            out
        }
    }
}

/// Python's `repr()` of a JSON value: as [`str_of_json`], but strings are quoted.
fn push_json(out: &mut String, json: &serde_json::Value) {
    match json {
        serde_json::Value::Null => out.push_str("None"),
        serde_json::Value::Bool(true) => out.push_str("True"),
        serde_json::Value::Bool(false) => out.push_str("False"),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => push_display(out, int),
            (None, Some(int)) => push_display(out, int),
            (None, None) => push_float(out, number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => push_quoted(out, text),
        serde_json::Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                push_json(out, item);
            }
            out.push(']');
        }
        serde_json::Value::Object(map) => {
            out.push('{');
            for (index, (key, item)) in map.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                push_quoted(out, key);
                out.push_str(": ");
                push_json(out, item);
            }
            out.push('}');
        }
    }
}

/// Python's `repr()` of a float: the shortest digits that read back the same, `1e+22`, `1e-05`, `inf`, `nan`.
pub fn float_repr(float: f64) -> String {
    let mut out = String::new();
    push_float(&mut out, float);
    out
}

pub(super) fn push_display(out: &mut String, item: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{item}");
}

fn push_float(out: &mut String, float: f64) {
    if float.is_nan() {
        return out.push_str("nan");
    }
    if float.is_infinite() {
        return out.push_str(if float > 0.0 { "inf" } else { "-inf" });
    }
    let size = float.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        return push_display(out, format_args!("{float:?}"));
    }
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    push_exponent(out, digits, exponent.parse().unwrap_or(0));
}

/// `digits` and an exponent of at least two digits with its sign, as C prints it.
pub(super) fn push_exponent(out: &mut String, digits: &str, exponent: i32) {
    let sign = if exponent < 0 { '-' } else { '+' };
    push_display(out, format_args!("{digits}e{sign}{:02}", exponent.unsigned_abs()));
}

/// A string in Python's quotes: single ones unless only double ones save an escape.
pub(super) fn push_quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            char if char == quote => {
                out.push('\\');
                out.push(char);
            }
            ' '..='~' => out.push(char),
            char if char.escape_debug().len() == 1 => out.push(char),
            char => match u32::from(char) {
                code @ 0..=0xff => push_display(out, format_args!("\\x{code:02x}")),
                code @ 0x100..=0xffff => push_display(out, format_args!("\\u{code:04x}")),
                code => push_display(out, format_args!("\\U{code:08x}")),
            },
        }
    }
    out.push(quote);
}

/// Python's `round(value, precision)`: to the nearest, exact ties to the even neighbour.
pub fn round(value: f64, precision: i32) -> f64 {
    if !value.is_finite() || precision > 308 {
        return value;
    }
    match usize::try_from(precision) {
        Ok(0) => value.round_ties_even(),
        // The exact decimal expansion decides, as in Python; it is at most 1075 digits long.
        Ok(digits) => format!("{value:.digits$}").parse().unwrap_or(value),
        Err(_) if precision < -308 => 0.0 * value,
        Err(_) => {
            let unit = 10f64.powi(-precision);
            (value / unit).round_ties_even() * unit
        }
    }
}

/// The text that Python's `str.strip()` leaves; its white space includes the four ASCII separators.
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

pub(super) fn is_space(char: char) -> bool {
    char.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&char)
}

/// Python's `float(text)`: blanks around it, single underscores between digits, `inf` and `nan` are fine.
pub fn parse_float(text: &str) -> Option<f64> {
    let text = without_underscores(strip(text))?;
    let unsigned = text.trim_start_matches(['+', '-']);
    let plain =
        unsigned.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let named = ["inf", "infinity", "nan"].iter().any(|name| unsigned.eq_ignore_ascii_case(name));
    if plain || named { text.parse().ok() } else { None }
}

/// Python's `int(text, base)`; base 0 reads the prefix.
pub fn parse_int(text: &str, base: u32) -> Option<i128> {
    let text = without_underscores(strip(text))?;
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, &text[..]),
    };
    let prefix = digits.get(..2).map(str::to_ascii_lowercase);
    let prefix_base = match prefix.as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 0,
    };
    let (base, digits) = match (base, prefix_base) {
        (0, 0) => (10, digits),
        (0, prefix_base) => (prefix_base, &digits[2..]),
        (base, prefix_base) if base == prefix_base => (base, &digits[2..]),
        (base @ 2..=36, _) => (base, digits),
        _ => return None,
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let size = i128::from_str_radix(digits, base).ok()?;
    Some(if negative { -size } else { size })
}

/// The text without the underscores that Python allows between digits; `None` where it would refuse one.
fn without_underscores(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    if !text.contains('_') {
        return Some(text.into());
    }
    let bytes = text.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        let digit = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric)
        };
        if *byte == b'_' && !(digit(index.checked_sub(1)) && digit(Some(index + 1))) {
            return None;
        }
    }
    Some(text.replace('_', "").into())
}

/// A number as Python sees it: `True` is 1.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    /// The number in a value, or `None` for what is neither number nor bool.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value.kind() {
            ValueKind::Bool => Some(Self::Int(i128::from(value.is_true()))),
            ValueKind::Number if value.is_integer() => match i128::try_from(value.clone()) {
                Ok(int) => Some(Self::Int(int)),
                Err(_) => f64::try_from(value.clone()).ok().map(Self::Float),
            },
            ValueKind::Number => f64::try_from(value.clone()).ok().map(Self::Float),
            _ => None,
        }
    }

    pub(super) fn to_f64(self) -> f64 {
        match self {
            #[allow(clippy::cast_precision_loss, reason = "Python rounds here too")]
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }
}

/// An integer as the narrowest template value, so that 64-bit numbers stay cheap.
pub(super) fn int_value(int: i128) -> Value {
    i64::try_from(int).map_or_else(|_| Value::from(int), Value::from)
}

/// Text under construction that refuses to grow beyond [`MAX_TEXT`].
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn push(&mut self, piece: &str) -> Result<(), Error> {
        if self.0.len() + piece.len() > MAX_TEXT {
            return Err(too_long());
        }
        self.0.push_str(piece);
        Ok(())
    }

    /// Appends Python's `str()` of the value.
    pub(super) fn push_str_of(&mut self, value: &Value) -> Result<(), Error> {
        match value.kind() {
            ValueKind::Undefined => Ok(()),
            ValueKind::String => self.push(value.as_str().unwrap_or_default()),
            _ => self.push_repr_of(value),
        }
    }

    /// Appends Python's `repr()` of the value.
    pub(super) fn push_repr_of(&mut self, value: &Value) -> Result<(), Error> {
        match value.kind() {
            ValueKind::Undefined => self.push("Undefined"),
            ValueKind::None => self.push("None"),
            ValueKind::Bool => self.push(if value.is_true() { "True" } else { "False" }),
            ValueKind::Number => {
                match Number::of(value) {
                    Some(Number::Int(int)) => push_display(&mut self.0, int),
                    Some(Number::Float(float)) => push_float(&mut self.0, float),
                    None => push_display(&mut self.0, value),
                }
                self.push("")
            }
            ValueKind::String => {
                push_quoted(&mut self.0, value.as_str().unwrap_or_default());
                self.push("")
            }
            ValueKind::Bytes => {
                push_bytes(&mut self.0, value.as_bytes().unwrap_or_default());
                self.push("")
            }
            ValueKind::Seq | ValueKind::Iterable => {
                let tuple = value.is_tuple();
                self.push(if tuple { "(" } else { "[" })?;
                let mut count = 0;
                for item in value.try_iter()? {
                    if count > 0 {
                        self.push(", ")?;
                    }
                    self.push_repr_of(&item)?;
                    count += 1;
                }
                self.push(match (tuple, count) {
                    (true, 1) => ",)",
                    (true, _) => ")",
                    (false, _) => "]",
                })
            }
            ValueKind::Map => {
                self.push("{")?;
                for (index, key) in value.try_iter()?.enumerate() {
                    if index > 0 {
                        self.push(", ")?;
                    }
                    self.push_repr_of(&key)?;
                    self.push(": ")?;
                    self.push_repr_of(&value.get_item(&key)?)?;
                }
                self.push("}")
            }
            _ => self.push(&value.to_string()),
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

fn push_bytes(out: &mut String, bytes: &[u8]) {
    out.push_str("b'");
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\'' => out.push_str("\\'"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b' '..=b'~' => out.push(char::from(*byte)),
            byte => push_display(out, format_args!("\\x{byte:02x}")),
        }
    }
    out.push('\'');
}

pub(super) fn too_long() -> Error {
    Error::new(ErrorKind::OutOfFuel, format!("text grows beyond {MAX_TEXT} bytes"))
}

/// Python's `str()` of a template value.
pub(super) fn str_of(value: &Value) -> Result<String, Error> {
    let mut text = Text::default();
    text.push_str_of(value)?;
    Ok(text.finish())
}

/// The bytes of a Python bytes literal (`b'..'` or `b".."`), or `None` when the text is not exactly one.
pub fn parse_bytes_literal(text: &str) -> Option<Vec<u8>> {
    let inner = text.strip_prefix('b')?;
    let quote = inner.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let inner = inner.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(char) = rest.next() {
        if char == quote || !char.is_ascii() || char == '\n' {
            return None;
        }
        if char != '\\' {
            bytes.push(u8::try_from(char).ok()?);
            continue;
        }
        let escaped = rest.next()?;
        match escaped {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'v' => bytes.push(11),
            '\\' | '\'' | '"' => bytes.push(u8::try_from(escaped).ok()?),
            'x' => {
                let code: String = rest.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&code, 16).ok().filter(|_| code.len() == 2)?);
            }
            '0'..='7' => {
                let mut code = escaped.to_digit(8)?;
                for _ in 0..2 {
                    let mut ahead = rest.clone();
                    let Some(digit) = ahead.next().and_then(|char| char.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    rest = ahead;
                }
                bytes.push(u8::try_from(code & 0xff).ok()?);
            }
            // Python keeps the backslash of an escape it does not know.
            other => {
                bytes.push(b'\\');
                bytes.push(u8::try_from(other).ok().filter(u8::is_ascii)?);
            }
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_python() {
        let cases: &[(f64, &str)] = &[
            (21.0, "21.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e22, "1e+22"),
            (1e16, "1e+16"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (-0.0, "-0.0"),
            (1e-320, "1e-320"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ];
        for (float, expected) in cases {
            assert_eq!(float_repr(*float), *expected);
        }
    }

    #[test]
    fn json_prints_as_in_python() {
        let cases: &[(&str, &str)] = &[
            ("true", "True"),
            ("false", "False"),
            ("null", "None"),
            ("1", "1"),
            ("1.0", "1.0"),
            ("18446744073709551615", "18446744073709551615"),
            ("\"it's\"", "it's"),
            (
                r#"{"a":1,"b":[true,null,"x"],"c":{"d":1e22}}"#,
                "{'a': 1, 'b': [True, None, 'x'], 'c': {'d': 1e+22}}",
            ),
            (
                r#"["it's", "say \"it's\"", "tab\t", "é", "\u0000", "\u200b"]"#,
                r#"["it's", 'say "it\'s"', 'tab\t', 'é', '\x00', '\u200b']"#,
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(str_of_json(&serde_json::from_str(json).unwrap()), *expected, "{json}");
        }
    }

    #[test]
    fn rounding_takes_ties_to_even() {
        let cases: &[(f64, i32, f64)] = &[
            (2.5, 0, 2.0),
            (3.5, 0, 4.0),
            (-0.5, 0, -0.0),
            (0.125, 2, 0.12),
            (0.375, 2, 0.38),
            (2.675, 2, 2.67),
            (21.54, 1, 21.5),
            (1234.0, -2, 1200.0),
            (1250.0, -2, 1200.0),
            (1.0, 400, 1.0),
            (1.0, -400, 0.0),
        ];
        for (value, precision, expected) in cases {
            assert_eq!(round(*value, *precision), *expected, "{value} to {precision}");
        }
    }

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        let floats: &[(&str, Option<f64>)] = &[
            (" 1.5 ", Some(1.5)),
            ("1_000.5", Some(1000.5)),
            ("1__0", None),
            ("_1", None),
            ("-INF", Some(f64::NEG_INFINITY)),
            ("1e3", Some(1000.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("", None),
            ("0x10", None),
            ("unknown", None),
            ("1,5", None),
        ];
        for (text, expected) in floats {
            assert_eq!(parse_float(text), *expected, "{text}");
        }
        let ints: &[(&str, u32, Option<i128>)] = &[
            ("12", 10, Some(12)),
            (" -12 ", 10, Some(-12)),
            ("12.7", 10, None),
            ("ff", 16, Some(255)),
            ("0xFF", 16, Some(255)),
            ("0xff", 0, Some(255)),
            ("0b11", 0, Some(3)),
            ("+-1", 10, None),
            ("", 10, None),
            ("8", 8, None),
            ("1", 1, None),
            ("é", 10, None),
        ];
        for (text, base, expected) in ints {
            assert_eq!(parse_int(text, *base), *expected, "{text} base {base}");
        }
    }

    #[test]
    fn bytes_literals_become_bytes() {
        let cases: &[(&str, Option<&[u8]>)] = &[
            (r"b'\xde\xad'", Some(&[0xde, 0xad])),
            (r#"b"a'b""#, Some(b"a'b")),
            (r"b'\n\\\'\101\q'", Some(b"\n\\'A\\q")),
            ("b''", Some(b"")),
            ("b'a' + b'b'", None),
            ("b'", None),
            ("b'é'", None),
            (r"b'\x1'", None),
            ("bus", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_bytes_literal(text).as_deref(), *expected, "{text}");
        }
    }
}
