//! Python's operators. The engine's own are kinder than Python (`'7' > 5` compares, `'a' * 10**8` allocates), so the
//! compiler calls these instead; they fail where Python raises and never build more than a rendering may hold.

use std::cmp::Ordering;

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::format::printf;
use super::frame::{self, COMPARE_COST, Frame, ITEM_COST};
use super::moment::Moment;
use super::python::{Number, Text, int_value, str_of};

pub(super) fn failed(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail)
}

/// The name Python gives the type of a value.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "Undefined",
        ValueKind::None => "NoneType",
        ValueKind::Bool => "bool",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::String => "str",
        ValueKind::Bytes => "bytes",
        ValueKind::Seq | ValueKind::Iterable if value.is_tuple() => "tuple",
        ValueKind::Seq | ValueKind::Iterable => "list",
        ValueKind::Map => "dict",
        _ => value.downcast_object_ref::<Moment>().map_or("object", Moment::type_name),
    }
}

/// An undefined value was used where Python needs a value.
pub(super) fn refuse_undefined(value: &Value) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "an undefined value was used"));
    }
    Ok(())
}

fn mismatch(operator: &str, left: &Value, right: &Value) -> Error {
    if let Err(undefined) = refuse_undefined(left).and_then(|()| refuse_undefined(right)) {
        return undefined;
    }
    failed(format!(
        "unsupported operand types for {operator}: '{}' and '{}'",
        type_name(left),
        type_name(right)
    ))
}

pub(super) fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// The items of anything that Python iterates, paid for. Undefined is empty, as in Home Assistant.
pub(super) fn items(frame: &Frame, value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::Undefined => return Ok(Vec::new()),
        ValueKind::String => {
            frame.charge(value.as_str().map_or(0, str::len).saturating_mul(ITEM_COST))?
        }
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {}
        _ => return Err(failed(format!("'{}' object is not iterable", type_name(value)))),
    }
    let mut items = Vec::new();
    for item in value.try_iter()? {
        frame.charge(ITEM_COST)?;
        items.push(item);
    }
    Ok(items)
}

pub(super) fn sequence(tuple: bool, items: Vec<Value>) -> Value {
    if tuple { Value::from(Tuple::from(items)) } else { Value::from(items) }
}

pub(super) fn add(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    match (Number::of(left), Number::of(right)) {
        (Some(Number::Int(a)), Some(Number::Int(b))) => {
            return a.checked_add(b).map(int_value).ok_or_else(too_large);
        }
        (Some(a), Some(b)) => return Ok(Value::from(a.to_f64() + b.to_f64())),
        _ => {}
    }
    match (left.kind(), right.kind()) {
        (ValueKind::String, ValueKind::String) => concat(state, left, right),
        _ if is_list(left) && is_list(right) && left.is_tuple() == right.is_tuple() => {
            let frame = frame::of(state)?;
            let mut all = items(&frame, left)?;
            all.extend(items(&frame, right)?);
            Ok(sequence(left.is_tuple(), all))
        }
        _ => Moment::add(left, right).unwrap_or_else(|| Err(mismatch("+", left, right))),
    }
}

pub(super) fn sub(left: &Value, right: &Value) -> Result<Value, Error> {
    match (Number::of(left), Number::of(right)) {
        (Some(Number::Int(a)), Some(Number::Int(b))) => {
            a.checked_sub(b).map(int_value).ok_or_else(too_large)
        }
        (Some(a), Some(b)) => Ok(Value::from(a.to_f64() - b.to_f64())),
        _ => Moment::sub(left, right).unwrap_or_else(|| Err(mismatch("-", left, right))),
    }
}

pub(super) fn mul(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    match (Number::of(left), Number::of(right)) {
        (Some(Number::Int(a)), Some(Number::Int(b))) => {
            a.checked_mul(b).map(int_value).ok_or_else(too_large)
        }
        (Some(a), Some(b)) => Ok(Value::from(a.to_f64() * b.to_f64())),
        (None, Some(Number::Int(times))) => repeat(state, left, times),
        (Some(Number::Int(times)), None) => repeat(state, right, times),
        _ => Err(mismatch("*", left, right)),
    }
}

fn repeat(state: &State, value: &Value, times: i128) -> Result<Value, Error> {
    let frame = frame::of(state)?;
    let times = usize::try_from(times.max(0)).map_err(|_| too_large())?;
    if value.kind() == ValueKind::String {
        let text = value.as_str().unwrap_or_default();
        let length = text.len().saturating_mul(times);
        if length > frame::MAX_TEXT {
            return Err(super::python::too_long());
        }
        frame.charge(length)?;
        return Ok(Value::from(text.repeat(times)));
    }
    if !is_list(value) {
        return Moment::scale(value, times)
            .unwrap_or_else(|| Err(mismatch("*", value, &Value::from(1))));
    }
    let once = items(&frame, value)?;
    frame.charge(once.len().saturating_mul(times).saturating_mul(ITEM_COST))?;
    let all: Vec<Value> = std::iter::repeat_n(once, times).flatten().collect();
    Ok(sequence(value.is_tuple(), all))
}

