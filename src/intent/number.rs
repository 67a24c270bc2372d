//! Numbers as words. It owns the spelling rules per language, in the manner of Unicode's rule-based
//! number formats (base value, quotient `<`, remainder `>`, `[…]` left out when nothing remains), so
//! that a further language is a table. It does not match text; `program` indexes what it spells.

/// One spelling rule: applies from `base` upward.
struct Rule {
    base: u64,
    /// What quotient and remainder are taken by; 0 for the largest power of ten in `base`.
    radix: u64,
    text: &'static str,
}

/// The rules of a language; several sets where the language has several ways to count.
struct Language {
    code: &'static str,
    minus: &'static str,
    /// The words for the decimal sign, said before the digits of the fraction.
    point: &'static [&'static str],
    /// What one half is called after a whole number.
    half: &'static [&'static str],
    sets: &'static [&'static [Rule]],
    /// Endings that may also be said otherwise: (ending, other ending).
    endings: &'static [(&'static str, &'static str)],
}

const fn rule(base: u64, text: &'static str) -> Rule {
    Rule { base, radix: 0, text }
}

const fn by(radix: u64, base: u64, text: &'static str) -> Rule {
    Rule { base, radix, text }
}

const ENGLISH: &[Rule] = &[
    rule(0, "zero"),
    rule(1, "one"),
    rule(2, "two"),
    rule(3, "three"),
    rule(4, "four"),
    rule(5, "five"),
    rule(6, "six"),
    rule(7, "seven"),
    rule(8, "eight"),
    rule(9, "nine"),
    rule(10, "ten"),
    rule(11, "eleven"),
    rule(12, "twelve"),
    rule(13, "thirteen"),
    rule(14, "fourteen"),
    rule(15, "fifteen"),
    rule(16, "sixteen"),
    rule(17, "seventeen"),
    rule(18, "eighteen"),
    rule(19, "nineteen"),
    rule(20, "twenty[->]"),
    rule(30, "thirty[->]"),
    rule(40, "forty[->]"),
    rule(50, "fifty[->]"),
    rule(60, "sixty[->]"),
    rule(70, "seventy[->]"),
    rule(80, "eighty[->]"),
    rule(90, "ninety[->]"),
    rule(100, "< hundred[ >]"),
    rule(1000, "< thousand[ >]"),
    rule(1_000_000, "< million[ >]"),
];

/// "One hundred and five", "a hundred".
const ENGLISH_AND: &[Rule] = &[
    rule(0, "=0"),
    rule(100, "a hundred[ and >]"),
    rule(200, "< hundred[ and >]"),
    rule(1000, "a thousand[ >]"),
    rule(2000, "< thousand[ >]"),
];

const ENGLISH_ONE_AND: &[Rule] = &[rule(0, "=0"), rule(100, "< hundred[ and >]")];

const FRENCH: &[Rule] = &[
    rule(0, "zéro"),
    rule(1, "un"),
    rule(2, "deux"),
    rule(3, "trois"),
    rule(4, "quatre"),
    rule(5, "cinq"),
    rule(6, "six"),
    rule(7, "sept"),
    rule(8, "huit"),
    rule(9, "neuf"),
    rule(10, "dix"),
    rule(11, "onze"),
    rule(12, "douze"),
    rule(13, "treize"),
    rule(14, "quatorze"),
    rule(15, "quinze"),
    rule(16, "seize"),
    rule(17, "dix->"),
    rule(20, "vingt"),
    rule(21, "vingt-et-un"),
    rule(22, "vingt->"),
    rule(30, "trente"),
    rule(31, "trente-et-un"),
    rule(32, "trente->"),
    rule(40, "quarante"),
    rule(41, "quarante-et-un"),
    rule(42, "quarante->"),
    rule(50, "cinquante"),
    rule(51, "cinquante-et-un"),
    rule(52, "cinquante->"),
    rule(60, "soixante"),
    rule(61, "soixante-et-un"),
    rule(62, "soixante->"),
    by(20, 70, "soixante->"),
    rule(71, "soixante-et-onze"),
    by(20, 72, "soixante->"),
    rule(80, "quatre-vingts"),
    by(20, 81, "quatre-vingt->"),
    rule(100, "cent[ >]"),
    rule(200, "< cent[ >]"),
    rule(1000, "mille[ >]"),
    rule(2000, "< mille[ >]"),
    rule(1_000_000, "< million[ >]"),
];

/// Round hundreds with their plural.
const FRENCH_HUNDREDS: &[Rule] =
    &[rule(0, "=0"), rule(200, "< cents[ >]"), rule(1000, "mille[ >]"), rule(2000, "< mille[ >]")];

/// As Belgium and Switzerland count.
const FRENCH_REGIONAL: &[Rule] = &[
    rule(0, "=0"),
    rule(70, "septante"),
    rule(71, "septante-et-un"),
    rule(72, "septante->"),
    rule(80, "huitante[->]"),
    rule(90, "nonante"),
    rule(91, "nonante-et-un"),
    rule(92, "nonante->"),
    rule(100, "cent[ >]"),
    rule(200, "< cent[ >]"),
];

