//! The names that templates may use: filters, functions, tests and the operators the compiler lowers to. Nothing
//! else exists: the engine's own builtins are left out, because they know no limits.

use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Rest, Tuple, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

use super::call::{Builtin, Call, NAMED, REST};
use super::frame;
use super::json::{self, Style};
use super::operators::{self, Comparison, equal, failed, is_list, refuse_undefined};
use super::python::{Number, Text, too_long};
use super::{bytes, given, list, method, moment, number, pattern, text, time};

/// Instructions one rendering may take. The largest template of a real producer needs about 2,000.
const FUEL: u64 = 200_000;
/// How deep macros and recursive loops may nest (a macro call counts 4).
const RECURSION: usize = 160;

const NONE: &[&str] = &[];
const VALUE: &[&str] = &["value"];
const VALUE_DEFAULT: &[&str] = &["value", "default"];
const MANY: &[&str] = &[REST, NAMED];
const ITEMS_AND_TEST: &[&str] = &["value", REST, NAMED];
const SEARCH: &[&str] = &["value", "find", "ignorecase"];

/// Filters: name, parameters (the first is what stands before the `|`), function.
#[rustfmt::skip]
const FILTERS: &[(&str, &[&str], Builtin)] = &[
    ("abs", VALUE, number::abs),
    ("acos", VALUE_DEFAULT, number::acos),
    ("add", &["value", "amount", "default"], number::add),
    ("area_entities", VALUE, given::area_entities),
    ("area_id", VALUE, given::area_id),
    ("area_name", VALUE, given::area_name),
    ("as_datetime", VALUE_DEFAULT, time::as_datetime),
    ("as_local", VALUE, time::as_local),
    ("as_timedelta", VALUE, time::as_timedelta),
    ("as_timestamp", VALUE_DEFAULT, time::as_timestamp),
    ("asin", VALUE_DEFAULT, number::asin),
    ("atan", VALUE_DEFAULT, number::atan),
    ("attr", &["value", "name"], attr),
    ("average", MANY, number::average),
    ("base64_decode", &["value", "encoding"], text::base64_decode),
    ("base64_encode", VALUE, text::base64_encode),
    ("batch", &["value", "linecount", "fill_with"], list::batch),
    ("bitwise_and", &["value", "other"], number::bitwise_and),
    ("bitwise_or", &["value", "other"], number::bitwise_or),
    ("bitwise_xor", &["value", "other"], number::bitwise_xor),
    ("bool", VALUE_DEFAULT, number::bool),
    ("capitalize", VALUE, text::capitalize),
    ("center", &["value", "width"], text::center),
    ("clamp", &["value", "min_value", "max_value"], number::clamp),
    ("combine", &[REST], list::combine),
    ("contains", &["value", "item"], list::contains),
    ("cos", VALUE_DEFAULT, number::cos),
    ("count", VALUE, list::length),
    ("d", &["value", "default_value", "boolean"], text::default),
    ("default", &["value", "default_value", "boolean"], text::default),
    ("dictsort", &["value", "case_sensitive", "by", "reverse"], list::dictsort),
    ("difference", &["value", "other"], list::difference),
    ("e", VALUE, text::escape),
    ("escape", VALUE, text::escape),
    ("expand", &[REST], given::expand),
    ("filesizeformat", &["value", "binary"], text::filesizeformat),
    ("first", VALUE, list::first),
    ("flatten", &["value", "levels"], list::flatten),
    ("float", VALUE_DEFAULT, number::float),
    ("forceescape", VALUE, text::escape),
    ("format", ITEMS_AND_TEST, text::printf),
    ("from_json", VALUE_DEFAULT, from_json),
    ("groupby", &["value", "attribute", "default"], list::groupby),
    ("has_value", &["entity_id"], has_value),
    ("iif", &["value", "if_true", "if_false", "if_none"], text::iif),
    ("indent", &["value", "width", "first", "blank"], text::indent),
    ("int", &["value", "default", "base"], number::int),
    ("intersect", &["value", "other"], list::intersect),
    ("is_defined", VALUE_DEFAULT, text::is_defined),
    ("is_number", VALUE, number::is_number),
    ("is_state", &["entity_id", "state"], is_state),
    ("is_state_attr", &["entity_id", "name", "value"], is_state_attr),
    ("items", VALUE, list::items),
    ("join", &["value", "d", "attribute"], list::join),
    ("last", VALUE, list::last),
    ("length", VALUE, list::length),
    ("list", VALUE, list::list),
    ("log", &["value", "base", "default"], number::log),
    ("lower", VALUE, text::lower),
    ("map", ITEMS_AND_TEST, list::map),
    ("max", MANY, number::max),
    ("median", MANY, number::median),
    ("min", MANY, number::min),
    ("multiply", &["value", "amount", "default"], number::multiply),
    ("ord", VALUE, text::ord),
    ("ordinal", VALUE, number::ordinal),
    ("pack", &["value", "format_string"], bytes::pack),
    ("regex_findall", SEARCH, pattern::findall),
    ("regex_findall_index", &["value", "find", "index", "ignorecase"], pattern::findall_index),
    ("regex_match", SEARCH, pattern::is_match),
    ("regex_replace", &["value", "find", "replace", "ignorecase"], pattern::replace),
    ("regex_search", SEARCH, pattern::search),
    ("reject", ITEMS_AND_TEST, list::reject),
    ("rejectattr", ITEMS_AND_TEST, list::rejectattr),
    ("replace", &["value", "old", "new", "count"], text::replace),
    ("reverse", VALUE, list::reverse),
    ("round", &["value", "precision", "method", "default"], number::round),
    ("safe", VALUE, text::string),
    ("select", ITEMS_AND_TEST, list::select),
    ("selectattr", ITEMS_AND_TEST, list::selectattr),
    ("set", VALUE, list::set),
    ("sin", VALUE_DEFAULT, number::sin),
    ("slice", &["value", "slices", "fill_with"], list::slice),
    ("slugify", &["value", "separator"], text::slugify),
    ("sort", &["value", "reverse", "case_sensitive", "attribute"], list::sort),
    ("sqrt", VALUE_DEFAULT, number::sqrt),
    ("state_attr", &["entity_id", "name"], state_attr),
    ("states", &["entity_id", "rounded", "with_unit"], states),
    ("string", VALUE, text::string),
    ("striptags", VALUE, text::striptags),
    ("sum", &["value", "attribute", "start"], list::sum),
    ("tan", VALUE_DEFAULT, number::tan),
    ("timestamp_custom", &["value", "date_format", "local", "default"], time::timestamp_custom),
    ("timestamp_local", VALUE_DEFAULT, time::timestamp_local),
    ("timestamp_utc", VALUE_DEFAULT, time::timestamp_utc),
    ("title", VALUE, text::title),
    ("to_json", &["value", "ensure_ascii", "pretty_print", "sort_keys"], to_json),
    ("tojson", &["value", "indent"], tojson),
    ("trim", &["value", "chars"], text::trim),
    ("truncate", &["value", "length", "killwords", "end", "leeway"], text::truncate),
    ("tuple", VALUE, list::tuple),
    ("typeof", VALUE, text::type_of),
    ("union", &["value", "other"], list::union),
    ("unique", &["value", "case_sensitive", "attribute"], list::unique),
    ("unpack", &["value", "format_string", "offset"], bytes::unpack),
    ("upper", VALUE, text::upper),
    ("urlencode", VALUE, text::urlencode),
    ("wordcount", VALUE, text::wordcount),
];