fn too_large() -> Error {
    failed("number too large")
}

fn by_zero() -> Error {
    failed("division by zero")
}

pub(super) fn div(left: &Value, right: &Value) -> Result<Value, Error> {
    match (Number::of(left), Number::of(right)) {
        (Some(_), Some(b)) if b.to_f64() == 0.0 => Err(by_zero()),
        (Some(a), Some(b)) => Ok(Value::from(a.to_f64() / b.to_f64())),
        _ => Moment::divide(left, right).unwrap_or_else(|| Err(mismatch("/", left, right))),
    }
}

pub(super) fn floor_div(left: &Value, right: &Value) -> Result<Value, Error> {
    match (Number::of(left), Number::of(right)) {
        (Some(_), Some(b)) if b.to_f64() == 0.0 => Err(by_zero()),
        (Some(Number::Int(a)), Some(Number::Int(b))) => {
            let quotient = a.checked_div(b).ok_or_else(too_large)?;
            let exact = a.checked_rem(b).is_none_or(|rest| rest == 0);
            Ok(int_value(if !exact && (a < 0) != (b < 0) { quotient - 1 } else { quotient }))
        }
        (Some(a), Some(b)) => Ok(Value::from((a.to_f64() / b.to_f64()).floor())),
        _ => Err(mismatch("//", left, right)),
    }
}

pub(super) fn rem(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    match (Number::of(left), Number::of(right)) {
        (Some(_), Some(b)) if b.to_f64() == 0.0 => Err(by_zero()),
        (Some(Number::Int(a)), Some(Number::Int(b))) => {
            let rest = a.checked_rem(b).unwrap_or(0);
            Ok(int_value(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }))
        }
        (Some(a), Some(b)) => {
            let (a, b) = (a.to_f64(), b.to_f64());
            let rest = a % b;
            Ok(Value::from(if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }))
        }
        _ if left.kind() == ValueKind::String => {
            let arguments = if right.is_tuple() {
                items(&*frame::of(state)?, right)?
            } else {
                vec![right.clone()]
            };
            printf(left.as_str().unwrap_or_default(), &arguments)
        }
        _ => Err(mismatch("%", left, right)),
    }
}

pub(super) fn pow(left: &Value, right: &Value) -> Result<Value, Error> {
    match (Number::of(left), Number::of(right)) {
        (Some(Number::Int(a)), Some(Number::Int(b))) if b >= 0 => u32::try_from(b)
            .ok()
            .and_then(|b| a.checked_pow(b))
            .map(int_value)
            .ok_or_else(too_large),
        (Some(a), Some(b)) => {
            let power = a.to_f64().powf(b.to_f64());
            if power.is_finite() {
                Ok(Value::from(power))
            } else {
                Err(failed("result of ** is not a number"))
            }
        }
        _ => Err(mismatch("**", left, right)),
    }
}

pub(super) fn neg(value: &Value) -> Result<Value, Error> {
    match Number::of(value) {
        Some(Number::Int(int)) => int.checked_neg().map(int_value).ok_or_else(too_large),
        Some(Number::Float(float)) => Ok(Value::from(-float)),
        None => Moment::negate(value).unwrap_or_else(|| {
            refuse_undefined(value)?;
            Err(failed(format!("bad operand type for unary -: '{}'", type_name(value))))
        }),
    }
}

/// `~`: the texts of both sides, joined.
pub(super) fn concat(state: &State, left: &Value, right: &Value) -> Result<Value, Error> {
    let mut text = Text::default();
    text.push_str_of(left)?;
    text.push_str_of(right)?;
    let text = text.finish();
    frame::of(state)?.charge(text.len())?;
    Ok(Value::from(text))
}

