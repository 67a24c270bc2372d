//! Filters on text. They take any value, as its Python `str()`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::call::Call;
use super::frame::MAX_TEXT;
use super::list;
use super::operators::{failed, refuse_undefined, type_name};
use super::python::{Text, is_space, push_display, strip, too_long};
use super::{format, python};

pub(super) fn string(call: &mut Call) -> Result<Value, Error> {
    call.text(0).map(Value::from)
}

pub(super) fn lower(call: &mut Call) -> Result<Value, Error> {
    Ok(Value::from(call.text(0)?.to_lowercase()))
}

pub(super) fn upper(call: &mut Call) -> Result<Value, Error> {
    Ok(Value::from(call.text(0)?.to_uppercase()))
}

pub(super) fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect()
    })
}

pub(super) fn capitalize(call: &mut Call) -> Result<Value, Error> {
    Ok(Value::from(capitalized(&call.text(0)?)))
}

/// `title`: each word capitalised; words end at blanks, `-` and opening brackets.
pub(super) fn title(call: &mut Call) -> Result<Value, Error> {
    let mut out = String::new();
    let mut starts = true;
    for char in call.text(0)?.chars() {
        if starts {
            out.extend(char.to_uppercase())
        } else {
            out.extend(char.to_lowercase())
        }
        starts = is_space(char) || "-({[<".contains(char);
    }
    Ok(Value::from(out))
}

/// `trim(value, chars)`.
pub(super) fn trim(call: &mut Call) -> Result<Value, Error> {
    let text = call.text(0)?;
    Ok(Value::from(match call.optional_text(1)? {
        Some(chars) => text.trim_matches(|char| chars.contains(char)),
        None => strip(&text),
    }))
}

/// `replace(value, old, new, count)`.
pub(super) fn replace(call: &mut Call) -> Result<Value, Error> {
    let (text, old, new) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let count = call.optional_int(3)?.and_then(|count| usize::try_from(count).ok());
    replaced(call, &text, &old, &new, count).map(Value::from)
}

/// `text` with `old` replaced, after a look at how long it will be.
pub(super) fn replaced(
    call: &Call,
    text: &str,
    old: &str,
    new: &str,
    count: Option<usize>,
) -> Result<String, Error> {
    let found = text.matches(old).count().min(count.unwrap_or(usize::MAX));
    let length = text.len().saturating_add(found.saturating_mul(new.len()));
    call.frame.charge(length.saturating_add(text.len()))?;
    if length - (found * old.len()).min(text.len()) > MAX_TEXT {
        return Err(too_long());
    }
    Ok(text.replacen(old, new, found))
}

/// `truncate(value, length, killwords, end, leeway)`.
pub(super) fn truncate(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    if value.is_undefined() {
        return Ok(value);
    }
    if value.kind() != ValueKind::String {
        return Err(failed(format!("truncate needs text, not '{}'", type_name(&value))));
    }
    let text = call.text(0)?;
    let length = call.size(1, 255)?;
    let end = call.optional_text(3)?.unwrap_or_else(|| "...".to_owned());
    let leeway = call.size(4, 5)?;
    let room = length.checked_sub(end.chars().count()).ok_or_else(|| {
        failed(format!("expected length >= {}, got {length}", end.chars().count()))
    })?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(Value::from(text));
    }
    let cut: String = text.chars().take(room).collect();
    let kept = if call.flag(2, false) {
        &*cut
    } else {
        cut.rsplit_once(' ').map_or(&*cut, |(kept, _)| kept)
    };
    Ok(Value::from(format!("{kept}{end}")))
}

/// `center(value, width)`.
pub(super) fn center(call: &mut Call) -> Result<Value, Error> {
    let text = call.text(0)?;
    padded(call, &text, call.size(1, 80)?, ' ', Side::Both)
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Left,
    Right,
    Both,
}

/// `text` filled up to `width` characters on one side or both.
pub(super) fn padded(
    call: &Call,
    text: &str,
    width: usize,
    fill: char,
    side: Side,
) -> Result<Value, Error> {
    let length = text.chars().count();
    let Some(missing) = width.checked_sub(length) else { return Ok(Value::from(text)) };
    if width > MAX_TEXT / 4 {
        return Err(too_long());
    }
    call.frame.charge(width)?;
    let left = match side {
        Side::Left => missing,
        Side::Right => 0,
        // Python's str.center gives the odd one to the left when the width is odd.
        Side::Both => missing / 2 + (missing & width & 1),
    };
    let filling = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    Ok(Value::from(format!("{}{text}{}", filling(left), filling(missing - left))))
}

/// `indent(value, width, first, blank)`.
pub(super) fn indent(call: &mut Call) -> Result<Value, Error> {
    let text = call.text(0)?;
    let indention = match call.get(1).filter(|width| width.kind() == ValueKind::String) {
        Some(width) => width.as_str().unwrap_or_default().to_owned(),
        None => {
            let width = call.size(1, 4)?;
            if width > 4096 {
                return Err(too_long());
            }
            " ".repeat(width)
        }
    };
    let (first, blank) = (call.flag(2, false), call.flag(3, false));
    let mut out = Text::default();
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push("\n")?;
        }
        if if index == 0 { first } else { blank || !line.is_empty() } {
            out.push(&indention)?;
        }
        out.push(line)?;
    }
    let out = out.finish();
    call.frame.charge(out.len())?;
    Ok(Value::from(out))
}

pub(super) fn wordcount(call: &mut Call) -> Result<Value, Error> {
    Ok(Value::from(call.text(0)?.split_whitespace().count()))
}