/// Functions: name, parameters, function.
#[rustfmt::skip]
const FUNCTIONS: &[(&str, &[&str], Builtin)] = &[
    ("acos", VALUE_DEFAULT, number::acos),
    ("area_entities", VALUE, given::area_entities),
    ("area_id", VALUE, given::area_id),
    ("area_name", VALUE, given::area_name),
    ("as_datetime", VALUE_DEFAULT, time::as_datetime),
    ("as_local", VALUE, time::as_local),
    ("as_timedelta", VALUE, time::as_timedelta),
    ("as_timestamp", VALUE_DEFAULT, time::as_timestamp),
    ("asin", VALUE_DEFAULT, number::asin),
    ("atan", VALUE_DEFAULT, number::atan),
    ("average", MANY, number::average),
    ("bool", VALUE_DEFAULT, number::bool),
    ("clamp", &["value", "min_value", "max_value"], number::clamp),
    ("combine", &[REST], list::combine),
    ("cos", VALUE_DEFAULT, number::cos),
    ("expand", &[REST], given::expand),
    ("float", VALUE_DEFAULT, number::float),
    ("has_value", &["entity_id"], has_value),
    ("iif", &["value", "if_true", "if_false", "if_none"], text::iif),
    ("int", &["value", "default", "base"], number::int),
    ("is_number", VALUE, number::is_number),
    ("is_state", &["entity_id", "state"], is_state),
    ("is_state_attr", &["entity_id", "name", "value"], is_state_attr),
    ("log", &["value", "base", "default"], number::log),
    ("max", MANY, number::max),
    ("median", MANY, number::median),
    ("min", MANY, number::min),
    ("namespace", MANY, namespace),
    ("now", NONE, time::now),
    ("pack", &["value", "format_string"], bytes::pack),
    ("range", &["start", "stop", "step"], list::range),
    ("set", VALUE, list::set),
    ("sin", VALUE_DEFAULT, number::sin),
    ("slugify", &["value", "separator"], text::slugify),
    ("sqrt", VALUE_DEFAULT, number::sqrt),
    ("state_attr", &["entity_id", "name"], state_attr),
    ("states", &["entity_id", "rounded", "with_unit"], states),
    ("strptime", &["string", "fmt", "default"], time::strptime),
    ("tan", VALUE_DEFAULT, number::tan),
    ("timedelta", &["days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"], time::timedelta),
    ("today_at", &["time_str"], time::today_at),
    ("tuple", VALUE, list::tuple),
    ("typeof", VALUE, text::type_of),
    ("unpack", &["value", "format_string", "offset"], bytes::unpack),
    ("utcnow", NONE, time::utcnow),
    ("zip", &[REST], list::zip),
];

