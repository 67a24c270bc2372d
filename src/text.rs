//! One normal form for names and utterances: case, accents, apostrophes, punctuation, spacing and
//! digits. It owns how two spellings are compared and how a name becomes an entity id; it knows
//! nothing of sentences, languages or the home.
//!
//! Letters are compared twice over: `plain` without accents ("eteins" is "éteins"), `exact` with
//! them, so that a matcher can prefer the spelling that was really used.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

/// One letter of a normalised text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Letter {
    /// Lower case, accent kept.
    pub exact: char,
    /// Lower case, accent removed where the script is Latin, Greek or Cyrillic; Arabic without hamza.
    pub plain: char,
}

/// An utterance ready to be matched: normalised letters and where each came from.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// The letters, single spaces between words, no punctuation at the edges of words.
    pub letters: Vec<Letter>,
    /// For each letter the byte range in the original text that it came from.
    pub at: Vec<(u32, u32)>,
}

impl Heard {
    /// The plain letters as a string, for tests and logs.
    pub fn plain(&self) -> String {
        self.letters.iter().map(|letter| letter.plain).collect()
    }

    /// What was really said in the letters `from..to`, as it stood in `original`.
    pub fn said<'a>(&self, original: &'a str, from: usize, to: usize) -> &'a str {
        let (from, to) = (from.min(self.at.len()), to.min(self.at.len()));
        if from >= to {
            return "";
        }
        let range = self.at[from].0 as usize..self.at[to - 1].1 as usize;
        original.get(range).unwrap_or("").trim()
    }
}

/// What may have been said where something else was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Likely {
    /// The words.
    pub text: String,
    /// How much less likely they are than the likeliest of them, as the logarithm: 1 is about a third.
    pub behind: f32,
}

/// Letters as one character each where Unicode has one, so that "é" is the same however it was typed.
const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();

fn is_composed(text: &str) -> bool {
    text.is_ascii() || NFC.is_normalized(text)
}

/// The text with one character for each letter where Unicode has one (NFC).
pub fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { NFC.normalize(text) }
}

/// Pieces of a text that can be composed one by one, with where they begin: each is a letter with
/// the marks or the rest of the syllable that follow it.
fn pieces(text: &str) -> Vec<(usize, &str)> {
    let mut out: Vec<(usize, &str)> = Vec::new();
    for (index, character) in text.char_indices() {
        let end = index + character.len_utf8();
        if let Some((from, piece)) = out.last_mut() {
            let longer = &text[*from..end];
            let is_apart = character.is_ascii()
                || character.is_alphanumeric()
                    && NFC.normalize(longer).chars().count() > NFC.normalize(piece).chars().count();
            if !is_apart {
                *piece = longer;
                continue;
            }
        }
        out.push((index, &text[index..end]));
    }
    out
}

/// Normalises an utterance: whitespace to single spaces, typographic apostrophes and digits to
/// ASCII, case and accents folded, punctuation at the edges of words dropped. Punctuation inside a
/// word stays ("21.5", "10:30"), as do the dots of initialisms ("A.C.").
pub fn hear(text: &str) -> Heard {
    let mut raw: Vec<(Letter, (u32, u32))> = Vec::with_capacity(text.len() + 1);
    let mut push = |character: char, span: (u32, u32)| {
        fold(character, |letter| {
            let is_extra_space =
                letter.plain == ' ' && raw.last().is_none_or(|(last, _)| last.plain == ' ');
            if !is_extra_space {
                raw.push((letter, span));
            }
        });
    };
    if is_composed(text) {
        for (index, character) in text.char_indices() {
            push(character, (index as u32, (index + character.len_utf8()) as u32));
        }
    } else {
        for (from, piece) in pieces(text) {
            let span = (from as u32, (from + piece.len()) as u32);
            NFC.normalize(piece).chars().for_each(|character| push(character, span));
        }
    }
    let mut heard = Heard::default();
    for index in 0..raw.len() {
        if is_stray_mark(&raw, index) {
            continue;
        }
        let (letter, span) = raw[index];
        let is_extra_space = letter.plain == ' '
            && heard.letters.last().is_none_or(|last: &Letter| last.plain == ' ');
        if !is_extra_space {
            heard.letters.push(letter);
            heard.at.push(span);
        }
    }
    while heard.letters.last().is_some_and(|last| last.plain == ' ') {
        heard.letters.pop();
        heard.at.pop();
    }
    heard
}

