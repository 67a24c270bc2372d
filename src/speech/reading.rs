//! How a written reply is read aloud: sentence by sentence, so that the first is heard while the next is made, with
//! signs and units in words, and nothing in it that a speech program would take for a command.

/// Longest text that is read aloud, in characters; what is beyond is left out.
const MAX_TEXT: usize = 2_000;
/// Longest piece that is said at once, in characters; a longer sentence is cut where it can be breathed in.
const MAX_PIECE: usize = 240;
/// A comma is a place to breathe from here on, in characters.
const BREATH: usize = 120;

/// The pieces of a text, in order, as they are to be said in this language.
pub fn sentences(text: &str, language: &str) -> Vec<String> {
    let text: String = text.chars().take(MAX_TEXT).collect();
    let text = in_words(&harmless(&text), language);
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut length = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        piece.push(c);
        length += 1;
        let is_end = match c {
            '\n' | '。' | '！' | '？' | '।' => true,
            '.' | '!' | '?' | '…' | ';' | ':' => {
                chars.peek().is_none_or(|next| next.is_whitespace())
            }
            ',' => length >= BREATH && chars.peek().is_none_or(|next| next.is_whitespace()),
            c => length >= MAX_PIECE && (c.is_whitespace() || length >= 2 * MAX_PIECE),
        };
        if is_end {
            length = 0;
            pieces.push(std::mem::take(&mut piece));
        }
    }
    pieces.push(piece);
    pieces.retain(|piece| piece.chars().any(char::is_alphanumeric));
    pieces.iter().map(|piece| piece.trim().to_owned()).collect()
}

/// Without control characters, without what hides in text (marks of direction, say) and without brackets, which espeak-ng
/// takes for sounds when there are two of them.
fn harmless(text: &str) -> String {
    let plain = |c: char| match c {
        '\n' => Some('\n'),
        '[' | ']' | '<' | '>' | '{' | '}' | '|' | '\\' | '`' | '*' | '#' | '_' => Some(' '),
        '\u{a0}' | '\u{202f}' | '\u{2009}' => Some('\u{a0}'),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => None,
        '\u{feff}' => None,
        c if c.is_control() => Some(' '),
        c if c.is_whitespace() => Some(' '),
        c => Some(c),
    };
    text.chars().filter_map(plain).collect()
}

/// Words of one language for what is written shorter than it is said.
struct Words {
    /// Before a number.
    minus: &'static str,
    /// Between the whole part of a number and the rest.
    mark: char,
    /// A unit as it is written, as it is said of one and of several.
    units: &'static [(&'static str, &'static str, &'static str)],
    /// Below which a number is one thing.
    singular_below: f64,
}

const ENGLISH: Words = Words {
    minus: "minus",
    mark: '.',
    singular_below: 0.0,
    units: &[
        ("°C", "degree Celsius", "degrees Celsius"),
        ("°F", "degree Fahrenheit", "degrees Fahrenheit"),
        ("°", "degree", "degrees"),
        ("%", "percent", "percent"),
        ("W", "watt", "watts"),
        ("kW", "kilowatt", "kilowatts"),
        ("Wh", "watt hour", "watt hours"),
        ("kWh", "kilowatt hour", "kilowatt hours"),
        ("MWh", "megawatt hour", "megawatt hours"),
        ("V", "volt", "volts"),
        ("mV", "millivolt", "millivolts"),
        ("A", "amp", "amps"),
        ("mA", "milliamp", "milliamps"),
        ("Hz", "hertz", "hertz"),
        ("hPa", "hectopascal", "hectopascals"),
        ("mbar", "millibar", "millibars"),
        ("lx", "lux", "lux"),
        ("lm", "lumen", "lumens"),
        ("K", "kelvin", "kelvin"),
        ("dB", "decibel", "decibels"),
        ("dBm", "decibel milliwatt", "decibel milliwatts"),
        ("ppm", "part per million", "parts per million"),
        ("ppb", "part per billion", "parts per billion"),
        ("µg/m³", "microgram per cubic meter", "micrograms per cubic meter"),
        ("mg/m³", "milligram per cubic meter", "milligrams per cubic meter"),
        ("m³/h", "cubic meter per hour", "cubic meters per hour"),
        ("m³", "cubic meter", "cubic meters"),
        ("m²", "square meter", "square meters"),
        ("L", "liter", "liters"),
        ("l", "liter", "liters"),
        ("mL", "milliliter", "milliliters"),
        ("km/h", "kilometer per hour", "kilometers per hour"),
        ("m/s", "meter per second", "meters per second"),
        ("mph", "mile per hour", "miles per hour"),
        ("mm/h", "millimeter per hour", "millimeters per hour"),
        ("km", "kilometer", "kilometers"),
        ("m", "meter", "meters"),
        ("cm", "centimeter", "centimeters"),
        ("mm", "millimeter", "millimeters"),
        ("kg", "kilogram", "kilograms"),
        ("g", "gram", "grams"),
        ("d", "day", "days"),
        ("h", "hour", "hours"),
        ("min", "minute", "minutes"),
        ("s", "second", "seconds"),
        ("ms", "millisecond", "milliseconds"),
        ("€", "euro", "euros"),
        ("EUR", "euro", "euros"),
        ("MB", "megabyte", "megabytes"),
        ("GB", "gigabyte", "gigabytes"),
    ],
};

