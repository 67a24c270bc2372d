//! The same sentence as different people and transcripts write it, in every language of the official packs: capitals,
//! accents left out or typed apart, vowel signs, digits and percent signs of the script, its question marks, spaces of
//! other kinds. In a house whose names are in the script of the language. No sentence of the packs is in this
//! repository: they are sampled from the templates, and rewritten.

use std::collections::BTreeMap;

use homard::intent::lists::HomeLists;
use homard::intent::matcher::{Match, Matcher, Options};
use homard::intent::number::Speller;
use homard::intent::pack::{Fractions, List, Pack};
use homard::intent::value::{Context, Value};
use homard::text;
use icu_normalizer::DecomposingNormalizerBorrowed;

use crate::official::{home_for, languages, packs, read};
use crate::support::sampler::{Dice, Sampler};

/// Names of a thing, a room and a floor, and any words, in scripts and languages with letters of their own. They are
/// no words of the templates.
const NAMES: &[(&[&str], [&str; 4])] = &[
    (&["tr"], ["Işıl İğdiş", "Çığırdam", "Öksüzlük", "Ilgım"]),
    (&["de", "de-CH", "lb"], ["Größe Süßholz", "Fußkämmerle", "Zwölfgeschoß", "Müßiggang"]),
    (&["el"], ["Φάρος Ξύλινος", "Θόλος", "Ψηλάφης", "Ωδείας"]),
    (&["ru", "bg", "mn"], ["Ёжик Щебет", "Йодлюшка", "Жужжач", "Эхолов"]),
    (&["uk"], ["Їжак Ґедзь", "Щебетня", "Жовтяк", "Єхидна"]),
    (&["sr"], ["Љиљан Џивџан", "Ђуђевка", "Жмигавка", "Њушкало"]),
    (&["ar"], ["زُهْرة مُضيئة", "غَديرية", "ظُهيرة", "ضَفدع"]),
    (&["fa", "ur"], ["ژاله گلچین", "پژواکیه", "چکاوک", "ظریفه"]),
    (&["he"], ["צִפּוֹר כָּחוּל", "גמדיה", "ץצץק", "פרפרית"]),
    (&["hi", "ne"], ["ज़ुल्फ़ी झूमर", "ढोलकपुर", "घटाघर", "ऋषभ"]),
    (&["bn"], ["ঝড়ের ঢেউ", "ঘুঙুরপুর", "ঔষধতলা", "ঋতুরঙ"]),
    (&["gu"], ["ઝૂલણ ઢોલક", "ઘૂઘરપુર", "ઔષધતળ", "ઋતુરંગ"]),
    (&["pa"], ["ਝੂਲਣ ਢੋਲਕ", "ਘੁੰਗਰੂਪੁਰ", "ਔਖਾਤਲ", "ਉੱਛਲ"]),
    (&["ta"], ["ஞாயிறு ழகரம்", "ஙகரபுரம்", "ஔவைதளம்", "ஐராவதம்"]),
    (&["te"], ["ఝరీ ఢంకా", "ఘంటసాలపురం", "ఔషధతలం", "ఋతువు"]),
    (&["kn"], ["ಝರಿ ಢಕ್ಕೆ", "ಘಂಟಾಪುರ", "ಔಷಧತಳ", "ಋತುಮಾನ"]),
    (&["ml"], ["ഝഷം ഢക്ക", "ഘടികപുരം", "ഔഷധതലം", "ഋതുരാഗം"]),
    (&["th"], ["ฆ้องฟ้า", "ฌานสมุทร", "ฐานเมฆ", "ญาณวิเศษ"]),
    (&["ka"], ["ჟღალი ჭრიჭინა", "ღრუბელა", "ძაღლურა", "ჰაეროვანი"]),
    (&["hy"], ["Ճպուռ Ժայռ", "Ձյունաղբյուր", "Ծղրիդ", "Ֆրիկ"]),
    (&["ja"], ["ゾリャ ヴェガ", "ギュムの巣", "ヅォルム", "ペポン"]),
    (&["ko"], ["쿵쾅 뽀글", "쀼룩방", "꿻층", "뚱딴지"]),
    (&["zh-CN"], ["鹦鹉螺", "饕餮阁", "麒麟台", "貔貅"]),
    (&["zh-TW", "zh-HK"], ["鸚鵡螺", "饕餮閣", "麒麟臺", "貔貅"]),
    (&["vi"], ["Đặng Ngỗng", "Xưởng Ễnh", "Ướt Quýnh", "Ỡm Ờ"]),
];
/// For the languages in Latin letters that are not above.
const LATIN: [&str; 4] = ["Zqvörp Wxýlk", "Qžimbår", "Xwøłfur", "Výzzañt"];

