//! YAML as the house's plain values, with the line of everything in it: for automations and scripts
//! that people bring along. YAML 1.2: `on` and `off` without quotes are words.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::home::value::Value;

/// Nodes of one file; more are refused.
const MOST_NODES: usize = 500_000;

/// The line of each thing, by its path: `0/triggers/1/to`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines(BTreeMap<String, u64>);

impl Lines {
    /// The line of a path, or of the nearest thing around it.
    pub fn of(&self, path: &str) -> Option<u64> {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = path.rsplit_once('/')?.0;
        }
    }
}

/// Reads a text.
///
/// # Errors
/// Where it is not YAML, with the line.
pub fn parse(text: &str) -> Result<(Value, Lines), String> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_nodes: MOST_NODES, max_anchors: 1_000 },
    };
    let node: Option<Spanned<Node>> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error: serde_saphyr::Error| error.to_string())?;
    let mut lines = Lines::default();
    let value = node.map_or(Value::Null, |node| plain(node, "", &mut lines));
    Ok((value, lines))
}

enum Node {
    Plain(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

fn plain(node: Spanned<Node>, path: &str, lines: &mut Lines) -> Value {
    let line = node.referenced.line();
    // A key's own line is nearer to what is meant than that of what follows it.
    lines.0.entry(path.to_owned()).or_insert(line);
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    match node.value {
        Node::Plain(value) => value,
        Node::List(items) => Value::List(
            items
                .into_iter()
                .enumerate()
                .map(|(n, item)| plain(item, &below(&n.to_string()), lines))
                .collect(),
        ),
        Node::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, item)| {
                    let path = below(&key.value);
                    lines.0.insert(path.clone(), key.referenced.line());
                    (key.value.into(), plain(item, &path, lines))
                })
                .collect(),
        ),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(Value::Int(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(match i64::try_from(value) {
            Ok(value) => Value::Int(value),
            Err(_) => Value::Float(value as f64),
        }))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        let value = if value.is_finite() { Value::Float(value) } else { Value::Null };
        Ok(Node::Plain(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Plain(Value::from(value)))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Plain(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Plain(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(Self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key()? {
            entries.push((key, map.next_value()?));
        }
        Ok(Node::Map(entries))
    }
}

/// A value as YAML, to be read by people: lists and maps in block form.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    push(&mut out, value, 0, false);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn push(out: &mut String, value: &Value, depth: usize, is_inline: bool) {
    let indent = "  ".repeat(depth);
    match value {
        Value::List(items) if !items.is_empty() => {
            for (n, item) in items.iter().enumerate() {
                if n > 0 || !is_inline {
                    out.push_str(&indent);
                }
                out.push_str("- ");
                push(out, item, depth + 1, true);
                end_line(out);
            }
        }
        Value::Map(entries) if !entries.is_empty() => {
            for (n, (name, value)) in entries.iter().enumerate() {
                if n > 0 || !is_inline {
                    out.push_str(&indent);
                }
                out.push_str(&text(name));
                out.push(':');
                let is_nested = match value {
                    Value::List(items) => !items.is_empty(),
                    Value::Map(entries) => !entries.is_empty(),
                    Value::Null
                    | Value::Bool(_)
                    | Value::Int(_)
                    | Value::Float(_)
                    | Value::Text(_) => false,
                };
                out.push(if is_nested { '\n' } else { ' ' });
                push(out, value, depth + 1, false);
                end_line(out);
            }
        }
        Value::List(_) => out.push_str("[]"),
        Value::Map(_) => out.push_str("{}"),
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&format!("{number:?}")),
        Value::Text(value) => out.push_str(&text(value)),
    }
}

fn end_line(out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

/// A text, in quotes where it would not be read back as the same text; also by readers of YAML 1.1.
fn text(value: &str) -> String {
    let is_plain_start = value.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./ -".contains(&b));
    let is_word = matches!(
        value.to_lowercase().as_str(),
        "true" | "false" | "on" | "off" | "yes" | "no" | "y" | "n" | "null"
    );
    if is_plain_start && is_plain && !is_word && !value.ends_with(' ') {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
- alias: Hall
  triggers:
    - trigger: state
      to: on
      for: 00:05:00
  mode: \"single\"
  n: 5
  half: 0.5
  none:
  is: true
";

    #[test]
    fn everything_has_its_line_and_words_are_words() {
        let (value, lines) = parse(SOURCE).unwrap();
        for (path, line) in [
            ("0/alias", 1),
            ("0/triggers/0/to", 4),
            ("0/triggers/0/for", 5),
            ("0/triggers/0/nothing/there", 3),
            ("0/is", 10),
        ] {
            assert_eq!(lines.of(path), Some(line), "{path}");
        }
        let Value::List(items) = &value else { panic!("{value:?}") };
        let Value::Map(map) = &items[0] else { panic!("{items:?}") };
        let named = |name: &str| map.iter().find(|(known, _)| &**known == name).unwrap().1.clone();
        assert_eq!(named("n"), Value::Int(5));
        assert_eq!(named("half"), Value::Float(0.5));
        assert_eq!(named("none"), Value::Null);
        assert_eq!(named("is"), Value::Bool(true));
        let written = write(&value);
        assert_eq!(parse(&written).unwrap().0, value, "{written}");
        assert!(written.contains("to: \"on\""), "{written}");
    }

    #[test]
    fn odd_texts_come_back_as_they_were() {
        for source in
            ["", " a", "a: b", "- x", "#", "{{ states('x') }}", "a\nb\n", "1e3", "é", "\u{1}"]
        {
            let value = Value::List(vec![Value::from(source), Value::Map(Vec::new())]);
            assert_eq!(parse(&write(&value)).unwrap().0, value, "{source:?}");
        }
        assert!(parse("a: [").is_err());
        assert_eq!(parse("").unwrap().0, Value::Null);
    }
}
