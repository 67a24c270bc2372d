//! Regular expressions of templates. Compiled once, with limits, by an engine that runs in linear time; Python's
//! look-around and back-references are refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::Tuple;
use minijinja::{Error, Value};
use regex::{Captures, Regex, RegexBuilder};

use super::call::Call;
use super::frame::ITEM_COST;
use super::operators::failed;
use super::python::Text;

/// How many compiled expressions are kept; a house uses a handful.
const KEPT: usize = 256;
/// The most memory, in bytes, that one compiled expression may take.
const SIZE_LIMIT: usize = 256 << 10;
/// Matching costs about this many times what copying does.
const MATCH_COST: usize = 8;

/// The compiled expressions of all templates.
#[derive(Debug, Default)]
pub(super) struct Patterns(Mutex<HashMap<(Box<str>, bool), Regex>>);

impl Patterns {
    fn compile(&self, pattern: &str, ignore_case: bool) -> Result<Regex, Error> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (pattern.into(), ignore_case);
        if let Some(regex) = kept.get(&key) {
            return Ok(regex.clone());
        }
        let regex = RegexBuilder::new(&pattern.replace("\\Z", "\\z"))
            .case_insensitive(ignore_case)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(2 * SIZE_LIMIT)
            .nest_limit(64)
            .build()
            .map_err(|error| failed(format!("regular expression: {error}")))?;
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, regex.clone());
        Ok(regex)
    }
}

/// The text in the first argument and the expression in the second.
fn subject(call: &Call, ignore_case: usize) -> Result<(String, Regex), Error> {
    let (text, pattern) = (call.text(0)?, call.text(1)?);
    call.frame.charge(text.len().saturating_mul(MATCH_COST).saturating_add(pattern.len()))?;
    let regex = call.frame.patterns.compile(&pattern, call.flag(ignore_case, false))?;
    Ok((text, regex))
}

/// `regex_match(text, pattern, ignorecase)`: whether the text begins with a match.
pub(super) fn is_match(call: &mut Call) -> Result<Value, Error> {
    let (text, pattern) = (call.text(0)?, call.text(1)?);
    call.frame.charge(text.len().saturating_mul(MATCH_COST).saturating_add(pattern.len()))?;
    let anchored = format!("\\A(?:{pattern})");
    let regex = call.frame.patterns.compile(&anchored, call.flag(2, false))?;
    Ok(Value::from(regex.is_match(&text)))
}

/// `regex_search(text, pattern, ignorecase)`: whether there is a match anywhere.
pub(super) fn search(call: &mut Call) -> Result<Value, Error> {
    let (text, regex) = subject(call, 2)?;
    Ok(Value::from(regex.is_match(&text)))
}

/// `regex_replace(text, find, replace, ignorecase)`; `\1` and `\g<name>` in the replacement are groups.
pub(super) fn replace(call: &mut Call) -> Result<Value, Error> {
    let (text, regex) = subject(call, 3)?;
    let replacement = call.optional_text(2)?.unwrap_or_default();
    let mut out = Text::default();
    let mut copied = 0;
    for captures in regex.captures_iter(&text) {
        let Some(found) = captures.get(0) else { continue };
        out.push(&text[copied..found.start()])?;
        expand(&mut out, &replacement, &captures)?;
        copied = found.end();
    }
    out.push(&text[copied..])?;
    let out = out.finish();
    call.frame.charge(out.len())?;
    Ok(Value::from(out))
}

fn expand(out: &mut Text, replacement: &str, captures: &Captures) -> Result<(), Error> {
    let mut rest = replacement;
    while let Some(at) = rest.find('\\') {
        out.push(&rest[..at])?;
        rest = &rest[at + 1..];
        let Some(escaped) = rest.chars().next() else {
            return Err(failed("bad escape at end of replacement"));
        };
        rest = &rest[escaped.len_utf8()..];
        let group = match escaped {
            '0'..='9' => {
                let mut number = escaped.to_digit(10).unwrap_or(0) as usize;
                if let Some(digit) = rest.chars().next().and_then(|char| char.to_digit(10)) {
                    number = number * 10 + digit as usize;
                    rest = &rest[1..];
                }
                (number < captures.len()).then(|| captures.get(number))
            }
            'g' if rest.starts_with('<') && rest.contains('>') => {
                let (name, after) = rest[1..].split_once('>').unwrap_or((rest, ""));
                rest = after;
                match name.parse::<usize>() {
                    Ok(number) => (number < captures.len()).then(|| captures.get(number)),
                    Err(_) => captures.name(name).map(Some),
                }
            }
            'n' => {
                out.push("\n")?;
                continue;
            }
            't' => {
                out.push("\t")?;
                continue;
            }
            '\\' => {
                out.push("\\")?;
                continue;
            }
            other if other.is_ascii_alphabetic() => {
                return Err(failed(format!("bad escape \\{other}")));
            }
            other => {
                out.push("\\")?;
                out.push(other.encode_utf8(&mut [0; 4]))?;
                continue;
            }
        };
        let group = group.ok_or_else(|| failed("invalid group reference"))?;
        out.push(group.map_or("", |group| group.as_str()))?;
    }
    out.push(rest)
}

/// Python's `re.findall`: whole matches, the one group, or a tuple of all groups.
fn find_all(call: &Call, ignore_case: usize, at_most: usize) -> Result<Vec<Value>, Error> {
    let (text, regex) = subject(call, ignore_case)?;
    let mut found = Vec::new();
    for captures in regex.captures_iter(&text).take(at_most) {
        call.frame.charge(ITEM_COST * captures.len())?;
        let group =
            |index: usize| Value::from(captures.get(index).map_or("", |group| group.as_str()));
        found.push(match captures.len() {
            1 => group(0),
            2 => group(1),
            groups => Value::from(Tuple::from((1..groups).map(group).collect::<Vec<_>>())),
        });
    }
    Ok(found)
}

/// `regex_findall(text, find, ignorecase)`.
pub(super) fn findall(call: &mut Call) -> Result<Value, Error> {
    find_all(call, 2, usize::MAX).map(Value::from)
}

/// `regex_findall_index(text, find, index, ignorecase)`.
pub(super) fn findall_index(call: &mut Call) -> Result<Value, Error> {
    let found = find_all(call, 3, usize::MAX)?;
    let index = call.optional_int(2)?.unwrap_or(0);
    let length = i128::try_from(found.len()).unwrap_or(i128::MAX);
    let index = if index < 0 { index + length } else { index };
    usize::try_from(index)
        .ok()
        .and_then(|index| found.get(index).cloned())
        .ok_or_else(|| failed("list index out of range"))
}

/// Shares one set of compiled expressions among all renderings.
pub(super) fn shared() -> Arc<Patterns> {
    Arc::default()
}
