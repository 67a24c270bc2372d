//! One controllable or readable function of a device: who it is, what it can do, what it is now.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::device::DeviceFacts;
use super::domain::{Caps, Context, Domain, State};
use super::id::{AreaId, DeviceId, EntityId, Handle};
use super::value::{Attributes, Value};

/// What a producer announces: one entity, ready for the house.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// By what the house knows it again, within its domain: the unique id, or where the producer
    /// gives none, the place where it was announced.
    pub key: Arc<str>,
    /// The producer's unique id.
    pub unique_id: Option<Arc<str>>,
    /// What it can do.
    pub caps: Caps,
    /// What it is called.
    pub naming: Naming,
    /// The object part of the id that the producer would like.
    pub wished_object: Option<Arc<str>>,
    /// The device it belongs to.
    pub device: Option<Arc<DeviceFacts>>,
    /// The rest of what is shown.
    pub traits: Arc<Traits>,
    /// Shown and alive unless the owner says otherwise.
    pub enabled_by_default: bool,
    /// False when only a message says whether the device is there.
    pub always_available: bool,
    /// Who announced it.
    pub producer: Producer,
}

/// How an entity's name is formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// A name of its own, after the device's: "Hall lamp" + "Power".
    Named(Arc<str>),
    /// The device's main function: it has the device's name.
    Main,
    /// No name was given; the domain's or device class's word stands in: "Temperature".
    Unnamed(Arc<str>),
}

/// Facts that are shown with the state and seldom change; shared among equal entities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Traits {
    /// What it measures or is: `temperature`, `garage`, …
    pub device_class: Option<Arc<str>>,
    /// Unit of the state.
    pub unit: Option<Arc<str>>,
    /// `mdi:…`.
    pub icon: Option<Arc<str>>,
    /// Address of a picture.
    pub entity_picture: Option<Arc<str>>,
    /// Other than a main function: a setting or a diagnostic value.
    pub category: Option<Category>,
    /// Its state after a command is assumed, because no report comes.
    pub assumes_state: bool,
    /// Hidden from panels unless the owner says otherwise.
    pub hidden: bool,
    /// Every report counts as an update, even an equal one.
    pub force_update: bool,
}

impl Traits {
    /// Those that are kept with the entity and shown as attributes.
    fn kept(&self) -> impl Iterator<Item = (&'static str, &Arc<str>)> {
        let known = [
            ("unit_of_measurement", &self.unit),
            ("device_class", &self.device_class),
            ("icon", &self.icon),
        ];
        known.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }

    /// Takes out of a last state what is kept with the entity anyway: last states are written often,
    /// traits are not.
    pub(super) fn take_kept(&self, attributes: &mut Attributes) {
        for (name, value) in self.kept() {
            if attributes.named(name) == Some(&Value::from(value)) {
                attributes.remove(name);
            }
        }
    }

    /// Puts back what [`Traits::take_kept`] took out.
    pub(super) fn put_kept(&self, attributes: &mut Attributes) {
        for (name, value) in self.kept() {
            if attributes.named(name).is_none() {
                attributes.put(name, value);
            }
        }
    }
}

/// What an entity is when it is not a main function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// A setting of the device.
    Config,
    /// A fact about the device itself.
    Diagnostic,
}

impl Category {
    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Diagnostic => "diagnostic",
        }
    }
}

/// Who announced an entity, told to the owner when something is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Producer {
    /// The name in the announcement's origin, or a guess; "zigbee2mqtt".
    pub name: Option<Arc<str>>,
    /// Where it was announced.
    pub topic: Arc<str>,
}

/// What the owner decided about an entity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Given {
    /// A name in place of the announced one.
    pub name: Option<String>,
    /// A room in place of the device's.
    pub area: Option<AreaId>,
    /// Other names it is called by.
    pub aliases: Vec<String>,
    /// Shown and alive, or not; `None` leaves it to the producer.
    pub enabled: Option<bool>,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The device said it in this run.
    Live,
    /// The broker kept it for the device; when it was said is not known.
    Retained,
    /// Assumed after a command; the device does not report.
    Assumed,
    /// From before the restart.
    Restored,
}

impl Source {
    /// The word shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Retained => "retained",
            Self::Assumed => "assumed",
            Self::Restored => "restored",
        }
    }
}

/// Whether the device can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Availability {
    /// Nothing has said so yet.
    #[default]
    Unknown,
    /// It is there.
    Online,
    /// It is not.
    Offline,
}

/// A state as it is shown: the word and what stands beside it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    /// The main value in Home Assistant's word; `unknown` and `unavailable` are two of them.
    pub word: Cow<'static, str>,
    /// The other values.
    pub attributes: Attributes,
}

/// A view and its times.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What is shown.
    pub view: View,
    /// When the word last changed.
    pub changed_at: Timestamp,
    /// When the word or an attribute last changed.
    pub updated_at: Timestamp,
}

