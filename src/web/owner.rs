//! `/api/homard/settings` and what stands beside it on the owner's pages: the broker tried out, a restart, models, the log,
//! the connections, what runs here. All of it is for who runs the house. Passwords only ever go in.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tracing::Level;
use utoipa::{IntoParams, ToSchema};

use super::Site;
use super::auth::Caller;
use super::daemon::{About, BrokerState, Held, LogLine, ModelLine, NoPull, Pull};
use super::failure::{self, Failure, Json, Message};
use super::wire::time_text;
use crate::config::{
    self, Mistake, Outside, Owner, OwnerBroker, Position, Secret, Setting, UnitSystem, User, WebTls,
};
use crate::home::person::Matter;
use crate::storage::Connection;

/// Lines of the log in one answer.
const MOST_LINES: usize = 1_000;

/// A decision: what holds after the next start, and who decided it.
#[derive(Debug, Serialize, ToSchema)]
struct Decided<T> {
    value: T,
    /// `file` (it stands in `homard.toml`, and is not the panel's), `panel` or `default`.
    by: &'static str,
}

/// All that the owner may decide in the panel.
#[derive(Debug, Serialize, ToSchema)]
struct SettingsObject {
    name: Decided<String>,
    language: Decided<String>,
    languages: Decided<Vec<String>>,
    /// `null` where nobody said.
    position: Decided<Option<PositionObject>>,
    /// Empty is the system's.
    time_zone: Decided<String>,
    /// `metric` or `us_customary`.
    unit_system: Decided<String>,
    /// The panel can be reached from the network.
    open: Decided<bool>,
    /// `off`, `self-signed` or `files`.
    tls: Decided<String>,
    broker: Decided<BrokerObject>,
    /// Codes of languages for which there are sentences on this machine.
    languages_there: Vec<String>,
    /// The system's own time zone, or the one that holds.
    zone_in_use: String,
    /// Something takes effect only after a restart.
    needs_restart: bool,
}

/// A place on Earth.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PositionObject {
    latitude: f64,
    longitude: f64,
    /// Meters.
    #[serde(default)]
    elevation: f64,
}

/// The broker, without its secrets.
#[derive(Debug, Default, Serialize, ToSchema)]
struct BrokerObject {
    /// `embedded` (this machine only), `network` (Homard's own, for devices in the network) or `outside`.
    kind: &'static str,
    host: Option<String>,
    port: Option<u16>,
    tls: bool,
    user: Option<String>,
    has_password: bool,
    /// An authority of the owner's is trusted.
    has_authority: bool,
}

/// What the owner wishes to be otherwise. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsWish {
    name: Option<String>,
    language: Option<String>,
    languages: Option<Vec<String>>,
    #[schema(inline)]
    position: Option<PositionObject>,
    time_zone: Option<String>,
    unit_system: Option<String>,
    open: Option<bool>,
    /// With a certificate of Homard's own making.
    tls: Option<bool>,
    #[schema(inline)]
    broker: Option<BrokerWish>,
}

/// A broker as it is wished.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BrokerWish {
    /// `embedded`, `network` or `outside`.
    kind: String,
    host: Option<String>,
    /// 1883, or 8883 with TLS, unless said otherwise.
    port: Option<u16>,
    #[serde(default)]
    tls: bool,
    user: Option<String>,
    /// Left out, the one that is kept for the same host and user stays.
    password: Option<String>,
    /// Authorities to trust in place of the system's, as PEM. Left out, those that are kept for the same host stay.
    authority: Option<String>,
}

