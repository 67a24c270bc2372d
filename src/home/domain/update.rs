//! Software of a device that can be renewed.

use std::borrow::Cow;
use std::sync::Arc;

use super::Context;
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// What can be done about a device's software.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// It can be told to install.
    pub can_install: bool,
    /// It tells how far an installation is.
    pub has_progress: bool,
    /// Decimals of the progress.
    pub display_precision: u32,
}

/// What is installed and what there is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The versions and texts.
    pub facts: Box<Facts>,
    /// An installation is under way.
    pub in_progress: bool,
    /// How far, in percent.
    pub percentage: Option<f64>,
}

/// Versions and texts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// The version on the device.
    pub installed_version: Option<Arc<str>>,
    /// The newest version that there is.
    pub latest_version: Option<Arc<str>>,
    /// The software's name.
    pub title: Option<Arc<str>>,
    /// What is new, in short.
    pub release_summary: Option<Arc<str>>,
    /// What is new, at length.
    pub release_url: Option<Arc<str>>,
    /// A picture, when the device told one.
    pub entity_picture: Option<Arc<str>>,
}

/// What one can wish.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Install the newest version.
    Install,
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[Service { name: "install", fields: &["version", "backup"] }];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    if service != "install" {
        return Err(Invalid::NoSuchService);
    }
    if fields.text("version")?.is_some() {
        return Err(Invalid::Field {
            name: "version",
            expected: "absent: over MQTT only the newest version can be installed",
        });
    }
    if fields.flag("backup")? == Some(true) {
        return Err(Invalid::Field {
            name: "backup",
            expected: "absent or false: devices on MQTT make no backup",
        });
    }
    fields.finish()?;
    Ok(Action::Install)
}

impl Caps {
    /// Home Assistant's `supported_features`: 1 install, 4 progress.
    pub fn features(&self) -> Option<u32> {
        Some(u32::from(self.can_install) | (u32::from(self.has_progress) << 2))
    }

    /// Puts what is shown even while the entity is unavailable.
    pub fn attributes(&self, _: &mut Attributes) {}

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        if !self.can_install {
            return Err(Refusal::CannotDo("install"));
        }
        if state.in_progress {
            return Err(Refusal::BadValue {
                what: "install",
                why: "an installation is under way already".to_owned(),
            });
        }
        if state.is_newer() != Some(true) {
            return Err(Refusal::BadValue {
                what: "install",
                why: "there is no newer version".to_owned(),
            });
        }
        Ok(action)
    }
}

impl State {
    /// Whether there is a newer version than the installed one, if both are known.
    pub fn is_newer(&self) -> Option<bool> {
        let installed = self.facts.installed_version.as_deref()?;
        let latest = self.facts.latest_version.as_deref()?;
        Some(installed != latest && is_newer(latest, installed).unwrap_or(true))
    }

    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.is_newer().map(super::on_off)
    }

    /// Puts what is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        let facts = &self.facts;
        out.put("auto_update", false);
        out.put("display_precision", caps.display_precision);
        out.put("installed_version", facts.installed_version.as_ref());
        out.put("in_progress", self.in_progress);
        out.put("latest_version", facts.latest_version.as_ref());
        out.put("release_summary", facts.release_summary.as_ref());
        out.put("release_url", facts.release_url.as_ref());
        out.put("skipped_version", None::<bool>);
        out.put("title", facts.title.as_ref());
        out.put_some("entity_picture", facts.entity_picture.as_ref());
        let percentage = self.percentage.filter(|_| self.in_progress);
        match percentage {
            Some(whole) if whole.fract() == 0.0 => out.put("update_percentage", whole as i64),
            other => out.put("update_percentage", other),
        }
    }

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::Install => self.in_progress || self.is_newer() == Some(false),
        }
    }
}

/// Compares dotted version numbers, part by part; `None` when they are no such numbers.
fn is_newer(latest: &str, installed: &str) -> Option<bool> {
    let parts = |version: &str| -> Option<Vec<u64>> {
        version.trim_start_matches(['v', 'V']).split('.').map(|part| part.parse().ok()).collect()
    };
    Some(parts(latest)? > parts(installed)?)
}