/// The letters of a template or a list value: folded like an utterance, but spaces at the edges and
/// all punctuation kept, for they are part of the pattern.
pub fn letters(text: &str) -> Vec<Letter> {
    let mut out: Vec<Letter> = Vec::with_capacity(text.len());
    for character in composed(text).chars() {
        fold(character, |letter| {
            let is_extra_space = letter.plain == ' ' && out.last().is_some_and(|l| l.plain == ' ');
            if !is_extra_space {
                out.push(letter);
            }
        });
    }
    out
}

/// The key under which a name is compared: plain letters and digits, everything else one space.
/// `key("Terrasse d’Été ") == "terrasse d ete"`.
pub fn key(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in composed(text).chars() {
        fold(character, |letter| {
            if is_word(letter.plain) && letter.plain != '_' {
                out.push(letter.plain);
            } else if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        });
    }
    out.truncate(out.trim_end().len());
    out
}

/// A name as an object id, as Home Assistant makes it from a friendly name: transliterated to
/// ASCII, lower case, runs of anything else one underscore. Empty if the name has no usable letter.
/// `slug("Terrasse été") == "terrasse_ete"`.
pub fn slug(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let separate = |out: &mut String| {
        if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    };
    let characters: Vec<char> = text.chars().collect();
    for (index, &character) in characters.iter().enumerate() {
        // A plain apostrophe separates, a typographic one vanishes; a comma between digits vanishes
        // too. Both are what Home Assistant's slugify does.
        match character {
            '’' | '‘' => continue,
            ',' if index > 0
                && characters[index - 1].is_ascii_digit()
                && characters.get(index + 1).is_some_and(char::is_ascii_digit) =>
            {
                continue;
            }
            _ => {}
        }
        // Pictures beyond the basic plane have no transliteration there.
        if character as u32 > 0xffff {
            separate(&mut out);
            continue;
        }
        // The micro sign is a Greek mu to Home Assistant.
        let ascii = match character {
            'µ' => "m",
            _ => deunicode::deunicode_char(character).unwrap_or(""),
        };
        if ascii.is_empty() && is_combining(character) {
            continue;
        }
        for letter in ascii.chars() {
            if letter.is_ascii_alphanumeric() {
                out.push(letter.to_ascii_lowercase());
            } else if letter != '\'' || character == '\'' {
                separate(&mut out);
            }
        }
    }
    out.truncate(out.trim_end_matches('_').len());
    out
}

/// The (at most three) known names nearest to what was said, nearest first; those too far away to be
/// a slip of the tongue or the ear are left out.
pub fn nearest<'a>(said: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let wanted = key(said);
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (likeness(&wanted, &key(name)), name))
        .filter(|(score, _)| *score >= 0.6)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// How alike two keys are, 0 to 1: whole spelling, and shared words for names in another order.
pub fn likeness(a: &str, b: &str) -> f64 {
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let whole = strsim::normalized_damerau_levenshtein(a, b);
    let words: Vec<&str> = a.split(' ').collect();
    let others: Vec<&str> = b.split(' ').collect();
    let close = |word: &&str| {
        others
            .iter()
            .map(|other| strsim::normalized_damerau_levenshtein(word, other))
            .fold(0.0, f64::max)
    };
    let shared: f64 = words.iter().map(close).filter(|score| *score >= 0.6).sum();
    // Part of a name is nearly the name; a word misheard keeps its letters but not their order.
    let by_words = 0.9 * shared / words.len() as f64;
    let by_letters = 0.85 * strsim::jaro(a, b);
    whole.max(by_words).max(by_letters)
}

/// Whether a character belongs to a word.
pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || is_combining(character)
}

/// Marks that a transcript may carry at the edge of a word and that mean nothing there.
pub fn is_mark(character: char) -> bool {
    matches!(
        character,
        '.' | ','
            | '?'
            | '!'
            | ';'
            | ':'
            | '。'
            | '，'
            | '、'
            | '¿'
            | '？'
            | '؟'
            | '،'
            | '¡'
            | '！'
            | '；'
            | '：'
            | '…'
            | '—'
            | '–'
            | '―'
            | '"'
            | '“'
            | '”'
            | '„'
            | '«'
            | '»'
            | '‹'
            | '›'
            | '।'
            | '॥'
            | '۔'
            | '؛'
            | '։'
            | '՝'
            | '·'
            | '．'
            | '｡'
            | '､'
            | '「'
            | '」'
            | '『'
            | '』'
    )
}

fn is_combining(character: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&character)
}

