//! Commands and their answers, in Home Assistant's words.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::registry;
use crate::home::entity::Entity;
use crate::home::person::{Matter, Means, Role};
use crate::web::auth::Caller;
use crate::web::failure::Failure;
use crate::web::{Site, conversation, dialect, services, states, wire};

/// A command: its number, what it is, and the rest of the message.
pub(super) struct Command {
    pub(super) id: u64,
    pub(super) kind: String,
    pub(super) body: Json,
}

/// Why a command was not done, with one of Home Assistant's codes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The message is not as it should be.
    pub(super) fn format(message: impl Into<String>) -> Self {
        Self::new("invalid_format", message)
    }

    pub(super) fn not_supported(message: impl Into<String>) -> Self {
        Self::new("not_supported", message)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let code = match failure.status().as_u16() {
            400 => "invalid_format",
            401 | 403 => "unauthorized",
            404 => "not_found",
            503 => "home_assistant_error",
            _ => "unknown_error",
        };
        Self::new(code, failure.message())
    }
}

/// The answer to a command that was done; `result` is JSON.
pub(super) fn done(id: u64, result: &str) -> String {
    format!("{{\"id\":{id},\"type\":\"result\",\"success\":true,\"result\":{result}}}")
}

/// The answer to one that was not.
pub(super) fn refused(id: u64, refusal: &Refusal) -> String {
    let Refusal { code, message } = refusal;
    let error = json!({ "code": code, "message": message });
    json!({ "id": id, "type": "result", "success": false, "error": error }).to_string()
}

/// An answer as JSON.
type Answer = Result<Box<RawValue>, Refusal>;

/// Writes an answer.
pub(super) fn written(value: &impl Serialize) -> Answer {
    serde_json::value::to_raw_value(value)
        .map_err(|error| Refusal::new("unknown_error", error.to_string()))
}

impl Command {
    /// Reads a message; ids must rise.
    ///
    /// # Errors
    /// The message's id as far as it has one, and what is wrong.
    pub(super) fn read(said: Json, last_id: u64) -> Result<Self, (u64, Refusal)> {
        let id = said["id"].as_u64().filter(|id| *id > 0);
        let (Some(id), Some(kind)) = (id, said["type"].as_str()) else {
            let what = "Message incorrectly formatted: it needs an `id` above 0 and a `type`.";
            return Err((id.unwrap_or_default(), Refusal::format(what)));
        };
        if id <= last_id {
            return Err((id, Refusal::new("id_reuse", "Identifier values have to increase.")));
        }
        Ok(Self { id, kind: kind.to_owned(), body: said })
    }

    /// The fields of the message, besides its id and type.
    pub(super) fn fields<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let mut body = self.body.clone();
        if let Json::Object(body) = &mut body {
            body.remove("id");
            body.remove("type");
        }
        serde_json::from_value(body).map_err(|error| Refusal::format(error.to_string()))
    }

    /// Does it; the whole message that answers it.
    pub(super) async fn answer(self, site: &Site, caller: &Caller) -> String {
        match self.result(site, caller).await {
            Ok(result) => done(self.id, result.get()),
            Err(refusal) => refused(self.id, &refusal),
        }
    }

    async fn result(&self, site: &Site, caller: &Caller) -> Answer {
        match &*self.kind {
            "get_states" => raw(states::written(caller).await),
            "get_config" => written(&states::config_of(&site.settings(), caller)),
            "get_services" => {
                let known = services::known().into_iter();
                let by_domain: std::collections::BTreeMap<_, _> =
                    known.map(|domain| (domain.domain, domain.services)).collect();
                written(&by_domain)
            }
            "call_service" => self.call_service(site, caller).await,
            "fire_event" => self.fire_event(site, caller).await,
            "conversation/process" => {
                let said = self.fields()?;
                written(&conversation::hear(caller, said, Means::Written).await?)
            }
            "auth/current_user" => {
                let is_admin = caller.rights.role == Role::Admin;
                written(&json!({
                    "id": caller.name, "name": caller.name, "is_owner": false, "is_admin": is_admin,
                    "credentials": [], "mfa_modules": [],
                }))
            }
            "system_health/info" => {
                caller.needs(Matter::House)?;
                written(&health(site, caller))
            }
            // Homard has none of these; an empty list says so in the client's words.
            "config_entries/get"
            | "config/label_registry/list"
            | "config/category_registry/list"
            | "repairs/list_issues" => written(&[(); 0]),
            kind if kind.starts_with("config/") => registry::answer(self, caller).await,
            _ => Err(Refusal::new("unknown_command", "Unknown command.")),
        }
    }

    async fn call_service(&self, site: &Site, caller: &Caller) -> Answer {
        #[derive(Deserialize)]
        struct Call {
            domain: String,
            service: String,
            #[serde(default)]
            service_data: Option<services::Body>,
            #[serde(default)]
            target: Option<services::Body>,
            #[serde(default)]
            return_response: Option<bool>,
        }
        let call: Call = self.fields()?;
        let (domain, service) = (&call.domain, &call.service);
        if !services::is_known(caller, domain, service) {
            let what = format!("Service {domain}.{service} not found.");
            return Err(Refusal::new("not_found", what));
        }
        if call.return_response == Some(true) {
            let failure = services::no_response(domain, service);
            return Err(Refusal::new("service_validation_error", failure.message()));
        }
        let mut body = call.service_data.unwrap_or_default();
        if let Some(target) = call.target.filter(|target| !target.is_empty()) {
            body.insert("target".to_owned(), Json::Object(target));
        }
        services::perform(caller, domain, service, body).await?;
        written(&json!({ "context": context(site, service), "response": null }))
    }

    async fn fire_event(&self, site: &Site, caller: &Caller) -> Answer {
        #[derive(Deserialize)]
        struct Fire {
            event_type: String,
            #[serde(default)]
            event_data: Json,
        }
        let fire: Fire = self.fields()?;
        let at = dialect::fire_event(site, caller, &fire.event_type, fire.event_data).await?;
        let mut out = Vec::new();
        wire::context(&mut out, &fire.event_type, at);
        let context: Json = serde_json::from_slice(&out).unwrap_or_default();
        written(&json!({ "context": context }))
    }
}

