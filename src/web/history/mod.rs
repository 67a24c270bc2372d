//! `/api/history/…` as Home Assistant has it, and Homard's own charts and export.
//!
//! Reading is done on threads that may wait for the disk, a bounded amount at a time; the house
//! is only asked for names.

mod export;
mod period;

pub(super) use self::export::{__path_export, export};
pub(super) use self::period::{__path_period, __path_period_of_a_day, period, period_of_a_day};

use std::sync::Arc;

use axum::extract::{Path, Query as Asked, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::failure::{Failure, Message};
use super::{Site, gzip, wire};
use crate::home::Home;
use crate::hub::event::Query;
use crate::storage;
use crate::storage::history::{Bucket, Chart, History, Seen, Track};

/// A chart's points unless said otherwise, and at most.
const POINTS: (usize, usize) = (300, 2_000);
/// The longest time that can be asked for: hours are not kept longer.
const LONGEST_MS: i64 = 10 * 366 * 24 * 3_600_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// What may be said about a chart.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Frame {
    /// Begin, ISO 8601; a day before the end unless said otherwise.
    from: Option<String>,
    /// End; now unless said otherwise.
    to: Option<String>,
    /// At most so many points, 2 to 2000; 300 unless said otherwise.
    points: Option<usize>,
}

/// The history of an entity within a time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HistoryObject {
    entity_id: String,
    name: String,
    area: Option<String>,
    /// Begin and end.
    from: String,
    to: String,
    /// The same in milliseconds since 1970.
    from_ms: i64,
    to_ms: i64,
    /// Before this time, in milliseconds since 1970, only hours are kept.
    samples_since_ms: Option<i64>,
    /// The state first, then the attributes that are recorded.
    series: Vec<SeriesObject>,
}

/// A state or an attribute.
#[derive(Debug, Serialize, ToSchema)]
struct SeriesObject {
    /// The attribute's name; null for the state.
    attribute: Option<&'static str>,
    unit: Option<String>,
    /// Milliseconds of each point.
    step_ms: i64,
    /// `[min, max, mean]` of each stretch of `step_ms` from `from_ms` on, null where it was no
    /// number. Empty if it never was.
    #[schema(value_type = Vec<Option<[f64; 3]>>)]
    points: Vec<Option<[f64; 3]>>,
    /// `[milliseconds since 1970, state]`: what it was from when on; null where nothing is known.
    /// Empty if it was a number.
    #[schema(value_type = Vec<Object>)]
    bars: Vec<(i64, Option<Arc<str>>)>,
    statistics: StatisticsObject,
}

/// A series in figures.
#[derive(Debug, Serialize, ToSchema)]
struct StatisticsObject {
    min: Option<f64>,
    /// Over time, not over reports.
    mean: Option<f64>,
    max: Option<f64>,
    /// Seconds of which it is known.
    known_s: f64,
    /// Times it changed; by the hour where only hours are kept.
    changes: u64,
    /// Seconds of each state that is no number.
    #[schema(value_type = Object)]
    states_s: serde_json::Map<String, serde_json::Value>,
}

/// A chart of an entity, and what it was in figures.
#[utoipa::path(get, path = "/api/homard/history/{entity_id}",
    params(("entity_id" = String, Path), Frame),
    responses((status = 200, body = HistoryObject), (status = 400, body = Message),
        (status = 404, body = Message)))]
pub(super) async fn chart(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(frame): Asked<Frame>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (from, to) = span(&site, frame.from.as_deref(), frame.to.as_deref())?;
    let n_points = frame.points.unwrap_or(POINTS.0);
    if !(2..=POINTS.1).contains(&n_points) {
        return Err(Failure::bad(format!("`points` must be 2 to {}, not {n_points}", POINTS.1)));
    }
    let about = About::of(&caller, &id).ok_or_else(nothing)?;
    let object = read(&caller, move |history| {
        let view = history.view([id.as_str()])?;
        let mut series = Vec::new();
        for seen in view.series() {
            let chart = view.chart(seen, from, to, n_points)?;
            series.push(SeriesObject::new(seen, chart, &about));
        }
        let since = Some(view.samples_since(to)).filter(|since| *since != i64::MAX);
        Ok(Some(HistoryObject {
            entity_id: id,
            name: about.name,
            area: about.area,
            from: wire::time_text(timestamp(from)),
            to: wire::time_text(timestamp(to)),
            from_ms: from,
            to_ms: to,
            samples_since_ms: since,
            series,
        })
        .filter(|object| about.is_known || !object.series.is_empty()))
    })
    .await?;
    let object = object.ok_or_else(nothing)?;
    let bytes = serde_json::to_vec(&object).unwrap_or_default();
    Ok(gzip::response(&headers, "application/json", bytes))
}

impl SeriesObject {
    fn new(seen: &Seen, chart: Chart, about: &About) -> Self {
        let Chart { step, buckets, bars, statistics, .. } = chart;
        let attribute = attribute_of(seen);
        let is_known = |word: &Arc<str>| !word.is_empty();
        let known_ms = statistics.ms
            + statistics
                .words
                .iter()
                .filter(|(word, _)| !is_gap(word))
                .map(|(_, ms)| ms)
                .sum::<i64>();
        let of = |part: fn(Bucket) -> f64| statistics.numbers.map(part).map(rounded);
        let words = statistics.words.iter().filter(|(word, _)| is_known(word));
        Self {
            attribute,
            unit: about.unit_of(attribute),
            step_ms: step,
            points: buckets
                .into_iter()
                .map(|bucket| bucket.map(|one| [one.min, one.max, one.mean].map(rounded)))
                .collect(),
            bars: bars.into_iter().map(|bar| (bar.at, Some(bar.word).filter(is_known))).collect(),
            statistics: StatisticsObject {
                min: of(|numbers| numbers.min),
                mean: of(|numbers| numbers.mean),
                max: of(|numbers| numbers.max),
                known_s: known_ms as f64 / 1_000.0,
                changes: statistics.n_changes,
                states_s: words
                    .map(|(word, ms)| (word.to_string(), (*ms as f64 / 1_000.0).into()))
                    .collect(),
            },
        }
    }
}

