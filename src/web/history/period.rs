//! `GET /api/history/period/…`: the states of a time, in exactly Home Assistant's shape.

use std::sync::Arc;

use axum::extract::{Path, Query as Asked, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{About, DAY_MS, attribute_of, ids, is_gap, now, read, time, timestamp};
use crate::home::value::Value as Attribute;
use crate::storage;
use crate::storage::history::{Value, View};
use crate::web::auth::Caller;
use crate::web::failure::{Failure, Message};
use crate::web::states::StateObject;
use crate::web::{Site, gzip, wire};

/// Answers do not get larger: whoever wants more asks for less at a time.
const MAX_BYTES: usize = 16 << 20;
/// Domains of which every change of an attribute is one of significance to Home Assistant.
const SIGNIFICANT: [&str; 4] = ["climate", "device_tracker", "humidifier", "water_heater"];

/// What may be said about a period.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::web) struct Wanted {
    /// Entity ids with commas between; all that are recorded unless said otherwise.
    filter_entity_id: Option<String>,
    /// ISO 8601; a day after the start unless said otherwise.
    end_time: Option<String>,
    /// If there: only the state and its time, but for the first and the last of each entity.
    #[param(value_type = Option<bool>, allow_reserved)]
    minimal_response: Option<String>,
    /// If there: without attributes.
    #[param(value_type = Option<bool>)]
    no_attributes: Option<String>,
    /// `0`: also what only changed an attribute that is recorded.
    significant_changes_only: Option<String>,
    /// If there: without what it was at the start.
    #[param(value_type = Option<bool>)]
    skip_initial_state: Option<String>,
}

/// How the rows are to look.
#[derive(Debug, Clone, Copy)]
struct Shape {
    is_minimal: bool,
    has_attributes: bool,
    all_changes: bool,
    has_first: bool,
}

/// One row: a time, and what it was.
struct Row {
    at: i64,
    /// When the state itself last changed.
    changed: i64,
    word: Arc<str>,
    attributes: Vec<(&'static str, Value)>,
}

/// States from a time on.
#[utoipa::path(get, path = "/api/history/period/{start}",
    params(("start" = String, Path, description = "ISO 8601, with a zone"), Wanted),
    responses((status = 200, body = Vec<Vec<StateObject>>), (status = 400, body = Message)))]
pub(in crate::web) async fn period(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(start): Path<String>,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let start = time(&site, "start", &start)?;
    answer(&site, &caller, start, wanted, &headers).await
}

/// States of the last day.
#[utoipa::path(get, path = "/api/history/period", params(Wanted),
    responses((status = 200, body = Vec<Vec<StateObject>>), (status = 400, body = Message)))]
pub(in crate::web) async fn period_of_a_day(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    answer(&site, &caller, now() - DAY_MS, wanted, &headers).await
}

async fn answer(
    site: &Site,
    caller: &Caller,
    from: i64,
    wanted: Wanted,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let now = now();
    let to = wanted.end_time.as_deref().map(|said| time(site, "end_time", said)).transpose()?;
    let to = to.unwrap_or(from.saturating_add(DAY_MS)).min(now);
    let named = wanted.filter_entity_id.as_deref().map(ids).transpose()?;
    let shape = Shape {
        is_minimal: wanted.minimal_response.is_some(),
        has_attributes: wanted.no_attributes.is_none(),
        all_changes: wanted.significant_changes_only.as_deref() == Some("0"),
        has_first: wanted.skip_initial_state.is_none(),
    };
    // As Home Assistant says of the future.
    if from > now || to < from {
        return Ok(gzip::response(headers, "application/json", b"[]".to_vec()));
    }
    let somebody = caller.clone();
    let out = read(caller, move |history| {
        let ids = match named {
            Some(ids) => ids,
            None => history.entities().iter().map(ToString::to_string).collect(),
        };
        // Those of whom nothing may be said are left out like those of whom nothing is known.
        let known: Vec<(String, About)> = somebody.hub.read(|home| {
            let known = |id: String| {
                let about = About::in_home(home, &somebody, &id)?;
                Some((id, about))
            };
            ids.into_iter().filter_map(known).collect()
        });
        let mut out = vec![b'['];
        for (id, about) in known {
            let rows = rows(&history.view([id.as_str()])?, &id, from, to, shape)?;
            write(&mut out, &id, &about, &rows, shape);
            if out.len() > MAX_BYTES {
                return Ok(None);
            }
        }
        if out.last() == Some(&b',') {
            out.pop();
        }
        out.push(b']');
        Ok(Some(out))
    });
    let out = out.await?.ok_or_else(|| {
        Failure::bad(
            "that is too much for one answer; ask for fewer entities or a shorter time, or add \
             `minimal_response`",
        )
    })?;
    Ok(gzip::response(headers, "application/json", out))
}