impl SettingsObject {
    fn of(held: &Held, languages_there: Vec<String>) -> Self {
        let Held { owner, config, needs_restart, .. } = held;
        let by = |setting, is_chosen: bool| match (config.written.has(setting), is_chosen) {
            (true, _) => "file",
            (false, true) => "panel",
            (false, false) => "default",
        };
        let home = &config.home;
        let zone = home.time_zone.iana_name().unwrap_or("UTC").to_owned();
        let zone_by = by(Setting::TimeZone, owner.time_zone.is_some());
        let zone_value = match zone_by {
            "file" => zone.clone(),
            _ => owner.time_zone.clone().unwrap_or_default(),
        };
        Self {
            name: Decided { value: home.name.clone(), by: by(Setting::Name, owner.name.is_some()) },
            language: Decided {
                value: home.language.clone(),
                by: by(Setting::Language, owner.language.is_some()),
            },
            languages: Decided {
                value: home.languages.clone(),
                by: by(Setting::Languages, owner.languages.is_some()),
            },
            position: Decided {
                value: home.position.map(|Position { latitude, longitude, elevation }| {
                    PositionObject { latitude, longitude, elevation }
                }),
                by: by(Setting::Position, owner.position.is_some()),
            },
            time_zone: Decided { value: zone_value, by: zone_by },
            unit_system: Decided {
                value: match home.unit_system {
                    UnitSystem::Metric => "metric".to_owned(),
                    UnitSystem::UsCustomary => "us_customary".to_owned(),
                },
                by: by(Setting::UnitSystem, owner.unit_system.is_some()),
            },
            open: Decided {
                value: !config.http.listen.ip().is_loopback(),
                by: by(Setting::Open, owner.is_open.is_some()),
            },
            tls: Decided {
                value: match config.http.tls {
                    None => "off".to_owned(),
                    Some(WebTls::SelfSigned) => "self-signed".to_owned(),
                    Some(WebTls::Files { .. }) => "files".to_owned(),
                },
                by: by(Setting::Tls, owner.has_tls.is_some()),
            },
            broker: Decided {
                value: BrokerObject::of(&config.mqtt.broker),
                by: by(Setting::Broker, owner.broker.is_some()),
            },
            languages_there,
            zone_in_use: zone,
            needs_restart: *needs_restart,
        }
    }
}

impl BrokerObject {
    fn of(broker: &config::Broker) -> Self {
        match broker {
            config::Broker::Embedded { listen, users, .. } => Self {
                kind: if listen.ip().is_loopback() { "embedded" } else { "network" },
                port: Some(listen.port()),
                user: users.first().map(|user| user.name.clone()),
                has_password: !users.is_empty(),
                ..Self::default()
            },
            config::Broker::Outside(outside) => Self {
                kind: "outside",
                host: Some(outside.host.clone()),
                port: Some(outside.port),
                tls: outside.tls.is_some(),
                user: outside.user.clone(),
                has_password: outside.password.is_some(),
                has_authority: outside.tls.as_ref().is_some_and(|tls| tls.authorities.is_some()),
            },
        }
    }
}

impl BrokerWish {
    /// The broker that is meant. A password that is left out is only taken from the same broker and user: it must not go
    /// to another machine because somebody changed an address.
    fn broker(self, kept: Option<&OwnerBroker>) -> Result<OwnerBroker, Failure> {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        match self.kind.as_str() {
            "embedded" => Ok(OwnerBroker::Embedded(None)),
            "network" => {
                let name = filled(self.user).ok_or_else(|| mistake(&Mistake::Credentials))?;
                let kept = match kept {
                    Some(OwnerBroker::Embedded(Some(user))) if user.name == name => {
                        Some(user.password.clone())
                    }
                    _ => None,
                };
                let password = filled(self.password).map(Secret::new).or(kept);
                let password = password.ok_or_else(|| mistake(&Mistake::Credentials))?;
                Ok(OwnerBroker::Embedded(Some(User { name, password })))
            }
            "outside" => {
                let host = self.host.unwrap_or_default().trim().trim_matches(['[', ']']).to_owned();
                let port = self.port.unwrap_or(if self.tls { 8883 } else { 1883 });
                let user = filled(self.user);
                let before = match kept {
                    Some(OwnerBroker::Outside(kept)) if kept.host == host && kept.port == port => {
                        Some(kept)
                    }
                    _ => None,
                };
                let of_before = before
                    // Nor in the clear what was given for a line that nobody else can read.
                    .filter(|kept| kept.user == user && (self.tls || kept.tls.is_none()))
                    .and_then(|kept| kept.password.clone());
                let password = filled(self.password).map(Secret::new);
                let password = password.or(of_before).filter(|_| user.is_some());
                let tls = self.tls.then(|| config::Tls {
                    authorities: match self.authority {
                        Some(pem) => filled(Some(pem)).map(String::into_bytes),
                        None => before
                            .and_then(|kept| kept.tls.as_ref())
                            .and_then(|tls| tls.authorities.clone()),
                    },
                });
                Ok(OwnerBroker::Outside(Outside { host, port, tls, user, password }))
            }
            _ => Err(Failure::bad("`kind` must be `embedded`, `network` or `outside`")),
        }
    }
}

