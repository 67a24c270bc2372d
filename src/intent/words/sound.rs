//! How like two words sound and are written, by a language's own rules: what a recogniser or a
//! finger may have made of a name. It owns the measure; what is accepted, the caller decides.

use std::collections::BTreeMap;

/// A language's rules of pronunciation: letters and what they sound like, longest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Sound {
    rules: BTreeMap<char, Vec<(Vec<char>, String)>>,
}

/// Likeness of two words that sound the same but are written differently.
const SOUNDS_SAME: f64 = 0.9;
/// Of those whose consonants sound the same.
const SOUNDS_NEAR: f64 = 0.8;
/// Of those with one slip of a letter.
const ONE_SLIP: f64 = 0.85;

impl Sound {
    /// From rules like `ph=f`; a rule without `=` names letters that are silent.
    pub(super) fn new(rules: &[String]) -> Sound {
        let mut sound = Sound::default();
        for rule in rules {
            let (letters, sounds) = rule.split_once('=').unwrap_or((rule, ""));
            let letters: Vec<char> = letters.trim().chars().collect();
            if let Some(first) = letters.first() {
                let known = sound.rules.entry(*first).or_default();
                known.push((letters.clone(), sounds.trim().to_owned()));
                known.sort_by_key(|(letters, _)| std::cmp::Reverse(letters.len()));
            }
        }
        sound
    }

    /// A word as it sounds. `$` in a rule is the end of the word.
    pub(super) fn key(&self, word: &str) -> String {
        let mut letters: Vec<char> = word.chars().collect();
        letters.push('$');
        let mut out = String::with_capacity(word.len());
        let mut at = 0;
        while at < letters.len() {
            let rule = self.rules.get(&letters[at]).and_then(|rules| {
                rules.iter().find(|(pattern, _)| letters[at..].starts_with(pattern))
            });
            let (said, n) = match rule {
                Some((pattern, sounds)) => (sounds.as_str(), pattern.len()),
                None => ("", 0),
            };
            if n > 0 {
                out.push_str(said);
                // The end of the word may be a rule's context and yet end it.
                at += n;
            } else {
                if letters[at] != '$' && !out.ends_with(letters[at]) {
                    out.push(letters[at]);
                }
                at += 1;
            }
        }
        out
    }

    /// How alike two words are, 0 to 1; 0 if they are not to be taken for each other. `key` is the
    /// sound of the first, `other_key` that of the second.
    pub(super) fn likeness(&self, word: &str, key: &str, other: &str, other_key: &str) -> f64 {
        if word == other {
            return 1.0;
        }
        let (n, m) = (word.chars().count(), other.chars().count());
        let slips = strsim::osa_distance(word, other);
        let is_same_start = word.chars().next() == other.chars().next();
        if n.min(m) < 4 || n.abs_diff(m) > 2 {
            return 0.0;
        }
        let mut best: f64 = 0.0;
        if key == other_key {
            best = SOUNDS_SAME;
        } else if skeleton(key) == skeleton(other_key)
            && strsim::osa_distance(key, other_key) <= if n.min(m) >= 6 { 2 } else { 1 }
            && n.min(m) >= 4
        {
            best = SOUNDS_NEAR;
        }
        if slips == 1 && n.min(m) >= 4 && (is_same_start || n.min(m) >= 6) {
            best = best.max(ONE_SLIP);
        }
        best
    }
}

/// The consonants of a sound, and whether it begins with a vowel.
fn skeleton(key: &str) -> String {
    let is_vowel = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    let mut out = String::with_capacity(key.len());
    for (index, c) in key.chars().enumerate() {
        if index == 0 && is_vowel(c) {
            out.push('a');
        } else if !is_vowel(c) && !out.ends_with(c) {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_alike_as_they_sound() {
        let rules = ["wh=h", "ph=f", "ck=k", "c=k", "e$", "gh", "tch=ch"].map(str::to_owned);
        let sound = Sound::new(&rules);
        for (word, other, accepted) in [
            ("whole", "hall", true),
            ("kitchin", "kitchen", true),
            ("bedrom", "bedroom", true),
            ("chicken", "kitchen", false),
            ("kitten", "kitchen", false),
            ("warden", "garden", true),
            ("lamp", "lamb", true),
            ("office", "offices", true),
            ("a", "b", false),
            ("bath", "bathroom", false),
            ("ballroom", "bathroom", false),
            ("living", "dining", false),
        ] {
            let score = sound.likeness(word, &sound.key(word), other, &sound.key(other));
            assert_eq!(score > 0.0, accepted, "{word} {other} {score}");
        }
    }
}
