//! When something is to be done, as people say it: "in ten minutes", "at half past seven", "for an
//! hour", "at sunset", "every weekday at 7". It takes those spans out of a sentence; a time that
//! cannot be kept ("regularly", "later") is told as words that are not explained.

use crate::home::rhythm::{Days, Rhythm};
use crate::intent::meaning::{Day, When};

use super::noun::Scene;
use super::spans::Span;
use super::tag::{DayPart, Tag, Unit, Word};

/// The time of a sentence.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Time {
    pub when: When,
    /// Seconds.
    pub lasting_s: Option<f64>,
    /// Words about time that cannot be kept.
    pub unexplained: Vec<String>,
    /// How many times were said; of several the last one counts.
    pub n_said: usize,
}

/// Longest delay and duration, in seconds: a year.
const LONGEST_S: f64 = 366.0 * 86_400.0;

/// Takes the words about time out of the spans. `takes_hours` is false when a bare number after "at"
/// is rather a value.
pub(super) fn take(spans: Vec<Span>, takes_hours: bool, scene: &Scene<'_>) -> (Time, Vec<Span>) {
    let mut time = Time::default();
    let mut rest = Vec::new();
    let mut day = Day::Next;
    let mut part = None;
    let mut repeats = None;
    // What says no hour, as it was said.
    let mut of_day = Vec::new();
    let mut at = 0;
    while at < spans.len() {
        let span = &spans[at];
        if let Some((again, n)) = again(&spans, at) {
            let words = spans[at..at + n].iter().map(|span| scene.said_of(span));
            repeats = Some((again, words.collect::<Vec<String>>().join(" ")));
            at += n;
            continue;
        }
        if let Some((seconds, n)) = duration_after(&spans, at, Word::InTime) {
            time.put(When::In(seconds));
            at += n;
            continue;
        }
        if let Some((seconds, n)) = duration_after(&spans, at, Word::ForTime) {
            time.lasting_s = Some(seconds);
            at += n;
            continue;
        }
        // "The dusk lamp": a word of a name, be it misheard.
        let is_day = |tag: &Tag| matches!(tag, Tag::DayPart(_));
        if !span.tags.is_empty()
            && span.tags.iter().all(is_day)
            && at > 0
            && spans[at - 1].is_only(Word::Article)
            && spans.get(at + 1).is_some_and(|next| next.kind().is_some())
        {
            rest.push(Span { tags: Vec::new(), ..span.clone() });
            at += 1;
            continue;
        }
        if let Some((when, n)) = sun(&spans, at) {
            time.put(when);
            at += n;
            continue;
        }
        if let Some((when, n)) = clock(&spans, at, takes_hours, scene) {
            time.put(when);
            at += n;
            continue;
        }
        if let Some((seconds, n)) = duration(&spans, at) {
            // "Turn on the fan ten minutes": a bare length is how long.
            let is_ahead = spans.get(at + n).is_some_and(|next| next.is(Word::Hence));
            match is_ahead {
                true => time.put(When::In(seconds)),
                false => time.lasting_s = Some(seconds),
            }
            at += n + usize::from(is_ahead);
            continue;
        }
        if is_of_day(span) {
            for tag in &span.tags {
                match tag {
                    Tag::DayPart(DayPart::Tomorrow) => day = Day::Ahead(1),
                    Tag::DayPart(DayPart::Today) => {}
                    Tag::DayPart(of_it) => part = Some(*of_it),
                    Tag::Weekday(weekday) => day = Day::On(*weekday),
                    _ => {}
                }
            }
            of_day.push(scene.said_of(span));
            at += 1;
            continue;
        }
        let cannot =
            span.is_only(Word::Every) || span.is_only(Word::Until) || span.is_only(Word::When);
        if cannot {
            time.unexplained.push(scene.said_of(span));
            at += 1;
            continue;
        }
        rest.push(span.clone());
        at += 1;
    }
    if let Some((Again { part: Some(of_days), .. }, _)) = repeats {
        part.get_or_insert(of_days);
    }
    let is_bare = repeats.is_some() && time.when == When::Now && !is_hour(part);
    join(&mut time, day, if is_bare { None } else { part }, of_day);
    if let Some((again, said)) = repeats {
        match again.at(time.when).filter(|_| day == Day::Next) {
            Some(rhythm) => time.when = When::Every(rhythm),
            // "Every evening" alone says no hour.
            None => time.unexplained.push(said),
        }
    }
    (time, rest)
}

impl Time {
    fn put(&mut self, when: When) {
        self.when = when;
        self.n_said += 1;
    }
}

