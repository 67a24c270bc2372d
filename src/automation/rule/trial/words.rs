//! What would have been, as a person says it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Trial, Unknown};

/// Times told in a sentence; of more the last few.
const MOST_TOLD: usize = 5;
const TOLD_OF_MANY: usize = 3;
/// What nobody knows, told in a sentence.
const MOST_UNKNOWN: usize = 3;

impl Trial {
    /// In a few sentences, in English or French (`fr`), with the times of the home: `It would have run 3
    /// times in the last 7 days: Mon 18:32, Tue 18:40 and Thu 18:35.`
    pub fn say(&self, language: &str, zone: &TimeZone) -> String {
        let is_french = language.get(..2) == Some("fr");
        let mut said = vec![if is_french { self.runs_fr(zone) } else { self.runs_en(zone) }];
        if !self.is_disarmed {
            said.extend(self.held_back(is_french));
        }
        said.extend(self.recorded(is_french, zone));
        if !self.unknown.is_empty() {
            let told = self.unknown.iter().take(MOST_UNKNOWN).map(|one| one.say(language));
            let mut told: Vec<String> = told.collect();
            if self.unknown.len() > MOST_UNKNOWN {
                told.push("…".to_owned());
            }
            let told = told.join(", ");
            said.push(if is_french {
                format!("Impossible de savoir : {told}.")
            } else {
                format!("Cannot know: {told}.")
            });
        }
        said.join(" ")
    }

    fn runs_en(&self, zone: &TimeZone) -> String {
        let period = self.period(false, zone);
        let times = match self.n_runs {
            1 => "once".to_owned(),
            2 => "twice".to_owned(),
            n => format!("{n} times"),
        };
        match self.n_runs {
            _ if self.is_disarmed => {
                "It would never run: parts of it are not supported.".to_owned()
            }
            0 if self.is_blind => "Nobody can say when it would have run.".to_owned(),
            0 => format!("It would not have run {period}."),
            n if n > MOST_TOLD => {
                let last = self.times(TOLD_OF_MANY, false, zone);
                format!("It would have run {times} {period}, the last times {last}.")
            }
            n => format!("It would have run {times} {period}: {}.", self.times(n, false, zone)),
        }
    }

    fn runs_fr(&self, zone: &TimeZone) -> String {
        let period = self.period(true, zone);
        match self.n_runs {
            _ if self.is_disarmed => {
                "Elle ne se lancerait jamais : une partie n’est pas prise en charge.".to_owned()
            }
            0 if self.is_blind => "Personne ne peut dire quand elle se serait lancée.".to_owned(),
            0 => format!("Elle ne se serait pas lancée {period}."),
            n if n > MOST_TOLD => {
                let last = self.times(TOLD_OF_MANY, true, zone);
                format!("Elle se serait lancée {n} fois {period}, les dernières fois {last}.")
            }
            n => {
                let times = self.times(n, true, zone);
                format!("Elle se serait lancée {n} fois {period} : {times}.")
            }
        }
    }

    /// How often its conditions held it back.
    fn held_back(&self, is_french: bool) -> Option<String> {
        let n = self.n_held_back;
        Some(match (n, is_french) {
            (0, _) => return None,
            (1, false) => "Once more its conditions did not hold.".to_owned(),
            (n, false) => format!("{n} more times its conditions did not hold."),
            (1, true) => "Une autre fois, ses conditions n’étaient pas remplies.".to_owned(),
            (n, true) => format!("{n} autres fois, ses conditions n’étaient pas remplies."),
        })
    }

    /// What is recorded only from a time on.
    fn recorded(&self, is_french: bool, zone: &TimeZone) -> Option<String> {
        let when = |at: &Timestamp| self.when(*at, is_french, zone);
        let (_, first) = self.since.first()?;
        let first = when(first);
        if self.since.iter().all(|(_, at)| when(at) == first) {
            return Some(match is_french {
                true => format!("Enregistré seulement depuis {first}."),
                false => format!("Recorded only since {first}."),
            });
        }
        let word = if is_french { "depuis" } else { "since" };
        let told = self.since.iter().take(MOST_UNKNOWN);
        let told: Vec<String> =
            told.map(|(name, at)| format!("{name} {word} {}", when(at))).collect();
        Some(match is_french {
            true => format!("Enregistré seulement : {}.", told.join(", ")),
            false => format!("Recorded only: {}.", told.join(", ")),
        })
    }

