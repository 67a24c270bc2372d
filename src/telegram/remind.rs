//! When somebody wants to be reminded, and of what: "in 20 minutes to look at the oven", "d'appeler demain à 8h". A time that is
//! not plain is no time.

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

/// Nobody is reminded later than in a year.
const LATEST: SignedDuration = SignedDuration::from_hours(24 * 366);

/// What is said after "remind me", if that is what it begins with.
pub(super) fn wanted(said: &str) -> Option<&str> {
    let said = said.trim();
    ["remind me ", "please remind me ", "rappelle-moi ", "rappelle moi ", "rappelez-moi "]
        .iter()
        .find_map(|begin| {
            let head = said.get(..begin.len())?;
            head.eq_ignore_ascii_case(begin).then(|| said[begin.len()..].trim())
        })
}

/// When, and of what.
pub(super) fn parse(said: &str, now: &Zoned) -> Option<(Timestamp, String)> {
    let words: Vec<&str> = said.split_whitespace().collect();
    for begin in 0..words.len() {
        let Some((at, n)) = time(&words[begin..], begin == 0, now) else { continue };
        let rest: Vec<&str> = words[..begin].iter().chain(&words[begin + n..]).copied().collect();
        let text = without_begin(&rest.join(" "));
        let wait = at.duration_since(now.timestamp());
        return (!text.is_empty() && wait.is_positive() && wait <= LATEST).then_some((at, text));
    }
    None
}

/// A time at the begin of these words, and how many of them it takes.
fn time(words: &[&str], is_first: bool, now: &Zoned) -> Option<(Timestamp, usize)> {
    let low: Vec<String> = words.iter().take(6).map(|word| bare(word)).collect();
    let low: Vec<&str> = low.iter().map(String::as_str).collect();
    match low[..] {
        ["in" | "dans", "half", "an", "hour", ..] => Some((after(now, 1_800), 4)),
        ["in" | "dans", "une", "demi-heure", ..] => Some((after(now, 1_800), 3)),
        ["in" | "dans", n, unit, ..] if number(n).is_some() && seconds(unit).is_some() => {
            Some((after(now, number(n)?.checked_mul(seconds(unit)?)?), 3))
        }
        ["in" | "dans", short, ..] => Some((after(now, length(short)?), 2)),
        ["tomorrow" | "demain", "at" | "à" | "a", at, ..] => Some((on(now, 1, at)?, 3)),
        ["tomorrow" | "demain", at, ..] if clock(at).is_some() => Some((on(now, 1, at)?, 2)),
        ["at" | "à" | "a", at, "tomorrow" | "demain", ..] => Some((on(now, 1, at)?, 3)),
        ["at" | "à" | "a", at, half @ ("am" | "pm"), ..] => {
            Some((on(now, 0, &format!("{at}{half}"))?, 3))
        }
        ["at" | "à" | "a", at, ..] => Some((on(now, 0, at)?, 2)),
        [short, ..] if is_first => Some((after(now, length(short)?), 1)),
        _ => None,
    }
}

fn bare(word: &str) -> String {
    word.trim_matches([',', '.', ';', '!']).to_lowercase()
}

fn after(now: &Zoned, seconds: i64) -> Timestamp {
    let length = SignedDuration::from_secs(seconds.min(1_000_000_000));
    now.timestamp().checked_add(length).unwrap_or(now.timestamp())
}

fn number(word: &str) -> Option<i64> {
    match word {
        "a" | "an" | "one" | "un" | "une" => Some(1),
        "two" | "deux" => Some(2),
        "three" | "trois" => Some(3),
        "five" | "cinq" => Some(5),
        "ten" | "dix" => Some(10),
        "fifteen" | "quinze" => Some(15),
        "twenty" | "vingt" => Some(20),
        "thirty" | "trente" => Some(30),
        _ => word.parse().ok().filter(|n| (1..100_000).contains(n)),
    }
}

/// The seconds of a unit.
fn seconds(unit: &str) -> Option<i64> {
    match unit {
        "s" | "sec" | "second" | "seconds" | "seconde" | "secondes" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hour" | "hours" | "heure" | "heures" => Some(3_600),
        "d" | "j" | "day" | "days" | "jour" | "jours" => Some(24 * 3_600),
        "week" | "weeks" | "semaine" | "semaines" => Some(7 * 24 * 3_600),
        _ => None,
    }
}

