//! The names by which the house's parts are known. Not how they are chosen: that is `Home`'s work.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: &str) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, shared.
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// `domain.object`, as Home Assistant writes it: `light.kitchen_ceiling`. Unique in a home.
    EntityId
}
text_id! {
    /// A device: the first of the identifiers (or connections) it announced.
    DeviceId
}
text_id! {
    /// A room or zone: a slug of its first name, `living_room`.
    AreaId
}
text_id! {
    /// A storey: a slug of its first name, `first_floor`.
    FloorId
}
text_id! {
    /// A person: random, as names change.
    PersonId
}

impl EntityId {
    /// The part after the dot: `kitchen_ceiling`.
    pub fn object(&self) -> &str {
        self.0.split_once('.').map_or(&*self.0, |(_, object)| object)
    }
}

/// The number by which a port speaks of an entity that it announced. Chosen by the port, unique
/// within one run, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u32);

impl Handle {
    /// The nth of the hub's own: of what the house does by itself, and no port announced.
    pub fn own(n: u32) -> Self {
        Self(u32::MAX - n.min(u32::MAX / 2))
    }

    /// Whether it is one of these.
    pub fn is_own(self) -> bool {
        self.0 >= u32::MAX / 2
    }
}

/// One wish that was sent to a device and waits for its answer. Unique within one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(pub u64);
