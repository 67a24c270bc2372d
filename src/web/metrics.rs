//! How the hub is: `/healthz` for watchdogs, `/metrics` for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Site;
use super::auth::Caller;
use super::failure::{self, Failure};
use crate::board::Board;
use crate::home::person::Matter;
use crate::hub::event::Query;

/// Answered requests by the first digit of their status.
#[derive(Debug, Default)]
pub(super) struct Requests([AtomicU64; 6]);

impl Requests {
    pub(super) fn count(&self, status: StatusCode) {
        if let Some(counter) = self.0.get(usize::from(status.as_u16() / 100)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// That the daemon lives.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// Always `ok`; a daemon that is not well does not answer.
    status: &'static str,
    version: &'static str,
}

/// Says that the daemon lives. Needs no token.
#[utoipa::path(get, path = "/healthz", security(()), responses((status = 200, body = Health)))]
pub(super) async fn healthz() -> Response {
    failure::json(&Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Figures in Prometheus' text format.
#[utoipa::path(get, path = "/metrics",
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn metrics(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    caller.needs(Matter::House)?;
    let hub = caller.hub.ask(Query::Counters).await.map_err(|_| Failure::stopping())?;
    let mut entities: BTreeMap<&str, usize> = BTreeMap::new();
    let mut n_unavailable = 0;
    let (n_devices, n_areas) = caller.hub.read(|home| {
        for entity in home.entities().filter(|entity| entity.is_enabled()) {
            *entities.entry(entity.domain.word()).or_default() += 1;
            n_unavailable += usize::from(!entity.is_available());
        }
        (home.devices().count(), home.areas().count())
    });
    let mut page = Page(String::with_capacity(4096));
    page.head("homard_build_info", "gauge", "The version that runs.");
    page.row("homard_build_info", &format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0);
    page.one("homard_uptime_seconds", "gauge", "Time since the start.", {
        site.started_at.elapsed().as_secs_f64()
    });
    page.head("homard_entities", "gauge", "Enabled entities by domain.");
    for (domain, count) in entities {
        page.row("homard_entities", &format!("{{domain=\"{domain}\"}}"), count as f64);
    }
    page.one("homard_entities_unavailable", "gauge", "Enabled entities that cannot be reached.", {
        n_unavailable as f64
    });
    page.one("homard_devices", "gauge", "Known devices.", n_devices as f64);
    page.one("homard_areas", "gauge", "Known areas.", n_areas as f64);
    for (name, kind, help, number) in [
        ("homard_problems", "gauge", "Kept problems.", hub.n_problems),
        ("homard_problems_dropped_total", "counter", "Problems too many to keep.", {
            hub.n_problems_dropped
        }),
        ("homard_hub_events_total", "counter", "Events the hub took in.", hub.n_events),
        ("homard_hub_changes_total", "counter", "Changes of states they made.", hub.n_changes),
        ("homard_hub_actions_total", "counter", "Actions sent to devices.", hub.n_actions),
        ("homard_hub_waiting", "gauge", "Batches and questions that wait for the hub.", {
            hub.n_waiting
        }),
        ("homard_disk_writes_total", "counter", "Writes to the disk.", hub.n_writes),
        ("homard_disk_written_bytes_total", "counter", "Bytes they cost.", hub.n_bytes_written),
        ("homard_disk_write_failures_total", "counter", "Writes that failed.", hub.n_writes_failed),
    ] {
        page.one(name, kind, help, number as f64);
    }
    page.head("homard_http_requests_total", "counter", "Answered requests by kind of status.");
    for (digit, counter) in site.requests.0.iter().enumerate().skip(1) {
        let count = counter.load(Ordering::Relaxed) as f64;
        page.row("homard_http_requests_total", &format!("{{status=\"{digit}xx\"}}"), count);
    }
    let live = &site.live;
    page.one("homard_event_streams", "gauge", "Open event streams.", live.n_readers() as f64);
    page.one("homard_events_total", "counter", "Events written for event streams.", {
        live.n_events.load(Ordering::Relaxed) as f64
    });
    page.one("homard_events_lost_total", "counter", "Events that slow readers lost.", {
        live.n_lost.load(Ordering::Relaxed) as f64
    });
    if let Some(bytes) = Board::here().resident() {
        page.one("process_resident_memory_bytes", "gauge", "Resident memory.", bytes as f64);
    }
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], page.0).into_response())
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn row(&mut self, name: &str, labels: &str, number: f64) {
        let _ = writeln!(self.0, "{name}{labels} {number}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, number: f64) {
        self.head(name, kind, help);
        self.row(name, "", number);
    }
}
