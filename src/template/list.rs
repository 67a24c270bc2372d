//! Filters and functions on lists and dicts. They give lists where Jinja gives generators, each item paid for.

use std::cmp::Ordering;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use super::call::Call;
use super::frame::{COMPARE_COST, ITEM_COST};
use super::operators::{
    self, Comparison, add, equal, failed, is_list, order, refuse_undefined, sequence, type_name,
};
use super::python::{Text, int_value};

/// The longest list that `range` makes: Jinja's sandbox has the same limit.
const MAX_RANGE: i128 = 100_000;

/// Jinja's `attribute=`: an index, a name, or a dotted path of both.
pub(super) fn attribute_of(value: &Value, attribute: &Value) -> Result<Value, Error> {
    let Some(path) = attribute.as_str() else { return step(value, attribute) };
    path.split('.').try_fold(value.clone(), |value, part| match part.parse::<i64>() {
        Ok(index) => step(&value, &Value::from(index)),
        Err(_) => step(&value, &Value::from(part)),
    })
}

fn step(value: &Value, key: &Value) -> Result<Value, Error> {
    refuse_undefined(value)?;
    Ok(value.get_item(key).unwrap_or(Value::UNDEFINED))
}

pub(super) fn list(call: &mut Call) -> Result<Value, Error> {
    if call.get(0).is_none() {
        return Ok(Value::from(Vec::<Value>::new()));
    }
    call.items(0).map(Value::from)
}

pub(super) fn tuple(call: &mut Call) -> Result<Value, Error> {
    call.items(0).map(|items| sequence(true, items))
}

/// A list without doubles stands for Python's set.
pub(super) fn set(call: &mut Call) -> Result<Value, Error> {
    let items = call.items(0)?;
    distinct(call, items).map(Value::from)
}