/// Marks that are written or left out as one likes: invisible joiners and directions, the vowel signs
/// of Arabic and Hebrew, the stroke that stretches an Arabic word, the dot below of Indian scripts, the
/// signs that Armenian puts on the vowel of a word that is asked, called or stressed.
fn is_optional(character: char) -> bool {
    matches!(character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        | '\u{61c}' | '\u{640}' | '\u{64b}'..='\u{652}' | '\u{670}'
        | '\u{55b}' | '\u{55c}' | '\u{55e}' | '\u{93c}' | '\u{9bc}' | '\u{a3c}' | '\u{abc}')
}

/// Whether the mark at `index` is only punctuation: not between two word characters and not a dot
/// of an initialism.
fn is_stray_mark(raw: &[(Letter, (u32, u32))], index: usize) -> bool {
    let at = |i: usize| raw.get(i).map_or(' ', |(letter, _)| letter.plain);
    let mark = at(index);
    if !is_mark(mark) {
        return false;
    }
    let mut before = index;
    while before > 0 && is_mark(at(before - 1)) {
        before -= 1;
    }
    let mut after = index + 1;
    while after < raw.len() && is_mark(at(after)) {
        after += 1;
    }
    let has_word_before = before > 0 && is_word(at(before - 1));
    let has_word_after = after < raw.len() && is_word(at(after));
    if has_word_before && has_word_after {
        return false;
    }
    // "a.c." keeps its last dot, as a single letter, a dot and a single letter stand before it.
    let is_initialism = mark == '.'
        && index >= 3
        && is_word(at(index - 1))
        && at(index - 2) == '.'
        && is_word(at(index - 3))
        && (index == 3 || !is_word(at(index - 4)));
    !is_initialism
}

/// Calls `emit` with each normalised letter of a character; none for a combining accent.
fn fold(character: char, mut emit: impl FnMut(Letter)) {
    let mut same = |c: char| emit(Letter { exact: c, plain: c });
    if character.is_ascii() {
        let c = if character.is_ascii_whitespace() { ' ' } else { character.to_ascii_lowercase() };
        // A backtick is an apostrophe typed with the wrong key.
        return same(if c == '`' { '\'' } else { c });
    }
    if is_combining(character) || is_optional(character) {
        return;
    }
    match character {
        '’' | '‘' | 'ʼ' | '´' | '＇' | '′' | '׳' => return same('\''),
        '‐' | '‑' | '−' | '־' => return same('-'),
        '٪' | '％' | '﹪' => return same('%'),
        '٫' => return same('.'),
        _ if character.is_whitespace() => return same(' '),
        _ => {}
    }
    if let Some(digit) = digit(character) {
        return same(digit);
    }
    for lower in character.to_lowercase() {
        if is_combining(lower) {
            continue;
        }
        match base(lower) {
            Base::Same => emit(Letter { exact: lower, plain: lower }),
            Base::One(plain) => emit(Letter { exact: lower, plain }),
            Base::Many(text) => {
                for c in text.chars() {
                    let c = c.to_ascii_lowercase();
                    emit(Letter { exact: c, plain: c });
                }
            }
        }
    }
}

