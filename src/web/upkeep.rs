//! What who runs the house looks after: a restart, models, the log, the connections to other machines, what runs here. What
//! they decide is in `owner`.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tracing::Level;
use utoipa::{IntoParams, ToSchema};

use super::Site;
use super::auth::Caller;
use super::daemon::{About, BrokerState, LogLine, ModelLine, NoPull, Pull};
use super::failure::{self, Failure, Message};
use super::session::aside;
use super::wire::time_text;
use crate::board::IS_FOR_OLD_PROCESSORS;
use crate::home::person::Matter;
use crate::storage::Connection;

/// Lines of the log in one answer.
const MOST_LINES: usize = 1_000;

/// Ends the daemon in good order and starts it again.
#[utoipa::path(post, path = "/api/homard/restart",
    responses((status = 200, body = Message), (status = 403, body = Message)))]
pub(super) async fn restart(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    tracing::info!(person = %caller.name, "The owner wishes a restart.");
    site.daemon.restart();
    Ok(failure::json(&Message { message: "Homard starts again.".to_owned() }))
}

/// A model as it is listed.
#[derive(Debug, Serialize, ToSchema)]
struct ModelObject {
    name: String,
    kind: String,
    about: String,
    license: String,
    size: u64,
    memory_mib: u32,
    needs: Option<String>,
    /// Files that are there and right.
    n_there: usize,
    n_files: usize,
    #[schema(inline)]
    pull: Option<PullObject>,
}

/// How fetching a model goes.
#[derive(Debug, Serialize, ToSchema)]
struct PullObject {
    /// A file or a package.
    what: Option<String>,
    done: Option<u64>,
    total: Option<u64>,
    /// Why it ended without it.
    error: Option<String>,
}

impl From<ModelLine> for ModelObject {
    fn from(model: ModelLine) -> Self {
        let pull = model.pull.map(|pull| match pull {
            Pull::Running { what, done, total } => {
                PullObject { what: Some(what), done: Some(done), total, error: None }
            }
            Pull::Failed(why) => {
                PullObject { what: None, done: None, total: None, error: Some(why) }
            }
        });
        Self {
            name: model.name,
            kind: model.kind,
            about: model.about,
            license: model.license,
            size: model.size,
            memory_mib: model.memory_mib,
            needs: model.needs,
            n_there: model.files.0,
            n_files: model.files.1,
            pull,
        }
    }
}

/// The models that there are, and what of them is here.
#[utoipa::path(get, path = "/api/homard/models",
    responses((status = 200, body = [ModelObject]), (status = 403, body = Message)))]
pub(super) async fn models(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let daemon = Arc::clone(&site.daemon);
    let models = aside(move || daemon.models()).await?;
    Ok(failure::json(&models.into_iter().map(ModelObject::from).collect::<Vec<_>>()))
}

/// Begins to fetch a model; `GET /api/homard/models` says how it goes.
#[utoipa::path(post, path = "/api/homard/models/{name}/pull", params(("name" = String, Path)),
    responses((status = 200, body = Message), (status = 403, body = Message),
        (status = 404, body = Message), (status = 409, body = Message)))]
pub(super) async fn pull_model(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let conflict = |message: &str| Failure::new(StatusCode::CONFLICT, message);
    match site.daemon.pull(&name) {
        Ok(()) => Ok(failure::json(&Message { message: "It is being fetched.".to_owned() })),
        Err(NoPull::Unknown) => Err(Failure::unknown("there is no such model")),
        Err(NoPull::Busy) => Err(conflict("a model is being fetched").with_code("busy")),
        Err(NoPull::NotUsable) => Err(conflict("it cannot be used yet").with_code("not_usable")),
    }
}

/// Which lines of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    /// `error`, `warn`, `info` or `debug`; `info` unless said otherwise.
    level: Option<String>,
    /// 1 to 1000; 200 unless said otherwise.
    limit: Option<usize>,
}

/// A line of the log.
#[derive(Debug, Serialize, ToSchema)]
struct LogObject {
    at: String,
    /// `error`, `warn`, `info` or `debug`.
    level: String,
    module: String,
    text: String,
}

impl From<LogLine> for LogObject {
    fn from(line: LogLine) -> Self {
        let LogLine { at, level, module, text } = line;
        Self { at: time_text(at), level: level.as_str().to_lowercase(), module, text }
    }
}

/// The last lines of the log, the oldest first.
#[utoipa::path(get, path = "/api/homard/log", params(LogQuery),
    responses((status = 200, body = [LogObject]), (status = 400, body = Message),
        (status = 403, body = Message)))]
