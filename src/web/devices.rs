//! Devices as the owner administers them: what each announced of itself, its name and room.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::failure::{self, Failure, Json, Message};
use super::registry::{given_area, given_name, said};
use crate::home::DeviceEdit;
use crate::home::device::Device;
use crate::home::id::DeviceId;
use crate::home::person::Matter;
use crate::hub::event::Query;

/// A device.
#[derive(Debug, Serialize, ToSchema)]
struct WholeDevice {
    device_id: String,
    /// As it is shown.
    name: Option<String>,
    /// What its producer calls it.
    announced_name: Option<String>,
    /// The name the owner gave it.
    given_name: Option<String>,
    /// The id of its room.
    area_id: Option<String>,
    /// Where its producer thinks it stands.
    suggested_area: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
    model_id: Option<String>,
    hw_version: Option<String>,
    sw_version: Option<String>,
    serial_number: Option<String>,
    /// The device through which it speaks.
    via_device: Option<String>,
    /// A page for its settings.
    configuration_url: Option<String>,
    identifiers: Vec<String>,
    /// Kind and value, for example `mac 00:11:22:33:44:55`.
    connections: Vec<String>,
}

impl From<&Device> for WholeDevice {
    fn from(device: &Device) -> Self {
        let facts = &device.facts;
        let owned = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let connections = facts.connections.iter().map(|(kind, value)| format!("{kind} {value}"));
        Self {
            device_id: device.id.to_string(),
            name: device.name().map(str::to_owned),
            announced_name: owned(&facts.name),
            given_name: device.given_name.clone(),
            area_id: device.area.as_ref().map(ToString::to_string),
            suggested_area: owned(&facts.suggested_area),
            manufacturer: owned(&facts.manufacturer),
            model: owned(&facts.model),
            model_id: owned(&facts.model_id),
            hw_version: owned(&facts.hw_version),
            sw_version: owned(&facts.sw_version),
            serial_number: owned(&facts.serial_number),
            via_device: owned(&facts.via_device),
            configuration_url: owned(&facts.configuration_url),
            identifiers: facts.identifiers.iter().map(ToString::to_string).collect(),
            connections: connections.collect(),
        }
    }
}

/// All devices.
#[utoipa::path(get, path = "/api/homard/devices",
    responses((status = 200, body = [WholeDevice])))]
pub(super) async fn list(caller: Caller) -> Response {
    let list: Vec<WholeDevice> =
        caller.hub.read(|home| home.devices().map(WholeDevice::from).collect());
    failure::json(&list)
}

/// What the owner changes about a device. What is left out stays; `null` takes back what the owner
/// decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DevicePatch {
    /// The name shown and spoken; its entities are called after it.
    #[serde(default, deserialize_with = "said")]
    name: Option<Option<String>>,
    /// An area's id, name or alias.
    #[serde(default, deserialize_with = "said")]
    area: Option<Option<String>>,
}

/// Changes what the owner decides about a device. Answered when it is on the disk.
#[utoipa::path(patch, path = "/api/homard/devices/{device_id}",
    params(("device_id" = String, Path)), request_body = DevicePatch,
    responses((status = 200, body = WholeDevice), (status = 400, body = Message),
        (status = 404, body = Message)))]
pub(super) async fn edit(
    caller: Caller,
    Path(id): Path<String>,
    Json(patch): Json<DevicePatch>,
) -> Result<Response, Failure> {
    caller.needs(Matter::House)?;
    let edit = DeviceEdit { name: given_name(patch.name)?, area: given_area(&caller, patch.area)? };
    let ask = |reply| Query::EditDevice(DeviceId::new(&id), edit, reply);
    caller.hub.ask(ask).await.map_err(|_| Failure::stopping())??;
    let object = caller.hub.read(|home| home.device(&id).map(WholeDevice::from));
    match object {
        Some(object) => Ok(failure::json(&object)),
        None => Err(Failure::unknown(format!("`{id}` was removed meanwhile"))),
    }
}