/// What a lower-case letter is without its accent.
enum Base {
    Same,
    One(char),
    Many(&'static str),
}

fn base(letter: char) -> Base {
    if matches!(letter, '\u{df}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}') && letter.is_alphabetic() {
        let Some(ascii) = deunicode::deunicode_char(letter) else { return Base::Same };
        let mut characters = ascii.chars();
        return match (characters.next(), characters.next()) {
            (Some(one), None) => Base::One(one.to_ascii_lowercase()),
            (Some(_), Some(_)) => Base::Many(ascii),
            (None, _) => Base::Same,
        };
    }
    let plain = match letter {
        'ά' => 'α',
        'έ' => 'ε',
        'ή' => 'η',
        'ί' | 'ϊ' | 'ΐ' => 'ι',
        'ό' => 'ο',
        'ύ' | 'ϋ' | 'ΰ' => 'υ',
        'ώ' => 'ω',
        'ς' => 'σ',
        'ё' => 'е',
        'й' => 'и',
        'ї' => 'і',
        'ў' => 'у',
        'ґ' => 'г',
        'ѝ' => 'и',
        'ѐ' => 'е',
        // Letters that keyboards of neighbouring languages write otherwise.
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ى' | 'ی' | 'ئ' => 'ي',
        'ک' => 'ك',
        'ة' | 'ۀ' | 'ہ' | 'ۂ' | 'ۃ' => 'ه',
        'ؤ' => 'و',
        _ => return Base::Same,
    };
    Base::One(plain)
}

/// The ASCII digit of a decimal digit of another script.
fn digit(character: char) -> Option<char> {
    // The first digit of each decimal block of scripts in use.
    const ZEROS: [u32; 14] = [
        0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0,
        0xff10,
    ];
    let code = character as u32;
    let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Hangul syllable as its parts.
    fn decomposed(syllable: char) -> Vec<char> {
        let index = syllable as u32 - 0xac00;
        let (first, vowel, last) = (index / 588, index % 588 / 28, index % 28);
        let part = |from: u32, index: u32| char::from_u32(from + index);
        let last = if last == 0 { None } else { part(0x11a7, last) };
        [part(0x1100, first), part(0x1161, vowel), last].into_iter().flatten().collect()
    }

    #[test]
    fn utterances_have_one_normal_form() {
        let cases = [
            ("Turn on  the Light!", "turn on the light"),
            ("  Éteins la lumière, s’il te plaît. ", "eteins la lumiere s'il te plait"),
            ("e\u{301}teins", "eteins"),
            ("set it to 21.5", "set it to 21.5"),
            ("mets 21,5 degrés", "mets 21,5 degres"),
            ("turn on the A.C.", "turn on the a.c."),
            ("what is A.C.?", "what is a.c."),
            ("« allume tout »", "allume tout"),
            ("-5 degrees", "-5 degrees"),
            ("١٢", "12"),
            ("٢١٫٥٪", "21.5%"),
            ("５０％。", "50%"),
            ("քանի՞ լույս։", "քանի լույս"),
            ("「照明」", "照明"),
            ("روشن کرو۔", "روشن كرو"),
            ("Größe", "grosse"),
            ("...", ""),
            ("", ""),
            ("Œuvre", "oeuvre"),
            ("IŞIKLARI", "isiklari"),
            ("ЇЖАК й", "іжак и"),
            // One character or several, the same letter.
            ("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", "한글"),
            ("\u{cc6}\u{cc2}", "\u{cca}"),
            ("か\u{3099}き", "がき"),
            ("مُوقَّت", "موقت"),
            ("שָׁלוֹם", "שלום"),
        ];
        for (said, plain) in cases {
            assert_eq!(hear(said).plain(), plain, "{said:?}");
        }
    }

    #[test]
    fn what_was_said_is_found_again() {
        let said = "Allume  la Lumière d’été!";
        let heard = hear(said);
        let start = "allume la ".chars().count();
        assert_eq!(heard.said(said, start, heard.letters.len()), "Lumière d’été");
        assert_eq!(heard.said(said, 5, 2), "");
        let said = "거실에".chars().flat_map(decomposed).collect::<String>();
        let heard = hear(&said);
        assert_eq!(letters(heard.said(&said, 0, 2)), letters("거실"));
        assert_eq!(heard.letters.len(), heard.at.len());
    }

    #[test]
    fn exact_letters_keep_the_accent() {
        let letters = letters("é");
        assert_eq!(letters, [Letter { exact: 'é', plain: 'e' }]);
    }

    #[test]
    fn slugs_are_home_assistants() {
        let cases = [
            ("Terrasse été", "terrasse_ete"),
            ("Kitchen Light", "kitchen_light"),
            ("  Küche -- Decke ", "kuche_decke"),
            ("l'été", "l_ete"),
            ("l’été", "lete"),
            ("Café 1,000 W", "cafe_1000_w"),
            ("Straße", "strasse"),
            ("0x00158d0001", "0x00158d0001"),
            ("---", ""),
            ("µ ½", "m_1_2"),
            ("50 % °C", "50_degc"),
            ("Łódź", "lodz"),
            ("", ""),
            ("Büro/Licht_1", "buro_licht_1"),
            ("北京", "bei_jing"),
            ("🔥 Lamp", "lamp"),
        ];
        for (name, slugged) in cases {
            assert_eq!(slug(name), slugged, "{name:?}");
        }
    }

    #[test]
    fn keys_compare_names() {
        assert_eq!(key("Terrasse d’Été "), "terrasse d ete");
        assert_eq!(key("Living-Room_Lamp"), "living room lamp");
        assert_eq!(key("!!"), "");
    }

    #[test]
    fn near_names_are_found_and_far_ones_not() {
        let names = ["Kitchen", "Chicken coop", "Hall", "Living room"];
        assert_eq!(nearest("kitchin", names)[..1], ["Kitchen"]);
        assert_eq!(nearest("hal", ["Hall lamp", "Kitchen"]), ["Hall lamp"]);
        assert_eq!(nearest("chicken", ["Office", "Kitchen"]), ["Kitchen"]);
        assert_eq!(nearest("room living", names), ["Living room"]);
        assert!(nearest("zebra", names).is_empty());
    }
}