const LANGUAGES: &[Language] = &[
    Language {
        code: "en",
        minus: "minus",
        point: &["point"],
        half: &["and a half"],
        sets: &[ENGLISH, ENGLISH_AND, ENGLISH_ONE_AND],
        endings: &[],
    },
    Language {
        code: "fr",
        minus: "moins",
        point: &["virgule"],
        half: &["et demi", "et demie"],
        sets: &[FRENCH, FRENCH_HUNDREDS, FRENCH_REGIONAL],
        endings: &[("un", "une")],
    },
];

/// Every way to say a number in a language, given in tenths (215 is 21.5); none where the language
/// has no rules yet. Hyphens also appear as spaces.
pub fn spell(language: &str, tenths: i64) -> Vec<String> {
    let family = language.split(['-', '_']).next().unwrap_or(language);
    let Some(language) = LANGUAGES.iter().find(|known| known.code == family) else {
        return Vec::new();
    };
    let (whole, fraction) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
    let mut out: Vec<String> = Vec::new();
    for rules in language.sets {
        let said = format(language, rules, whole, 0);
        for ending in [None].into_iter().chain(language.endings.iter().map(Some)) {
            let said = match ending {
                None => said.clone(),
                Some((from, to)) => match said.strip_suffix(from) {
                    Some(stem) => format!("{stem}{to}"),
                    None => continue,
                },
            };
            with_fraction(language, &said, fraction, &mut out);
        }
    }
    if tenths < 0 {
        out.iter_mut().for_each(|said| *said = format!("{} {said}", language.minus));
    }
    let spaced: Vec<String> = out.iter().map(|said| said.replace('-', " ")).collect();
    out.extend(spaced);
    out.sort();
    out.dedup();
    out
}

fn with_fraction(language: &Language, whole: &str, fraction: u64, out: &mut Vec<String>) {
    if fraction == 0 {
        out.push(whole.to_owned());
        return;
    }
    let digit = format(language, language.sets[0], fraction, 0);
    out.extend(language.point.iter().map(|point| format!("{whole} {point} {digit}")));
    if fraction == 5 {
        out.extend(language.half.iter().map(|half| format!("{whole} {half}")));
    }
}

/// Spells a whole number by the last rule that applies. `depth` guards against a table that leads
/// back to itself.
fn format(language: &Language, rules: &'static [Rule], number: u64, depth: u8) -> String {
    let Some(rule) = rules.iter().rev().find(|rule| rule.base <= number) else {
        return String::new();
    };
    if depth > 8 {
        return String::new();
    }
    if rule.text == "=0" {
        return format(language, language.sets[0], number, depth + 1);
    }
    let radix = match rule.radix {
        0 => 10u64.pow(rule.base.max(1).ilog10()),
        radix => radix,
    };
    let (quotient, remainder) = (number / radix, number % radix);
    let mut out = String::new();
    let mut is_skipped = false;
    for character in rule.text.chars() {
        match character {
            '[' => is_skipped = remainder == 0,
            ']' => is_skipped = false,
            _ if is_skipped => {}
            '<' => out.push_str(&format(language, rules, quotient, depth + 1)),
            '>' => out.push_str(&format(language, rules, remainder, depth + 1)),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spelled_as_people_say_them() {
        let cases: &[(&str, i64, &[&str])] = &[
            ("en", 0, &["zero"]),
            ("en", 210, &["twenty-one", "twenty one"]),
            ("en", 1000, &["one hundred", "a hundred"]),
            ("en", 1050, &["one hundred five", "one hundred and five", "a hundred and five"]),
            ("en", 27000, &["two thousand seven hundred"]),
            ("en", 215, &["twenty-one point five", "twenty one and a half"]),
            ("en-GB", -50, &["minus five"]),
            ("fr", 10, &["un", "une"]),
            ("fr", 210, &["vingt-et-un", "vingt et un", "vingt et une"]),
            ("fr", 710, &["soixante-et-onze", "septante et un"]),
            ("fr", 700, &["soixante-dix", "septante"]),
            ("fr", 770, &["soixante-dix-sept", "soixante dix sept"]),
            ("fr", 800, &["quatre-vingts", "huitante"]),
            ("fr", 910, &["quatre-vingt-onze", "nonante et un"]),
            ("fr", 990, &["quatre-vingt-dix-neuf"]),
            ("fr", 195, &["dix-neuf virgule cinq", "dix neuf et demi"]),
            ("fr", 27000, &["deux mille sept cents", "deux mille sept cent"]),
        ];
        for (language, tenths, said) in cases {
            let spelled = spell(language, *tenths);
            for said in *said {
                assert!(spelled.iter().any(|s| s == said), "{tenths}: {said} not in {spelled:?}");
            }
        }
        assert!(spell("tlh", 10).is_empty());
    }

    #[test]
    fn different_numbers_are_never_spelled_alike() {
        for language in ["en", "fr"] {
            let mut all = std::collections::HashMap::new();
            for tenths in 0..=1100 {
                for said in spell(language, tenths) {
                    let before = all.insert(said.clone(), tenths);
                    assert!(before.is_none_or(|t| t == tenths), "{language} {said}: {tenths}");
                }
            }
        }
    }
}