fn mistake(mistake: &Mistake) -> Failure {
    Failure::bad(mistake.to_string()).with_code(mistake.code())
}

/// What the owner decides in the panel, and what stands in `homard.toml`.
#[utoipa::path(get, path = "/api/homard/settings",
    responses((status = 200, body = SettingsObject), (status = 403, body = Message)))]
pub(super) async fn settings(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let daemon = Arc::clone(&site.daemon);
    let found = aside(move || SettingsObject::of(&daemon.held(), daemon.languages())).await?;
    Ok(failure::json(&found))
}

/// Decides something. What stands in `homard.toml` is not the panel's and is refused.
#[utoipa::path(patch, path = "/api/homard/settings", request_body = SettingsWish,
    responses((status = 200, body = SettingsObject), (status = 400, body = Message),
        (status = 403, body = Message), (status = 409, body = Message)))]
pub(super) async fn change_settings(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Json(wish): Json<SettingsWish>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let _one = site.deciding.lock().await;
    let Held { owner, config, .. } = site.daemon.held();
    let asked = [
        (Setting::Name, wish.name.is_some()),
        (Setting::Language, wish.language.is_some()),
        (Setting::Languages, wish.languages.is_some()),
        (Setting::Position, wish.position.is_some()),
        (Setting::TimeZone, wish.time_zone.is_some()),
        (Setting::UnitSystem, wish.unit_system.is_some()),
        (Setting::Open, wish.open.is_some()),
        (Setting::Tls, wish.tls.is_some()),
        (Setting::Broker, wish.broker.is_some()),
    ];
    if asked.iter().any(|(setting, is_asked)| *is_asked && config.written.has(*setting)) {
        let message = "this is set in `homard.toml`, which wins";
        return Err(Failure::new(StatusCode::CONFLICT, message).with_code("in_file"));
    }
    let unit_system = match wish.unit_system.as_deref() {
        None => None,
        Some("metric") => Some(UnitSystem::Metric),
        Some("us_customary") => Some(UnitSystem::UsCustomary),
        Some(_) => return Err(Failure::bad("`unit_system` must be `metric` or `us_customary`")),
    };
    let broker = wish.broker.map(|wish| wish.broker(owner.broker.as_ref())).transpose()?;
    let position = wish.position.map(|PositionObject { latitude, longitude, elevation }| {
        Position { latitude, longitude, elevation }
    });
    let decided = Owner {
        name: wish.name.or(owner.name),
        language: wish.language.or(owner.language),
        languages: wish.languages.or(owner.languages),
        position: position.or(owner.position),
        time_zone: wish.time_zone.or(owner.time_zone),
        unit_system: unit_system.or(owner.unit_system),
        is_open: wish.open.or(owner.is_open),
        has_tls: wish.tls.or(owner.has_tls),
        broker: broker.or(owner.broker),
    };
    let decided = decided.checked().map_err(|wrong| mistake(&wrong))?;
    let daemon = Arc::clone(&site.daemon);
    let done = aside(move || {
        daemon.decide(decided).map(|held| (SettingsObject::of(&held, daemon.languages()), held))
    });
    let (shown, held) = done.await?.map_err(|why| {
        let message = format!("it could not be written to the disk and was not changed: {why}");
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    })?;
    site.show(held.settings);
    tracing::info!(person = %caller.name, "The owner changed settings.");
    Ok(failure::json(&shown))
}

