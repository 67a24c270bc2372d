//! A physical thing that announces entities.

use std::sync::Arc;

use super::id::{AreaId, DeviceId};

/// What a device says of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DeviceFacts {
    /// All identifiers, in the order announced.
    pub identifiers: Vec<Arc<str>>,
    /// (kind, value), for example (`mac`, `00:11:…`).
    pub connections: Vec<(Arc<str>, Arc<str>)>,
    /// The name its producer gave it.
    pub name: Option<Arc<str>>,
    /// Who made it.
    pub manufacturer: Option<Arc<str>>,
    /// Model in words.
    pub model: Option<Arc<str>>,
    /// Model number.
    pub model_id: Option<Arc<str>>,
    /// Hardware version.
    pub hw_version: Option<Arc<str>>,
    /// Software version.
    pub sw_version: Option<Arc<str>>,
    /// Serial number.
    pub serial_number: Option<Arc<str>>,
    /// Identifier of the device (a bridge) through which it speaks.
    pub via_device: Option<Arc<str>>,
    /// Where its producer thinks it stands.
    pub suggested_area: Option<Arc<str>>,
    /// A page for its settings.
    pub configuration_url: Option<Arc<str>>,
}

/// A device of the home.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// What it says of itself.
    pub facts: DeviceFacts,
    /// The name the owner gave it, before the producer's.
    pub given_name: Option<String>,
    /// Where it stands: given by the owner, else from its suggestion when it first appeared.
    pub area: Option<AreaId>,
}

impl Device {
    /// The name to show.
    pub fn name(&self) -> Option<&str> {
        self.given_name.as_deref().or(self.facts.name.as_deref())
    }
}