/// The rows of an entity, in the order of time.
fn rows(
    view: &View<'_>,
    id: &str,
    from: i64,
    to: i64,
    shape: Shape,
) -> Result<Vec<Row>, storage::Error> {
    let domain = id.split('.').next().unwrap_or_default();
    let takes_attributes = shape.all_changes || SIGNIFICANT.contains(&domain);
    let mut found: Vec<(i64, Option<&'static str>, Value)> = Vec::new();
    for seen in view.series() {
        let attribute = attribute_of(seen);
        // A row takes about a hundred bytes: more than this is too much whatever is in it.
        let mut n = 0;
        view.visit(seen, from, to, |at, value| {
            n += 1;
            if n <= MAX_BYTES / 50 {
                found.push((at, attribute, value));
            }
        })?;
    }
    // Stable, and attributes first: a state goes with the attributes that came with it.
    found.sort_by_key(|(at, attribute, _)| (*at, attribute.is_none()));
    let mut rows: Vec<Row> = Vec::new();
    let mut now: Vec<(&'static str, Value)> = Vec::new();
    for (at, attribute, value) in found {
        let Some(name) = attribute else {
            let word = match &value {
                Value::Word(word) if word.is_empty() => "unavailable".into(),
                value => value.to_string().into(),
            };
            match rows.last_mut() {
                // A state of the same moment as an attribute that was just noted.
                Some(row) if row.at == at && row.word != word => {
                    (row.word, row.changed) = (word, at);
                }
                Some(row) if row.word == word => {}
                _ => rows.push(Row { at, changed: at, word, attributes: now.clone() }),
            }
            continue;
        };
        match now.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => now.push((name, value)),
        }
        if let Some(last) = rows.last_mut()
            && takes_attributes
            && !is_gap(&last.word)
        {
            if last.at == at {
                last.attributes.clone_from(&now);
            } else {
                let (changed, word) = (last.changed, Arc::clone(&last.word));
                rows.push(Row { at, changed, word, attributes: now.clone() });
            }
        }
    }
    if !shape.has_first {
        rows.retain(|row| row.at > from);
    }
    Ok(rows)
}

/// Writes the list of an entity; none where there is nothing, as Home Assistant does.
fn write(out: &mut Vec<u8>, id: &str, about: &About, rows: &[Row], shape: Shape) {
    if rows.is_empty() {
        return;
    }
    out.push(b'[');
    for (n, row) in rows.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        if shape.is_minimal && n > 0 && n + 1 < rows.len() {
            out.extend_from_slice(b"{\"state\":");
            wire::text(out, &row.word);
        } else {
            out.extend_from_slice(b"{\"entity_id\":");
            wire::text(out, id);
            out.extend_from_slice(b",\"state\":");
            wire::text(out, &row.word);
            out.extend_from_slice(b",\"attributes\":");
            attributes(out, about, row, shape);
        }
        out.extend_from_slice(b",\"last_changed\":\"");
        wire::time(out, timestamp(row.changed));
        if !(shape.is_minimal && n > 0 && n + 1 < rows.len()) {
            out.extend_from_slice(b"\",\"last_updated\":\"");
            wire::time(out, timestamp(row.at));
        }
        out.extend_from_slice(b"\"}");
    }
    out.extend_from_slice(b"],");
}

fn attributes(out: &mut Vec<u8>, about: &About, row: &Row, shape: Shape) {
    let mut all: Vec<(Arc<str>, Attribute)> = Vec::new();
    if shape.has_attributes {
        if !is_gap(&row.word) {
            for (name, value) in &row.attributes {
                // Recorded as zero, as a line falls to it; Home Assistant says nothing of it.
                let is_off = *name == "brightness" && &*row.word == "off";
                let value = match value.to_f64().filter(|_| !is_off) {
                    Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                        Attribute::Int(number as i64)
                    }
                    Some(number) => Attribute::Float(number),
                    None => Attribute::Null,
                };
                all.push(((*name).into(), value));
            }
        }
        let facts = [
            ("unit_of_measurement", &about.unit),
            ("device_class", &about.device_class),
            ("friendly_name", &Some(about.name.clone())),
        ];
        for (name, fact) in facts {
            all.extend(fact.as_deref().map(|fact| (name.into(), Attribute::from(fact))));
        }
    }
    wire::value(out, &Attribute::Map(all));
}
