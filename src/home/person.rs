//! The people of the house, what each is in it, and how far that reaches. What a thing that is done
//! could do is told by [`super::guard`].

use std::collections::BTreeSet;
use std::str::FromStr;

use super::Home;
use super::entity::Entity;
use super::id::{AreaId, PersonId};

/// What somebody is in this household.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Role {
    /// Runs the house.
    Admin,
    /// Lives here.
    #[default]
    Adult,
    /// Lives here, and is not to open doors.
    Child,
    /// Is here for a while.
    Guest,
}

impl Role {
    /// All, the one who may do most first.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Adult, Self::Child, Self::Guest];

    /// The word in commands and settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Adult => "adult",
            Self::Child => "child",
            Self::Guest => "guest",
        }
    }
}

/// There is no such role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is `admin`, `adult`, `child` or `guest`")]
pub struct NoSuchRole;

impl FromStr for Role {
    type Err = NoSuchRole;

    fn from_str(word: &str) -> Result<Self, NoSuchRole> {
        Self::ALL.into_iter().find(|role| role.word() == word).ok_or(NoSuchRole)
    }
}

/// By what the house heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Means {
    /// Written by somebody who has shown who they are.
    #[default]
    Written,
    /// Heard by a microphone: anybody within earshot may have said it, and some of it may have been
    /// misheard.
    Spoken,
}

/// How somebody is spoken to aloud; as the house speaks where they chose nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Voice {
    /// What the voice is called by the program that speaks.
    pub name: Option<String>,
    /// How loud, 0 to 100 percent.
    pub volume: Option<u8>,
}

/// Somebody the house knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Stays when the name changes.
    pub id: PersonId,
    /// What they are called, and what they sign in with. Unique in one house.
    pub name: String,
    /// What they are here.
    pub role: Role,
    /// The language they are spoken to in, `fr`; the browser's and the home's without.
    pub language: Option<String>,
    /// The voice they are spoken to with.
    pub voice: Voice,
    /// The rooms of a guest. Nobody else is bound to rooms.
    pub areas: BTreeSet<AreaId>,
}

impl Person {
    /// How far they reach now.
    pub fn rights(&self) -> Rights {
        let areas = (self.role == Role::Guest).then(|| self.areas.clone());
        let name = Some(self.name.clone());
        Rights { person: Some(self.id.clone()), name, role: self.role, areas }
    }
}

/// How far somebody reaches who asks something of the house. Whatever they ask comes with it, by
/// whatever way, and the hub holds every deed against it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// Who, if that is known.
    pub person: Option<PersonId>,
    /// What they are called, if that is known.
    pub name: Option<String>,
    /// What they are here.
    pub role: Role,
    /// Only in these rooms; `None` is everywhere.
    pub areas: Option<BTreeSet<AreaId>>,
}

/// What can be asked of the house beside looking at things and moving them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// What is planned, and lists: to see them.
    Agenda,
    /// How things are called and where they are, what is wrong with them, what is planned: to change
    /// it.
    House,
    /// People, tokens, the broker, the daemon itself.
    Daemon,
}

impl Rights {
    /// The house's own, and those of who runs it.
    pub fn all() -> Self {
        Self { role: Role::Admin, ..Self::default() }
    }

    /// Of a role, everywhere, whoever it is.
    pub fn of(role: Role) -> Self {
        Self { role, ..Self::default() }
    }

    /// Of whoever is not known: nothing.
    pub fn none() -> Self {
        Self { role: Role::Guest, areas: Some(BTreeSet::new()), ..Self::default() }
    }

    /// Whether they may see this thing and its state.
    pub fn sees(&self, entity: &Entity, home: &Home) -> bool {
        match &self.areas {
            None => true,
            Some(areas) => home.area_of(entity).is_some_and(|area| areas.contains(&area.id)),
        }
    }

    /// Whether they may see what happens in this room.
    pub fn sees_area(&self, area: &AreaId) -> bool {
        self.areas.as_ref().is_none_or(|areas| areas.contains(area))
    }

    /// Whether this is for them.
    pub fn allow(&self, matter: Matter) -> bool {
        match matter {
            Matter::Agenda => self.role != Role::Guest,
            Matter::House => matches!(self.role, Role::Admin | Role::Adult),
            Matter::Daemon => self.role == Role::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_whom() {
        for (matter, marks) in
            [(Matter::Agenda, "+++-"), (Matter::House, "++--"), (Matter::Daemon, "+---")]
        {
            let mark = |role| if Rights::of(role).allow(matter) { '+' } else { '-' };
            assert_eq!(Role::ALL.map(mark).iter().collect::<String>(), marks, "{matter:?}");
            assert!(!Rights::none().allow(matter));
        }
    }

    #[test]
    fn only_guests_are_bound_to_rooms() {
        for role in Role::ALL {
            let areas = BTreeSet::from([AreaId::new("attic")]);
            let id = PersonId::new("1");
            let (name, voice) = ("Ada".to_owned(), Voice::default());
            let person = Person { id, name, role, language: None, voice, areas };
            assert_eq!(person.rights().areas.is_some(), role == Role::Guest, "{role:?}");
            assert_eq!(role.word().parse(), Ok(role));
        }
        assert_eq!("owner".parse::<Role>(), Err(NoSuchRole));
    }
}