/// `20m`, `2h`, `1h30`, in seconds.
fn length(word: &str) -> Option<i64> {
    let digits = word.find(|c: char| !c.is_ascii_digit())?;
    let n: i64 = word[..digits].parse().ok().filter(|n| *n < 100_000)?;
    match word[digits..].split_once('h') {
        Some(("", rest)) if !rest.is_empty() => {
            let minutes: i64 = rest.trim_end_matches("min").parse().ok().filter(|m| *m < 60)?;
            Some(n * 3_600 + minutes * 60)
        }
        _ => seconds(&word[digits..])?.checked_mul(n).filter(|n| *n > 0),
    }
}

/// `8`, `8:30`, `18h`, `8h30`, `8am`.
fn clock(word: &str) -> Option<Time> {
    let (word, half) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
        (Some(word), _) => (word, Some(false)),
        (_, Some(word)) => (word, Some(true)),
        _ => (word, None),
    };
    let (hour, minute) = word.split_once([':', 'h']).unwrap_or((word, ""));
    let hour: i8 = hour.parse().ok()?;
    let minute: i8 = if minute.is_empty() { 0 } else { minute.parse().ok()? };
    let hour = match half {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(is_pm) => hour % 12 + if is_pm { 12 } else { 0 },
    };
    Time::new(hour, minute, 0, 0).ok()
}

/// The next such time, so many days from now at least.
fn on(now: &Zoned, days: i64, word: &str) -> Option<Timestamp> {
    let time = clock(word)?;
    let day = now.date().checked_add(days.days()).ok()?;
    let at = day.to_datetime(time).to_zoned(now.time_zone().clone()).ok()?;
    let at = if at.timestamp() <= now.timestamp() { at.checked_add(1.day()).ok()? } else { at };
    Some(at.timestamp())
}

fn without_begin(text: &str) -> String {
    let mut text = text.trim_matches([' ', ',']);
    for begin in ["me ", "to ", "that ", "of ", "about ", "de ", "que ", "d'", "d’", "qu'", "qu’"]
    {
        if let Some(head) = text.get(..begin.len())
            && head.eq_ignore_ascii_case(begin)
        {
            text = text[begin.len()..].trim_start();
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_and_what_is_left_is_the_matter() {
        let now: Zoned = "2026-03-05T17:00:00+01:00[Europe/Paris]".parse().unwrap();
        for (said, at, text) in [
            ("in 20 minutes to look at the oven", "05 17:20", "look at the oven"),
            ("to look at the oven in 20 minutes", "05 17:20", "look at the oven"),
            ("20m the oven", "05 17:20", "the oven"),
            ("1h30 the oven", "05 18:30", "the oven"),
            ("in an hour to call back", "05 18:00", "call back"),
            ("in half an hour, to call", "05 17:30", "call"),
            ("at 18:30 to take the bins out", "05 18:30", "take the bins out"),
            ("at 8 to call", "06 08:00", "call"),
            ("at 8 pm to call", "05 20:00", "call"),
            ("tomorrow at 7:15am to call", "06 07:15", "call"),
            ("to call the doctor at 9 tomorrow", "06 09:00", "call the doctor"),
            ("dans 20 minutes de regarder le four", "05 17:20", "regarder le four"),
            ("d'appeler demain à 8h", "06 08:00", "appeler"),
            ("dans une heure d’appeler", "05 18:00", "appeler"),
            ("in 2 days to water the plants", "07 17:00", "water the plants"),
        ] {
            let (found, matter) = parse(said, &now).unwrap_or_else(|| panic!("{said}"));
            let found = found.to_zoned(now.time_zone().clone());
            assert_eq!(found.strftime("%d %H:%M").to_string(), at, "{said}");
            assert_eq!(matter, text, "{said}");
        }
        for said in [
            "",
            "to look at the oven",
            "in 20 minutes",
            "in 20 bananas to eat",
            "at 25:00 to sleep",
            "in 99999999999999999999 minutes to x",
            "at the door",
            "in 9000 days to x",
        ] {
            assert_eq!(parse(said, &now), None, "{said}");
        }
        assert_eq!(wanted("Remind me in 5 minutes to go"), Some("in 5 minutes to go"));
        assert_eq!(wanted("Rappelle-moi dans 5 minutes"), Some("dans 5 minutes"));
        assert_eq!(wanted("remind"), None);
        assert_eq!(wanted("é"), None);
    }
}