/// A context of something that happens now.
fn context(site: &Site, about: &str) -> Json {
    let mut out = Vec::new();
    wire::context(&mut out, about, site.clock.now());
    serde_json::from_slice(&out).unwrap_or_default()
}

/// JSON that was written by hand.
fn raw(written: Vec<u8>) -> Answer {
    let text = String::from_utf8(written).unwrap_or_default();
    RawValue::from_string(text).map_err(|error| Refusal::new("unknown_error", error.to_string()))
}

/// How the house is, by part, as `system_health` shows it.
fn health(site: &Site, caller: &Caller) -> Json {
    let (n_entities, n_devices, is_connected) = caller.hub.read(|home| {
        let is_connected = home.entities().any(|entity: &Entity| entity.port_is_up);
        (home.entities().count(), home.devices().count(), is_connected)
    });
    json!({
        "homeassistant": {
            "version": env!("CARGO_PKG_VERSION"),
            "installation_type": "Homard",
            "timezone": site.settings().time_zone,
            "os_name": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
        },
        "mqtt": { "connected": is_connected, "entities": n_entities, "devices": n_devices },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_need_a_rising_id_and_a_type() {
        for (said, last_id, code) in [
            (json!({"id": 1, "type": "ping"}), 0, None),
            (json!({"id": 9, "type": "ping"}), 3, None),
            (json!({"id": 3, "type": "ping"}), 3, Some((3, "id_reuse"))),
            (json!({"id": 2, "type": "ping"}), 3, Some((2, "id_reuse"))),
            (json!({"id": 0, "type": "ping"}), 0, Some((0, "invalid_format"))),
            (json!({"id": -1, "type": "ping"}), 0, Some((0, "invalid_format"))),
            (json!({"id": "1", "type": "ping"}), 0, Some((0, "invalid_format"))),
            (json!({"id": 1}), 0, Some((1, "invalid_format"))),
            (json!({"id": 1, "type": 7}), 0, Some((1, "invalid_format"))),
            (json!("ping"), 0, Some((0, "invalid_format"))),
            (json!(null), 0, Some((0, "invalid_format"))),
        ] {
            let shown = said.to_string();
            let read = Command::read(said, last_id).err();
            assert_eq!(read.map(|(id, refusal)| (id, refusal.code)), code, "{shown}");
        }
    }

    #[test]
    fn answers_are_json() {
        let told: Json = serde_json::from_str(&done(3, "[1]")).unwrap();
        assert_eq!(told, json!({"id": 3, "type": "result", "success": true, "result": [1]}));
        let told = refused(3, &Refusal::format("no \"x\""));
        let told: Json = serde_json::from_str(&told).unwrap();
        assert_eq!(told["error"], json!({"code": "invalid_format", "message": "no \"x\""}));
    }
}
