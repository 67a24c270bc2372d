//! `GET /api/homard/history.csv`: the history as a table for spreadsheets, sent while it is read.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Query as Asked, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

use super::{About, DAY_MS, attribute_of, ids, is_gap, nothing, opened, rounded, span, timestamp};
use crate::storage;
use crate::storage::history::{Decimal, History, Seen, Value, View};
use crate::web::auth::Caller;
use crate::web::failure::{Failure, Message};
use crate::web::{Site, wire};

/// Exports at a time: each holds a thread as long as its reader takes.
const AT_A_TIME: usize = 4;
static TURNS: Semaphore = Semaphore::const_new(AT_A_TIME);
/// Entities of one export.
const MOST_ENTITIES: usize = 200;
/// Bytes of a piece, and pieces that wait for the reader.
const PIECE: usize = 32 << 10;
const PIECES: usize = 4;
/// Read at a time; in between the database may tidy up.
const WINDOW_MS: i64 = DAY_MS;
/// The same of hours.
const HOURS_WINDOW: i64 = 60 * 24;
const HOUR_MS: i64 = 3_600_000;

/// What is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::web) struct Wanted {
    /// Entity ids with commas between, 200 at most.
    entity_id: String,
    /// Begin, ISO 8601; a day before the end unless said otherwise.
    from: Option<String>,
    /// End; now unless said otherwise.
    to: Option<String>,
}

/// The history as CSV (RFC 4180): `time, entity_id, attribute, state, min, max, unit`. Where only
/// hours are kept, a row is an hour, its state the mean.
#[utoipa::path(get, path = "/api/homard/history.csv", params(Wanted),
    responses((status = 200, content_type = "text/csv", body = String),
        (status = 400, body = Message), (status = 429, body = Message)))]
pub(in crate::web) async fn export(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Failure> {
    let ids = ids(&wanted.entity_id)?;
    if ids.len() > MOST_ENTITIES {
        return Err(Failure::bad(format!("at most {MOST_ENTITIES} entities at a time")));
    }
    let (from, to) = span(&site, wanted.from.as_deref(), wanted.to.as_deref())?;
    let turn = TURNS.try_acquire().map_err(|_| {
        Failure::new(StatusCode::TOO_MANY_REQUESTS, "other exports are running; try again soon")
    })?;
    let history = opened(&caller).await?;
    let about = ids.into_iter().map(|id| Some((About::of(&caller, &id)?, id)));
    let Some(about) = about.collect::<Option<Vec<_>>>() else { return Err(nothing()) };
    let (pieces, sent) = mpsc::channel::<Bytes>(PIECES);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let mut table = Table { text: String::with_capacity(2 * PIECE), pieces };
        table.text.push_str("time,entity_id,attribute,state,min,max,unit\r\n");
        for (about, id) in &about {
            // An error ends the file: its status has long been sent.
            if table.entity(&history, id, about, from, to).unwrap_or(Gone::Yes) == Gone::Yes {
                return;
            }
        }
        let _ = table.send();
    });
    let body = Body::from_stream(ReceiverStream::new(sent).map(Ok::<_, std::convert::Infallible>));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let name = HeaderValue::from_static("attachment; filename=\"homard-history.csv\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Whether whoever wanted it has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    Yes,
    No,
}

/// The table as it is made.
struct Table {
    text: String,
    pieces: mpsc::Sender<Bytes>,
}

impl Table {
    fn send(&mut self) -> Gone {
        let piece = std::mem::replace(&mut self.text, String::with_capacity(2 * PIECE));
        match self.pieces.blocking_send(piece.into()) {
            Ok(()) => Gone::No,
            Err(_) => Gone::Yes,
        }
    }