/// Python's `==`: numbers by value, lists item by item, a list is never a tuple.
pub(super) fn equal(state: &State, left: &Value, right: &Value) -> Result<bool, Error> {
    if let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) {
        return Ok(match (a, b) {
            (Number::Int(a), Number::Int(b)) => a == b,
            (a, b) => a.to_f64() == b.to_f64(),
        });
    }
    match (left.kind(), right.kind()) {
        (ValueKind::String, ValueKind::String) => return Ok(left.as_str() == right.as_str()),
        (ValueKind::None, ValueKind::None) | (ValueKind::Undefined, ValueKind::Undefined) => {
            return Ok(true);
        }
        (ValueKind::Map, ValueKind::Map) => {
            let frame = frame::of(state)?;
            if left.len() != right.len() {
                return Ok(false);
            }
            for key in left.try_iter()? {
                frame.charge(ITEM_COST)?;
                let other = right.get_item(&key)?;
                if other.is_undefined() || !equal(state, &left.get_item(&key)?, &other)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        _ => {}
    }
    if is_list(left) && is_list(right) {
        let frame = frame::of(state)?;
        if left.is_tuple() != right.is_tuple() {
            return Ok(false);
        }
        let (mut a, mut b) = (left.try_iter()?, right.try_iter()?);
        return loop {
            frame.charge(ITEM_COST)?;
            match (a.next(), b.next()) {
                (None, None) => break Ok(true),
                (Some(a), Some(b)) if equal(state, &a, &b)? => {}
                _ => break Ok(false),
            }
        };
    }
    Ok(match (left.downcast_object_ref::<Moment>(), right.downcast_object_ref::<Moment>()) {
        (Some(a), Some(b)) => a.compare(b) == Some(Ordering::Equal),
        (None, None) => left.kind() == right.kind() && left == right,
        _ => false,
    })
}

/// Python's order of two values, or the error it raises. `None` where a NaN is involved: nothing holds.
pub(super) fn order(state: &State, left: &Value, right: &Value) -> Result<Option<Ordering>, Error> {
    if let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) {
        return Ok(match (a, b) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
            (a, b) => a.to_f64().partial_cmp(&b.to_f64()),
        });
    }
    if let (ValueKind::String, ValueKind::String) = (left.kind(), right.kind()) {
        return Ok(Some(left.as_str().cmp(&right.as_str())));
    }
    if is_list(left) && is_list(right) && left.is_tuple() == right.is_tuple() {
        let frame = frame::of(state)?;
        let (mut a, mut b) = (left.try_iter()?, right.try_iter()?);
        loop {
            frame.charge(ITEM_COST)?;
            match (a.next(), b.next()) {
                (None, None) => return Ok(Some(Ordering::Equal)),
                (None, Some(_)) => return Ok(Some(Ordering::Less)),
                (Some(_), None) => return Ok(Some(Ordering::Greater)),
                (Some(a), Some(b)) if equal(state, &a, &b)? => {}
                (Some(a), Some(b)) => return order(state, &a, &b),
            }
        }
    }
    if let (Some(a), Some(b)) =
        (left.downcast_object_ref::<Moment>(), right.downcast_object_ref::<Moment>())
        && let Some(order) = a.compare(b)
    {
        return Ok(Some(order));
    }
    refuse_undefined(left)?;
    refuse_undefined(right)?;
    Err(failed(format!("cannot order '{}' and '{}'", type_name(left), type_name(right))))
}

/// A comparison operator of the template language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

impl Comparison {
    pub(super) fn holds(self, state: &State, left: &Value, right: &Value) -> Result<bool, Error> {
        Ok(match self {
            Self::Equal => equal(state, left, right)?,
            Self::NotEqual => !equal(state, left, right)?,
            Self::Less => order(state, left, right)? == Some(Ordering::Less),
            Self::LessOrEqual => {
                matches!(order(state, left, right)?, Some(Ordering::Less | Ordering::Equal))
            }
            Self::Greater => order(state, left, right)? == Some(Ordering::Greater),
            Self::GreaterOrEqual => {
                matches!(order(state, left, right)?, Some(Ordering::Greater | Ordering::Equal))
            }
            Self::In => contains(state, right, left)?,
            Self::NotIn => !contains(state, right, left)?,
        })
    }
}