/// `format(value, …)`: the printf style.
pub(super) fn printf(call: &mut Call) -> Result<Value, Error> {
    let text = call.text(0)?;
    if call.named.is_empty() {
        return format::printf(&text, &call.rest);
    }
    let named =
        Value::from_pairs(call.named.iter().map(|(name, value)| (name.as_str(), value.clone())));
    format::printf(&text, &[named])
}

/// `e`, `escape`: HTML.
pub(super) fn escape(call: &mut Call) -> Result<Value, Error> {
    let mut out = Text::default();
    for char in call.text(0)?.chars() {
        match char {
            '&' => out.push("&amp;")?,
            '<' => out.push("&lt;")?,
            '>' => out.push("&gt;")?,
            '\'' => out.push("&#39;")?,
            '"' => out.push("&#34;")?,
            char => out.push(char.encode_utf8(&mut [0; 4]))?,
        }
    }
    Ok(Value::from(out.finish()))
}

/// `striptags`: without HTML tags, blanks folded.
pub(super) fn striptags(call: &mut Call) -> Result<Value, Error> {
    let text = call.text(0)?;
    let mut kept = String::new();
    let mut inside = false;
    for char in text.chars() {
        match char {
            '<' => inside = true,
            '>' if inside => inside = false,
            char if !inside => kept.push(char),
            _ => {}
        }
    }
    Ok(Value::from(kept.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// `urlencode` of text; of a dict, a query.
pub(super) fn urlencode(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    if value.kind() != ValueKind::Map {
        return Ok(Value::from(percent_encoded(&call.text(0)?, true)));
    }
    let mut parts = Vec::new();
    for (key, item) in list::pairs(call, &value)? {
        let (key, item) = (python::str_of(&key)?, python::str_of(&item)?);
        call.frame.charge(key.len() + item.len())?;
        parts.push(format!("{}={}", percent_encoded(&key, false), percent_encoded(&item, false)));
    }
    Ok(Value::from(parts.join("&")))
}

fn percent_encoded(text: &str, path: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte))
            }
            b'/' if path => out.push('/'),
            b' ' if !path => out.push('+'),
            byte => push_display(&mut out, format_args!("%{byte:02X}")),
        }
    }
    out
}

/// `filesizeformat(value, binary)`.
pub(super) fn filesizeformat(call: &mut Call) -> Result<Value, Error> {
    let bytes = call.float(0)?;
    let binary = call.flag(1, false);
    let base = if binary { 1024.0 } else { 1000.0 };
    let units = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    #[allow(clippy::float_cmp, reason = "exactly one byte has no plural")]
    if bytes == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::from(format!("{} Bytes", bytes.trunc())));
    }
    let mut size = bytes / base;
    let mut unit = 0;
    while size >= base && unit + 1 < units.len() {
        size /= base;
        unit += 1;
    }
    Ok(Value::from(format!("{size:.1} {}", units[unit])))
}

/// `slugify(text, separator)`: as Home Assistant makes entity ids.
pub(super) fn slugify(call: &mut Call) -> Result<Value, Error> {
    let text = call.text(0)?;
    let separator = call.optional_text(1)?.unwrap_or_else(|| "_".to_owned());
    if text.is_empty() {
        return Ok(Value::from(""));
    }
    let ascii = deunicode::deunicode(&text).to_lowercase();
    let words: Vec<&str> = ascii
        .split(|char: char| !char.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let mut out = Text::default();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            out.push(&separator)?;
        }
        out.push(word)?;
    }
    Ok(Value::from(if words.is_empty() { "unknown".to_owned() } else { out.finish() }))
}

pub(super) fn base64_encode(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    match value.as_bytes() {
        Some(bytes) => {
            call.frame.charge(bytes.len() * 2)?;
            Ok(Value::from(STANDARD.encode(bytes)))
        }
        None => Err(failed("base64_encode needs text or bytes")),
    }
}

/// `base64_decode(value, encoding)`: text, or bytes when the encoding is none.
pub(super) fn base64_decode(call: &mut Call) -> Result<Value, Error> {
    let text = call.text(0)?;
    let bytes = STANDARD.decode(text.trim()).map_err(|error| failed(format!("base64: {error}")))?;
    if call.get(1).is_some_and(Value::is_none) {
        return Ok(Value::from_bytes(bytes));
    }
    String::from_utf8(bytes).map(Value::from).map_err(|_| failed("base64: not UTF-8"))
}

/// `ord("a")` is 97.
pub(super) fn ord(call: &mut Call) -> Result<Value, Error> {
    let text = call.text(0)?;
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(char), None) => Ok(Value::from(u32::from(char))),
        _ => Err(failed("ord() expected a character")),
    }
}

/// `is_defined(value, default)`: an error for undefined, so that a message without the key changes nothing.
pub(super) fn is_defined(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    Ok(value)
}

/// `default(value, default_value, boolean)`.
pub(super) fn default(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    if value.is_undefined() || (call.flag(2, false) && !value.is_true()) {
        return Ok(call.get(1).cloned().unwrap_or_else(|| Value::from("")));
    }
    Ok(value)
}

/// `iif(value, if_true, if_false, if_none)`.
pub(super) fn iif(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    if value.is_none()
        && let Some(if_none) = call.get(3)
    {
        return Ok(if_none.clone());
    }
    let (index, otherwise) = if value.is_true() { (1, true) } else { (2, false) };
    Ok(call.get(index).cloned().unwrap_or(Value::from(otherwise)))
}

/// `typeof(value)`: Python's name of its type.
pub(super) fn type_of(call: &mut Call) -> Result<Value, Error> {
    Ok(Value::from(type_name(&call.need(0)?)))
}
