//! The file as it was written: every key optional, every value with its place in the text.
//!
//! Not serde's derive, because that stops at the first problem; an owner wants to see all.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problems;

/// Words that are less alike than this are no suggestion.
const ALIKE: f64 = 0.75;

/// A value that was written, and where.
pub(super) type Field<T> = Option<Spanned<T>>;

/// What was written; blank is as if it were not there.
pub(super) fn filled(field: Field<String>) -> Option<String> {
    field.map(Spanned::into_inner).filter(|text| !text.trim().is_empty())
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($key:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(super) struct $name { $(pub(super) $key: Field<$type>,)* }

        impl $name {
            const KEYS: &[&str] = &[$(stringify!($key)),*];

            fn read(title: &str, table: &DeTable<'_>, problems: &mut Problems) -> Self {
                report_unknown(title, table, Self::KEYS, problems);
                Self { $($key: take(title, table, stringify!($key), problems),)* }
            }
        }
    };
}

section! {
    /// `[home]`
    Home {
        name: String,
        language: String,
        languages: Vec<Spanned<String>>,
        latitude: f64,
        longitude: f64,
        elevation: f64,
        time_zone: String,
        unit_system: String,
    }
}

section! {
    /// `[http]`
    Http { listen: String, tls: String, tls_cert: String, tls_key: String, }
}

section! {
    /// `[history]`
    History { days: f64, megabytes: f64, exclude: Vec<Spanned<String>>, }
}

section! {
    /// `[policy]`
    Policy {
        unlock: String,
        disarm: String,
        valves: String,
        sirens: String,
        temperatures: String,
    }
}

section! {
    /// `[voice]`
    Voice {
        microphone: String,
        area: String,
        wake_word: String,
        sensitivity: f64,
        gain: f64,
        tone: bool,
        led: String,
        command: String,
        speaker: String,
        volume: f64,
        voice: String,
        tts: String,
        stt: String,
    }
}

section! {
    /// `[model]`
    #[cfg_attr(
        not(feature = "model"),
        allow(dead_code, reason = "one file for all: this section is known in every build")
    )]
    Model {
        ask: bool,
        talk: String,
        url: String,
        name: String,
        key: String,
        key_file: String,
        protocol: String,
    }
}

section! {
    /// `[update]`
    Update { key: String, url: String, within: f64, }
}

section! {
    /// `[mqtt]`
    Mqtt {
        listen: String,
        users: Vec<Spanned<User>>,
        broker: String,
        ca_file: String,
        password_file: String,
        client_id: String,
        discovery_prefix: String,
        status_topic: String,
        will: String,
    }
}

section! {
    /// `[[mqtt.users]]`
    User { name: String, password: String, }
}

#[cfg(feature = "speech")]
section! {
    /// `[wyoming]`
    Wyoming { listen: String, role: String, }
}

#[cfg(feature = "speech")]
section! {
    /// `[[satellite]]`
    Satellite { name: String, address: String, area: String, }
}

#[cfg(feature = "telegram")]
section! {
    /// `[telegram]`
    Telegram { token: String, token_file: String, api_url: String, }
}

/// The whole file.
#[derive(Default)]
pub(super) struct Raw {
    pub(super) home: Home,
    pub(super) http: Http,
    pub(super) history: History,
    pub(super) policy: Policy,
    pub(super) voice: Voice,
    #[cfg_attr(not(feature = "model"), allow(dead_code, reason = "as its section"))]
    pub(super) model: Model,
    pub(super) update: Update,
    pub(super) mqtt: Mqtt,
    #[cfg(feature = "speech")]
    pub(super) wyoming: Wyoming,
    #[cfg(feature = "speech")]
    pub(super) satellites: Vec<Spanned<Satellite>>,
    #[cfg(feature = "telegram")]
    pub(super) telegram: Telegram,
}

const SECTIONS: &[&str] = &[
    "home", "http", "history", "policy", "voice", "model", "update", "mqtt", "wyoming", "telegram",
];

/// Reads what can be read and notes what cannot.
pub(super) fn read(text: &str, problems: &mut Problems) -> Raw {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let hint = "This is no TOML; see the example, or https://toml.io.";
        problems.add(error.span().unwrap_or_default(), error.message().to_owned(), hint);
    }
    let mut raw = Raw::default();
    if !problems.is_empty() {
        // What follows a syntax error is a consequence of it more often than not.
        return raw;
    }
    for (key, value) in document.get_ref() {
        let section = match (key.get_ref().as_ref(), value.get_ref()) {
            #[cfg(feature = "speech")]
            ("satellite", DeValue::Array(_)) => {
                let list = Vec::take("satellite", value, problems);
                raw.satellites = list.unwrap_or_default();
                continue;
            }
            // One file for all; a Homard without ears has no use for these.
            #[cfg(not(feature = "speech"))]
            ("wyoming" | "satellite", _) => continue,
            #[cfg(not(feature = "telegram"))]
            ("telegram", _) => continue,
            (name, DeValue::Table(table)) => (name, table),
            (name, _) => {
                report_loose_key(name, key.span(), problems);
                continue;
            }
        };
        match section {
            ("home", table) => raw.home = Home::read("[home]", table, problems),
            ("http", table) => raw.http = Http::read("[http]", table, problems),
            ("history", table) => raw.history = History::read("[history]", table, problems),
            ("policy", table) => raw.policy = Policy::read("[policy]", table, problems),
            ("voice", table) => raw.voice = Voice::read("[voice]", table, problems),
            ("model", table) => raw.model = Model::read("[model]", table, problems),
            ("update", table) => raw.update = Update::read("[update]", table, problems),
            ("mqtt", table) => raw.mqtt = Mqtt::read("[mqtt]", table, problems),
            #[cfg(feature = "speech")]
            ("wyoming", table) => raw.wyoming = Wyoming::read("[wyoming]", table, problems),
            #[cfg(feature = "telegram")]
            ("telegram", table) => raw.telegram = Telegram::read("[telegram]", table, problems),
            (name, _) => problems.add(
                key.span(),
                format!("`[{name}]` is no section"),
                suggestion(name, SECTIONS, "Sections are"),
            ),
        }
    }
    raw
}