/// Tests that compare, under all their names.
#[rustfmt::skip]
const COMPARISONS: &[(&str, Comparison)] = &[
    ("eq", Comparison::Equal), ("equalto", Comparison::Equal), ("==", Comparison::Equal),
    ("ne", Comparison::NotEqual), ("!=", Comparison::NotEqual),
    ("lt", Comparison::Less), ("lessthan", Comparison::Less), ("<", Comparison::Less),
    ("le", Comparison::LessOrEqual), ("<=", Comparison::LessOrEqual),
    ("gt", Comparison::Greater), ("greaterthan", Comparison::Greater), (">", Comparison::Greater),
    ("ge", Comparison::GreaterOrEqual), (">=", Comparison::GreaterOrEqual),
    ("in", Comparison::In),
];

/// Tests that Home Assistant shares with its filters: what they give is tested for truth.
#[rustfmt::skip]
const CALLED_TESTS: &[(&str, &[&str], Builtin)] = &[
    ("contains", &["value", "item"], list::contains),
    ("has_value", &["entity_id"], has_value),
    ("is_number", VALUE, number::is_number),
    ("is_state", &["entity_id", "state"], is_state),
    ("is_state_attr", &["entity_id", "name", "value"], is_state_attr),
    ("match", SEARCH, pattern::is_match),
    ("search", SEARCH, pattern::search),
];

/// A test of one value.
type ValueTest = fn(&Value) -> bool;

/// Tests of one value.
#[rustfmt::skip]
const TESTS: &[(&str, ValueTest)] = &[
    ("boolean", |value| value.kind() == ValueKind::Bool),
    ("callable", |value| value.kind() == ValueKind::Plain && value.downcast_object_ref::<moment::Moment>().is_none()),
    ("datetime", |value| matches!(value.downcast_object_ref(), Some(moment::Moment::Zoned(_) | moment::Moment::Naive(_)))),
    ("defined", |value| !value.is_undefined()),
    ("escaped", |_| false),
    ("false", |value| value.kind() == ValueKind::Bool && !value.is_true()),
    ("float", |value| value.kind() == ValueKind::Number && !value.is_integer()),
    ("integer", |value| value.kind() == ValueKind::Number && value.is_integer()),
    ("iterable", |value| operators::iterable(value).is_ok()),
    ("list", |value| is_list(value) && !value.is_tuple()),
    ("lower", |value| value.as_str().is_some_and(|text| text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))),
    ("mapping", |value| value.kind() == ValueKind::Map),
    ("none", Value::is_none),
    ("number", |value| matches!(value.kind(), ValueKind::Number | ValueKind::Bool)),
    ("sequence", |value| matches!(value.kind(), ValueKind::String | ValueKind::Map) || is_list(value)),
    ("set", |_| false),
    ("string", |value| value.kind() == ValueKind::String),
    ("string_like", |value| matches!(value.kind(), ValueKind::String | ValueKind::Bytes)),
    ("true", |value| value.kind() == ValueKind::Bool && value.is_true()),
    ("tuple", Value::is_tuple),
    ("undefined", Value::is_undefined),
    ("upper", |value| value.as_str().is_some_and(|text| text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase))),
];

