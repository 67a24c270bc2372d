//! `/api/homard/settings`, and a broker tried out before it is used: what who runs the house decides in the panel. Passwords
//! only ever go in. The rest of the owner's pages is in `upkeep`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::auth::Caller;
use super::daemon::Held;
use super::failure::{self, Failure, Json, Message};
use super::session::aside;
use crate::config::{
    self, Mistake, Outside, Owner, OwnerBroker, Position, Secret, Setting, UnitSystem, User, WebTls,
};
use crate::home::person::Matter;

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

impl From<Position> for PositionObject {
    fn from(Position { latitude, longitude, elevation }: Position) -> Self {
        Self { latitude, longitude, elevation }
    }
}

impl From<PositionObject> for Position {
    fn from(PositionObject { latitude, longitude, elevation }: PositionObject) -> Self {
        Self { latitude, longitude, elevation }
    }
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
        let zone = home.zone_name().to_owned();
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
                value: home.position.map(PositionObject::from),
                by: by(Setting::Position, owner.position.is_some()),
            },
            time_zone: Decided { value: zone_value, by: zone_by },
            unit_system: Decided {
                value: home.unit_system.word().to_owned(),
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

pub(super) fn mistake(mistake: &Mistake) -> Failure {
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
        return Err(Failure::in_file());
    }
    let units = |word: String| {
        let wrong = || Failure::bad("`unit_system` must be `metric` or `us_customary`");
        UnitSystem::of(&word).ok_or_else(wrong)
    };
    let unit_system = wish.unit_system.map(units).transpose()?;
    let broker = wish.broker.map(|wish| wish.broker(owner.broker.as_ref())).transpose()?;
    let position = wish.position.map(Position::from);
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
        #[cfg(feature = "model")]
        talk: owner.talk,
        #[cfg(feature = "model")]
        outside: owner.outside,
        #[cfg(feature = "telegram")]
        telegram: owner.telegram,
    };
    let decided = decided.checked().map_err(|wrong| mistake(&wrong))?;
    let daemon = Arc::clone(&site.daemon);
    let done = aside(move || {
        daemon.decide(decided).map(|held| (SettingsObject::of(&held, daemon.languages()), held))
    });
    let (shown, held) = done.await?.map_err(Failure::not_written)?;
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
