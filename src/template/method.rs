//! The methods of Python's text, dicts, lists and numbers that templates call: `value.split(",")[1]`,
//! `value_json.get("errors", [])`. What would change a value is refused, as in Home Assistant's sandbox.

use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::call::{Call, NAMED, REST};
use super::format;
use super::list;
use super::moment::{Moment, REPLACEABLE};
use super::operators::{self, equal, failed, is_list, refuse_undefined, sequence, type_name};
use super::python::{self, Text, is_space, too_long};
use super::text::{Side, capitalized, padded, replaced};

/// A method that was looked up but not called.
#[derive(Debug)]
struct BoundMethod(&'static str);

impl Object for BoundMethod {
    fn repr(self: &std::sync::Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &std::sync::Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<built-in method {} of dict object>", self.0)
    }
}

/// `value.name` where `name` is a method of Python's dicts, so that `value_json.items` is never the key `items`.
pub(super) fn attribute(value: &Value, name: &'static str) -> Result<Value, Error> {
    refuse_undefined(value)?;
    if value.kind() != ValueKind::Map
        || value.downcast_object_ref::<super::frame::Frame>().is_some()
    {
        return Ok(value.get_attr(name).unwrap_or(Value::UNDEFINED));
    }
    if is_namespace(value) {
        return Ok(value.get_attr(name).unwrap_or(Value::UNDEFINED));
    }
    match name {
        // Home Assistant's sandbox hides the methods that change a dict.
        "clear" | "pop" | "popitem" | "setdefault" | "update" => Ok(Value::UNDEFINED),
        name => Ok(Value::from_object(BoundMethod(name))),
    }
}

fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().contains("Namespace"))
}

/// Calls `value.name(args)`.
pub(super) fn call(
    state: &mut State,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    refuse_undefined(value)?;
    let moment = value.downcast_object_ref::<Moment>();
    let parameters: &[&str] = match name {
        "replace" if moment.is_some() => REPLACEABLE,
        "isoformat" => &["sep", "timespec"],
        "strftime" => &["format"],
        "format" => &[REST, NAMED],
        "split" | "rsplit" => &["sep", "maxsplit"],
        "splitlines" => &["keepends"],
        "decode" | "encode" => &["encoding", "errors"],
        _ => &["first", "second", "third"],
    };
    let call = &mut Call::bind(state, parameters, args)?;
    let result = match (value.kind(), moment) {
        (_, Some(moment)) => moment.method(name, call),
        (ValueKind::String, _) => text_method(value.as_str().unwrap_or_default(), name, call),
        (ValueKind::Map, _) if !is_namespace(value) => map_method(value, name, call),
        (ValueKind::Bytes, _) if name == "decode" => Some(
            std::str::from_utf8(value.as_bytes().unwrap_or_default())
                .map(Value::from)
                .map_err(|_| failed("bytes are not UTF-8")),
        ),
        (ValueKind::Number, _) if name == "is_integer" => {
            Some(call_float(value).map(|float| Value::from(float.fract() == 0.0)))
        }
        _ if is_list(value) => list_method(value, name, call),
        _ => None,
    };
    result.unwrap_or_else(|| {
        Err(Error::new(
            ErrorKind::UnknownMethod,
            format!("'{}' has no method '{name}'", type_name(value)),
        ))
    })
}

fn call_float(value: &Value) -> Result<f64, Error> {
    super::call::to_float(value)
}

fn map_method(map: &Value, name: &str, call: &mut Call) -> Option<Result<Value, Error>> {
    let entries = |call: &Call| list::pairs(call, map);
    Some(match name {
        "get" => call.need(0).map(|key| match map.get_item(&key) {
            Ok(found) if !found.is_undefined() => found,
            _ => call.get(1).cloned().unwrap_or(Value::from(())),
        }),
        "keys" => operators::items(&call.frame, map).map(Value::from),
        "values" => entries(call).map(|entries| {
            Value::from(entries.into_iter().map(|(_, value)| value).collect::<Vec<_>>())
        }),
        "items" => entries(call).map(|entries| {
            let tuples = entries.into_iter().map(|(key, value)| sequence(true, vec![key, value]));
            Value::from(tuples.collect::<Vec<_>>())
        }),
        "copy" => Ok(map.clone()),
        _ => return None,
    })
}

fn list_method(list: &Value, name: &str, call: &mut Call) -> Option<Result<Value, Error>> {
    match name {
        "copy" => Some(Ok(list.clone())),
        "index" | "count" => Some(count_or_index(list, name, call)),
        _ => None,
    }
}