/// Names of the lowered operators; no template can write them.
pub(super) mod lowered {
    pub(crate) const ADD: &str = "\u{0}+";
    pub(crate) const SUB: &str = "\u{0}-";
    pub(crate) const MUL: &str = "\u{0}*";
    pub(crate) const DIV: &str = "\u{0}/";
    pub(crate) const FLOOR_DIV: &str = "\u{0}//";
    pub(crate) const REM: &str = "\u{0}%";
    pub(crate) const POW: &str = "\u{0}**";
    pub(crate) const NEG: &str = "\u{0}neg";
    pub(crate) const CONCAT: &str = "\u{0}~";
    pub(crate) const SLICE: &str = "\u{0}slice";
    pub(crate) const ITERABLE: &str = "\u{0}iterable";
    pub(crate) const STORABLE: &str = "\u{0}storable";
    pub(crate) const NAMESPACE_STORABLE: &str = "\u{0}namespace-storable";

    use super::Comparison;

    /// A comparison; for one that keeps its right operand, for `a < b < c`, see [`keeping`].
    pub(crate) fn comparison(comparison: Comparison) -> &'static str {
        match comparison {
            Comparison::Equal => "\u{0}==",
            Comparison::NotEqual => "\u{0}!=",
            Comparison::Less => "\u{0}<",
            Comparison::LessOrEqual => "\u{0}<=",
            Comparison::Greater => "\u{0}>",
            Comparison::GreaterOrEqual => "\u{0}>=",
            Comparison::In => "\u{0}in",
            Comparison::NotIn => "\u{0}not-in",
        }
    }

    /// The form of a comparison that gives the pair (result, right operand).
    pub(crate) fn keeping(comparison: Comparison) -> &'static str {
        match comparison {
            Comparison::Equal => "\u{0}keep==",
            Comparison::NotEqual => "\u{0}keep!=",
            Comparison::Less => "\u{0}keep<",
            Comparison::LessOrEqual => "\u{0}keep<=",
            Comparison::Greater => "\u{0}keep>",
            Comparison::GreaterOrEqual => "\u{0}keep>=",
            Comparison::In => "\u{0}keepin",
            Comparison::NotIn => "\u{0}keepnot-in",
        }
    }

    /// The attribute of a name that Python's dicts have.
    pub(crate) fn dict_attribute(name: &str) -> Option<(&'static str, &'static str)> {
        DICT_ATTRIBUTES.iter().find(|(_, attribute)| *attribute == name).copied()
    }

    /// The filter that looks such an attribute up, and the attribute.
    pub(crate) const DICT_ATTRIBUTES: &[(&str, &str)] = &[
        ("\u{0}.clear", "clear"),
        ("\u{0}.copy", "copy"),
        ("\u{0}.fromkeys", "fromkeys"),
        ("\u{0}.get", "get"),
        ("\u{0}.items", "items"),
        ("\u{0}.keys", "keys"),
        ("\u{0}.pop", "pop"),
        ("\u{0}.popitem", "popitem"),
        ("\u{0}.setdefault", "setdefault"),
        ("\u{0}.update", "update"),
        ("\u{0}.values", "values"),
    ];
}

const COMPARISON_KINDS: [Comparison; 8] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
    Comparison::In,
    Comparison::NotIn,
];

