//! JSON inside templates: a message's JSON as a value that is looked into, never copied whole, and the filters
//! `tojson` (Jinja's, HTML-safe ASCII), `to_json` (Home Assistant's, compact) and `from_json`.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Error, Value};
use serde_json::Value as Json;

use super::frame::{Frame, MAX_TEXT};
use super::operators::{failed, refuse_undefined, type_name};
use super::python::{Number, float_repr, push_display, str_of};

/// An object or array somewhere inside a shared JSON document.
#[derive(Debug)]
pub(super) struct JsonNode {
    root: Arc<Json>,
    path: Box<[Step]>,
}

#[derive(Clone, Debug)]
enum Step {
    Key(Box<str>),
    Index(usize),
}

/// The template value of a JSON document.
pub(super) fn value_of(root: &Arc<Json>) -> Value {
    value_at(root, &[], None, root)
}

fn value_at(root: &Arc<Json>, path: &[Step], step: Option<Step>, json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(bool) => Value::from(*bool),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Value::from(int),
            (None, Some(int)) => Value::from(int),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(_) | Json::Object(_) => {
            let path = path.iter().cloned().chain(step).collect();
            Value::from_object(JsonNode { root: root.clone(), path })
        }
    }
}

impl JsonNode {
    fn json(&self) -> &Json {
        self.path.iter().fold(&*self.root, |json, step| match step {
            Step::Key(key) => &json[&**key],
            Step::Index(index) => &json[*index],
        })
    }
}

impl Object for JsonNode {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.json().is_array() { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match self.json() {
            Json::Object(map) => {
                let key = key.as_str().filter(|_| key.kind() == ValueKind::String)?;
                let json = map.get(key)?;
                Some(value_at(&self.root, &self.path, Some(Step::Key(key.into())), json))
            }
            Json::Array(items) => {
                let index = key.as_usize()?;
                Some(value_at(&self.root, &self.path, Some(Step::Index(index)), items.get(index)?))
            }
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.json() {
            Json::Object(map) => {
                Enumerator::Values(map.keys().map(|key| Value::from(key.as_str())).collect())
            }
            Json::Array(items) => Enumerator::Seq(items.len()),
            _ => Enumerator::NonEnumerable,
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match self.json() {
            Json::Object(map) => Some(map.len()),
            Json::Array(items) => Some(items.len()),
            _ => None,
        }
    }
}

/// `from_json`: the value of a JSON text.
pub(super) fn parse(text: &str) -> Result<Value, Error> {
    let json = serde_json::from_str(text).map_err(|error| failed(format!("not JSON: {error}")))?;
    Ok(value_of(&Arc::new(json)))
}

/// How a value is written as JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Escapes all but ASCII, and prints numbers as Python does.
    pub(super) ascii: bool,
    /// Escapes `<`, `>`, `&` and `'` too, so that the text is safe inside HTML.
    pub(super) html: bool,
    /// A blank after `,` and `:`.
    pub(super) spaced: bool,
    pub(super) sorted: bool,
    pub(super) indent: Option<usize>,
}

impl Style {
    /// Jinja's `tojson`.
    pub(super) const JINJA: Self =
        Self { ascii: true, html: true, spaced: true, sorted: true, indent: None };
    /// Home Assistant's `to_json`, which is orjson's.
    pub(super) const COMPACT: Self =
        Self { ascii: false, html: false, spaced: false, sorted: false, indent: None };
}

/// A value as JSON text.
pub(super) fn write(frame: &Frame, value: &Value, style: Style) -> Result<String, Error> {
    let mut out = String::new();
    push(&mut out, value, style, 0)?;
    frame.charge(out.len())?;
    Ok(out)
}

fn push(out: &mut String, value: &Value, style: Style, depth: usize) -> Result<(), Error> {
    if out.len() > MAX_TEXT {
        return Err(super::python::too_long());
    }
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => match Number::of(value) {
            Some(Number::Int(int)) => push_display(out, int),
            Some(Number::Float(float)) => push_float(out, float, style),
            None => push_display(out, value),
        },
        ValueKind::String => push_string(out, value.as_str().unwrap_or_default(), style),
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            let mut empty = true;
            for item in value.try_iter()? {
                separate(out, &mut empty, style, depth);
                push(out, &item, style, depth + 1)?;
            }
            close(out, ']', empty, style, depth);
        }
        ValueKind::Map => {
            let mut entries = Vec::new();
            for key in value.try_iter()? {
                entries.push((key_text(&key, style)?, value.get_item(&key)?));
            }
            if style.sorted {
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            }
            out.push('{');
            let mut empty = true;
            for (key, item) in entries {
                separate(out, &mut empty, style, depth);
                push_string(out, &key, style);
                out.push_str(if style.spaced || style.indent.is_some() { ": " } else { ":" });
                push(out, &item, style, depth + 1)?;
            }
            close(out, '}', empty, style, depth);
        }
        _ => {
            refuse_undefined(value)?;
            return Err(failed(format!("'{}' is not JSON serializable", type_name(value))));
        }
    }
    Ok(())
}

fn separate(out: &mut String, empty: &mut bool, style: Style, depth: usize) {
    if !*empty {
        out.push_str(if style.spaced && style.indent.is_none() { ", " } else { "," });
    }
    *empty = false;
    break_line(out, style, depth + 1);
}

fn close(out: &mut String, bracket: char, empty: bool, style: Style, depth: usize) {
    if !empty {
        break_line(out, style, depth);
    }
    out.push(bracket);
}

fn break_line(out: &mut String, style: Style, depth: usize) {
    if let Some(indent) = style.indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', indent.saturating_mul(depth).min(1024)));
    }
}

fn key_text(key: &Value, style: Style) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or_default().to_owned()),
        // orjson knows text keys only; Python's json writes the simple ones as text.
        ValueKind::Number if style.ascii => str_of(key),
        ValueKind::Bool if style.ascii => {
            Ok(if key.is_true() { "true" } else { "false" }.to_owned())
        }
        ValueKind::None if style.ascii => Ok("null".to_owned()),
        _ => Err(failed(format!("'{}' cannot be a JSON key", type_name(key)))),
    }
}

fn push_float(out: &mut String, float: f64, style: Style) {
    match (style.ascii, float.is_finite()) {
        (true, true) => out.push_str(&float_repr(float)),
        (true, false) if float.is_nan() => out.push_str("NaN"),
        (true, false) => out.push_str(if float > 0.0 { "Infinity" } else { "-Infinity" }),
        (false, true) => match serde_json::Number::from_f64(float) {
            Some(number) => push_display(out, number),
            None => out.push_str("null"),
        },
        (false, false) => out.push_str("null"),
    }
}

fn push_string(out: &mut String, text: &str, style: Style) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\'' if style.html => {
                push_display(out, format_args!("\\u{:04x}", u32::from(char)))
            }
            '\0'..='\u{1f}' => push_display(out, format_args!("\\u{:04x}", u32::from(char))),
            '\u{7f}'.. if style.ascii => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    push_display(out, format_args!("\\u{unit:04x}"));
                }
            }
            char => out.push(char),
        }
    }
    out.push('"');
}
