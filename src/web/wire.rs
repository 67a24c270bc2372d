//! The house in Home Assistant's JSON: states, times, values. Written straight into a buffer,
//! because the event stream writes tens of thousands of states a second.

use std::hash::{Hash, Hasher};
use std::io::Write as _;

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::home::Home;
use crate::home::entity::Record;
use crate::home::value::Value;

/// Where an entity is, in the names a person gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Placed<'a> {
    /// The name of its area.
    pub(super) area: Option<&'a str>,
    /// The name of its floor.
    pub(super) floor: Option<&'a str>,
}

impl<'a> Placed<'a> {
    /// The room or the floor, by the attribute's name.
    pub(super) fn named(&self, name: &str) -> Option<&'a str> {
        match name {
            "area" => self.area,
            "floor" => self.floor,
            _ => None,
        }
    }

    /// Looks it up.
    pub(super) fn of(home: &'a Home, id: &str) -> Self {
        let Some(entity) = home.entity(id) else { return Self::default() };
        let Some(area) = home.area_of(entity) else { return Self::default() };
        let floor = area.floor.as_ref().and_then(|floor| home.floor(floor.as_str()));
        Self { area: Some(&area.name), floor: floor.map(|floor| &*floor.name) }
    }
}

/// Writes a state object as `GET /api/states` gives it.
pub(super) fn state(out: &mut Vec<u8>, id: &str, record: &Record, placed: Placed<'_>) {
    out.extend_from_slice(b"{\"entity_id\":");
    text(out, id);
    out.extend_from_slice(b",\"state\":");
    text(out, &record.view.word);
    out.extend_from_slice(b",\"attributes\":{");
    attributes(out, record, placed);
    out.extend_from_slice(b"},\"last_changed\":\"");
    time(out, record.changed_at);
    out.extend_from_slice(b"\",\"last_updated\":\"");
    time(out, record.updated_at);
    out.extend_from_slice(b"\",\"context\":");
    context(out, id, record.updated_at);
    out.push(b'}');
}

/// Writes the attributes and where the entity stands, without the braces.
fn attributes(out: &mut Vec<u8>, record: &Record, placed: Placed<'_>) {
    let mut is_first = true;
    for (name, attribute) in record.view.attributes.iter() {
        key(out, name, &mut is_first);
        value(out, attribute);
    }
    // A device's own attribute of that name (a vacuum's cleaned `area`) is not overwritten.
    for (name, placed) in [("area", placed.area), ("floor", placed.floor)] {
        if let Some(place) = placed
            && record.view.attributes.named(name).is_none()
        {
            key(out, name, &mut is_first);
            text(out, place);
        }
    }
}

/// Writes a state in the short form of `subscribe_entities`: `s`tate, `a`ttributes, `c`ontext,
/// times of the `l`ast `c`hange and `u`pdate in seconds, the second only where it is another.
pub(super) fn brief_state(out: &mut Vec<u8>, id: &str, record: &Record, placed: Placed<'_>) {
    out.extend_from_slice(b"{\"s\":");
    text(out, &record.view.word);
    out.extend_from_slice(b",\"a\":{");
    attributes(out, record, placed);
    out.extend_from_slice(b"},\"c\":\"");
    context_id(out, id, record.updated_at);
    out.extend_from_slice(b"\",\"lc\":");
    seconds(out, record.changed_at);
    if record.updated_at != record.changed_at {
        out.extend_from_slice(b",\"lu\":");
        seconds(out, record.updated_at);
    }
    out.push(b'}');
}