    fn entity(
        &mut self,
        history: &History,
        id: &str,
        about: &About,
        from: i64,
        to: i64,
    ) -> Result<Gone, storage::Error> {
        let since = history.view([id])?.samples_since(to).min(to);
        let mut begin = from;
        while begin < since {
            let end = (begin + HOURS_WINDOW * HOUR_MS).min(since);
            let view = history.view([id])?;
            for seen in view.series() {
                self.hours(&view, seen, about, begin, end)?;
            }
            drop(view);
            if self.send() == Gone::Yes {
                return Ok(Gone::Yes);
            }
            begin = end;
        }
        while begin < to {
            let end = (begin + WINDOW_MS).min(to);
            if self.samples(history, id, about, (begin, end), begin == from.max(since))?
                == Gone::Yes
            {
                return Ok(Gone::Yes);
            }
            begin = end;
        }
        Ok(Gone::No)
    }

    fn hours(
        &mut self,
        view: &View<'_>,
        seen: &Seen,
        about: &About,
        from: i64,
        to: i64,
    ) -> Result<(), storage::Error> {
        let n_hours = usize::try_from((to - from) / HOUR_MS).unwrap_or(2).max(2);
        let chart = view.chart(seen, from, to, n_hours)?;
        for (n, bucket) in chart.buckets.iter().enumerate() {
            if let Some(one) = bucket {
                let [min, max, mean] =
                    [one.min, one.max, one.mean].map(rounded).map(|n| n.to_string());
                self.row(chart.from + n as i64 * chart.step, seen, about, &mean, (&min, &max));
            }
        }
        for bar in &chart.bars {
            self.row(bar.at, seen, about, &bar.word, ("", ""));
        }
        Ok(())
    }

    /// A day of samples. What it was at the begin is only told of the first.
    fn samples(
        &mut self,
        history: &History,
        id: &str,
        about: &About,
        (from, to): (i64, i64),
        is_first: bool,
    ) -> Result<Gone, storage::Error> {
        let view = history.view([id])?;
        // One millisecond belongs to one window only.
        let end = to - 1;
        let mut gone = Gone::No;
        for seen in view.series() {
            view.visit(seen, from - i64::from(!is_first), end, |at, value| {
                if at < from || gone == Gone::Yes {
                    return;
                }
                self.row(at, seen, about, &text(&value), ("", ""));
                if self.text.len() >= PIECE {
                    gone = self.send();
                }
            })?;
        }
        Ok(gone)
    }

    fn row(&mut self, at: i64, seen: &Seen, about: &About, state: &str, (min, max): (&str, &str)) {
        let attribute = attribute_of(seen);
        let unit = about.unit_of(attribute).filter(|_| !is_gap(state)).unwrap_or_default();
        let _ = write!(self.text, "{},{},", wire::time_text(timestamp(at)), seen.id);
        let _ = write!(self.text, "{},", attribute.unwrap_or_default());
        field(&mut self.text, state);
        let _ = write!(self.text, ",{min},{max},");
        field(&mut self.text, &unit);
        self.text.push_str("\r\n");
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Word(word) if word.is_empty() => "unavailable".to_owned(),
        value => value.to_string(),
    }
}

/// Writes a field. Texts come from the network: one that a spreadsheet would take for a formula
/// gets an apostrophe before it, as OWASP advises; numbers stay numbers.
fn field(out: &mut String, text: &str) {
    let is_formula = text
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
        && Decimal::parse(text).is_none();
    if !is_formula && !text.contains(['"', ',', '\r', '\n']) {
        out.push_str(text);
        return;
    }
    out.push('"');
    if is_formula {
        out.push('\'');
    }
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_never_becomes_a_formula_and_stays_one_field() {
        for (text, written) in [
            ("on", "on"),
            ("-3.5", "-3.5"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("-cmd|' /C calc'!A0", "\"'-cmd|' /C calc'!A0\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("+1", "\"'+1\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("\t=1", "\"'\t=1\""),
        ] {
            let mut out = String::new();
            field(&mut out, text);
            assert_eq!(out, written, "{text:?}");
        }
    }
}