/// Whether a span says a day or a part of one, and nothing else: "tomorrow", "on Monday", "this evening".
pub(super) fn is_of_day(span: &Span) -> bool {
    let has_part = span.tags.iter().any(|tag| matches!(tag, Tag::DayPart(_)));
    !span.is_name() && (has_part || matches!(span.tags[..], [Tag::Weekday(_)]))
}

/// That something comes again, without its hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Again {
    /// On which days; none of a length of time.
    pub days: Option<Days>,
    /// In which part of them.
    part: Option<DayPart>,
    /// Seconds from one time to the next.
    each_s: f64,
}

impl Again {
    /// With the time of day that was said elsewhere.
    fn at(self, when: When) -> Option<Rhythm> {
        let Some(days) = self.days else {
            return (when == When::Now).then_some(Rhythm::Each { seconds: self.each_s });
        };
        match when {
            When::At { hour, minute, is_half_day, .. } => {
                // Nobody says which seven it is that comes every day; it is shown before it is kept.
                let hour = if is_half_day && hour < 5 { hour + 12 } else { hour };
                Some(Rhythm::Clock { days, hour, minute })
            }
            When::Sun { is_rise, offset_s } => Some(Rhythm::Sun { days, is_rise, offset_s }),
            When::Now | When::In(_) | When::Every(_) => None,
        }
    }
}

/// A part of the day that is an hour by itself.
fn is_hour(part: Option<DayPart>) -> bool {
    matches!(part, Some(DayPart::Noon | DayPart::Midnight))
}

/// "Every day", "on mondays and thursdays", "every two hours": what it says, and of how many spans.
pub(super) fn again(spans: &[Span], at: usize) -> Option<(Again, usize)> {
    let days_of = |span: &Span| {
        span.tags.iter().filter(|_| !span.is_name()).find_map(|tag| match tag {
            Tag::Again(days, part) => Some((*days, *part)),
            _ => None,
        })
    };
    let first = spans.get(at)?;
    if first.is(Word::All)
        && let Some((each_s, n)) = duration(spans, at + 1)
    {
        return Some((Again { days: None, part: None, each_s }, n + 1));
    }
    let day_of = |span: &Span| {
        span.tags.iter().filter(|_| !span.is_name()).find_map(|tag| match tag {
            Tag::Weekday(day) => Some(Days::one(*day)),
            _ => None,
        })
    };
    // "On Saturday and Sunday": two days are more than once.
    let is_next_day = || {
        spans.get(at + 1).is_some_and(|span| span.is(Word::And))
            && spans.get(at + 2).is_some_and(|span| day_of(span).is_some())
    };
    let (days, part) = match days_of(first) {
        Some(found) => found,
        None => (Some(day_of(first).filter(|_| is_next_day())?), None),
    };
    let Some(mut days) = days else {
        return Some((Again { days: None, part, each_s: 3_600.0 }, 1));
    };
    let mut n = 1;
    loop {
        let skip = usize::from(spans.get(at + n).is_some_and(|span| span.is(Word::And)));
        let Some(next) = spans.get(at + n + skip) else { break };
        let day = next.tags.iter().find_map(|tag| match tag {
            Tag::Weekday(day) => Some(Days::one(*day)),
            _ => None,
        });
        let Some(more) = day.or(days_of(next).and_then(|(days, _)| days)) else { break };
        days = days.and(more);
        n += skip + 1;
    }
    Some((Again { days: Some(days), part, each_s: 0.0 }, n))
}

/// Joins an hour with the day and the part of the day that were said elsewhere, in these words.
fn join(time: &mut Time, on: Day, part: Option<DayPart>, said: Vec<String>) {
    match &mut time.when {
        When::At { hour, is_half_day, day, .. } => {
            *day = on;
            if let Some(part) = part {
                (*hour, *is_half_day) = at_part(*hour, *is_half_day, part);
            }
        }
        When::Now => {
            let named = match part {
                Some(DayPart::Noon) => Some(12),
                Some(DayPart::Midnight) => Some(0),
                _ => None,
            };
            match named {
                Some(hour) => {
                    time.put(When::At { hour, minute: 0, is_half_day: false, day: on });
                }
                None if on != Day::Next || part.is_some() => time.unexplained.extend(said),
                None => {}
            }
        }
        When::In(_) | When::Sun { .. } | When::Every(_) => {
            if on != Day::Next {
                time.unexplained.extend(said);
            }
        }
    }
}