/// Writes what another state has in addition (`+`) and what it no longer has (`-`), in the same
/// short form.
pub(super) fn difference(out: &mut Vec<u8>, id: &str, before: &Record, after: &Record) {
    out.extend_from_slice(b"{\"+\":{");
    if before.view.word != after.view.word {
        out.extend_from_slice(b"\"s\":");
        text(out, &after.view.word);
        out.push(b',');
    }
    let start = out.len();
    out.extend_from_slice(b"\"a\":{");
    let mut is_first = true;
    for (name, attribute) in after.view.attributes.iter() {
        if before.view.attributes.named(name) != Some(attribute) {
            key(out, name, &mut is_first);
            value(out, attribute);
        }
    }
    if is_first {
        out.truncate(start);
    } else {
        out.extend_from_slice(b"},");
    }
    out.extend_from_slice(b"\"c\":\"");
    context_id(out, id, after.updated_at);
    let changed = before.changed_at != after.changed_at;
    out.extend_from_slice(if changed { b"\",\"lc\":" } else { b"\",\"lu\":" });
    seconds(out, if changed { after.changed_at } else { after.updated_at });
    out.push(b'}');
    let gone = before.view.attributes.iter().filter(|(name, _)| {
        // Where it stands is no attribute of its own.
        after.view.attributes.named(name).is_none()
    });
    let mut gone = gone.peekable();
    if gone.peek().is_some() {
        out.extend_from_slice(b",\"-\":{\"a\":[");
        for (n, (name, _)) in gone.enumerate() {
            if n > 0 {
                out.push(b',');
            }
            text(out, name);
        }
        out.extend_from_slice(b"]}");
    }
    out.push(b'}');
}

/// Seconds since 1970, as Home Assistant's short forms have them.
pub(super) fn seconds(out: &mut Vec<u8>, at: Timestamp) {
    write_all(out, format_args!("{}.{:06}", at.as_second(), at.subsec_microsecond()));
}

fn key(out: &mut Vec<u8>, name: &str, is_first: &mut bool) {
    if !std::mem::take(is_first) {
        out.push(b',');
    }
    text(out, name);
    out.push(b':');
}

/// Writes a context object. Homard keeps none, so its id is made from what it is about and when:
/// the same for the same state, in the form of Home Assistant's (a ULID).
pub(super) fn context(out: &mut Vec<u8>, about: &str, at: Timestamp) {
    out.extend_from_slice(b"{\"id\":\"");
    context_id(out, about, at);
    out.extend_from_slice(b"\",\"parent_id\":null,\"user_id\":null}");
}

fn context_id(out: &mut Vec<u8>, about: &str, at: Timestamp) {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut hasher = std::hash::DefaultHasher::new();
    about.hash(&mut hasher);
    at.as_nanosecond().hash(&mut hasher);
    let low = hasher.finish();
    let millis = u128::try_from(at.as_millisecond()).unwrap_or_default() & 0xFFFF_FFFF_FFFF;
    let number = (millis << 80) | u128::from(low);
    for place in (0..26).rev() {
        out.push(DIGITS[(number >> (place * 5)) as usize & 31]);
    }
}

/// Writes a time as Home Assistant does, in UTC: `2026-11-22T10:57:00.123456+00:00`, the fraction
/// only where there is one.
pub(super) fn time(out: &mut Vec<u8>, at: Timestamp) {
    let civil = Offset::UTC.to_datetime(at);
    digits(out, u32::from(civil.year().unsigned_abs()), 4);
    for (mark, number) in [
        (b'-', civil.month()),
        (b'-', civil.day()),
        (b'T', civil.hour()),
        (b':', civil.minute()),
        (b':', civil.second()),
    ] {
        out.push(mark);
        digits(out, u32::from(number.unsigned_abs()), 2);
    }
    let micros = civil.subsec_nanosecond().unsigned_abs() / 1_000;
    if micros != 0 {
        out.push(b'.');
        digits(out, micros, 6);
    }
    out.extend_from_slice(b"+00:00");
}

/// The same as text.
pub(super) fn time_text(at: Timestamp) -> String {
    let mut out = Vec::with_capacity(32);
    time(&mut out, at);
    String::from_utf8(out).unwrap_or_default()
}

fn digits(out: &mut Vec<u8>, number: u32, n_digits: u32) {
    for place in (0..n_digits).rev() {
        out.push(b'0' + u8::try_from(number / 10_u32.pow(place) % 10).unwrap_or_default());
    }
}

