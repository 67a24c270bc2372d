//! What needs a yes first, by whom and how it was said: one table in code. The owner may tighten it. Who
//! may do a thing at all is `home::guard`'s to say; whether it can be done, the thing's.

use crate::home::Home;
use crate::home::domain::Action;
use crate::home::entity::Entity;
use crate::home::guard::{self, Risk};
use crate::home::person::{Means, Role};
use crate::home::target::By;

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
    if !risk.is_for(voucher.role) {
        return Never;
    }
    match risk {
        Risk::Harmless | Risk::Stops | Risk::Setting | Risk::Heating => Allow,
        Risk::Secures => match aim {
            Aim::Exact => Allow,
            Aim::Guessed => Ask,
        },
        Risk::Opens | Risk::Flows if is_sure => Allow,
        Risk::Opens | Risk::Flows | Risk::Extreme | Risk::Disarms | Risk::Loud => Ask,
    }
}

/// Whether several of its kind at once are meant only when each is named.
pub fn is_single(entity: &Entity, action: &Action, home: &Home) -> bool {
    matches!(
        guard::risk(entity, action, home),
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