const FRENCH: Words = Words {
    minus: "moins",
    mark: ',',
    singular_below: 2.0,
    units: &[
        ("°C", "degré Celsius", "degrés Celsius"),
        ("°F", "degré Fahrenheit", "degrés Fahrenheit"),
        ("°", "degré", "degrés"),
        ("%", "pour cent", "pour cent"),
        ("W", "watt", "watts"),
        ("kW", "kilowatt", "kilowatts"),
        ("Wh", "wattheure", "wattheures"),
        ("kWh", "kilowattheure", "kilowattheures"),
        ("MWh", "mégawattheure", "mégawattheures"),
        ("V", "volt", "volts"),
        ("mV", "millivolt", "millivolts"),
        ("A", "ampère", "ampères"),
        ("mA", "milliampère", "milliampères"),
        ("Hz", "hertz", "hertz"),
        ("hPa", "hectopascal", "hectopascals"),
        ("mbar", "millibar", "millibars"),
        ("lx", "lux", "lux"),
        ("lm", "lumen", "lumens"),
        ("K", "kelvin", "kelvins"),
        ("dB", "décibel", "décibels"),
        ("dBm", "décibel milliwatt", "décibels milliwatt"),
        ("ppm", "partie par million", "parties par million"),
        ("ppb", "partie par milliard", "parties par milliard"),
        ("µg/m³", "microgramme par mètre cube", "microgrammes par mètre cube"),
        ("mg/m³", "milligramme par mètre cube", "milligrammes par mètre cube"),
        ("m³/h", "mètre cube par heure", "mètres cubes par heure"),
        ("m³", "mètre cube", "mètres cubes"),
        ("m²", "mètre carré", "mètres carrés"),
        ("L", "litre", "litres"),
        ("l", "litre", "litres"),
        ("mL", "millilitre", "millilitres"),
        ("km/h", "kilomètre par heure", "kilomètres par heure"),
        ("m/s", "mètre par seconde", "mètres par seconde"),
        ("mph", "mile par heure", "miles par heure"),
        ("mm/h", "millimètre par heure", "millimètres par heure"),
        ("km", "kilomètre", "kilomètres"),
        ("m", "mètre", "mètres"),
        ("cm", "centimètre", "centimètres"),
        ("mm", "millimètre", "millimètres"),
        ("kg", "kilogramme", "kilogrammes"),
        ("g", "gramme", "grammes"),
        ("j", "jour", "jours"),
        ("d", "jour", "jours"),
        ("h", "heure", "heures"),
        ("min", "minute", "minutes"),
        ("s", "seconde", "secondes"),
        ("ms", "milliseconde", "millisecondes"),
        ("€", "euro", "euros"),
        ("EUR", "euro", "euros"),
        ("Mo", "mégaoctet", "mégaoctets"),
        ("Go", "gigaoctet", "gigaoctets"),
    ],
};

/// Signs and units after numbers in words, for the languages that are known here; the speech program's own rules do it
/// for the others.
fn in_words(text: &str, language: &str) -> String {
    let words = match language.split(['-', '_']).next() {
        Some("en") => ENGLISH,
        Some("fr") => FRENCH,
        _ => return text.replace('\u{a0}', " "),
    };
    let mut said = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let before = &rest[..at];
        let (number, after) = number(&rest[at..]);
        said.push_str(&signed(before, &words, said.chars().next_back()));
        let (number, value) = spoken_number(number, &words);
        said.push_str(&number);
        rest = match unit(after, &words) {
            Some((one, several, after)) => {
                let is_one = value == 1.0 || value < words.singular_below;
                said.push(' ');
                said.push_str(if is_one { one } else { several });
                // "20 h 15" and "3h" go on with a word of its own.
                if after.starts_with(|c: char| c.is_alphanumeric()) {
                    said.push(' ');
                }
                after
            }
            None => after,
        };
    }
    said.push_str(rest);
    said.replace('\u{a0}', " ")
}

/// What stands before a number, with the sign that belongs to it in words. A hyphen between words or numbers is none.
fn signed(before: &str, words: &Words, previous: Option<char>) -> String {
    for sign in ['-', '−'] {
        let Some(head) = before.strip_suffix(sign) else { continue };
        let last = head.chars().next_back().or(previous.filter(|_| head.is_empty()));
        if last.is_none_or(|c| c.is_whitespace() || c == '\u{a0}' || c == '(') {
            return format!("{head}{} ", words.minus);
        }
    }
    before.to_owned()
}

/// The number that a text begins with, and what follows: digits, with marks and narrow spaces between digits.
fn number(text: &str) -> (&str, &str) {
    let mut end = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let is_part = c.is_ascii_digit()
            || (matches!(c, '.' | ',' | '\u{a0}')
                && chars.peek().is_some_and(|(_, next)| next.is_ascii_digit()));
        if !is_part {
            break;
        }
        end = at + c.len_utf8();
    }
    text.split_at(end)
}