/// Writes a value. Whole numbers stay whole, others keep their point: `21.0`.
pub(super) fn value(out: &mut Vec<u8>, value_: &Value) {
    match value_ {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(number) => write_all(out, format_args!("{number}")),
        // A number that JSON cannot say is null, as in Home Assistant.
        Value::Float(number) if !number.is_finite() => out.extend_from_slice(b"null"),
        // Writing to a buffer in memory cannot fail.
        Value::Float(number) => drop(serde_json::to_writer(&mut *out, number)),
        Value::Text(words) => text(out, words),
        Value::List(items) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                value(out, item);
            }
            out.push(b']');
        }
        Value::Map(entries) => {
            out.push(b'{');
            let mut is_first = true;
            for (name, item) in entries {
                key(out, name, &mut is_first);
                value(out, item);
            }
            out.push(b'}');
        }
    }
}

/// Writes a text in quotes.
pub(super) fn text(out: &mut Vec<u8>, words: &str) {
    let is_plain = words.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if is_plain {
        out.push(b'"');
        out.extend_from_slice(words.as_bytes());
        out.push(b'"');
    } else {
        // Writing to a buffer in memory cannot fail.
        drop(serde_json::to_writer(out, words));
    }
}

fn write_all(out: &mut Vec<u8>, words: std::fmt::Arguments<'_>) {
    // Writing to a buffer in memory cannot fail.
    let _ = out.write_fmt(words);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::entity::View;
    use crate::home::value::Attributes;

    fn check(value_: Value, written: &str) {
        let mut out = Vec::new();
        value(&mut out, &value_);
        assert_eq!(String::from_utf8(out).unwrap(), written, "{value_:?}");
        let again = crate::json::from_json(&serde_json::from_str(written).unwrap());
        if !matches!(value_, Value::Float(number) if !number.is_finite()) {
            assert_eq!(again, value_, "read back");
        }
    }

    #[test]
    fn values_keep_their_kind() {
        check(Value::Null, "null");
        check(Value::Bool(true), "true");
        check(Value::Int(21), "21");
        check(Value::Int(-3), "-3");
        check(Value::Float(21.0), "21.0");
        check(Value::Float(21.55), "21.55");
        check(Value::Float(f64::NAN), "null");
        check(Value::Float(f64::INFINITY), "null");
        check(
            "a \"quoted\" \\ line\nend \u{1} é".into(),
            r#""a \"quoted\" \\ line\nend \u0001 é""#,
        );
        check(Value::List(vec![1_i64.into(), "x".into()]), r#"[1,"x"]"#);
        check(
            Value::Map(vec![("b".into(), 1_i64.into()), ("a".into(), Value::Null)]),
            r#"{"b":1,"a":null}"#,
        );
    }

    #[test]
    fn times_are_home_assistants() {
        for (nanos, written) in [
            (0, "1970-01-01T00:00:00+00:00"),
            (1_795_345_020_123_456_789, "2026-11-22T10:57:00.123456+00:00"),
            (1_795_345_020_000_000_999, "2026-11-22T10:57:00+00:00"),
            (1_795_345_020_000_042_000, "2026-11-22T10:57:00.000042+00:00"),
        ] {
            assert_eq!(time_text(Timestamp::from_nanosecond(nanos).unwrap()), written);
        }
    }

    #[test]
    fn a_state_is_home_assistants_object() {
        let mut attributes = Attributes::new();
        attributes.put("temperature", 21.0);
        attributes.put("floor", "of its own");
        let at = Timestamp::from_second(1_795_345_020).unwrap();
        let record =
            Record { view: View { word: "on".into(), attributes }, changed_at: at, updated_at: at };
        let mut out = Vec::new();
        let placed = Placed { area: Some("Küche"), floor: Some("Ground") };
        state(&mut out, "light.a", &record, placed);
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let context = json["context"]["id"].as_str().unwrap().to_owned();
        assert_eq!(context.len(), 26);
        assert_eq!(
            json,
            serde_json::json!({
                "entity_id": "light.a",
                "state": "on",
                "attributes": {"temperature": 21.0, "floor": "of its own", "area": "Küche"},
                "last_changed": "2026-11-22T10:57:00+00:00",
                "last_updated": "2026-11-22T10:57:00+00:00",
                "context": {"id": context, "parent_id": null, "user_id": null},
            })
        );
    }
}