/// An hour of a part of the day.
fn at_part(hour: u8, is_half_day: bool, part: DayPart) -> (u8, bool) {
    match part {
        DayPart::Morning => (hour % 12, false),
        DayPart::Afternoon | DayPart::Evening | DayPart::Tonight if hour <= 12 => {
            (hour % 12 + 12, false)
        }
        DayPart::Night if is_half_day && hour >= 6 => (hour % 12 + 12, false),
        DayPart::Night if is_half_day => (hour % 12, false),
        _ => (hour, is_half_day),
    }
}

fn unit(span: &Span) -> Option<f64> {
    span.tags.iter().find_map(|tag| match tag {
        Tag::Unit(Unit::Second) => Some(1.0),
        Tag::Unit(Unit::Minute) => Some(60.0),
        Tag::Unit(Unit::Hour) => Some(3600.0),
        Tag::Unit(Unit::Day) => Some(86_400.0),
        Tag::Unit(Unit::Week) => Some(7.0 * 86_400.0),
        _ => None,
    })
}

fn duration_after(spans: &[Span], at: usize, word: Word) -> Option<(f64, usize)> {
    if !spans[at].is(word) {
        return None;
    }
    let (seconds, n) = duration(spans, at + 1)?;
    Some((seconds, n + 1))
}

/// "Ten minutes", "an hour and a half", "one hour twenty".
pub(super) fn duration(spans: &[Span], at: usize) -> Option<(f64, usize)> {
    let first = spans.get(at)?;
    let get = |index: usize| spans.get(at + index);
    let (mut seconds, mut n) = match first.number().filter(|_| !first.is_name()) {
        Some(number) => (number * unit(get(1)?)?, 2),
        None if first.is(Word::HalfHour) && get(1).and_then(unit).is_some() => {
            (0.5 * unit(get(1)?)?, 2)
        }
        None if first.is(Word::Quarter) && get(1).and_then(unit).is_some() => {
            (0.25 * unit(get(1)?)?, 2)
        }
        None => return None,
    };
    let last_unit = get(n - 1).and_then(unit).unwrap_or(1.0);
    let after_and = n + usize::from(get(n).is_some_and(|span| span.is(Word::And)));
    if let Some(next) = get(after_and) {
        let number = next.number().filter(|_| !next.is_name());
        match (number, get(after_and + 1).and_then(unit)) {
            (Some(number), Some(unit)) if unit < last_unit => {
                seconds += number * unit;
                n = after_and + 2;
            }
            (Some(minutes), None) if after_and == n && last_unit == 3600.0 && minutes < 60.0 => {
                seconds += minutes * 60.0;
                n = after_and + 1;
            }
            (_, None) if after_and > n && next.is(Word::HalfHour) => {
                seconds += 0.5 * last_unit;
                n = after_and + 1;
            }
            (_, None) if after_and > n && next.is(Word::Quarter) => {
                seconds += 0.25 * last_unit;
                n = after_and + 1;
            }
            _ => {}
        }
    }
    (seconds > 0.0 && seconds <= LONGEST_S).then_some((seconds, n))
}

/// "At sunset", "ten minutes before sunrise".
fn sun(spans: &[Span], at: usize) -> Option<(When, usize)> {
    let is_rise = |span: &Span| {
        span.tags.iter().find_map(|tag| match tag {
            Tag::DayPart(DayPart::Sunrise) => Some(true),
            Tag::DayPart(DayPart::Sunset) => Some(false),
            _ => None,
        })
    };
    let mut next = at;
    let mut offset_s = 0.0;
    if let Some((seconds, n)) = duration(spans, at) {
        let way = spans.get(at + n)?;
        offset_s = match (way.is(Word::Before), way.is(Word::After)) {
            (true, _) => -seconds,
            (_, true) => seconds,
            _ => return None,
        };
        next = at + n + 1;
    }
    while spans.get(next).is_some_and(|span| {
        let leads = [Word::AtTime, Word::Article, Word::When, Word::In];
        leads.into_iter().any(|word| span.is(word)) && span.particle().is_none()
    }) {
        next += 1;
    }
    let is_rise = is_rise(spans.get(next)?)?;
    Some((When::Sun { is_rise, offset_s }, next + 1 - at))
}