    fn period(&self, is_french: bool, zone: &TimeZone) -> String {
        let looked = self.to.duration_since(self.from);
        let days = (looked.as_secs_f64() / 86_400.0).round();
        let is_days = (looked.as_secs_f64() - days * 86_400.0).abs() < 7_200.0 && days >= 1.0;
        match (is_days, is_french) {
            (true, false) if days > 1.0 => format!("in the last {days} days"),
            (true, false) => "in the last day".to_owned(),
            (true, true) if days > 1.0 => format!("ces {days} derniers jours"),
            (true, true) => "ces dernières 24 heures".to_owned(),
            (false, false) => format!("since {}", self.when(self.from, false, zone)),
            (false, true) => format!("depuis {}", self.when(self.from, true, zone)),
        }
    }

    fn times(&self, n: usize, is_french: bool, zone: &TimeZone) -> String {
        let runs = self.runs.get(self.runs.len().saturating_sub(n)..).unwrap_or_default();
        let mut told: Vec<String> =
            runs.iter().map(|run| self.when(run.at, is_french, zone)).collect();
        let Some(last) = told.pop() else { return String::new() };
        if told.is_empty() {
            return last;
        }
        let and = if is_french { "et" } else { "and" };
        format!("{} {and} {last}", told.join(", "))
    }

    /// `Mon 18:32`; with the day of the month where the day of the week would leave a doubt.
    fn when(&self, at: Timestamp, is_french: bool, zone: &TimeZone) -> String {
        let shown = at.to_zoned(zone.clone());
        // A week ago the day had the same name as today.
        let today = self.to.to_zoned(zone.clone()).date();
        let is_near = today.since(shown.date()).is_ok_and(|since| since.get_days() < 7);
        let day = shown.weekday().to_monday_zero_offset();
        let day = usize::try_from(day).unwrap_or_default();
        let names = if is_french { DAYS_FR } else { DAYS_EN };
        let day = names.get(day).copied().unwrap_or_default();
        let clock = shown.strftime("%H:%M");
        match (is_near, is_french) {
            (true, _) => format!("{day} {clock}"),
            (false, true) => format!("{day} {} à {clock}", shown.day()),
            (false, false) => format!("{day} {} at {clock}", shown.day()),
        }
    }
}

const DAYS_EN: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAYS_FR: [&str; 7] = ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."];

impl Unknown {
    /// What nobody knows, in English or French (`fr`).
    pub fn say(&self, language: &str) -> String {
        let is_french = language.get(..2) == Some("fr");
        match (self, is_french) {
            (Self::Missing(id), false) => format!("there is no {id}"),
            (Self::Missing(id), true) => format!("il n’y a pas de {id}"),
            (Self::Unrecorded(_, name), false) => format!("how {name} was (not recorded)"),
            (Self::Unrecorded(_, name), true) => format!("l’état de {name} (pas enregistré)"),
            (Self::Attribute(name, attribute), false) => {
                format!("{attribute} of {name} (not recorded)")
            }
            (Self::Attribute(name, attribute), true) => {
                format!("{attribute} de {name} (pas enregistré)")
            }
            (Self::Event(name), false) => format!("when the event {name} was fired"),
            (Self::Event(name), true) => format!("quand l’événement {name} a eu lieu"),
            (Self::Button(which), false) => format!("when a button was pressed ({which})"),
            (Self::Button(which), true) => format!("quand un bouton a été pressé ({which})"),
            (Self::Topic(topic), false) => format!("when messages came on {topic}"),
            (Self::Topic(topic), true) => format!("quand des messages sont arrivés sur {topic}"),
            (Self::Tag, false) => "when tags were scanned".to_owned(),
            (Self::Tag, true) => "quand des badges ont été lus".to_owned(),
            (Self::Start, false) => "when Homard started".to_owned(),
            (Self::Start, true) => "quand Homard a démarré".to_owned(),
        }
    }
}