/// One entity of the home.
#[derive(Debug, Clone)]
pub struct Entity {
    /// Its id.
    pub id: EntityId,
    /// Under which its port announced it in this run.
    pub handle: Option<Handle>,
    /// See [`Announcement::key`].
    pub key: Arc<str>,
    /// The producer's unique id.
    pub unique_id: Option<Arc<str>>,
    /// Its kind.
    pub domain: Domain,
    /// The device it belongs to.
    pub device: Option<DeviceId>,
    /// How its name is formed.
    pub naming: Naming,
    /// The name shown and spoken; formed by `Home` from owner's, device's and announced names.
    pub friendly_name: Arc<str>,
    /// Facts shown with the state.
    pub traits: Arc<Traits>,
    /// Shown and alive unless the owner says otherwise.
    pub enabled_by_default: bool,
    /// What the owner decided.
    pub given: Given,
    /// Who announced it.
    pub producer: Producer,
    /// What it can do; `None` as long as it has not been announced in this run.
    pub caps: Option<Caps>,
    /// What it is, as far as the device said in this run.
    pub state: Option<State>,
    /// Attributes of the device's own making.
    pub extra: Vec<(Arc<str>, Value)>,
    /// Where the state comes from.
    pub source: Source,
    /// Whether it can be reached.
    pub availability: Availability,
    /// Whether its port is connected: without the broker nothing can be reached.
    pub port_is_up: bool,
    /// What was shown before the restart, until the device speaks.
    pub restored: Option<Box<View>>,
    /// When the device last spoke, in this run or before.
    pub heard_at: Option<Timestamp>,
    /// When the shown word last changed.
    pub changed_at: Timestamp,
    /// When what is shown last changed.
    pub updated_at: Timestamp,
}

impl Entity {
    /// Whether it is shown and alive.
    pub fn is_enabled(&self) -> bool {
        self.given.enabled.unwrap_or(self.enabled_by_default)
    }

    /// Whether what is shown is from before the restart.
    pub fn is_restored(&self) -> bool {
        self.restored.is_some() && self.availability != Availability::Offline
    }

    /// Whether the device can be reached, as far as is known.
    pub fn is_available(&self) -> bool {
        self.caps.is_some() && self.port_is_up && self.availability == Availability::Online
    }

    /// For [`Caps::accept`].
    pub fn context(&self) -> Context {
        Context { assumes_state: self.traits.assumes_state }
    }

    /// The names by which a person may call it: the shown one first, then the owner's others.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.friendly_name).chain(self.given.aliases.iter().map(String::as_str))
    }

    /// What is shown now; `None` when it is disabled.
    pub fn view(&self) -> Option<View> {
        if !self.is_enabled() {
            return None;
        }
        if self.is_restored() {
            let mut view = self.restored.as_deref().cloned().unwrap_or_default();
            self.traits.put_kept(&mut view.attributes);
            view.attributes.put("restored", true);
            view.attributes.put("friendly_name", &self.friendly_name);
            return Some(view);
        }
        let Some(caps) = &self.caps else {
            // Announced in an earlier run only, and nothing was known of it.
            let mut attributes = Attributes::new();
            attributes.put("restored", true);
            attributes.put("friendly_name", &self.friendly_name);
            return Some(View { word: Cow::Borrowed("unavailable"), attributes });
        };
        let mut attributes = Attributes::new();
        caps.attributes(&mut attributes);
        let mut word = Cow::Borrowed("unavailable");
        if self.is_available() {
            let unknown;
            let state = match &self.state {
                Some(state) => state,
                None => {
                    unknown = caps.unknown();
                    &unknown
                }
            };
            word = match state.word(caps) {
                Some(word) => Cow::Owned(word.into_owned()),
                None => Cow::Borrowed("unknown"),
            };
            state.attributes(caps, &mut attributes);
            for (name, value) in &self.extra {
                attributes.put(name.to_string(), value.clone());
            }
        }
        self.put_traits(caps, &mut attributes);
        Some(View { word, attributes })
    }

    fn put_traits(&self, caps: &Caps, out: &mut Attributes) {
        let traits = &*self.traits;
        out.put_some("unit_of_measurement", traits.unit.as_ref());
        if traits.assumes_state {
            out.put("assumed_state", true);
        }
        out.put_some("device_class", traits.device_class.as_ref());
        if out.named("entity_picture").is_none() {
            out.put_some("entity_picture", traits.entity_picture.as_ref());
        }
        out.put_some("icon", traits.icon.as_ref());
        out.put("friendly_name", &self.friendly_name);
        out.put_some("supported_features", caps.features());
    }

    /// What is shown, with its times; `None` when it is disabled.
    pub fn record(&self) -> Option<Record> {
        let view = self.view()?;
        Some(Record { view, changed_at: self.changed_at, updated_at: self.updated_at })
    }
}