/// The zero of a script's own digits, by language.
const ZEROS: &[(&[&str], char)] = &[
    (&["ar"], '٠'),
    (&["fa", "ur"], '۰'),
    (&["hi", "ne"], '०'),
    (&["bn"], '০'),
    (&["pa"], '੦'),
    (&["gu"], '૦'),
    (&["ta"], '௦'),
    (&["te"], '౦'),
    (&["kn"], '೦'),
    (&["ml"], '൦'),
    (&["th"], '๐'),
    (&["ja", "ko", "zh-CN", "zh-TW", "zh-HK"], '０'),
];

fn of<T: Copy>(table: &[(&[&str], T)], language: &str) -> Option<T> {
    table.iter().find(|(codes, _)| codes.contains(&language)).map(|(_, value)| *value)
}

/// Capitals as the language writes them: only Turkish has its own.
fn capitals(said: &str, language: &str) -> String {
    match language {
        "tr" => said.replace('i', "İ").to_uppercase(),
        _ => said.to_uppercase(),
    }
}

fn decomposed(said: &str) -> String {
    DecomposingNormalizerBorrowed::new_nfd().normalize(said).into_owned()
}

/// Without the accents of Latin, Greek and Cyrillic letters, the vowel signs of Arabic and Hebrew and the dot of
/// Indian ones, which people leave out.
fn bare(said: &str) -> String {
    let is_left_out = |c: &char| matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{652}' | '\u{591}'..='\u{5c7}' | '\u{93c}' | '\u{9bc}');
    decomposed(said).chars().filter(|c| !is_left_out(c)).collect()
}

/// How a sentence may also be written: what of it is different, and the text.
fn ways(said: &str, language: &str) -> Vec<(&'static str, String)> {
    let mut ways = vec![
        ("capitals", capitals(said, language)),
        ("accents apart", decomposed(said)),
        ("accents left out", bare(said)),
        ("full stop", format!("{said}.")),
        ("question mark", format!("{said}?")),
        ("exclamation", format!("¡{said}!")),
        ("quotes", format!("«\u{a0}{said}\u{a0}»")),
        ("hard spaces", said.replace(' ', "\u{a0}")),
        ("wide spaces", format!("  {}\u{3000}", said.replace(' ', "  "))),
    ];
    let mark = match language {
        "ar" | "fa" | "ur" => "؟",
        "hi" | "ne" | "bn" | "pa" => "।",
        "ja" | "zh-CN" | "zh-TW" | "zh-HK" => "？",
        "el" => ";",
        "hy" => "։",
        _ => "…",
    };
    ways.push(("mark of the script", format!("{said}{mark}")));
    if matches!(language, "ja" | "zh-CN" | "zh-TW" | "zh-HK") {
        ways.push(("ideographic full stop", format!("{said}。")));
    }
    if matches!(language, "ar" | "fa" | "ur" | "he") {
        ways.push(("directions", format!("\u{200f}{said}\u{200f}")));
    }
    if said.contains(|c: char| c.is_ascii_digit()) {
        if let Some(zero) = of(ZEROS, language) {
            let digit = |c: char| match c.to_digit(10) {
                Some(digit) => char::from_u32(zero as u32 + digit).unwrap(),
                None => c,
            };
            ways.push(("digits of the script", said.chars().map(digit).collect()));
        }
        for (index, _) in said.match_indices('%') {
            let head = said[..index].trim_end();
            if head.ends_with(|c: char| c.is_ascii_digit()) {
                let tail = &said[index + 1..];
                ways.push(("percent sign at once", format!("{head}%{tail}")));
                ways.push(("percent sign apart", format!("{head} %{tail}")));
                ways.push(("percent sign after a narrow space", format!("{head}\u{202f}%{tail}")));
                let sign = if of(ZEROS, language) == Some('０') { '％' } else { '٪' };
                if matches!(language, "ar" | "fa" | "ur") || sign == '％' {
                    ways.push(("percent sign of the script", format!("{head}{sign}{tail}")));
                }
            }
        }
    }
    ways
}

/// What a match says, to be compared: words by their key.
fn meaning(found: &Match) -> (String, BTreeMap<String, String>) {
    let slots = found.slots.iter().map(|slot| {
        let value = match &slot.value {
            Value::Text(words) => text::key(words),
            other => format!("{other:?}"),
        };
        (slot.name.to_string(), value)
    });
    (found.intent.to_string(), slots.collect())
}