pub(super) async fn log(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Query(query): Query<LogQuery>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let least = match query.level.as_deref() {
        Some("error") => Level::ERROR,
        Some("warn") => Level::WARN,
        None | Some("info") => Level::INFO,
        Some("debug") => Level::DEBUG,
        Some(_) => return Err(Failure::bad("`level` is `error`, `warn`, `info` or `debug`")),
    };
    let lines = site.daemon.log(least, query.limit.unwrap_or(200).clamp(1, MOST_LINES));
    Ok(failure::json(&lines.into_iter().map(LogObject::from).collect::<Vec<_>>()))
}

/// Connections to one machine for one reason.
#[derive(Debug, Serialize, ToSchema)]
struct ConnectionObject {
    to: String,
    /// `broker`, `broker_trial`, `model`, `language_model` or `update`, among others.
    why: String,
    /// The model's name, or the program's version.
    what: String,
    first_at: String,
    last_at: String,
    count: u64,
}

impl From<Connection> for ConnectionObject {
    fn from(one: Connection) -> Self {
        let Connection { to, why, what, first_at, last_at, count } = one;
        let (first_at, last_at) = (time_text(first_at), time_text(last_at));
        Self { to, why, what, first_at, last_at, count }
    }
}

/// Every connection to another machine that the daemon made, the latest first; 200 at most are kept.
#[utoipa::path(get, path = "/api/homard/connections",
    responses((status = 200, body = [ConnectionObject]), (status = 403, body = Message)))]
pub(super) async fn connections(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let made = site.daemon.connections().into_iter().rev().map(ConnectionObject::from);
    Ok(failure::json(&made.collect::<Vec<_>>()))
}

/// What runs here.
#[derive(Debug, Serialize, ToSchema)]
struct AboutObject {
    version: &'static str,
    started_at: String,
    data_dir: String,
    data_bytes: u64,
    disk_free: Option<u64>,
    disk_size: Option<u64>,
    /// Bytes of memory that the house has taken.
    memory_taken: Option<u64>,
    /// Bytes of memory that models may take together.
    memory_for_models: Option<u64>,
    /// Bytes of memory that there are: the board's, or the limit of the service.
    memory_size: Option<u64>,
    listen: String,
    #[schema(inline)]
    certificate: Option<CertificateObject>,
    broker: String,
    /// `null` where nothing was heard of it yet.
    broker_connected: Option<bool>,
    broker_since: Option<String>,
    broker_problem: Option<String>,
    has_speech: bool,
    /// The program is the one for x86-64 processors without AVX2, in which speech and the language model are slow.
    is_for_old_processors: bool,
    is_demo: bool,
}

/// The certificate of the panel.
#[derive(Debug, Serialize, ToSchema)]
struct CertificateObject {
    /// Homard made it.
    is_own: bool,
    fingerprint: String,
    until: Option<String>,
}

impl From<About> for AboutObject {
    fn from(about: About) -> Self {
        let (connected, since, problem) = match about.broker_state {
            BrokerState::Unknown => (None, None, None),
            BrokerState::Connected(since) => (Some(true), Some(since), None),
            BrokerState::Lost(since, why) => (Some(false), Some(since), Some(why)),
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            started_at: time_text(about.started_at),
            data_dir: about.data_dir.display().to_string(),
            data_bytes: about.data_bytes,
            disk_free: about.disk.map(|(free, _)| free),
            disk_size: about.disk.map(|(_, size)| size),
            memory_taken: about.memory.map(|(taken, ..)| taken),
            memory_for_models: about.memory.map(|(_, models, _)| models),
            memory_size: about.memory.map(|(.., size)| size),
            listen: about.listen,
            certificate: about.certificate.map(|certificate| CertificateObject {
                is_own: certificate.is_own,
                fingerprint: certificate.fingerprint,
                until: certificate.until.map(time_text),
            }),
            broker: about.broker,
            broker_connected: connected,
            broker_since: since.map(time_text),
            broker_problem: problem,
            has_speech: about.has_speech,
            is_for_old_processors: IS_FOR_OLD_PROCESSORS,
            is_demo: about.is_demo,
        }
    }
}

/// What runs here: version, disk, broker, certificate.
#[utoipa::path(get, path = "/api/homard/system",
    responses((status = 200, body = AboutObject), (status = 403, body = Message)))]
pub(super) async fn system(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let daemon = Arc::clone(&site.daemon);
    Ok(failure::json(&AboutObject::from(aside(move || daemon.about()).await?)))
}
