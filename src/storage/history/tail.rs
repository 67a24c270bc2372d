//! What was recorded since the last write: one growing block for each series that had something to
//! say, in memory. Decides what is worth recording.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use super::Settings;
use super::block::{Decimal, GRAIN, Sample, Value, Writer};
use super::disk::{Kind, Sealed, Segment};
use crate::home::Change;
use crate::home::domain::Domain;
use crate::home::entity::Record;
use crate::home::id::EntityId;
use crate::home::value::Value as Attribute;

/// Samples that may wait for the disk, about 400 kB; more are lost, and counted. Half of them ask
/// for a write before its time.
const MOST: u64 = 100_000;
/// Of one series: none fills the memory alone.
const MOST_OF_ONE: u64 = 20_000;
/// A clock that is set back by more begins a new segment, so that old and new do not mix.
const SMALL_STEP: i64 = 60_000;
/// Segments that may wait; a clock that is set back again and again must not make thousands.
const MOST_SEALED: usize = 16;

/// What is recorded of an entity: its state, or an attribute that is worth a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// The state itself.
    State,
    /// The attribute of this name.
    Attribute(&'static str),
}

/// Attributes that are recorded, by domain: what people draw, in Home Assistant's names.
const ATTRIBUTES: &[(Domain, &[&str])] = &[
    (Domain::Light, &["brightness"]),
    (Domain::Cover, &["current_position"]),
    (Domain::Valve, &["current_position"]),
    (Domain::Fan, &["percentage"]),
    (Domain::Climate, &["current_temperature", "temperature"]),
    (Domain::WaterHeater, &["current_temperature", "temperature"]),
    (Domain::Humidifier, &["current_humidity", "humidity"]),
];

/// Attributes that are nothing and not unknown when their thing is off.
const ZERO_WHEN_OFF: [&str; 2] = ["brightness", "percentage"];

/// Between an entity's id and an attribute's name, in the name of a series.
const OF: char = '\0';

/// One series.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) track: Track,
    pub(super) number: u32,
    /// Its name is on the disk.
    is_named: bool,
    /// The newest sample.
    pub(super) last: Option<Sample>,
    /// It said something in this run.
    pub(super) is_heard: bool,
    open: Option<Box<Writer>>,
    /// Blocks that became full since the last write.
    full: Vec<Vec<u8>>,
    n_open: u64,
}

/// One entity.
#[derive(Debug)]
pub(super) struct Recorded {
    is_excluded: bool,
    pub(super) series: Vec<Series>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Tail {
    days_off: Excluded,
    entities: BTreeMap<EntityId, Recorded>,
    next_number: u32,
    next_seq: u32,
    open: Segment,
    /// On their way to the disk, the oldest first.
    sealed: Vec<Arc<Sealed>>,
    /// When the last run ended, if that is so long ago that nobody knows what happened meanwhile.
    pub(super) lost_at: Option<i64>,
    pub(super) n_dropped: u64,
}

/// Domains and entities that are not recorded.
#[derive(Debug)]
struct Excluded(BTreeSet<String>);

impl Excluded {
    fn has(&self, id: &EntityId) -> bool {
        let domain = id.as_str().split('.').next().unwrap_or_default();
        self.0.contains(id.as_str()) || self.0.contains(domain)
    }
}

/// What a write takes.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) sealed: Vec<Arc<Sealed>>,
    pub(super) names: Vec<(u32, String)>,
}

impl Tail {
    pub(super) fn new(settings: &Settings, next_number: u32, next_seq: u32) -> Self {
        Self {
            days_off: Excluded(settings.exclude.iter().cloned().collect()),
            entities: BTreeMap::new(),
            next_number,
            next_seq,
            open: nothing(next_seq),
            sealed: Vec::new(),
            lost_at: None,
            n_dropped: 0,
        }
    }

    /// A series that was there before this run.
    pub(super) fn known(&mut self, name: &str, number: u32, last: Sample) {
        let (id, attribute) = name.split_once(OF).unwrap_or((name, ""));
        let all = ATTRIBUTES.iter().flat_map(|(_, names)| *names);
        let track = match attribute {
            "" => Track::State,
            name => match all.into_iter().find(|known| **known == name) {
                Some(known) => Track::Attribute(known),
                // Recorded by another version.
                None => return,
            },
        };
        let id = EntityId::new(id);
        let is_excluded = self.days_off.has(&id);
        let recorded =
            self.entities.entry(id).or_insert(Recorded { is_excluded, series: Vec::new() });
        recorded.series.push(Series {
            is_named: true,
            last: Some(last),
            ..Series::new(track, number)
        });
        recorded.series.sort_by_key(|series| series.track);
    }

