//! Who may do what, from where, and what needs a yes first: one table in code. The owner may tighten
//! it. It says nothing of whether a thing can be done.

use crate::home::Home;
use crate::home::domain::{
    Action, alarm_control_panel, climate, cover, lock, siren, valve, water_heater,
};
use crate::home::entity::{Category, Entity};
use crate::home::guard;
use crate::home::person::{Means, Role};
use crate::home::target::By;

/// What a thermostat is set to without a yes, in °C.
pub const ROOM_RANGE: std::ops::RangeInclusive<f64> = 5.0..=30.0;
/// What a boiler is set to without a yes, in °C.
pub const WATER_RANGE: std::ops::RangeInclusive<f64> = 30.0..=65.0;

/// What comes of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Do it.
    Allow,
    /// Do it after a yes.
    Ask,
    /// Do not.
    Never,
}

/// What could go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// Nothing that saying the opposite does not mend.
    Harmless,
    /// Ends a movement or a noise.
    Stops,
    /// A temperature that people live with.
    Heating,
    /// A temperature that harms people or pipes.
    Extreme,
    /// Locks, shuts or arms: somebody may stand before the door.
    Secures,
    /// Lets people in.
    Opens,
    /// Ends the watch.
    Disarms,
    /// Lets water or gas run.
    Flows,
    /// Wakes the street.
    Loud,
    /// Changes how a device works.
    Setting,
}

impl Risk {
    /// The word in explanations.
    pub fn word(self) -> &'static str {
        match self {
            Self::Harmless => "harmless",
            Self::Stops => "stops",
            Self::Heating => "heating",
            Self::Extreme => "extreme temperature",
            Self::Secures => "secures",
            Self::Opens => "opens an entrance",
            Self::Disarms => "disarms",
            Self::Flows => "lets flow",
            Self::Loud => "loud",
            Self::Setting => "setting",
        }
    }
}

/// How sure it is that just this thing was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// Named, or said by its place.
    Exact,
    /// Concluded: from the speaker's room, or from a name that was nearly said.
    Guessed,
}

impl Aim {
    /// How sure the words make it.
    pub fn of(by: &By, is_misheard: bool) -> Aim {
        match by {
            By::Name | By::Area(_) | By::Floor | By::Everywhere if !is_misheard => Aim::Exact,
            By::Name | By::Area(_) | By::Floor | By::Everywhere | By::Here(_) | By::OnlyOne => {
                Aim::Guessed
            }
        }
    }
}

/// Who speaks, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Voucher {
    /// What the speaker may do.
    pub role: Role,
    /// How it came here.
    pub means: Means,
}

/// What the owner decided; `None` leaves it to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Locks and covers that let people in.
    pub unlock: Option<Verdict>,
    /// Alarm systems.
    pub disarm: Option<Verdict>,
    /// Valves.
    pub valves: Option<Verdict>,
    /// Sirens.
    pub sirens: Option<Verdict>,
    /// Temperatures out of bounds.
    pub extremes: Option<Verdict>,
}

impl Policy {
    /// What comes of a wish for one thing. What is never done for all is decided where the target
    /// is found, and by no setting.
    pub fn verdict(&self, risk: Risk, voucher: Voucher, aim: Aim) -> Verdict {
        let by_table = table(risk, voucher, aim);
        let owner = match risk {
            Risk::Opens => self.unlock,
            Risk::Disarms => self.disarm,
            Risk::Flows => self.valves,
            Risk::Loud => self.sirens,
            Risk::Extreme => self.extremes,
            Risk::Harmless | Risk::Stops | Risk::Heating | Risk::Secures | Risk::Setting => None,
        };
        match owner {
            // For whom it is not, it is not, whatever the owner allows the others; and a guess
            // stays a guess.
            Some(Verdict::Allow) if by_table == Verdict::Never || aim == Aim::Guessed => by_table,
            Some(Verdict::Allow) => Verdict::Allow,
            Some(stricter) => by_table.max(stricter),
            None => by_table,
        }
    }
}

fn table(risk: Risk, voucher: Voucher, aim: Aim) -> Verdict {
    use Verdict::{Allow, Ask, Never};
    let is_sure = voucher.means == Means::Written && aim == Aim::Exact;
    match (risk, voucher.role) {
        (Risk::Harmless | Risk::Stops, _) => Allow,
        (Risk::Setting, Role::Admin | Role::Adult) => Allow,
        (Risk::Setting, Role::Child | Role::Guest) => Never,
        (Risk::Heating, Role::Child) => Never,
        (Risk::Heating, Role::Admin | Role::Adult | Role::Guest) => Allow,
        (Risk::Secures, Role::Child | Role::Guest) => Never,
        (Risk::Secures, Role::Admin | Role::Adult) => match aim {
            Aim::Exact => Allow,
            Aim::Guessed => Ask,
        },
        (Risk::Opens | Risk::Flows, Role::Child | Role::Guest) => Never,
        (Risk::Opens | Risk::Flows, Role::Admin | Role::Adult) if is_sure => Allow,
        (Risk::Opens | Risk::Flows, Role::Admin | Role::Adult) => Ask,
        (Risk::Extreme | Risk::Disarms | Risk::Loud, Role::Child | Role::Guest) => Never,
        (Risk::Extreme | Risk::Disarms | Risk::Loud, Role::Admin | Role::Adult) => Ask,
    }
}

