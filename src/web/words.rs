//! The page's words in each language it speaks.

use axum::http::{HeaderMap, header};
use serde::Serialize;

/// One language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) language: &'static str,
    pub(super) token: &'static str,
    pub(super) token_hint: &'static str,
    pub(super) wrong_token: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) sign_out: &'static str,
    pub(super) say: &'static str,
    pub(super) example: &'static str,
    pub(super) send: &'static str,
    pub(super) connecting: &'static str,
    pub(super) empty: &'static str,
    pub(super) no_floor: &'static str,
    pub(super) no_area: &'static str,
    connected: &'static str,
    offline: &'static str,
    changed: &'static str,
    really: &'static str,
    failed: &'static str,
    /// A state's word and what is shown for it.
    states: &'static [(&'static str, &'static str)],
    /// A service's name and what its button says.
    services: &'static [(&'static str, &'static str)],
}

/// English.
pub(super) const ENGLISH: &Words = &Words {
    language: "en",
    token: "Token",
    token_hint: "This makes one:",
    wrong_token: "That token is not known.",
    sign_in: "Sign in",
    sign_out: "Sign out",
    say: "Say something",
    example: "turn on the kitchen light",
    send: "Say",
    connecting: "Connecting…",
    empty: "No device has announced itself yet.",
    no_floor: "Elsewhere",
    no_area: "No room",
    connected: "Live",
    offline: "Connection lost; trying again…",
    changed: "The house has changed.",
    really: "Really?",
    failed: "That did not work.",
    states: &[
        ("on", "on"),
        ("off", "off"),
        ("open", "open"),
        ("opening", "opening"),
        ("closed", "closed"),
        ("closing", "closing"),
        ("locked", "locked"),
        ("unlocked", "unlocked"),
        ("locking", "locking"),
        ("unlocking", "unlocking"),
        ("jammed", "jammed"),
        ("unknown", "unknown"),
        ("unavailable", "offline"),
        ("home", "home"),
        ("not_home", "away"),
        ("docked", "docked"),
        ("cleaning", "cleaning"),
        ("returning", "returning"),
        ("paused", "paused"),
        ("idle", "idle"),
        ("heat", "heating"),
        ("cool", "cooling"),
        ("auto", "automatic"),
        ("disarmed", "disarmed"),
        ("armed_home", "armed (home)"),
        ("armed_away", "armed (away)"),
        ("triggered", "triggered"),
    ],
    services: &[
        ("turn_on", "On"),
        ("turn_off", "Off"),
        ("open_cover", "Open"),
        ("stop_cover", "Stop"),
        ("close_cover", "Close"),
        ("open_valve", "Open"),
        ("close_valve", "Close"),
        ("lock", "Lock"),
        ("unlock", "Unlock"),
        ("press", "Press"),
        ("start", "Start"),
        ("start_mowing", "Mow"),
        ("return_to_base", "To base"),
    ],
};