    /// What is recorded of an entity.
    pub(super) fn series_of(&self, id: &str) -> &[Series] {
        self.entities.get(id).map_or(&[], |recorded| &recorded.series)
    }

    /// All entities of which something is recorded.
    pub(super) fn ids(&self) -> impl Iterator<Item = &EntityId> {
        self.entities.iter().filter(|(_, one)| !one.series.is_empty()).map(|(id, _)| id)
    }

    /// Records a change that is shown at `now`, unless it is nothing new.
    pub(super) fn note(&mut self, change: &Change, now: i64) {
        let Change { id, after, .. } = change;
        // As blocks keep it, so that memory and disk tell the same.
        let now = now.div_euclid(GRAIN) * GRAIN;
        // Nobody has said it in this run.
        let is_restored = |record: &Record| record.view.attributes.named("restored").is_some();
        if after.as_ref().is_some_and(is_restored) {
            return;
        }
        if !self.entities.contains_key(id) {
            let is_excluded = self.days_off.has(id);
            self.entities.insert(id.clone(), Recorded { is_excluded, series: Vec::new() });
        }
        let Some(recorded) = self.entities.get_mut(id) else { return };
        if recorded.is_excluded {
            return;
        }
        let word = after.as_ref().map_or("", |record| &record.view.word);
        let mut news: Vec<(Track, Value)> = Vec::new();
        let is_new = |track: Track, is_same: &dyn Fn(&Value) -> bool, series: &[Series]| {
            let known = series.iter().find(|series| series.track == track);
            let last = known.filter(|known| known.is_heard || self.lost_at.is_none());
            !last.and_then(|known| known.last.as_ref()).is_some_and(|last| is_same(&last.value))
        };
        if is_new(Track::State, &|last| last.is(word), &recorded.series) {
            news.push((Track::State, Value::of(word)));
        }
        for name in attributes_of(id) {
            let attribute = after.as_ref().and_then(|record| record.view.attributes.named(name));
            let value = match attribute_value(attribute) {
                // A lamp that is off is dark; that its brightness is not told is no gap.
                value if value.is_gap() && word == "off" && ZERO_WHEN_OFF.contains(name) => {
                    Value::of("0")
                }
                value => value,
            };
            let track = Track::Attribute(name);
            let is_first = recorded.series.iter().all(|series| series.track != track);
            // A thing that never has it needs no series for that.
            let is_nothing = is_first && (value.is_gap() || value.is("0"));
            if !is_nothing && is_new(track, &|last| *last == value, &recorded.series) {
                news.push((track, value));
            }
        }
        for (track, value) in news {
            self.record(id, track, value, now);
        }
    }

    fn record(&mut self, id: &EntityId, track: Track, value: Value, now: i64) {
        if self.n_waiting() >= MOST {
            self.n_dropped += 1;
            return;
        }
        let is_set_back = self.open.n > 0 && now < self.open.to - SMALL_STEP;
        if is_set_back && self.sealed.len() < MOST_SEALED {
            self.seal();
        }
        let lost_at = self.lost_at;
        let Some(recorded) = self.entities.get_mut(id) else { return };
        let at = recorded.series.iter().position(|series| series.track == track);
        let at = at.unwrap_or_else(|| {
            recorded.series.push(Series::new(track, self.next_number));
            self.next_number += 1;
            recorded.series.sort_by_key(|series| series.track);
            recorded.series.iter().position(|series| series.track == track).unwrap_or_default()
        });
        let Some(series) = recorded.series.get_mut(at) else { return };
        if series.n_open >= MOST_OF_ONE {
            self.n_dropped += 1;
            return;
        }
        if let (false, Some(lost_at), Some(last)) = (series.is_heard, lost_at, &series.last)
            && last.at < now
        {
            let gap = Sample { at: lost_at.clamp(last.at, now), value: Value::nothing() };
            if !last.value.is_gap() {
                self.open.span(gap.at);
                series.push(gap);
            }
        }
        series.is_heard = true;
        self.open.span(now);
        series.push(Sample { at: now, value });
    }

    /// Samples in memory.
    pub(super) fn n_waiting(&self) -> u64 {
        self.open.n + self.sealed.iter().map(|sealed| sealed.segment.n).sum::<u64>()
    }

    /// Whether a write must not wait for its time.
    pub(super) fn is_crowded(&self) -> bool {
        self.n_waiting() >= MOST / 2
    }

    /// Whether anything waits for the disk.
    pub(super) fn is_empty(&self) -> bool {
        self.n_waiting() == 0
    }