fn distinct(call: &Call, items: Vec<Value>) -> Result<Vec<Value>, Error> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if !holds(call, &kept, &item)? {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn holds(call: &Call, items: &[Value], item: &Value) -> Result<bool, Error> {
    for candidate in items {
        call.frame.charge(COMPARE_COST)?;
        if equal(call.state, candidate, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The items of the first argument that the second holds, or does not.
fn filtered_by_other(call: &Call, wanted: bool) -> Result<Value, Error> {
    let (left, right) = (call.items(0)?, call.items(1)?);
    let mut kept = Vec::new();
    for item in left {
        if holds(call, &right, &item)? == wanted {
            kept.push(item);
        }
    }
    distinct(call, kept).map(Value::from)
}

pub(super) fn intersect(call: &mut Call) -> Result<Value, Error> {
    filtered_by_other(call, true)
}

pub(super) fn difference(call: &mut Call) -> Result<Value, Error> {
    filtered_by_other(call, false)
}

pub(super) fn union(call: &mut Call) -> Result<Value, Error> {
    let mut all = call.items(0)?;
    all.extend(call.items(1)?);
    distinct(call, all).map(Value::from)
}

/// `length`, `count`: Python's `len`; undefined is empty.
pub(super) fn length(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    match value.kind() {
        ValueKind::Undefined => Ok(Value::from(0)),
        ValueKind::String => {
            call.frame.charge(value.as_str().map_or(0, str::len) / 16)?;
            Ok(Value::from(value.len()))
        }
        ValueKind::Iterable => call.items(0).map(|items| Value::from(items.len())),
        _ => value
            .len()
            .map(Value::from)
            .ok_or_else(|| failed(format!("object of type '{}' has no len()", type_name(&value)))),
    }
}

pub(super) fn first(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    if value.is_undefined() {
        return Ok(Value::UNDEFINED);
    }
    let first = operators::iterable(&value)?.try_iter()?.next();
    Ok(first.unwrap_or(Value::UNDEFINED))
}

pub(super) fn last(call: &mut Call) -> Result<Value, Error> {
    Ok(call.items(0)?.pop().unwrap_or(Value::UNDEFINED))
}

pub(super) fn reverse(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    if value.kind() == ValueKind::String {
        let text: String = value.as_str().unwrap_or_default().chars().rev().collect();
        call.frame.charge(text.len())?;
        return Ok(Value::from(text));
    }
    let mut items = call.items(0)?;
    items.reverse();
    Ok(Value::from(items))
}

/// `join(value, d, attribute)`.
pub(super) fn join(call: &mut Call) -> Result<Value, Error> {
    let separator = call.optional_text(1)?.unwrap_or_default();
    let attribute = call.get(2).filter(|attribute| !attribute.is_none()).cloned();
    let mut out = Text::default();
    for (index, item) in call.items(0)?.iter().enumerate() {
        if index > 0 {
            out.push(&separator)?;
        }
        match &attribute {
            Some(attribute) => out.push_str_of(&attribute_of(item, attribute)?)?,
            None => out.push_str_of(item)?,
        }
    }
    let out = out.finish();
    call.frame.charge(out.len())?;
    Ok(Value::from(out))
}

/// `sum(iterable, attribute, start)`.
pub(super) fn sum(call: &mut Call) -> Result<Value, Error> {
    let attribute = call.get(1).filter(|attribute| !attribute.is_none()).cloned();
    let mut total = call.get(2).cloned().unwrap_or(Value::from(0));
    for item in call.items(0)? {
        let item = match &attribute {
            Some(attribute) => attribute_of(&item, attribute)?,
            None => item,
        };
        total = add(call.state, &total, &item)?;
    }
    Ok(total)
}

/// Sorts by keys, in Python's order; text without regard to case unless asked.
fn sort_by_key(
    call: &Call,
    mut keyed: Vec<(Value, Value)>,
    case_sensitive: bool,
    descending: bool,
) -> Result<Vec<Value>, Error> {
    if !case_sensitive {
        for (key, _) in &mut keyed {
            if let Some(text) = key.as_str() {
                call.frame.charge(text.len())?;
                *key = Value::from(text.to_lowercase());
            }
        }
    }
    let mut error = None;
    keyed.sort_by(|(a, _), (b, _)| {
        if error.is_some() {
            return Ordering::Equal;
        }
        let ordered = call.frame.charge(COMPARE_COST).and_then(|()| order(call.state, a, b));
        match ordered {
            Ok(order) if descending => order.unwrap_or(Ordering::Equal).reverse(),
            Ok(order) => order.unwrap_or(Ordering::Equal),
            Err(failure) => {
                error = Some(failure);
                Ordering::Equal
            }
        }
    });
    match error {
        Some(error) => Err(error),
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
    }
}

fn keyed(
    call: &Call,
    items: Vec<Value>,
    attribute: Option<&Value>,
) -> Result<Vec<(Value, Value)>, Error> {
    call.frame.charge(items.len() * ITEM_COST)?;
    items
        .into_iter()
        .map(|item| {
            let key = match attribute {
                Some(attribute) => attribute_of(&item, attribute)?,
                None => item.clone(),
            };
            Ok((key, item))
        })
        .collect()
}

/// `sort(value, reverse, case_sensitive, attribute)`.
pub(super) fn sort(call: &mut Call) -> Result<Value, Error> {
    let attribute = call.get(3).filter(|attribute| !attribute.is_none());
    let keyed = keyed(call, call.items(0)?, attribute)?;
    sort_by_key(call, keyed, call.flag(2, false), call.flag(1, false)).map(Value::from)
}

/// `dictsort(value, case_sensitive, by, reverse)`.
pub(super) fn dictsort(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    let by_value = call.optional_text(2)?.is_some_and(|by| by == "value");
    let keyed = pairs(call, &value)?
        .into_iter()
        .map(|(key, item)| {
            let by = if by_value { item.clone() } else { key.clone() };
            (by, sequence(true, vec![key, item]))
        })
        .collect();
    sort_by_key(call, keyed, call.flag(1, false), call.flag(3, false)).map(Value::from)
}

/// `unique(value, case_sensitive, attribute)`.
pub(super) fn unique(call: &mut Call) -> Result<Value, Error> {
    let attribute = call.get(2).filter(|attribute| !attribute.is_none());
    let case_sensitive = call.flag(1, false);
    let (mut seen, mut kept) = (Vec::new(), Vec::new());
    for (mut key, item) in keyed(call, call.items(0)?, attribute)? {
        if let Some(text) = key.as_str().filter(|_| !case_sensitive) {
            key = Value::from(text.to_lowercase());
        }
        if !holds(call, &seen, &key)? {
            seen.push(key);
            kept.push(item);
        }
    }
    Ok(Value::from(kept))
}

/// `groupby(value, attribute, default)`: tuples of the key and its items.
pub(super) fn groupby(call: &mut Call) -> Result<Value, Error> {
    let attribute = call.need(1)?;
    let mut keyed = keyed(call, call.items(0)?, Some(&attribute))?;
    if let Some(default) = call.get(2) {
        for (key, _) in keyed.iter_mut().filter(|(key, _)| key.is_undefined()) {
            *key = default.clone();
        }
    }
    let paired = keyed
        .into_iter()
        .map(|(key, item)| (key.clone(), sequence(true, vec![key, item])))
        .collect();
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for pair in sort_by_key(call, paired, false, false)? {
        let (key, item) = (pair.get_item_by_index(0)?, pair.get_item_by_index(1)?);
        match groups.last_mut() {
            Some((last, items)) if equal(call.state, last, &key)? => items.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let groups =
        groups.into_iter().map(|(key, items)| sequence(true, vec![key, Value::from(items)]));
    Ok(Value::from(groups.collect::<Vec<_>>()))
}

/// `batch(value, linecount, fill_with)`.
pub(super) fn batch(call: &mut Call) -> Result<Value, Error> {
    let size = call.size(1, 1)?.max(1);
    let mut batches: Vec<Vec<Value>> = call.items(0)?.chunks(size).map(<[Value]>::to_vec).collect();
    if let (Some(last), Some(fill)) =
        (batches.last_mut(), call.get(2).filter(|fill| !fill.is_none()))
    {
        call.frame.charge(size.saturating_sub(last.len()).saturating_mul(ITEM_COST))?;
        last.resize(size, fill.clone());
    }
    Ok(Value::from(batches.into_iter().map(Value::from).collect::<Vec<_>>()))
}

/// `slice(value, slices, fill_with)`.
pub(super) fn slice(call: &mut Call) -> Result<Value, Error> {
    let count = call.size(1, 1)?.max(1);
    call.frame.charge(count.saturating_mul(ITEM_COST))?;
    let items = call.items(0)?;
    let (each, longer) = (items.len() / count, items.len() % count);
    let mut rest = &items[..];
    let mut slices = Vec::new();
    for index in 0..count {
        let (part, after) = rest.split_at(each + usize::from(index < longer));
        rest = after;
        let mut part = part.to_vec();
        if let Some(fill) =
            call.get(2).filter(|fill| !fill.is_none() && longer > 0 && index >= longer)
        {
            part.push(fill.clone());
        }
        slices.push(Value::from(part));
    }
    Ok(Value::from(slices))
}

/// `map(attribute=…, default=…)` or `map("filter", …)`.
pub(super) fn map(call: &mut Call) -> Result<Value, Error> {
    let items = call.items(0)?;
    let mut mapped = Vec::with_capacity(items.len());
    if call.rest.is_empty() {
        let named =
            |name: &str| call.named.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        let attribute =
            named("attribute").ok_or_else(|| failed("map needs an attribute or a filter"))?;
        for item in items {
            let value = attribute_of(&item, attribute)?;
            mapped.push(match named("default") {
                Some(default) if value.is_undefined() => default.clone(),
                _ => value,
            });
        }
        return Ok(Value::from(mapped));
    }
    let (name, mut args) = callee(call, 0)?;
    for item in items {
        call.frame.charge(ITEM_COST)?;
        args[0] = item;
        mapped.push(call.state.apply_filter(&name, &args)?);
    }
    Ok(Value::from(mapped))
}

/// The filter or test named by an argument, and its own arguments behind a place for the item.
fn callee(call: &Call, at: usize) -> Result<(String, Vec<Value>), Error> {
    let name = call.rest.get(at).and_then(Value::as_str);
    let name = name.ok_or_else(|| failed("expected the name of a filter or test"))?.to_owned();
    let mut args = vec![Value::UNDEFINED];
    args.extend(call.rest.iter().skip(at + 1).cloned());
    if !call.named.is_empty() {
        let named: minijinja::value::Kwargs = call.named.iter().cloned().collect();
        args.push(named.into());
    }
    Ok((name, args))
}

fn selected(call: &mut Call, wanted: bool, by_attribute: bool) -> Result<Value, Error> {
    let attribute = if by_attribute {
        Some(call.rest.first().cloned().ok_or_else(|| failed("missing attribute"))?)
    } else {
        None
    };
    let at = usize::from(by_attribute);
    let mut test = if call.rest.len() > at { Some(callee(call, at)?) } else { None };
    let mut kept = Vec::new();
    for item in call.items(0)? {
        call.frame.charge(ITEM_COST)?;
        let subject = match &attribute {
            Some(attribute) => attribute_of(&item, attribute)?,
            None => item.clone(),
        };
        let passes = match &mut test {
            Some((name, args)) => {
                args[0] = subject;
                call.state.perform_test(name, args)?
            }
            None => subject.is_true(),
        };
        if passes == wanted {
            kept.push(item);
        }
    }
    Ok(Value::from(kept))
}

pub(super) fn select(call: &mut Call) -> Result<Value, Error> {
    selected(call, true, false)
}

pub(super) fn reject(call: &mut Call) -> Result<Value, Error> {
    selected(call, false, false)
}

pub(super) fn selectattr(call: &mut Call) -> Result<Value, Error> {
    selected(call, true, true)
}

pub(super) fn rejectattr(call: &mut Call) -> Result<Value, Error> {
    selected(call, false, true)
}

/// `contains(value, item)`: `in` turned round, for use in `select`.
pub(super) fn contains(call: &mut Call) -> Result<Value, Error> {
    let (container, item) = (call.need(0)?, call.need(1)?);
    Comparison::In.holds(call.state, &item, &container).map(Value::from)
}

/// `zip(…)`: as long as the shortest.
pub(super) fn zip(call: &mut Call) -> Result<Value, Error> {
    let lists = call
        .rest
        .iter()
        .map(|list| operators::items(&call.frame, list))
        .collect::<Result<Vec<_>, Error>>()?;
    let shortest = lists.iter().map(Vec::len).min().unwrap_or(0);
    call.frame.charge(shortest.saturating_mul(lists.len()).saturating_mul(ITEM_COST))?;
    let rows = (0..shortest)
        .map(|row| sequence(true, lists.iter().map(|list| list[row].clone()).collect()));
    Ok(Value::from(rows.collect::<Vec<_>>()))
}

/// `range(stop)` or `range(start, stop, step)`.
pub(super) fn range(call: &mut Call) -> Result<Value, Error> {
    let (start, stop) = match call.optional_int(1)? {
        Some(stop) => (call.int(0)?, stop),
        None => (0, call.int(0)?),
    };
    let step = call.optional_int(2)?.unwrap_or(1);
    let span = if step > 0 { stop.saturating_sub(start) } else { start.saturating_sub(stop) };
    let count = match step.unsigned_abs() {
        0 => return Err(failed("range() step must not be zero")),
        _ if span <= 0 => 0,
        step => span.unsigned_abs().div_ceil(step),
    };
    let count = i128::try_from(count).unwrap_or(i128::MAX);
    if count > MAX_RANGE {
        return Err(Error::new(ErrorKind::OutOfFuel, "range is too long"));
    }
    call.frame.charge(usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(ITEM_COST))?;
    let numbers: Vec<Value> = (0..count).map(|index| int_value(start + index * step)).collect();
    Ok(Value::from(numbers))
}

/// The entries of a dict, paid for.
pub(super) fn pairs(call: &Call, map: &Value) -> Result<Vec<(Value, Value)>, Error> {
    if map.kind() != ValueKind::Map {
        refuse_undefined(map)?;
        return Err(failed(format!("expected a dict, not '{}'", type_name(map))));
    }
    let mut pairs = Vec::new();
    for key in operators::items(&call.frame, map)? {
        let value = map.get_item(&key)?;
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// `items(dict)`; undefined has none.
pub(super) fn items(call: &mut Call) -> Result<Value, Error> {
    let map = call.need(0)?;
    if map.is_undefined() {
        return Ok(Value::from(Vec::<Value>::new()));
    }
    let pairs = pairs(call, &map)?;
    Ok(Value::from(
        pairs.into_iter().map(|(key, value)| sequence(true, vec![key, value])).collect::<Vec<_>>(),
    ))
}

/// `dict(pairs or dict, name=value, …)` and `dict.from_keys`.
pub(super) fn dict(call: &mut Call) -> Result<Value, Error> {
    let mut entries = Vec::new();
    if let Some(source) = call.get(0).cloned() {
        if source.kind() == ValueKind::Map {
            entries = pairs(call, &source)?;
        } else {
            for pair in operators::items(&call.frame, &source)? {
                let pair = operators::items(&call.frame, &pair)?;
                let [key, value] = &pair[..] else { return Err(failed("dict() needs pairs")) };
                entries.push((key.clone(), value.clone()));
            }
        }
    }
    entries
        .extend(call.named.iter().map(|(name, value)| (Value::from(name.as_str()), value.clone())));
    Ok(Value::from_pairs(entries))
}

/// `combine(dict, …)`: later dicts win.
pub(super) fn combine(call: &mut Call) -> Result<Value, Error> {
    let mut entries = Vec::new();
    for map in call.rest.clone() {
        entries.extend(pairs(call, &map)?);
    }
    Ok(Value::from_pairs(entries))
}

/// `flatten(list, levels)`.
pub(super) fn flatten(call: &mut Call) -> Result<Value, Error> {
    let levels = call.optional_int(1)?.and_then(|levels| usize::try_from(levels).ok());
    let mut flat = Vec::new();
    flatten_into(call, &mut flat, &call.need(0)?, levels.unwrap_or(usize::MAX))?;
    Ok(Value::from(flat))
}

fn flatten_into(
    call: &Call,
    flat: &mut Vec<Value>,
    list: &Value,
    levels: usize,
) -> Result<(), Error> {
    for item in operators::items(&call.frame, list)? {
        if is_list(&item) && levels > 0 {
            flatten_into(call, flat, &item, levels - 1)?;
        } else {
            flat.push(item);
        }
    }
    Ok(())
}