/// A key before the first section, or a section written as a value.
fn report_loose_key(name: &str, span: Range<usize>, problems: &mut Problems) {
    let sections = [
        ("home", Home::KEYS),
        ("http", Http::KEYS),
        ("history", History::KEYS),
        ("policy", Policy::KEYS),
        ("voice", Voice::KEYS),
        ("model", Model::KEYS),
        ("update", Update::KEYS),
        ("mqtt", Mqtt::KEYS),
    ];
    let owner = sections.iter().find(|(_, keys)| keys.contains(&name));
    let hint = match owner {
        Some((section, _)) => format!("`{name}` belongs below a line `[{section}]`."),
        None if SECTIONS.contains(&name) => format!("Write a line `[{name}]` and its keys below."),
        None => suggestion(name, SECTIONS, "Sections are"),
    };
    problems.add(span, format!("`{name}` stands outside of a section"), hint);
}

fn report_unknown(title: &str, table: &DeTable<'_>, known: &[&str], problems: &mut Problems) {
    for key in table.keys() {
        let name = key.get_ref().as_ref();
        if !known.contains(&name) {
            let hint = suggestion(name, known, &format!("Keys of `{title}` are"));
            problems.add(key.span(), format!("`{title} {name}` is no setting"), hint);
        }
    }
}

/// "Did you mean …", or the list of what there is.
pub(super) fn suggestion(said: &str, known: &[&str], list: &str) -> String {
    let score = |word: &str| strsim::jaro_winkler(said, word);
    let nearest = known.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
    match nearest {
        Some(word) if score(word) >= ALIKE => format!("Did you mean `{word}`?"),
        _ => format!("{list} {}.", list_of(known)),
    }
}

/// `a`, `b` and `c`
pub(super) fn list_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

fn take<T: Take>(title: &str, table: &DeTable<'_>, key: &str, problems: &mut Problems) -> Field<T> {
    let (_, value) = table.iter().find(|(known, _)| known.get_ref().as_ref() == key)?;
    let title = format!("{title} {key}");
    T::take(&title, value, problems).map(|taken| Spanned::new(value.span(), taken))
}

/// A kind of value that a key can have.
trait Take: Sized {
    /// The value; a problem is noted where it is of another kind.
    fn take(title: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self>;
}

impl Take for String {
    fn take(title: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.clone().into_owned()),
            other => {
                let hint = "Write it in quotes: \"…\".";
                problems.add(value.span(), not_a("text", title, other), hint);
                None
            }
        }
    }
}

impl Take for f64 {
    fn take(title: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let number = match value.get_ref() {
            DeValue::Float(float) => float.as_str().parse().ok(),
            DeValue::Integer(integer) => integer.as_str().parse().ok(),
            _ => None,
        };
        if number.is_none() {
            let hint = "Write it without quotes, with a dot: 48.85.";
            problems.add(value.span(), not_a("a number", title, value.get_ref()), hint);
        }
        number
    }
}

impl Take for bool {
    fn take(title: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        match value.get_ref() {
            DeValue::Boolean(is) => Some(*is),
            other => {
                let hint = "Write true or false, without quotes.";
                problems.add(value.span(), not_a("true or false", title, other), hint);
                None
            }
        }
    }
}

impl<T: Take> Take for Vec<Spanned<T>> {
    fn take(title: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let DeValue::Array(items) = value.get_ref() else {
            let hint = "Write it as a list: [\"…\", \"…\"].";
            problems.add(value.span(), not_a("a list", title, value.get_ref()), hint);
            return None;
        };
        let mut taken = Vec::new();
        for item in items.iter() {
            if let Some(inner) = T::take(title, item, problems) {
                taken.push(Spanned::new(item.span(), inner));
            }
        }
        Some(taken)
    }
}

impl Take for User {
    fn take(title: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            let hint = "Write a line `[[mqtt.users]]` for each, with `name` and `password` below.";
            problems.add(value.span(), not_a("a table", title, value.get_ref()), hint);
            return None;
        };
        Some(Self::read("[[mqtt.users]]", table, problems))
    }
}

#[cfg(feature = "speech")]
impl Take for Satellite {
    fn take(title: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            let hint = "Write a line `[[satellite]]` for each, with `address` below.";
            problems.add(value.span(), not_a("a table", title, value.get_ref()), hint);
            return None;
        };
        Some(Self::read("[[satellite]]", table, problems))
    }
}

fn not_a(expected: &str, title: &str, found: &DeValue<'_>) -> String {
    let found = match found {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    format!("`{title}` must be {expected}, not {found}")
}