/// French.
pub(super) const FRENCH: &Words = &Words {
    language: "fr",
    token: "Jeton",
    token_hint: "Cette commande en crée un :",
    wrong_token: "Ce jeton est inconnu.",
    sign_in: "Se connecter",
    sign_out: "Se déconnecter",
    say: "Dites quelque chose",
    example: "allume la lumière de la cuisine",
    send: "Dire",
    connecting: "Connexion…",
    empty: "Aucun appareil ne s’est encore annoncé.",
    no_floor: "Ailleurs",
    no_area: "Sans pièce",
    connected: "En direct",
    offline: "Connexion perdue ; nouvel essai…",
    changed: "La maison a changé.",
    really: "Vraiment ?",
    failed: "Cela n’a pas marché.",
    states: &[
        ("on", "allumé"),
        ("off", "éteint"),
        ("open", "ouvert"),
        ("opening", "s’ouvre"),
        ("closed", "fermé"),
        ("closing", "se ferme"),
        ("locked", "verrouillé"),
        ("unlocked", "déverrouillé"),
        ("locking", "se verrouille"),
        ("unlocking", "se déverrouille"),
        ("jammed", "bloqué"),
        ("unknown", "inconnu"),
        ("unavailable", "hors ligne"),
        ("home", "à la maison"),
        ("not_home", "absent"),
        ("docked", "à sa base"),
        ("cleaning", "nettoie"),
        ("returning", "revient"),
        ("paused", "en pause"),
        ("idle", "au repos"),
        ("heat", "chauffage"),
        ("cool", "refroidissement"),
        ("auto", "automatique"),
        ("disarmed", "désarmée"),
        ("armed_home", "armée (présent)"),
        ("armed_away", "armée (absent)"),
        ("triggered", "déclenchée"),
    ],
    services: &[
        ("turn_on", "Allumer"),
        ("turn_off", "Éteindre"),
        ("open_cover", "Ouvrir"),
        ("stop_cover", "Arrêter"),
        ("close_cover", "Fermer"),
        ("open_valve", "Ouvrir"),
        ("close_valve", "Fermer"),
        ("lock", "Verrouiller"),
        ("unlock", "Déverrouiller"),
        ("press", "Appuyer"),
        ("start", "Démarrer"),
        ("start_mowing", "Tondre"),
        ("return_to_base", "À la base"),
    ],
};

/// What the script needs.
#[derive(Serialize)]
struct ForScript {
    language: &'static str,
    connected: &'static str,
    offline: &'static str,
    changed: &'static str,
    really: &'static str,
    failed: &'static str,
    states: serde_json::Map<String, serde_json::Value>,
}

impl Words {
    /// The first language of `Accept-Language` that the page speaks, else English.
    pub(super) fn accepted(headers: &HeaderMap) -> &'static Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|line| line.to_str().ok());
        let mut best = (0.0, ENGLISH);
        for choice in accepted.unwrap_or_default().split(',') {
            let mut parts = choice.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok());
            let weight: f64 = weight.unwrap_or(1.0);
            let words = match tag.split('-').next() {
                Some("en") => ENGLISH,
                Some("fr") => FRENCH,
                _ => continue,
            };
            if weight > best.0 {
                best = (weight, words);
            }
        }
        best.1
    }

    /// What is shown for a state; numbers and unknown words as they are.
    pub(super) fn state<'a>(&self, word: &'a str) -> &'a str {
        self.states.iter().find(|(known, _)| *known == word).map_or(word, |(_, shown)| shown)
    }

    /// What a service's button says.
    pub(super) fn service<'a>(&self, name: &'a str) -> &'a str {
        self.services.iter().find(|(known, _)| *known == name).map_or(name, |(_, shown)| shown)
    }

    /// As JSON, for the script.
    pub(super) fn for_script(&self) -> String {
        let states = self.states.iter().map(|&(word, shown)| (word.to_owned(), shown.into()));
        let words = ForScript {
            language: self.language,
            connected: self.connected,
            offline: self.offline,
            changed: self.changed,
            really: self.really,
            failed: self.failed,
            states: states.collect(),
        };
        serde_json::to_string(&words).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_browser_s_languages_choose() {
        for (line, language) in [
            ("", "en"),
            ("fr", "fr"),
            ("fr-CH, fr;q=0.9, en;q=0.8", "fr"),
            ("de, en;q=0.5, fr;q=0.7", "fr"),
            ("en-GB,fr;q=0.9", "en"),
            ("fr;q=0", "en"),
            ("*;q=x", "en"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(line));
            assert_eq!(Words::accepted(&headers).language, language, "{line}");
        }
    }

    #[test]
    fn every_language_has_every_word() {
        let names = |list: &[(&'static str, &str)]| -> Vec<&str> {
            list.iter().map(|(name, _)| *name).collect()
        };
        assert_eq!(names(ENGLISH.states), names(FRENCH.states));
        assert_eq!(names(ENGLISH.services), names(FRENCH.services));
    }
}