    /// Ends the open segment.
    fn seal(&mut self) {
        if self.open.n == 0 {
            return;
        }
        self.next_seq += 1;
        let segment = mem::replace(&mut self.open, nothing(self.next_seq));
        let all = self.entities.values_mut().flat_map(|recorded| &mut recorded.series);
        let mut blocks = Vec::new();
        for series in all.filter(|series| series.n_open > 0) {
            let open = series.open.take().map(|open| open.bytes());
            let parts = mem::take(&mut series.full).into_iter().chain(open).enumerate();
            blocks.extend(parts.map(|(part, bytes)| (series.number, part as u16, bytes)));
            series.n_open = 0;
        }
        self.sealed.push(Arc::new(Sealed { segment, blocks }));
    }

    /// What is to be written. It stays here until it is [`Tail::written`].
    pub(super) fn take(&mut self) -> Taken {
        self.seal();
        let mut taken = Taken { sealed: self.sealed.clone(), ..Taken::default() };
        for (id, recorded) in &self.entities {
            for series in recorded.series.iter().filter(|series| !series.is_named) {
                taken.names.push((series.number, series.name(id)));
            }
        }
        taken
    }

    /// It is on the disk.
    pub(super) fn written(&mut self, taken: &Taken) {
        let is_written =
            |one: &Arc<Sealed>| taken.sealed.iter().any(|other| Arc::ptr_eq(one, other));
        self.sealed.retain(|one| !is_written(one));
        let named: BTreeSet<u32> = taken.names.iter().map(|(number, _)| *number).collect();
        for series in self.entities.values_mut().flat_map(|recorded| &mut recorded.series) {
            series.is_named |= named.contains(&series.number);
        }
    }

    /// The blocks of a series that are not on the disk, by segment; `is_on_disk` knows those that
    /// were written this moment.
    pub(super) fn blocks(
        &self,
        number: u32,
        series: &Series,
        is_on_disk: impl Fn(u32) -> bool,
    ) -> Vec<(Segment, Vec<Vec<u8>>)> {
        let mut found = Vec::new();
        for sealed in self.sealed.iter().filter(|sealed| !is_on_disk(sealed.segment.seq)) {
            let of_series = sealed.blocks.iter().filter(|(of, _, _)| *of == number);
            found.push((sealed.segment, of_series.map(|(_, _, bytes)| bytes.clone()).collect()));
        }
        if series.n_open > 0 {
            let open = series.open.as_ref().map(|open| open.bytes());
            found.push((self.open, series.full.iter().cloned().chain(open).collect()));
        }
        found
    }
}

impl Series {
    fn new(track: Track, number: u32) -> Self {
        Self {
            track,
            number,
            is_named: false,
            last: None,
            is_heard: false,
            open: None,
            full: Vec::new(),
            n_open: 0,
        }
    }

    fn name(&self, id: &EntityId) -> String {
        match self.track {
            Track::State => id.to_string(),
            Track::Attribute(name) => format!("{id}{OF}{name}"),
        }
    }

    fn push(&mut self, sample: Sample) {
        if let Some(full) = self.open.take_if(|open| open.is_full()) {
            self.full.push(full.bytes());
        }
        let last = self.last.as_ref();
        let open = self.open.get_or_insert_with(|| Box::new(Writer::new(last)));
        open.push(sample.at, &sample.value);
        self.n_open += 1;
        self.last = Some(sample);
    }
}

impl Segment {
    fn span(&mut self, at: i64) {
        self.from = self.from.min(at);
        self.to = self.to.max(at);
        self.n += 1;
    }
}

fn nothing(seq: u32) -> Segment {
    Segment { kind: Kind::Raw, seq, level: 0, from: i64::MAX, to: i64::MIN, n: 0 }
}

/// Names of attributes that are recorded of an entity.
fn attributes_of(id: &EntityId) -> &'static [&'static str] {
    let domain = id.as_str().split('.').next().unwrap_or_default();
    let found = ATTRIBUTES.iter().find(|(known, _)| known.word() == domain);
    found.map_or(&[], |(_, names)| names)
}

fn attribute_value(attribute: Option<&Attribute>) -> Value {
    match attribute {
        Some(Attribute::Int(number)) => Value::of(&number.to_string()),
        Some(Attribute::Float(number)) => {
            let text = number.to_string();
            // More places than a sensor means are noise of binary fractions: 20.400000000000002.
            match Decimal::parse(&text) {
                Some(decimal) if decimal.scale <= 6 => Value::Number(decimal),
                _ if number.is_finite() => Value::of(&format!("{number:.3}")),
                _ => Value::nothing(),
            }
        }
        _ => Value::nothing(),
    }
}
