//! Numbers as words, by Unicode's rule-based number formats: rules with a base value, the quotient
//! `<<` and the remainder `>>` of a division, `[…]` left out when nothing remains, `=%set=` for
//! another set of rules. It owns the interpreter; the rules are tables in `models/numbers`, made
//! from CLDR by `tests/tools/spelled_numbers.py`, so that a further language is a file. It does not
//! match text; `compile` indexes what it spells.

use std::collections::BTreeMap;

/// Largest number that is spelled: the tables leave out what is beyond.
pub const MAX_SPELLED: i64 = 10_000;
/// Deepest chain of rules: a table that leads back to itself spells nothing.
const MAX_DEPTH: u8 = 16;

macro_rules! tables {
    ($($code:literal),* $(,)?) => {
        &[$(($code, include_str!(concat!("../../models/numbers/", $code, ".txt")))),*]
    };
}

/// All tables by language code, with those of Homard's own beside Unicode's.
const TABLES: &[(&str, &str)] = tables![
    "af", "ar", "bg", "ca", "cs", "cy", "da", "de", "de-CH", "el", "en", "en-own", "es", "et",
    "fa", "fi", "fr", "fr-own", "ga", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka",
    "ko", "lb", "lt", "lv", "ms", "nb", "ne", "nl", "pl", "pt", "pt-own", "ro", "ru", "sk", "sl",
    "sr", "sr-Latn", "sv", "sw", "ta", "th", "tr", "uk", "vi", "zh", "zh-Hant",
];

/// Languages that are spelled by the tables of others: by region, or because they are as good as one.
const SPELLED_LIKE: &[(&str, &str)] =
    &[("zh-tw", "zh-Hant"), ("zh-hk", "zh-Hant"), ("zh-mo", "zh-Hant"), ("no", "nb"), ("nn", "nb")];

/// How people say "and a half" after a whole number, where Unicode only has the decimal sign.
const HALVES: &[(&str, &[&str])] = &[
    ("bg", &[" и половина"]),
    ("ca", &[" i mig", " i mitja"]),
    ("cs", &[" a půl"]),
    ("da", &[" en halv", " og en halv"]),
    ("de", &["einhalb", " einhalb"]),
    ("el", &[" και μισό", " και μισή"]),
    ("en", &[" and a half"]),
    ("es", &[" y medio", " y media"]),
    ("fi", &[" ja puoli"]),
    ("fr", &[" et demi", " et demie"]),
    ("hr", &[" i pol"]),
    ("it", &[" e mezzo", " e mezza"]),
    ("nb", &[" og en halv"]),
    ("nl", &[" en een half", " en een halve"]),
    ("pl", &[" i pół"]),
    ("pt", &[" e meio", " e meia"]),
    ("ro", &[" și jumătate"]),
    ("ru", &[" с половиной"]),
    ("sk", &[" a pol"]),
    ("sl", &[" in pol"]),
    ("sr", &[" и по", " и половина"]),
    ("sv", &[" och en halv"]),
    ("tr", &[" buçuk"]),
    ("uk", &[" з половиною"]),
];

/// Spells numbers in one language.
#[derive(Debug, Clone, Default)]
pub struct Speller {
    sets: BTreeMap<&'static str, Rules>,
    /// The sets that are said on their own, in the order of the tables.
    public: Vec<&'static str>,
    /// What one half is called after a whole number.
    halves: &'static [&'static str],
}

/// One way to count.
#[derive(Debug, Clone, Default)]
struct Rules {
    minus: Option<Vec<Part>>,
    fractions: Vec<Vec<Part>>,
    /// By base, ascending: base, divisor, parts.
    whole: Vec<(u64, u64, Vec<Part>)>,
}