/// A number as it is best read, and its value. Groups of digits become one; a lone mark becomes the language's own, as
/// measurements come with a dot everywhere.
fn spoken_number(number: &str, words: &Words) -> (String, f64) {
    let joined: String = number.chars().filter(|c| *c != '\u{a0}').collect();
    let marks: Vec<char> = joined.chars().filter(|c| matches!(c, '.' | ',')).collect();
    match marks.as_slice() {
        [] => {
            let value = joined.parse().unwrap_or(f64::INFINITY);
            (joined, value)
        }
        // "1,013" in English: a mark of thousands.
        [','] if words.mark == '.' => {
            let value = joined.replace(',', "").parse().unwrap_or(f64::INFINITY);
            (joined.replace(',', ""), value)
        }
        [mark] => {
            let value = joined.replace(*mark, ".").parse().unwrap_or(f64::INFINITY);
            (joined.replace(*mark, &words.mark.to_string()), value)
        }
        // A version or an address: it is read as it stands.
        _ => (joined, f64::INFINITY),
    }
}

/// The unit right after a number, in words, and what follows it.
fn unit<'a>(text: &'a str, words: &Words) -> Option<(&'static str, &'static str, &'a str)> {
    let text = text.strip_prefix([' ', '\u{a0}']).unwrap_or(text);
    let is_unit = |sign: &str| {
        let next = text.strip_prefix(sign).map(|rest| rest.chars().next());
        // "20h15"; "5 A1" is no current.
        next.is_some_and(|next| match next {
            Some(c) if c.is_ascii_digit() => sign == "h",
            Some(c) => !c.is_alphanumeric() && c != '/' && c != '³',
            None => true,
        })
    };
    let found = words.units.iter().filter(|(sign, ..)| is_unit(sign));
    let (sign, one, several) = found.max_by_key(|(sign, ..)| sign.len())?;
    Some((one, several, &text[sign.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_signs_are_read_as_words() {
        let check = |language: &str, text: &str, expected: &str| {
            assert_eq!(sentences(text, language).join(" "), expected, "{text}");
        };
        check("en", "It is 21.5 °C in the kitchen.", "It is 21.5 degrees Celsius in the kitchen.");
        check("en", "30 % and 1 %", "30 percent and 1 percent");
        check("en", "It is −3.5°C.", "It is minus 3.5 degrees Celsius.");
        check("en", "-1 °C", "minus 1 degree Celsius");
        check("en", "10-15 W, 1,013 hPa", "10-15 watts, 1013 hectopascals");
        check("en", "1 kWh, 2 kWh", "1 kilowatt hour, 2 kilowatt hours");
        check("en", "12 µg/m³ at 5 km/h", "12 micrograms per cubic meter at 5 kilometers per hour");
        check("en", "Lamp 2 Maison, room 5 A1", "Lamp 2 Maison, room 5 A1");
        check("en-GB", "450 lx; 2700 K", "450 lux; 2700 kelvin");
        check("fr", "Il fait 21,5 °C.", "Il fait 21,5 degrés Celsius.");
        check("fr", "Il fait 21.5 °C.", "Il fait 21,5 degrés Celsius.");
        check("fr", "1,5 °C ou −2 °C", "1,5 degré Celsius ou moins 2 degrés Celsius");
        check("fr-CA", "à 20 h 15", "à 20 heures 15");
        check("fr", "à 20h15", "à 20 heures 15");
        check("fr", "1\u{202f}234,5 W et 30\u{a0}%", "1234,5 watts et 30 pour cent");
        check("de", "21,5\u{a0}°C", "21,5 °C");
        check("en", "Version 1.2.3 at 20:15", "Version 1.2.3 at 20:15");
        check("en", "", "");
    }

    #[test]
    fn nothing_in_a_name_is_a_command_to_the_voice() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(sentences(text, "en"), expected, "{text:?}");
        };
        check("The [[h@l'oU]] is on.", &["The   h@l'oU   is on."]);
        check("<speak><break time='9s'/></speak>", &["speak  break time='9 seconds'/  /speak"]);
        check("a\0b\u{1b}[31mc\u{7}", &["a b  31mc"]);
        check("x\u{202e}y\u{200b}z", &["xyz"]);
        check("...!? \n -- ", &[]);
    }

    #[test]
    fn sentences_are_said_one_by_one_and_long_ones_in_breaths() {
        let said = sentences("Done. The light is on! It is 21.5 °C; e.g. warm.\nBye", "en");
        assert_eq!(
            said,
            ["Done.", "The light is on!", "It is 21.5 degrees Celsius;", "e.g.", "warm.", "Bye"]
        );
        let long = "the kitchen, ".repeat(60);
        let said = sentences(&long, "en");
        assert!(said.len() > 4, "{said:?}");
        assert!(said.iter().all(|piece| piece.chars().count() <= 140), "{said:?}");
        let endless = "a".repeat(50_000);
        let said = sentences(&endless, "fr");
        assert_eq!(said.iter().map(String::len).sum::<usize>(), MAX_TEXT);
        assert!(said.iter().all(|piece| piece.len() <= 2 * MAX_PIECE));
    }
}