/// Python's `item in container`.
pub(super) fn contains(state: &State, container: &Value, item: &Value) -> Result<bool, Error> {
    match container.kind() {
        ValueKind::Undefined => Ok(false),
        ValueKind::String => {
            let text = container.as_str().unwrap_or_default();
            frame::of(state)?.charge(text.len())?;
            match item.kind() {
                ValueKind::String => Ok(text.contains(item.as_str().unwrap_or_default())),
                _ => {
                    refuse_undefined(item)?;
                    Err(failed(format!(
                        "'in <string>' needs a string on its left, not '{}'",
                        type_name(item)
                    )))
                }
            }
        }
        ValueKind::Map => Ok(container.get_item(item).is_ok_and(|found| !found.is_undefined())),
        ValueKind::Seq | ValueKind::Iterable => {
            let frame = frame::of(state)?;
            for candidate in container.try_iter()? {
                frame.charge(COMPARE_COST)?;
                if equal(state, &candidate, item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Err(failed(format!("argument of type '{}' is not iterable", type_name(container)))),
    }
}

/// `value[start:stop:step]` of strings, lists and tuples.
pub(super) fn slice(
    state: &State,
    value: &Value,
    start: &Value,
    stop: &Value,
    step: &Value,
) -> Result<Value, Error> {
    refuse_undefined(value)?;
    let frame = frame::of(state)?;
    let bound = |bound: &Value| -> Result<Option<i128>, Error> {
        match (bound.kind(), Number::of(bound)) {
            (ValueKind::None, _) => Ok(None),
            (_, Some(Number::Int(int))) => Ok(Some(int)),
            _ => Err(failed("slice indices must be integers")),
        }
    };
    if value.kind() != ValueKind::String && !is_list(value) {
        return Err(failed(format!("'{}' cannot be sliced", type_name(value))));
    }
    let step = bound(step)?.unwrap_or(1);
    let (start, stop) = (bound(start)?, bound(stop)?);
    if value.kind() == ValueKind::String {
        let text = value.as_str().unwrap_or_default();
        frame.charge(text.len().saturating_mul(4))?;
        let chars: Vec<char> = text.chars().collect();
        let places = places(chars.len(), start, stop, step)?;
        return Ok(Value::from(places.filter_map(|at| chars.get(at)).collect::<String>()));
    }
    let all = items(&frame, value)?;
    let places = places(all.len(), start, stop, step)?;
    Ok(sequence(value.is_tuple(), places.filter_map(|at| all.get(at).cloned()).collect()))
}

/// The places that Python's slice chooses from `length` items.
fn places(
    length: usize,
    start: Option<i128>,
    stop: Option<i128>,
    step: i128,
) -> Result<impl Iterator<Item = usize>, Error> {
    if step == 0 {
        return Err(failed("slice step cannot be zero"));
    }
    let length = i128::try_from(length).map_err(|_| too_large())?;
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let place = |at: i128| {
        let at = if at < 0 { at.saturating_add(length) } else { at };
        at.clamp(lowest, highest)
    };
    let first = start.map_or(if step > 0 { 0 } else { length - 1 }, place);
    let end = stop.map_or(if step > 0 { length } else { -1 }, place);
    let within = move |at: &i128| if step > 0 { *at < end } else { *at > end };
    let chosen =
        std::iter::successors(Some(first), move |at| at.checked_add(step)).take_while(within);
    Ok(chosen.filter_map(|at| usize::try_from(at).ok()))
}

/// What a `for` loop walks over; Python refuses None.
pub(super) fn iterable(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined
        | ValueKind::String
        | ValueKind::Seq
        | ValueKind::Iterable
        | ValueKind::Map => Ok(value.clone()),
        _ => Err(failed(format!("'{}' object is not iterable", type_name(value)))),
    }
}

/// How deep lists and dicts that a template stores may nest. Deeper ones would overflow the stack when dropped.
const MAX_DEPTH: usize = 64;

/// Lets a value be stored in a variable, unless it nests too deep or would hold itself.
pub(super) fn storable(state: &State, value: &Value, in_namespace: bool) -> Result<Value, Error> {
    if matches!(
        value.kind(),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map | ValueKind::Plain
    ) {
        check_depth(&*frame::of(state)?, value, in_namespace, MAX_DEPTH)?;
    }
    Ok(value.clone())
}

fn check_depth(frame: &Frame, value: &Value, in_namespace: bool, left: usize) -> Result<(), Error> {
    let Some(object) = value.as_object() else { return Ok(()) };
    if value.downcast_object_ref::<super::json::JsonNode>().is_some() {
        return Ok(());
    }
    if object.type_name().contains("Namespace") {
        // A namespace that holds itself would never be freed; its own values were checked when they were set.
        return if in_namespace {
            Err(failed("a namespace cannot hold a namespace"))
        } else {
            Ok(())
        };
    }
    let nested = matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map);
    if !nested {
        return Ok(());
    }
    let Some(left) = left.checked_sub(1) else { return Err(failed("value nests too deep")) };
    for item in value.try_iter()? {
        frame.charge(ITEM_COST)?;
        if value.kind() == ValueKind::Map {
            check_depth(frame, &value.get_item(&item)?, in_namespace, left)?;
        }
        check_depth(frame, &item, in_namespace, left)?;
    }
    Ok(())
}

/// The text of any value, paid for.
pub(super) fn text_of(frame: &Frame, value: &Value) -> Result<String, Error> {
    let text = str_of(value)?;
    frame.charge(text.len())?;
    Ok(text)
}