/// A piece of a rule. `None` is the set that the rule is in.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(&'static str),
    Quotient(Option<&'static str>),
    Remainder(Option<&'static str>),
    Same(&'static str),
    /// `[`: what follows up to `]` is left out when nothing remains.
    Open,
    Close,
}

impl Speller {
    /// The speller of a language, or of its family (`en` for `en-US`); one that spells nothing where
    /// Unicode has no rules.
    pub fn new(language: &str) -> Speller {
        let code = language.replace('_', "-").to_lowercase();
        let family = code.split('-').next().unwrap_or(&code);
        let table = |wanted: &str| {
            TABLES.iter().find(|(code, _)| code.eq_ignore_ascii_case(wanted)).map(|(_, text)| *text)
        };
        let like = |wanted: &str| {
            let (_, other) = SPELLED_LIKE.iter().find(|(code, _)| *code == wanted)?;
            table(other)
        };
        let mut speller = Speller::default();
        let halves = HALVES.iter().find(|(code, _)| *code == family);
        speller.halves = halves.map_or(&[], |(_, halves)| *halves);
        let own = format!("{family}-own");
        let main =
            like(&code).or_else(|| table(&code)).or_else(|| like(family)).or_else(|| table(family));
        if let Some(text) = main {
            speller.read(text);
        }
        if let Some(text) = table(&own) {
            speller.read(text);
        }
        speller
    }

    /// Every way to say a number, given in tenths (215 is 21.5). Hyphens also appear as spaces.
    pub fn spell(&self, tenths: i64) -> Vec<String> {
        if tenths.abs() > MAX_SPELLED * 10 {
            return Vec::new();
        }
        let mut out: Vec<String> = Vec::new();
        for set in &self.public {
            match tenths % 10 {
                0 => out.extend(self.whole(set, tenths / 10, 0)),
                _ => out.extend(self.fractions(set, tenths, 0)),
            }
            if tenths % 10 == 5 && tenths > 10 {
                let whole = self.whole(set, tenths / 10, 0);
                let halves = self.halves.iter();
                out.extend(
                    whole.iter().flat_map(|w| halves.clone().map(move |h| format!("{w}{h}"))),
                );
            }
        }
        let spaced: Vec<String> =
            out.iter().filter(|s| s.contains('-')).map(|said| said.replace('-', " ")).collect();
        out.extend(spaced);
        out.retain(|said| !said.is_empty());
        out.sort();
        out.dedup();
        out
    }

    fn read(&mut self, table: &'static str) {
        let mut name = "";
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            if let Some(head) = line.strip_suffix(':') {
                name = head.trim_start_matches("- ");
                if !head.starts_with("- ") {
                    self.public.push(name);
                }
                self.sets.insert(name, Rules::default());
                continue;
            }
            let (base, text) = line.split_once(' ').unwrap_or((line, ""));
            let Some(rules) = self.sets.get_mut(name) else { continue };
            match base {
                "-x" => rules.minus = Some(parts(text)),
                "x.x" => rules.fractions.push(parts(text)),
                base => {
                    let (base, radix) = base.split_once('/').unwrap_or((base, "10"));
                    let (Ok(base), Ok(radix)) = (base.parse::<u64>(), radix.parse::<u64>()) else {
                        continue;
                    };
                    let mut divisor = 1;
                    while radix > 1 && divisor * radix <= base {
                        divisor *= radix;
                    }
                    rules.whole.push((base, divisor, parts(text)));
                }
            }
        }
        for rules in self.sets.values_mut() {
            rules.whole.sort_by_key(|(base, _, _)| *base);
        }
    }

    fn whole(&self, set: &str, number: i64, depth: u8) -> Option<String> {
        let mut out = String::new();
        self.write(set, number, depth, &mut out)?;
        Some(out)
    }

    fn write(&self, set: &str, number: i64, depth: u8, out: &mut String) -> Option<()> {
        let (name, rules) = self.sets.get_key_value(set)?;
        if depth > MAX_DEPTH {
            return None;
        }
        if number < 0 {
            let (name, rules) = self.special(set, |rules| rules.minus.is_some(), 0)?;
            return self.format(name, rules.minus.as_ref()?, 0, (0, -number), depth, out);
        }
        let number = number.unsigned_abs();
        let after = rules.whole.partition_point(|(base, _, _)| *base <= number);
        let (_, divisor, parts) = rules.whole.get(after.checked_sub(1)?)?;
        let (quotient, remainder) = ((number / divisor) as i64, (number % divisor) as i64);
        self.format(name, parts, number as i64, (quotient, remainder), depth, out)
    }

    /// The set whose special rules hold for a set: itself, or the one that it leads to.
    fn special(
        &self,
        set: &str,
        has: fn(&Rules) -> bool,
        depth: u8,
    ) -> Option<(&'static str, &Rules)> {
        let (name, rules) = self.sets.get_key_value(set)?;
        match rules.whole.first() {
            _ if has(rules) => Some((name, rules)),
            Some((0, _, parts)) if depth < MAX_DEPTH => match parts.first()? {
                Part::Same(other) => self.special(other, has, depth + 1),
                _ => None,
            },
            _ => None,
        }
    }

    /// Every way that a set has for a number with a fraction.
    fn fractions(&self, set: &str, tenths: i64, depth: u8) -> Vec<String> {
        match self.special(set, |rules| !rules.fractions.is_empty(), 0) {
            Some((name, rules)) if tenths > 0 && depth < MAX_DEPTH => {
                let rules = rules.fractions.iter();
                rules.flat_map(|parts| self.fraction(name, parts, tenths, depth)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn fraction(&self, set: &str, parts: &[Part], tenths: i64, depth: u8) -> Option<String> {
        let mut out = String::new();
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Quotient(other) => {
                    self.write(other.unwrap_or(set), tenths / 10, depth + 1, &mut out)?;
                }
                Part::Remainder(other) => {
                    self.write(other.unwrap_or(set), tenths % 10, depth + 1, &mut out)?;
                }
                Part::Same(other) => {
                    out.push_str(self.fractions(other, tenths, depth + 1).first()?);
                }
                Part::Open | Part::Close => {}
            }
        }
        Some(out)
    }

    /// Writes a rule. A remainder of nothing in the rule's own set says nothing, nor does the space
    /// before it.
    fn format(
        &self,
        set: &'static str,
        parts: &[Part],
        number: i64,
        (quotient, remainder): (i64, i64),
        depth: u8,
        out: &mut String,
    ) -> Option<()> {
        let mut is_left_out = false;
        for (index, part) in parts.iter().enumerate() {
            match part {
                Part::Open => is_left_out = remainder == 0,
                Part::Close => is_left_out = false,
                _ if is_left_out => {}
                Part::Text(text) => {
                    let ends_there = remainder == 0
                        && matches!(parts.get(index + 1), Some(Part::Remainder(None)));
                    out.push_str(if ends_there { text.trim_end() } else { text });
                }
                Part::Quotient(None) if quotient == 0 => {}
                Part::Remainder(None) if remainder == 0 => {}
                Part::Quotient(other) => {
                    self.write(other.unwrap_or(set), quotient, depth + 1, out)?;
                }
                Part::Remainder(other) => {
                    self.write(other.unwrap_or(set), remainder, depth + 1, out)?;
                }
                Part::Same(other) => self.write(other, number, depth + 1, out)?,
            }
        }
        Some(())
    }
}

/// Reads the text of a rule.
fn parts(text: &'static str) -> Vec<Part> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_special = |c: char| matches!(c, '<' | '>' | '=' | '[' | ']');
        if !is_special(first) {
            let end = rest.find(is_special).unwrap_or(rest.len());
            out.push(Part::Text(&rest[..end]));
            rest = &rest[end..];
            continue;
        }
        rest = &rest[1..];
        if matches!(first, '[' | ']') {
            out.push(if first == '[' { Part::Open } else { Part::Close });
            continue;
        }
        let end = rest.find(first).unwrap_or(rest.len());
        let inner = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or("");
        // A pattern for digits ("#,##0") names no set, so what it would write is not said.
        let set = match inner.strip_prefix('%') {
            Some(name) => Some(name),
            None if inner.is_empty() => None,
            None => Some(inner),
        };
        out.push(match first {
            '<' => Part::Quotient(set),
            '>' => Part::Remainder(set),
            _ => Part::Same(set.unwrap_or("")),
        });
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
            ("de", 210, &["einundzwanzig"]),
            ("de-AT", 205, &["zwanzig Komma fünf"]),
            ("ru", 25000, &["две тысячи пятьсот"]),
            ("sk", 60000, &["šesť tisíc"]),
            ("pl", 120, &["dwanaście"]),
            ("zh-TW", 20, &["二", "兩"]),
            ("zh-CN", 1000, &["一百"]),
            ("ko", 330, &["삼십삼"]),
            ("pt", 160, &["dezasseis", "dezesseis"]),
            ("pt-BR", 160, &["dezesseis"]),
            ("nb", 210, &["tjueett"]),
            ("de", -50, &["minus fünf"]),
        ];
        for (language, tenths, said) in cases {
            let spelled = Speller::new(language).spell(*tenths);
            for said in *said {
                assert!(
                    spelled.iter().any(|s| s == said),
                    "{language} {tenths}: {said} not in {spelled:?}"
                );
            }
        }
        assert!(Speller::new("tlh").spell(10).is_empty());
        assert!(Speller::new("en").spell(10_000_000).is_empty());
    }

    #[test]
    fn every_table_spells_what_a_house_needs_and_no_two_numbers_alike() {
        for (code, _) in TABLES.iter().filter(|(code, _)| !code.ends_with("-own")) {
            let speller = Speller::new(code);
            let mut all = std::collections::HashMap::new();
            for tenths in (0..=1000).step_by(5).chain((10_000..=100_000).step_by(1000)) {
                let spelled = speller.spell(tenths);
                assert!(!spelled.is_empty() || tenths % 10 != 0, "{code} {tenths}");
                for said in spelled {
                    let before = all.insert(said.clone(), tenths);
                    assert!(
                        before.is_none_or(|t| t == tenths),
                        "{code} {said}: {tenths} {before:?}"
                    );
                }
            }
        }
    }
}