/// A broker that was tried.
#[derive(Debug, Serialize, ToSchema)]
struct TriedObject {
    works: bool,
    /// The version of MQTT that it speaks.
    version: Option<String>,
    /// Why not, as a word: `nobody`, `no_host`, `silent`, `credentials`, `certificate`, `no_tls`, `no_mqtt`, `other`.
    code: Option<&'static str>,
    /// Why not.
    message: Option<String>,
}

/// Tries whether a broker can be used, before it is. Only connects and says goodbye.
#[utoipa::path(post, path = "/api/homard/broker/try", request_body = BrokerWish,
    responses((status = 200, body = TriedObject), (status = 400, body = Message),
        (status = 403, body = Message)))]
pub(super) async fn try_broker(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Json(wish): Json<BrokerWish>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let broker = wish.broker(site.daemon.held().owner.broker.as_ref())?;
    let OwnerBroker::Outside(outside) = broker else {
        return Err(Failure::bad("only a broker that runs already can be tried"));
    };
    outside.checked().map_err(|wrong| mistake(&wrong))?;
    // One after the other: this is no tool to look for brokers with.
    let _one = site.trying.try_lock().map_err(|_| {
        Failure::new(StatusCode::TOO_MANY_REQUESTS, "a broker is being tried; wait for it")
    })?;
    Ok(failure::json(&match site.daemon.try_broker(outside).await {
        Ok(version) => {
            TriedObject { works: true, version: Some(version), code: None, message: None }
        }
        Err(why) => TriedObject {
            works: false,
            version: None,
            code: Some(why.code),
            message: Some(why.text),
        },
    }))
}

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
    /// `broker`, `broker_trial` or `model`.
    why: String,
    /// The model's name.
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
    listen: String,
    #[schema(inline)]
    certificate: Option<CertificateObject>,
    broker: String,
    /// `null` where nothing was heard of it yet.
    broker_connected: Option<bool>,
    broker_since: Option<String>,
    broker_problem: Option<String>,
    has_speech: bool,
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

/// Does what waits for the disk.
async fn aside<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(run).await.map_err(|_| Failure::stopping())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(json: serde_json::Value) -> BrokerWish {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_password_that_is_kept_goes_to_no_other_machine() {
        let kept = OwnerBroker::Outside(Outside {
            host: "hub".into(),
            port: 8883,
            tls: Some(config::Tls { authorities: Some(b"pem".to_vec()) }),
            user: Some("ann".into()),
            password: Some(Secret::new("secret")),
        });
        for (json, password, authority) in [
            (r#"{"kind":"outside","host":"hub","tls":true,"user":"ann"}"#, Some("secret"), true),
            (
                r#"{"kind":"outside","host":"hub","tls":true,"user":"ann","password":"new"}"#,
                Some("new"),
                true,
            ),
            (
                r#"{"kind":"outside","host":"hub","tls":true,"user":"ann","authority":""}"#,
                Some("secret"),
                false,
            ),
            (r#"{"kind":"outside","host":"hub","tls":true,"user":"bob"}"#, None, true),
            (r#"{"kind":"outside","host":"evil","tls":true,"user":"ann"}"#, None, false),
            (r#"{"kind":"outside","host":"hub","port":1,"tls":true,"user":"ann"}"#, None, false),
            // In the clear.
            (r#"{"kind":"outside","host":"hub","port":8883,"user":"ann"}"#, None, false),
            (r#"{"kind":"outside","host":"hub","tls":true}"#, None, true),
        ] {
            let broker = wish(serde_json::from_str(json).unwrap()).broker(Some(&kept));
            let Ok(OwnerBroker::Outside(outside)) = broker else { panic!("{json}") };
            assert_eq!(outside.password.as_ref().map(Secret::expose), password, "{json}");
            let has = outside.tls.is_some_and(|tls| tls.authorities.is_some());
            assert_eq!(has, authority, "{json}");
        }
        let network = r#"{"kind":"network","user":"ann"}"#;
        assert!(wish(serde_json::from_str(network).unwrap()).broker(Some(&kept)).is_err());
        assert!(wish(serde_json::json!({"kind": "other"})).broker(None).is_err());
    }
}