/// The environment of all templates.
pub(super) fn environment() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(RECURSION);
    env.set_unknown_method_callback(method::call);
    env.set_formatter(|out, state, value| {
        let frame = frame::of(state)?;
        if value.is_undefined() {
            frame.saw_undefined.store(true, std::sync::atomic::Ordering::Relaxed);
            return Ok(());
        }
        if value.kind() == ValueKind::String {
            let text = value.as_str().unwrap_or_default();
            frame.emit(text.len())?;
            return out.write_str(text).map_err(Error::from);
        }
        let mut text = Text::default();
        text.push_str_of(value)?;
        let text = text.finish();
        frame.emit(text.len())?;
        out.write_str(&text).map_err(Error::from)
    });
    add_operators(&mut env);
    for (name, parameters, builtin) in FILTERS {
        env.add_filter(*name, bound(parameters, *builtin));
    }
    for (name, parameters, builtin) in FUNCTIONS {
        env.add_function(*name, bound(parameters, *builtin));
    }
    for (name, parameters, builtin) in CALLED_TESTS {
        env.add_test(*name, bound(parameters, *builtin));
    }
    for (name, comparison) in COMPARISONS {
        env.add_test(*name, move |state: &State, left: &Value, right: &Value| {
            comparison.holds(state, left, right)
        });
    }
    for (name, test) in TESTS {
        env.add_test(*name, move |value: &Value| test(value));
    }
    env.add_test("sameas", |state: &State, left: &Value, right: &Value| -> Result<bool, Error> {
        Ok(left.kind() == right.kind() && equal(state, left, right)?)
    });
    env.add_test("odd", |value: &Value| remainder(value, 2).map(|rest| rest != 0));
    env.add_test("even", |value: &Value| remainder(value, 2).map(|rest| rest == 0));
    env.add_test("divisibleby", |value: &Value, by: &Value| match Number::of(by) {
        Some(Number::Int(by)) if by != 0 => remainder(value, by).map(|rest| rest == 0),
        _ => Err(failed("divisibleby needs an integer")),
    });
    env.add_test("filter", |name: &str| FILTERS.iter().any(|(known, ..)| *known == name));
    env.add_test("test", |name: &str| TESTS.iter().any(|(known, _)| *known == name));
    env.add_global("dict", Value::from_object(Dict));
    env.add_global("pi", Value::from(std::f64::consts::PI));
    env.add_global("e", Value::from(std::f64::consts::E));
    env.add_global("tau", Value::from(std::f64::consts::TAU));
    env.add_global("inf", Value::from(f64::INFINITY));
    env
}

/// A builtin in the form that the engine registers.
fn bound(
    parameters: &'static [&'static str],
    builtin: Builtin,
) -> impl Fn(&mut State<'_, '_>, Rest<ValueOrKwargs>) -> Result<Value, Error> + Send + Sync + 'static
{
    move |state, args| {
        let args: Vec<Value> = args.iter().map(|arg| Value::clone(arg)).collect();
        builtin(&mut Call::bind(state, parameters, &args)?)
    }
}

fn add_operators(env: &mut Environment<'static>) {
    env.add_filter(lowered::ADD, operators::add);
    env.add_filter(lowered::SUB, operators::sub);
    env.add_filter(lowered::MUL, operators::mul);
    env.add_filter(lowered::DIV, operators::div);
    env.add_filter(lowered::FLOOR_DIV, operators::floor_div);
    env.add_filter(lowered::REM, operators::rem);
    env.add_filter(lowered::POW, operators::pow);
    env.add_filter(lowered::NEG, operators::neg);
    env.add_filter(lowered::CONCAT, operators::concat);
    env.add_filter(lowered::SLICE, operators::slice);
    env.add_filter(lowered::ITERABLE, operators::iterable);
    env.add_filter(lowered::STORABLE, |state: &State, value: &Value| {
        operators::storable(state, value, false)
    });
    env.add_filter(lowered::NAMESPACE_STORABLE, |state: &State, value: &Value| {
        operators::storable(state, value, true)
    });
    for comparison in COMPARISON_KINDS {
        env.add_filter(
            lowered::comparison(comparison),
            move |state: &State, left: &Value, right: &Value| comparison.holds(state, left, right),
        );
        env.add_filter(
            lowered::keeping(comparison),
            move |state: &State, left: &Value, right: &Value| -> Result<Value, Error> {
                let holds = Value::from(comparison.holds(state, left, right)?);
                Ok(Value::from(Tuple::from([holds, right.clone()])))
            },
        );
    }
    for (name, attribute) in lowered::DICT_ATTRIBUTES {
        env.add_filter(*name, move |value: &Value| method::attribute(value, attribute));
    }
}

fn remainder(value: &Value, by: i128) -> Result<i128, Error> {
    match Number::of(value) {
        Some(Number::Int(int)) => Ok(int.checked_rem(by).unwrap_or(0)),
        _ => {
            refuse_undefined(value)?;
            Err(failed("expected an integer"))
        }
    }
}