/// "21" with a half, in the digits and marks that are used.
fn halves(language: &str) -> Vec<String> {
    let mut halves = vec!["21.5".to_owned(), "21,5".to_owned()];
    if matches!(language, "ar" | "fa" | "ur") {
        halves.push("٢١٫٥".to_owned());
    }
    halves
}

#[test]
fn a_sentence_is_the_same_however_it_is_written() {
    let Some(folder) = packs() else { return };
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut n_tried: BTreeMap<String, usize> = BTreeMap::new();
    for language in languages(&folder) {
        let pack = read(&folder, &language);
        let (matcher, _) = Matcher::new(&pack);
        let names = of(NAMES, &language).unwrap_or(LATIN);
        let mut check = |way: &str, said: &str, wanted: &Wanted<'_>| {
            *n_tried.entry(way.to_owned()).or_default() += 1;
            let found = matcher.recognize(said, wanted.home, wanted.context, Options::default());
            if !found.matches.iter().any(|found| meaning(found) == wanted.meaning) {
                let found: Vec<_> = found.matches.iter().take(2).map(meaning).collect();
                let line = format!("{language}: {said:?}: {found:?}, not {:?}", wanted.meaning);
                wrong.entry(way.to_owned()).or_default().push(line);
            }
        };
        let n_blocks = pack.blocks.len();
        for (index, block) in pack.blocks.iter().enumerate().step_by(1 + n_blocks / 25) {
            let Some((said, home, context)) = sample(&pack, &language, index, names) else {
                continue;
            };
            let found = matcher.recognize(&said, &home, &context, Options::default());
            // What the plain sentence means, another test has looked at.
            let Some(best) = found.matches.iter().find(|found| found.intent == block.intent) else {
                continue;
            };
            let wanted = Wanted { home: &home, context: &context, meaning: meaning(best) };
            for (way, said) in ways(&said, &language) {
                check(way, &said, &wanted);
            }
            // A temperature in digits, with a half.
            let number = best.slots.iter().find(|slot| &*slot.name == "temperature");
            let has_halves = matches!(pack.lists.get("temperature"), Some(List::Range(range)) if range.fractions != Fractions::None);
            if let (Some(slot), true) =
                (number, has_halves && &*block.intent == "HassClimateSetTemperature")
                && slot.said.trim().chars().all(|c| c.is_ascii_digit())
                && said.matches(slot.said.trim()).count() == 1
            {
                for half in halves(&language) {
                    let said = said.replacen(slot.said.trim(), &half, 1);
                    let mut meaning = wanted.meaning.clone();
                    let value = format!("{:?}", Value::Number(21.5));
                    meaning.1.insert("temperature".to_owned(), value);
                    let wanted = Wanted { home: &home, context: &context, meaning };
                    check("halves of a degree", &said, &wanted);
                }
            }
        }
    }
    for (way, n) in &n_tried {
        let wrong = wrong.get(way).map_or(&[][..], |wrong| wrong);
        println!("{way}: {} of {n}", n - wrong.len());
        wrong.iter().for_each(|line| println!("    {line}"));
    }
    assert!(n_tried.values().sum::<usize>() > 10_000, "{n_tried:?}");
    for (way, n) in n_tried {
        let n_wrong = wrong.get(&way).map_or(0, Vec::len);
        assert!(n_wrong * 200 <= n, "{way}: {n_wrong} of {n} are not understood");
    }
}

/// What a sentence must mean, and where it is said.
struct Wanted<'a> {
    home: &'a HomeLists,
    context: &'a Context,
    meaning: (String, BTreeMap<String, String>),
}

/// A sentence of a block, with the home and the context that it needs; none where the template names what the pack lacks.
fn sample(
    pack: &Pack,
    language: &str,
    index: usize,
    names: [&str; 4],
) -> Option<(String, HomeLists, Context)> {
    let block = &pack.blocks[index];
    let speller = &Speller::new(language);
    let (home, context) = home_for(block, names);
    // One with a number in digits, if there is any.
    let mut best: Option<String> = None;
    for attempt in 0..4 {
        let template = &block.sentences[attempt * 31 % block.sentences.len()];
        let dice = Dice((index * 7919 + attempt) as u64);
        let mut sampler = Sampler { pack, block, speller, dice, names, slots: Vec::new() };
        let mut said = String::new();
        sampler.write(&template.expr, &mut said, 0)?;
        let has_digit = said.contains(|c: char| c.is_ascii_digit());
        if best.is_none() || has_digit {
            best = Some(said);
        }
        if has_digit {
            break;
        }
    }
    best.map(|said| (said, home, context))
}
