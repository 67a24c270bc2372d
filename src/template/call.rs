//! One call of a filter, function, test or method: its arguments bound to Python's parameter names.

use std::sync::Arc;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::frame::{self, Frame};
use super::operators::{self, failed, refuse_undefined, type_name};
use super::python::{self, Number, parse_float, parse_int, str_of};

/// A builtin of the template language.
pub(super) type Builtin = for<'c, 't, 'e> fn(&mut Call<'c, 't, 'e>) -> Result<Value, Error>;

/// A parameter name that takes all further positional arguments.
pub(super) const REST: &str = "*";
/// A parameter name that takes all further named arguments.
pub(super) const NAMED: &str = "**";

pub(super) struct Call<'c, 't, 'e> {
    pub(super) state: &'c mut State<'t, 'e>,
    pub(super) frame: Arc<Frame>,
    /// The arguments in the order of the parameters; `None` where the caller left one out.
    slots: Vec<Option<Value>>,
    /// Positional arguments beyond the parameters, where [`REST`] is one.
    pub(super) rest: Vec<Value>,
    /// Named arguments beyond the parameters, where [`NAMED`] is one.
    pub(super) named: Vec<(String, Value)>,
}

impl<'c, 't, 'e> Call<'c, 't, 'e> {
    /// Binds `args` as Python would: by position, then by name.
    pub(super) fn bind(
        state: &'c mut State<'t, 'e>,
        parameters: &[&str],
        args: &[Value],
    ) -> Result<Self, Error> {
        let frame = frame::of(state)?;
        let plain = parameters.iter().take_while(|name| !name.starts_with('*')).count();
        let mut call =
            Self { state, frame, slots: vec![None; plain], rest: Vec::new(), named: Vec::new() };
        for arg in args {
            if arg.is_kwargs() {
                call.bind_named(parameters, arg)?;
            } else if let Some(slot) = call.slots.iter_mut().find(|slot| slot.is_none()) {
                *slot = Some(arg.clone());
            } else if parameters.contains(&REST) {
                call.rest.push(arg.clone());
            } else {
                return Err(Error::new(ErrorKind::TooManyArguments, "too many arguments"));
            }
        }
        Ok(call)
    }

    fn bind_named(&mut self, parameters: &[&str], kwargs: &Value) -> Result<(), Error> {
        let kwargs = Kwargs::try_from(kwargs.clone())?;
        for name in kwargs.args() {
            let value: Value = kwargs.peek(name)?;
            match parameters.iter().position(|parameter| *parameter == name) {
                Some(index) if index < self.slots.len() => self.slots[index] = Some(value),
                _ if parameters.contains(&NAMED) => self.named.push((name.to_owned(), value)),
                _ => {
                    let detail = format!("unexpected argument '{name}'");
                    return Err(Error::new(ErrorKind::TooManyArguments, detail));
                }
            }
        }
        Ok(())
    }

    /// The argument of a parameter, if the caller gave one.
    pub(super) fn get(&self, index: usize) -> Option<&Value> {
        self.slots.get(index).and_then(Option::as_ref)
    }

    /// The argument of a parameter that must be given.
    pub(super) fn need(&self, index: usize) -> Result<Value, Error> {
        self.get(index)
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::MissingArgument, "missing argument"))
    }

    /// The text of an argument, whatever its type, as Jinja's filters take it.
    pub(super) fn text(&self, index: usize) -> Result<String, Error> {
        operators::text_of(&self.frame, &self.need(index)?)
    }

    pub(super) fn optional_text(&self, index: usize) -> Result<Option<String>, Error> {
        match self.get(index) {
            Some(value) if !value.is_none() => operators::text_of(&self.frame, value).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn optional_int(&self, index: usize) -> Result<Option<i128>, Error> {
        match self.get(index) {
            Some(value) if !value.is_none() => match Number::of(value) {
                Some(Number::Int(int)) => Ok(Some(int)),
                _ => Err(failed(format!("expected an integer, not '{}'", type_name(value)))),
            },
            _ => Ok(None),
        }
    }

    /// A length or count; negative ones are 0.
    pub(super) fn size(&self, index: usize, default: usize) -> Result<usize, Error> {
        match self.optional_int(index)? {
            Some(size) => usize::try_from(size.max(0)).map_err(|_| python::too_long()),
            None => Ok(default),
        }
    }

    pub(super) fn optional_float(&self, index: usize) -> Result<Option<f64>, Error> {
        match self.get(index) {
            Some(value) if !value.is_none() => to_float(value).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn float(&self, index: usize) -> Result<f64, Error> {
        to_float(&self.need(index)?)
    }

    pub(super) fn int(&self, index: usize) -> Result<i128, Error> {
        to_int(&self.need(index)?)
    }

    /// The truth of an argument.
    pub(super) fn flag(&self, index: usize, default: bool) -> bool {
        self.get(index).map_or(default, Value::is_true)
    }

    /// The items of an argument that Python could iterate.
    pub(super) fn items(&self, index: usize) -> Result<Vec<Value>, Error> {
        operators::items(&self.frame, &self.need(index)?)
    }

    /// The default that the caller gave for input that does not fit, or the error Home Assistant raises without one.
    pub(super) fn fallback(&self, index: usize, name: &str, value: &Value) -> Result<Value, Error> {
        match self.get(index) {
            Some(default) => Ok(default.clone()),
            None => {
                let shown: String = str_of(value)?.chars().take(80).collect();
                Err(failed(format!(
                    "{name} got invalid input '{shown}' and no default was specified"
                )))
            }
        }
    }
}

/// Python's `float(value)`.
pub(super) fn to_float(value: &Value) -> Result<f64, Error> {
    refuse_undefined(value)?;
    match (value.kind(), Number::of(value)) {
        (_, Some(number)) => Ok(number.to_f64()),
        (ValueKind::String, None) => parse_float(value.as_str().unwrap_or_default())
            .ok_or_else(|| failed("could not convert string to float")),
        _ => Err(failed(format!("'{}' is not a number", type_name(value)))),
    }
}

/// Python's `int(value)`.
pub(super) fn to_int(value: &Value) -> Result<i128, Error> {
    refuse_undefined(value)?;
    match (value.kind(), Number::of(value)) {
        (_, Some(Number::Int(int))) => Ok(int),
        (_, Some(Number::Float(float))) => {
            truncated(float).ok_or_else(|| failed("not a whole number"))
        }
        (ValueKind::String, None) => parse_int(value.as_str().unwrap_or_default(), 10)
            .ok_or_else(|| failed("invalid literal for int()")),
        _ => Err(failed(format!("'{}' is not a number", type_name(value)))),
    }
}

/// The whole part of a float, if it is a number that fits.
pub(super) fn truncated(float: f64) -> Option<i128> {
    #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
    (float.is_finite() && float.abs() < 1e38).then_some(float as i128)
}