/// What the house knows of an entity, for whoever reads its history.
#[derive(Debug, Clone, Default)]
struct About {
    is_known: bool,
    name: String,
    area: Option<String>,
    unit: Option<String>,
    device_class: Option<String>,
}

fn nothing() -> Failure {
    Failure::unknown("there is no such entity, and nothing is recorded under this name")
}

impl About {
    /// What may be said of an entity to somebody; `None` if that is nothing. What is gone was
    /// somewhere, so that only those may see its past who may see every room.
    fn of(caller: &Caller, id: &str) -> Option<Self> {
        caller.hub.read(|home| Self::in_home(home, caller, id))
    }

    fn in_home(home: &Home, caller: &Caller, id: &str) -> Option<Self> {
        let Some(entity) = home.entity(id) else {
            let gone = Self { name: id.to_owned(), ..Self::default() };
            return caller.rights.areas.is_none().then_some(gone);
        };
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let about = Self {
            is_known: true,
            name: entity.friendly_name.to_string(),
            area: home.area_of(entity).map(|area| area.name.clone()),
            unit: text(&entity.traits.unit),
            device_class: text(&entity.traits.device_class),
        };
        Some(about)
    }

    fn unit_of(&self, attribute: Option<&str>) -> Option<String> {
        match attribute {
            None => self.unit.clone(),
            Some("current_position" | "percentage" | "current_humidity" | "humidity") => {
                Some("%".to_owned())
            }
            Some(_) => None,
        }
    }
}

fn attribute_of(seen: &Seen) -> Option<&'static str> {
    match seen.track {
        Track::State => None,
        Track::Attribute(name) => Some(name),
    }
}

/// Nobody knows what it was.
fn is_gap(word: &str) -> bool {
    matches!(word, "" | "unavailable" | "unknown")
}

/// Noise of adding up is not shown.
fn rounded(number: f64) -> f64 {
    let digits = (number * 1e4).round() / 1e4;
    if digits.is_finite() { digits } else { number }
}

fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}

/// Reads in the history, on a thread that may wait for the disk.
async fn read<T: Send + 'static>(
    caller: &Caller,
    look: impl FnOnce(&History) -> Result<T, storage::Error> + Send + 'static,
) -> Result<T, Failure> {
    let history = opened(caller).await?;
    let look = tokio::task::spawn_blocking(move || look(&history));
    match look.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => {
            let message = format!("the history cannot be read: {error}");
            Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message))
        }
        Err(_) => {
            Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the history cannot be read"))
        }
    }
}

async fn opened(caller: &Caller) -> Result<History, Failure> {
    let history = caller.hub.ask(Query::History).await.map_err(|_| Failure::stopping())?;
    history.ok_or_else(|| {
        let message = "the history could not be opened when Homard started; its log says why";
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, message)
    })
}

/// The present, in milliseconds since 1970.
#[allow(clippy::disallowed_methods, reason = "what is asked for without an end ends now")]
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Begin and end, both in milliseconds since 1970; the end is not after now.
fn span(site: &Site, from: Option<&str>, to: Option<&str>) -> Result<(i64, i64), Failure> {
    let now = now();
    let to = to.map(|said| time(site, "to", said)).transpose()?.unwrap_or(now).min(now);
    let from = from.map(|said| time(site, "from", said)).transpose()?.unwrap_or(to - DAY_MS);
    if from >= to {
        return Err(Failure::bad("`from` must be before `to`, and in the past"));
    }
    Ok((from.max(to - LONGEST_MS), to))
}

/// A time as it is said: with a zone, else in the home's.
fn time(site: &Site, name: &str, said: &str) -> Result<i64, Failure> {
    // A `+` in a query is a space to whoever reads forms.
    let text = said.trim().replace(' ', "+");
    let zone = || TimeZone::get(&site.settings().time_zone).unwrap_or(TimeZone::UTC);
    let local = |at: civil::DateTime| at.to_zoned(zone()).ok().map(|at| at.timestamp());
    let spaced = said.trim();
    let found = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| spaced.parse::<Timestamp>().ok())
        .or_else(|| local(spaced.parse().ok()?))
        .or_else(|| local(spaced.parse::<civil::Date>().ok()?.at(0, 0, 0, 0)));
    let at = found.ok_or_else(|| {
        let message = format!(
            "`{name}` must be a time such as 2026-11-22T10:00:00+01:00, not `{}`",
            said.chars().take(60).collect::<String>()
        );
        Failure::bad(message)
    })?;
    Ok(at.as_millisecond())
}

/// Ids in a list with commas. Not whether there are such entities.
fn ids(said: &str) -> Result<Vec<String>, Failure> {
    let found: Vec<String> =
        said.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_lowercase).collect();
    let is_id = |id: &&String| {
        let is_slug = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        };
        id.split_once('.').is_some_and(|(domain, object)| is_slug(domain) && is_slug(object))
    };
    match found.iter().find(|id| !is_id(id)) {
        Some(id) => {
            let id: String = id.chars().take(60).collect();
            Err(Failure::bad(format!("`{id}` is no entity id; they look like `sensor.kitchen`")))
        }
        None if found.is_empty() => Err(Failure::bad("no entity is named")),
        None => Ok(found),
    }
}