/// "At 7", "at half past seven", "7:30", "at 7 pm", "à 7 h 30", "at noon".
fn clock(spans: &[Span], at: usize, takes_hours: bool, scene: &Scene<'_>) -> Option<(When, usize)> {
    let get = |index: usize| spans.get(at + index);
    let has_at = spans[at].is(Word::AtTime);
    let mut n = usize::from(has_at);
    let whole = |span: &Span, most: f64| {
        let number = span.number().filter(|_| !span.is_name())?;
        (number.fract() == 0.0 && (0.0..=most).contains(&number)).then_some(number as u8)
    };
    let part = |span: &Span| {
        let mut parts = span.tags.iter().filter_map(|tag| match tag {
            Tag::DayPart(part) => Some(*part),
            _ => None,
        });
        // "Tomorrow evening" says the day as well, and is joined with the hour later.
        parts.next().filter(|_| parts.next().is_none())
    };
    if let Some(hour) = get(n).and_then(part).and_then(|part| match part {
        DayPart::Noon => Some(12),
        DayPart::Midnight => Some(0),
        _ => None,
    }) {
        return Some((When::At { hour, minute: 0, is_half_day: false, day: Day::Next }, n + 1));
    }
    let (mut hour, mut minute, mut is_marked) = (None, 0, false);
    // "Half past seven", "ten past seven".
    let lead = get(n)?;
    let minutes = match () {
        () if lead.is(Word::HalfHour) => Some(30),
        () if lead.is(Word::Quarter) => Some(15),
        () => whole(lead, 59.0),
    };
    if let Some(minutes) = minutes
        && let Some(way) = get(n + 1).filter(|span| span.is(Word::Past) || span.is(Word::To))
        && let Some(said) = get(n + 2).and_then(|span| whole(span, 23.0))
    {
        let back = way.is(Word::To) && !way.is(Word::Past);
        hour = Some(if back { (said + 23) % 24 } else { said });
        if hour == Some(0) && said == 1 {
            hour = Some(12);
        }
        minute = if back { 60 - minutes } else { minutes };
        is_marked = true;
        n += 3;
    }
    if hour.is_none() {
        hour = Some(whole(lead, 24.0)?);
        n += 1;
        let has_colon = get(n).is_some_and(|span| span.is(Word::Oclock));
        let of_hour = get(n).is_some_and(|span| unit(span) == Some(3600.0));
        if has_colon || of_hour {
            is_marked = true;
            n += 1;
            let after_and = n + usize::from(get(n).is_some_and(|span| span.is(Word::And)));
            match get(after_and) {
                Some(next) if whole(next, 59.0).is_some() && after_and == n => {
                    minute = whole(next, 59.0)?;
                    n += 1;
                }
                Some(next) if next.is(Word::HalfHour) => {
                    minute = 30;
                    n = after_and + 1;
                }
                Some(next) if next.is(Word::Quarter) => {
                    minute = 15;
                    n = after_and + 1;
                }
                _ => {}
            }
        } else if has_at
            && takes_hours
            && let Some(said) = get(n).and_then(|span| whole(span, 59.0)).filter(|said| *said >= 10)
            && !get(n + 1).is_some_and(|span| span.tags.iter().any(|t| matches!(t, Tag::Unit(_))))
        {
            // "At seven thirty."
            (minute, is_marked) = (said, true);
            n += 1;
        }
    }
    // "Sept heures moins le quart."
    if let Some(said) = hour.filter(|_| minute == 0)
        && get(n).is_some_and(|span| span.is(Word::MinusTime))
        && let Some(next) = get(n + 1)
        && let Some(back) =
            if next.is(Word::Quarter) { Some(15) } else { whole(next, 59.0).filter(|n| *n > 0) }
        && !get(n + 2).is_some_and(|span| span.tags.iter().any(|t| matches!(t, Tag::Unit(_))))
    {
        (hour, minute, is_marked) = (Some((said + 23) % 24), 60 - back, true);
        n += 2;
    }
    let mut hour = hour?;
    let mut is_half_day = (1..=12).contains(&hour) && !scene.lexicon.hours_are_24;
    if let Some(next) = get(n) {
        let half = next.is(Word::Am).then_some(0).or(next.is(Word::Pm).then_some(12));
        if let Some(half) = half.filter(|_| hour <= 12) {
            (hour, is_half_day, is_marked) = (hour % 12 + half, false, true);
            n += 1;
        } else if let Some(part) = part(next)
            && !matches!(part, DayPart::Tomorrow | DayPart::Today)
        {
            is_marked = true;
            (hour, is_half_day) = at_part(hour, is_half_day, part);
            n += 1;
        }
    }
    // A length ("7 minutes") or a share ("7 %") is no hour.
    let counts = get(n).is_some_and(|span| span.tags.iter().any(|tag| matches!(tag, Tag::Unit(_))));
    if counts || !(is_marked && (has_at || minute > 0 || n > 1) || has_at && takes_hours) {
        return None;
    }
    Some((When::At { hour: hour % 24, minute, is_half_day, day: Day::Next }, n))
}