fn count_or_index(list: &Value, name: &str, call: &Call) -> Result<Value, Error> {
    let wanted = call.need(0)?;
    let mut count = 0;
    for (index, item) in operators::items(&call.frame, list)?.iter().enumerate() {
        if equal(call.state, item, &wanted)? {
            if name == "index" {
                return Ok(Value::from(index));
            }
            count += 1;
        }
    }
    if name == "index" {
        Err(failed("the value is not in the list"))
    } else {
        Ok(Value::from(count))
    }
}

fn text_method(text: &str, name: &str, call: &mut Call) -> Option<Result<Value, Error>> {
    if let Err(error) = call.frame.charge(text.len()) {
        return Some(Err(error));
    }
    let all = |test: fn(char) -> bool| Ok(Value::from(!text.is_empty() && text.chars().all(test)));
    Some(match name {
        "lower" | "casefold" => Ok(Value::from(text.to_lowercase())),
        "upper" => Ok(Value::from(text.to_uppercase())),
        "capitalize" => Ok(Value::from(capitalized(text))),
        "title" => Ok(Value::from(titled(text))),
        "swapcase" => Ok(Value::from(swapped(text))),
        "strip" | "lstrip" | "rstrip" => stripped(text, name, call),
        "split" => split(text, call),
        "rsplit" => rsplit(text, call),
        "splitlines" => lines(text, call),
        "partition" | "rpartition" => partition(text, name, call),
        "replace" => replace(text, call),
        "startswith" => affix(call, |affix| text.starts_with(affix)),
        "endswith" => affix(call, |affix| text.ends_with(affix)),
        "removeprefix" => {
            argument(call, 0).map(|part| Value::from(text.strip_prefix(&*part).unwrap_or(text)))
        }
        "removesuffix" => {
            argument(call, 0).map(|part| Value::from(text.strip_suffix(&*part).unwrap_or(text)))
        }
        "find" | "rfind" | "index" | "rindex" => find(text, name, call),
        "count" => argument(call, 0).map(|part| Value::from(text.matches(&*part).count())),
        "join" => join(text, call),
        "format" => format::format(text, &call.rest, &call.named),
        "zfill" => zfill(text, call),
        "center" => pad(text, Side::Both, call),
        "ljust" => pad(text, Side::Right, call),
        "rjust" => pad(text, Side::Left, call),
        "isdigit" | "isdecimal" | "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(is_space),
        "islower" => Ok(Value::from(
            text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase),
        )),
        "isupper" => Ok(Value::from(
            text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase),
        )),
        "encode" => Ok(Value::from_bytes(text.as_bytes().to_vec())),
        _ => return None,
    })
}

/// An argument that must be text.
fn argument(call: &Call, index: usize) -> Result<String, Error> {
    let value = call.need(index)?;
    refuse_undefined(&value)?;
    match value.kind() {
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        _ => Err(failed(format!("expected text, not '{}'", type_name(&value)))),
    }
}

fn titled(text: &str) -> String {
    let mut out = String::new();
    let mut starts = true;
    for char in text.chars() {
        if starts {
            out.extend(char.to_uppercase())
        } else {
            out.extend(char.to_lowercase())
        }
        starts = !char.is_alphabetic();
    }
    out
}

fn swapped(text: &str) -> String {
    let mut out = String::new();
    for char in text.chars() {
        if char.is_uppercase() {
            out.extend(char.to_lowercase())
        } else {
            out.extend(char.to_uppercase())
        }
    }
    out
}

fn stripped(text: &str, name: &str, call: &Call) -> Result<Value, Error> {
    let chars = match call.get(0).filter(|chars| !chars.is_none()) {
        Some(_) => Some(argument(call, 0)?),
        None => None,
    };
    let strips =
        |char: char| chars.as_ref().map_or_else(|| is_space(char), |chars| chars.contains(char));
    Ok(Value::from(match name {
        "lstrip" => text.trim_start_matches(strips),
        "rstrip" => text.trim_end_matches(strips),
        _ => text.trim_matches(strips),
    }))
}

fn parts(call: &Call, parts: Vec<&str>) -> Result<Value, Error> {
    call.frame.charge(parts.len().saturating_mul(super::frame::ITEM_COST))?;
    Ok(Value::from(parts.into_iter().map(Value::from).collect::<Vec<_>>()))
}

/// The separator (none: blanks) and the most cuts of `split`.
fn cuts(call: &Call) -> Result<(Option<String>, usize), Error> {
    let separator = match call.get(0).filter(|separator| !separator.is_none()) {
        Some(_) => Some(argument(call, 0)?).filter(|separator| !separator.is_empty()),
        None => return Ok((None, most_cuts(call)?)),
    };
    match separator {
        Some(separator) => Ok((Some(separator), most_cuts(call)?)),
        None => Err(failed("empty separator")),
    }
}