/// The global `dict`: a function that also has `dict.from_keys(pairs)`.
#[derive(Debug)]
struct Dict;

impl Object for Dict {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        list::dict(&mut Call::bind(state, &["pairs", NAMED], args)?)
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "from_keys" => list::dict(&mut Call::bind(state, &["pairs"], args)?),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// `namespace(dict, name=value, …)`: the one thing a template may change.
fn namespace(call: &mut Call) -> Result<Value, Error> {
    let mut entries = Vec::new();
    for source in call.rest.clone() {
        entries.extend(list::pairs(call, &source)?);
    }
    entries
        .extend(call.named.iter().map(|(name, value)| (Value::from(name.as_str()), value.clone())));
    for (_, value) in &entries {
        operators::storable(call.state, value, true)?;
    }
    minijinja::functions::namespace(Some(ValueOrKwargs::from(Value::from_pairs(entries))))
}

fn attr(call: &mut Call) -> Result<Value, Error> {
    let (value, name) = (call.need(0)?, call.need(1)?);
    refuse_undefined(&value)?;
    Ok(value.get_item(&name).unwrap_or(Value::UNDEFINED))
}

/// `from_json(text, default)`.
fn from_json(call: &mut Call) -> Result<Value, Error> {
    let value = call.need(0)?;
    refuse_undefined(&value)?;
    let text = call.text(0)?;
    call.frame.charge(text.len() * 4)?;
    match (json::parse(&text), call.get(1)) {
        (Ok(parsed), _) => Ok(parsed),
        (Err(_), Some(default)) => Ok(default.clone()),
        (Err(error), None) => Err(error),
    }
}

/// `to_json(value, ensure_ascii, pretty_print, sort_keys)`.
fn to_json(call: &mut Call) -> Result<Value, Error> {
    let indent = call.flag(2, false).then_some(2);
    let ascii = call.flag(1, false);
    let style =
        Style { ascii, spaced: ascii, sorted: call.flag(3, false), indent, ..Style::COMPACT };
    json::write(&call.frame, &call.need(0)?, style).map(Value::from)
}

/// `tojson(value, indent)`.
fn tojson(call: &mut Call) -> Result<Value, Error> {
    let indent =
        call.optional_int(1)?.map(|indent| usize::try_from(indent.max(0)).unwrap_or(usize::MAX));
    if indent.is_some_and(|indent| indent > 1024) {
        return Err(too_long());
    }
    json::write(&call.frame, &call.need(0)?, Style { indent, ..Style::JINJA }).map(Value::from)
}

fn state_of(call: &Call) -> Result<Option<String>, Error> {
    let entity_id = call.text(0)?;
    Ok(call.frame.states.as_ref().and_then(|states| states.state(&entity_id)))
}

fn attribute_of_state(call: &Call) -> Result<Value, Error> {
    let (entity_id, name) = (call.text(0)?, call.text(1)?);
    let found = call.frame.states.as_ref().and_then(|states| states.attribute(&entity_id, &name));
    Ok(found.map_or(Value::from(()), |json| json::value_of(&Arc::new(json))))
}

/// `states("domain.name")`: `unknown` for an entity that does not exist.
pub(super) fn states(call: &mut Call) -> Result<Value, Error> {
    Ok(Value::from(state_of(call)?.unwrap_or_else(|| "unknown".to_owned())))
}

fn has_value(call: &mut Call) -> Result<Value, Error> {
    let state = state_of(call)?;
    Ok(Value::from(state.is_some_and(|state| state != "unknown" && state != "unavailable")))
}

fn state_attr(call: &mut Call) -> Result<Value, Error> {
    attribute_of_state(call)
}

/// `is_state("domain.name", state or list of states)`.
fn is_state(call: &mut Call) -> Result<Value, Error> {
    let wanted = call.need(1)?;
    let Some(state) = state_of(call)?.map(Value::from) else { return Ok(Value::from(false)) };
    let comparison = if is_list(&wanted) { Comparison::In } else { Comparison::Equal };
    comparison.holds(call.state, &state, &wanted).map(Value::from)
}

fn is_state_attr(call: &mut Call) -> Result<Value, Error> {
    let (attribute, wanted) = (attribute_of_state(call)?, call.need(2)?);
    Ok(Value::from(!attribute.is_none() && equal(call.state, &attribute, &wanted)?))
}