/// What could go wrong when this thing does that.
pub fn risk(entity: &Entity, action: &Action, home: &Home) -> Risk {
    let is_setting = entity.traits.category == Some(Category::Config);
    match action {
        Action::Lock(lock::Action::Lock(_)) => Risk::Secures,
        Action::Lock(lock::Action::Unlock(_) | lock::Action::Open(_)) => Risk::Opens,
        Action::Cover(cover::Action::Stop | cover::Action::StopTilt) => Risk::Stops,
        Action::Cover(action) if guard::is_guarded(entity, home) => match action {
            cover::Action::Close | cover::Action::SetPosition(0) => Risk::Secures,
            _ => Risk::Opens,
        },
        Action::Valve(valve::Action::Stop) => Risk::Stops,
        Action::Valve(valve::Action::Close | valve::Action::SetPosition(0)) => Risk::Secures,
        Action::Valve(_) => Risk::Flows,
        Action::AlarmControlPanel(alarm_control_panel::Action::Arm(..)) => Risk::Secures,
        Action::AlarmControlPanel(alarm_control_panel::Action::Disarm(_)) => Risk::Disarms,
        Action::AlarmControlPanel(alarm_control_panel::Action::Trigger(_)) => Risk::Loud,
        Action::Siren(siren::Action::TurnOff) => Risk::Stops,
        Action::Siren(_) => Risk::Loud,
        Action::Climate(climate::Action::SetTemperature { target, low, high, .. }) => {
            let wished = [target, low, high];
            match wished.into_iter().flatten().all(|degrees| ROOM_RANGE.contains(degrees)) {
                true => Risk::Heating,
                false => Risk::Extreme,
            }
        }
        Action::WaterHeater(water_heater::Action::SetTemperature(degrees, _)) => {
            match WATER_RANGE.contains(degrees) {
                true => Risk::Heating,
                false => Risk::Extreme,
            }
        }
        Action::Climate(_) | Action::WaterHeater(_) => Risk::Heating,
        Action::Update(_) => Risk::Setting,
        _ if is_setting => Risk::Setting,
        _ => Risk::Harmless,
    }
}

/// Whether several of its kind at once are meant only when each is named.
pub fn is_single(entity: &Entity, action: &Action, home: &Home) -> bool {
    matches!(
        risk(entity, action, home),
        Risk::Opens | Risk::Disarms | Risk::Flows | Risk::Loud | Risk::Extreme
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line: the risk; then what a written, exact wish comes to for admin, adult, child and
    /// guest; then what it comes to for an adult who spoke, and for a guess. `+` allowed, `?` a yes
    /// first, `-` never.
    #[test]
    fn the_table() {
        let mark = |verdict| match verdict {
            Verdict::Allow => '+',
            Verdict::Ask => '?',
            Verdict::Never => '-',
        };
        for (risk, marks) in [
            (Risk::Harmless, "++++ ++"),
            (Risk::Stops, "++++ ++"),
            (Risk::Heating, "++-+ ++"),
            (Risk::Extreme, "??-- ??"),
            (Risk::Secures, "++-- +?"),
            (Risk::Opens, "++-- ??"),
            (Risk::Disarms, "??-- ??"),
            (Risk::Flows, "++-- ??"),
            (Risk::Loud, "??-- ??"),
            (Risk::Setting, "++-- ++"),
        ] {
            let says = |role, means, aim| {
                mark(Policy::default().verdict(risk, Voucher { role, means }, aim))
            };
            let written = |role| says(role, Means::Written, Aim::Exact);
            let is: String = [Role::Admin, Role::Adult, Role::Child, Role::Guest]
                .into_iter()
                .map(written)
                .chain([' '])
                .chain([
                    says(Role::Adult, Means::Spoken, Aim::Exact),
                    says(Role::Adult, Means::Written, Aim::Guessed),
                ])
                .collect();
            assert_eq!(is, marks, "{risk:?}");
        }
    }

    #[test]
    fn the_owner_tightens_it_and_loosens_it_only_for_what_was_named() {
        let adult = Voucher::default();
        let spoken = Voucher { means: Means::Spoken, ..adult };
        let child = Voucher { role: Role::Child, ..adult };
        for (rule, voucher, aim, verdict) in [
            (Verdict::Never, adult, Aim::Exact, Verdict::Never),
            (Verdict::Ask, adult, Aim::Exact, Verdict::Ask),
            (Verdict::Ask, child, Aim::Exact, Verdict::Never),
            (Verdict::Allow, spoken, Aim::Exact, Verdict::Allow),
            (Verdict::Allow, spoken, Aim::Guessed, Verdict::Ask),
            (Verdict::Allow, child, Aim::Exact, Verdict::Never),
        ] {
            let policy = Policy { unlock: Some(rule), ..Policy::default() };
            assert_eq!(policy.verdict(Risk::Opens, voucher, aim), verdict, "{rule:?} {voucher:?}");
            assert_eq!(policy.verdict(Risk::Harmless, voucher, aim), Verdict::Allow);
        }
    }
}