fn most_cuts(call: &Call) -> Result<usize, Error> {
    let most = call.optional_int(1)?.unwrap_or(-1);
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

fn split(text: &str, call: &Call) -> Result<Value, Error> {
    let (separator, most) = cuts(call)?;
    if let Some(separator) = separator {
        return parts(call, text.splitn(most.saturating_add(1), &*separator).collect());
    }
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        if words.len() >= most {
            words.push(rest.trim_end_matches(is_space));
            break;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        words.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    parts(call, words)
}

fn rsplit(text: &str, call: &Call) -> Result<Value, Error> {
    let (separator, most) = cuts(call)?;
    let mut words: Vec<&str> = Vec::new();
    if let Some(separator) = separator {
        words.extend(text.rsplitn(most.saturating_add(1), &*separator));
    } else {
        let mut rest = text.trim_end_matches(is_space);
        while !rest.is_empty() {
            if words.len() >= most {
                words.push(rest.trim_start_matches(is_space));
                break;
            }
            let start = rest.char_indices().rev().find(|(_, char)| is_space(*char));
            let start = start.map_or(0, |(at, char)| at + char.len_utf8());
            words.push(&rest[start..]);
            rest = rest[..start].trim_end_matches(is_space);
        }
    }
    words.reverse();
    parts(call, words)
}

fn lines(text: &str, call: &Call) -> Result<Value, Error> {
    let keep = call.flag(0, false);
    let lines = text.split_inclusive('\n');
    parts(
        call,
        lines.map(|line| if keep { line } else { line.trim_end_matches(['\n', '\r']) }).collect(),
    )
}

fn partition(text: &str, name: &str, call: &Call) -> Result<Value, Error> {
    let separator = argument(call, 0)?;
    if separator.is_empty() {
        return Err(failed("empty separator"));
    }
    let (found, missing) = match name {
        "partition" => (text.split_once(&*separator), [text, "", ""]),
        _ => (text.rsplit_once(&*separator), ["", "", text]),
    };
    let three = found.map_or(missing, |(before, after)| [before, &*separator, after]);
    Ok(sequence(true, three.into_iter().map(Value::from).collect()))
}

fn replace(text: &str, call: &Call) -> Result<Value, Error> {
    let (old, new) = (argument(call, 0)?, argument(call, 1)?);
    let count = call.optional_int(2)?.and_then(|count| usize::try_from(count).ok());
    replaced(call, text, &old, &new, count).map(Value::from)
}

fn affix(call: &Call, test: impl Fn(&str) -> bool) -> Result<Value, Error> {
    let value = call.need(0)?;
    if !is_list(&value) {
        return Ok(Value::from(test(&argument(call, 0)?)));
    }
    let candidates = operators::items(&call.frame, &value)?;
    Ok(Value::from(candidates.iter().any(|candidate| candidate.as_str().is_some_and(&test))))
}

fn find(text: &str, name: &str, call: &Call) -> Result<Value, Error> {
    let part = argument(call, 0)?;
    let start = call.size(1, 0)?;
    let from = text.char_indices().nth(start).map_or(text.len(), |(at, _)| at);
    let searched = &text[from..];
    let found = if name.starts_with('r') { searched.rfind(&*part) } else { searched.find(&*part) };
    match found {
        Some(at) => Ok(Value::from(text[..from + at].chars().count())),
        None if name.ends_with("find") => Ok(Value::from(-1)),
        None => Err(failed("substring not found")),
    }
}

fn join(separator: &str, call: &Call) -> Result<Value, Error> {
    let mut out = Text::default();
    for (index, item) in call.items(0)?.iter().enumerate() {
        if item.kind() != ValueKind::String {
            refuse_undefined(item)?;
            return Err(failed(format!(
                "sequence item {index}: expected text, not '{}'",
                type_name(item)
            )));
        }
        if index > 0 {
            out.push(separator)?;
        }
        out.push_str_of(item)?;
    }
    Ok(Value::from(out.finish()))
}

fn pad(text: &str, side: Side, call: &Call) -> Result<Value, Error> {
    let width = call.size(0, 0)?;
    let fill = call.optional_text(1)?.and_then(|fill| fill.chars().next()).unwrap_or(' ');
    padded(call, text, width, fill, side)
}

fn zfill(text: &str, call: &Call) -> Result<Value, Error> {
    let width = call.size(0, 0)?;
    let (sign, digits) = if text.starts_with(['+', '-']) { text.split_at(1) } else { ("", text) };
    let padded = padded(call, digits, width.saturating_sub(sign.len()), '0', Side::Left)?;
    let digits = python::str_of(&padded)?;
    if digits.len() + sign.len() > super::frame::MAX_TEXT {
        return Err(too_long());
    }
    Ok(Value::from(format!("{sign}{digits}")))
}
