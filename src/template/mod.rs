//! The template language of MQTT discovery: Jinja as Home Assistant's consumers and real producers use it, with
//! Python's semantics. Compiles a source once and renders it against messages; knows no topics and does no I/O.
//!
//! Templates come from the network. Each rendering has a budget of instructions, of work (bytes of text and items of
//! lists) and of output, so no template can hang the house or fill its memory. An error never reaches further than
//! the value that was asked for: the caller keeps the last state, or takes the raw payload.

mod bytes;
mod call;
mod compile;
mod format;
mod frame;
mod given;
mod json;
mod library;
mod list;
mod method;
mod moment;
mod number;
mod operators;
mod pattern;
pub mod python;
mod text;
mod time;

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use jiff::Zoned;
use jiff::civil::{Date, Time};
use minijinja::Environment;
use serde_json::Value as Json;

pub use self::given::Given;

use self::compile::{Found, Path, Program, Root, Step, Uses};
use self::frame::Frame;
use self::moment::Moment;
use self::pattern::Patterns;
use crate::clock::Clock;

/// Why a template cannot be compiled or rendered. The texts are for the log and the list of problems.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The source is longer than 64 KiB.
    #[error("template of {bytes} bytes is longer than {limit} bytes", limit = compile::MAX_SOURCE)]
    SourceTooLong {
        /// The length of the source.
        bytes: usize,
    },
    /// The source is not Jinja.
    #[error("template does not parse: {detail}")]
    Syntax {
        /// What is wrong, and where.
        detail: String,
    },
    /// The source is Jinja, but uses what Homard does not offer, or is too large once compiled.
    #[error("template not supported: {detail}")]
    Unsupported {
        /// What is not offered.
        detail: String,
    },
    /// Python would have raised: a missing key was looked into, a text is no number, a function does not exist.
    #[error("template failed: {detail}")]
    Failed {
        /// What went wrong, and where.
        detail: String,
    },
    /// The rendering used up its budget of instructions, work or output.
    #[error("template stopped: {detail}")]
    Limit {
        /// Which budget.
        detail: String,
    },
}

impl Error {
    fn syntax(error: minijinja::Error) -> Self {
        Self::Syntax { detail: error.to_string() }
    }

    fn unsupported(detail: &str) -> Self {
        Self::Unsupported { detail: detail.to_owned() }
    }

    fn failed(detail: impl Into<String>) -> Self {
        Self::Failed { detail: detail.into() }
    }

    fn of(error: &minijinja::Error) -> Self {
        let detail = error.to_string();
        match error.kind() {
            minijinja::ErrorKind::OutOfFuel => Self::Limit { detail },
            _ => Self::Failed { detail },
        }
    }
}

/// Compiles templates, each source once: entities with equal templates share one. Cheap to clone.
#[derive(Clone, Default)]
pub struct Templates(Arc<Shared>);

struct Shared {
    env: Environment<'static>,
    patterns: Arc<Patterns>,
    known: Mutex<HashMap<Arc<str>, Weak<Compiled>>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { env: library::environment(), patterns: pattern::shared(), known: Mutex::default() }
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").field("known", &self.len()).finish()
    }
}

#[derive(Debug)]
struct Compiled {
    source: Arc<str>,
    program: Program,
}

impl Templates {
    /// Compiles `source`, or finds it compiled. Sources that no [`Template`] uses any more are forgotten.
    ///
    /// # Errors
    /// When the source is too long, is not Jinja, or uses what Homard does not offer.
    pub fn compile(&self, source: &str) -> Result<Template, Error> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known.get(source).and_then(Weak::upgrade) {
            return Ok(Template { compiled, shared: self.0.clone() });
        }
        let source: Arc<str> = source.into();
        let compiled =
            Arc::new(Compiled { program: compile::compile(&source)?, source: source.clone() });
        if known.len() == known.capacity() {
            // About to grow: a good moment to drop what nobody uses, at a price paid for by the growth.
            known.retain(|_, compiled| compiled.strong_count() > 0);
        }
        known.insert(source, Arc::downgrade(&compiled));
        Ok(Template { compiled, shared: self.0.clone() })
    }

    /// How many sources are known, used or not yet forgotten.
    pub fn len(&self) -> usize {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no source is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A compiled template. Cheap to clone.
#[derive(Clone)]
pub struct Template {
    compiled: Arc<Compiled>,
    shared: Arc<Shared>,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.compiled.source).finish()
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.compiled.source == other.compiled.source
    }
}

impl Eq for Template {}

/// The text of one message, shared by all entities that read it: its JSON is parsed at most once.
#[derive(Debug)]
pub struct Payload<'a> {
    text: &'a str,
    json: OnceCell<Option<Arc<Json>>>,
    value: OnceCell<minijinja::Value>,
    value_json: OnceCell<Option<minijinja::Value>>,
}

impl<'a> Payload<'a> {
    /// A message's text.
    pub fn new(text: &'a str) -> Self {
        let (json, value, value_json) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { text, json, value, value_json }
    }

    /// The text as it came.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The text read as JSON; a bare `21.5` is JSON too. `None` when it is not.
    pub fn json(&self) -> Option<&Json> {
        self.shared_json().map(|json| &**json)
    }

    fn shared_json(&self) -> Option<&Arc<Json>> {
        self.json.get_or_init(|| serde_json::from_str(self.text).ok().map(Arc::new)).as_ref()
    }

    fn value(&self) -> minijinja::Value {
        self.value.get_or_init(|| self.text.into()).clone()
    }

    fn value_json(&self) -> Option<minijinja::Value> {
        self.value_json.get_or_init(|| self.shared_json().map(json::value_of)).clone()
    }
}

/// What a template may know beside the message.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The entity the template belongs to: `entity_id`.
    pub entity_id: &'a str,
    /// The entity's name: `name`.
    pub name: Option<&'a str>,
    /// The entity as it is now: `this`. Undefined when there is none.
    pub this: Option<&'a This>,
    /// The time, for `now()`.
    pub clock: &'a Clock,
    /// Other entities, for `states("sensor.x")`. Without it none exists.
    pub states: Option<&'a Arc<dyn States>>,
}

impl<'a> Scope<'a> {
    /// A scope that knows the entity's id and the time only.
    pub fn new(entity_id: &'a str, clock: &'a Clock) -> Self {
        Self { entity_id, name: None, this: None, clock, states: None }
    }
}

/// An entity as templates see it: `this.state`, `this.attributes.battery`.
#[derive(Clone, Debug)]
pub struct This {
    /// The entity's id.
    pub entity_id: String,
    /// Its state, as text.
    pub state: String,
    /// Its attributes.
    pub attributes: serde_json::Map<String, Json>,
}

/// Lets templates ask for other entities.
pub trait States: fmt::Debug + Send + Sync {
    /// The state of an entity, as text; `None` when it does not exist.
    fn state(&self, entity_id: &str) -> Option<String>;

    /// One attribute of an entity.
    fn attribute(&self, entity_id: &str, name: &str) -> Option<Json>;

    /// An entity with all that is shown of it: `states.light.kitchen`.
    fn told(&self, _entity_id: &str) -> Option<Told> {
        None
    }

    /// The ids of all entities, or of those of a domain.
    fn ids(&self, _domain: Option<&str>) -> Vec<String> {
        Vec::new()
    }

    /// The ids of the entities in an area, by its id or name.
    fn ids_in(&self, _area: &str) -> Vec<String> {
        Vec::new()
    }

    /// The id and the name of the area in which an entity is.
    fn area_of(&self, _entity_id: &str) -> Option<(String, String)> {
        None
    }
}

/// An entity with all that is shown of it.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its id.
    pub entity_id: String,
    /// Its name.
    pub name: String,
    /// Its state, as text.
    pub state: String,
    /// Its attributes.
    pub attributes: serde_json::Map<String, Json>,
    /// When the state last changed.
    pub changed: Option<Zoned>,
    /// When the state or an attribute last changed.
    pub updated: Option<Zoned>,
}

/// A value given to a template beside the message: the parameters of a command.
#[derive(Clone, Debug)]
pub enum Variable<'a> {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number that prints with a fraction.
    Float(f64),
    /// Text.
    Text(&'a str),
    /// Lists and dicts.
    Json(&'a Json),
    /// A date and time with its zone.
    DateTime(&'a Zoned),
    /// A date.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// Values by name: `slots.name`.
    Map(&'a [(&'a str, Variable<'a>)]),
    /// A value that was made before.
    Given(&'a Given),
}

/// Values by name, of whatever kinds.
#[derive(Debug)]
struct Named(BTreeMap<Box<str>, minijinja::Value>);

impl minijinja::value::Object for Named {
    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        self.0.get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> minijinja::value::Enumerator {
        let names = self.0.keys().map(|name| minijinja::Value::from(&**name));
        minijinja::value::Enumerator::Values(names.collect())
    }
}

impl Variable<'_> {
    fn value(&self) -> minijinja::Value {
        match self {
            Self::None => minijinja::Value::from(()),
            Self::Bool(bool) => (*bool).into(),
            Self::Int(int) => (*int).into(),
            Self::Float(float) => (*float).into(),
            Self::Text(text) => (*text).into(),
            Self::Json(json) => json::value_of(&Arc::new((*json).clone())),
            Self::DateTime(zoned) => Moment::Zoned((*zoned).clone()).into(),
            Self::Date(date) => Moment::Date(*date).into(),
            Self::Time(time) => Moment::Time(*time).into(),
            Self::Given(given) => given.0.clone(),
            Self::Map(entries) => minijinja::Value::from_object(Named(
                entries.iter().map(|(name, variable)| ((*name).into(), variable.value())).collect(),
            )),
        }
    }
}

impl From<bool> for Variable<'_> {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<i64> for Variable<'_> {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<f64> for Variable<'_> {
    fn from(float: f64) -> Self {
        Self::Float(float)
    }
}

impl<'a> From<&'a str> for Variable<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Json> for Variable<'a> {
    fn from(json: &'a Json) -> Self {
        Self::Json(json)
    }
}

/// What a template gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The text, without blanks around it.
    pub text: String,
    /// Whether the text has a gap because a name or key was undefined; worth a warning, once.
    pub undefined: bool,
}

impl Template {
    /// The source.
    pub fn source(&self) -> &str {
        &self.compiled.source
    }

    /// Renders against a message: the variables are `value`, `value_json` (when the message is JSON), `entity_id`,
    /// `name` and `this`. Blanks around the result are stripped; it is text, whatever it looks like.
    ///
    /// # Errors
    /// Where Home Assistant's template would raise, and when a budget is used up. What follows is for the caller to
    /// decide: some keys keep the last state, others take the raw payload.
    pub fn render_value(&self, payload: &Payload, scope: &Scope) -> Result<String, Error> {
        self.render(Some(payload), &[], scope).map(|rendered| rendered.text)
    }

    /// As [`Template::render_value`], with further variables, like a cover's `position_open`.
    ///
    /// # Errors
    /// As [`Template::render_value`].
    pub fn render_value_with(
        &self,
        payload: &Payload,
        variables: &[(&str, Variable)],
        scope: &Scope,
    ) -> Result<Rendered, Error> {
        self.render(Some(payload), variables, scope)
    }

    /// Renders a command: the variables are those given, `entity_id`, `name` and `this`. A result that is a Python
    /// bytes literal (`b'\x01'`) becomes those bytes, any other its UTF-8.
    ///
    /// # Errors
    /// As [`Template::render_value`]; the command cannot be sent then.
    pub fn render_command(
        &self,
        variables: &[(&str, Variable)],
        scope: &Scope,
    ) -> Result<Vec<u8>, Error> {
        let text = self.render(None, variables, scope)?.text;
        Ok(python::parse_bytes_literal(&text).unwrap_or_else(|| text.into_bytes()))
    }

    /// Renders without a message: the variables are those given, `entity_id`, `name` and `this`.
    ///
    /// # Errors
    /// As [`Template::render_value`].
    pub fn render_text(
        &self,
        variables: &[(&str, Variable)],
        scope: &Scope,
    ) -> Result<Rendered, Error> {
        self.render(None, variables, scope)
    }

    fn render(
        &self,
        payload: Option<&Payload>,
        variables: &[(&str, Variable)],
        scope: &Scope,
    ) -> Result<Rendered, Error> {
        match &self.compiled.program {
            Program::Text(text) => Ok(Rendered { text: text.to_string(), undefined: false }),
            Program::Path(path) => self.render_path(path, payload, variables),
            Program::Engine(engine) => {
                let frame = Arc::new(self.frame(engine.uses, payload, variables, scope));
                let text = engine
                    .run(&self.shared.env, frame.clone())
                    .map_err(|error| Error::of(&error))?;
                let undefined = frame.saw_undefined.load(Ordering::Relaxed);
                Ok(Rendered { text: stripped(text), undefined })
            }
        }
    }

    fn render_path(
        &self,
        path: &Path,
        payload: Option<&Payload>,
        variables: &[(&str, Variable)],
    ) -> Result<Rendered, Error> {
        let name = path.root.name();
        if let Some((_, variable)) = variables.iter().find(|(given, _)| *given == name) {
            return follow_value(variable.value(), path);
        }
        let json = match (path.root, payload) {
            (Root::Value, Some(payload)) => {
                return limited(python::strip(payload.text()).to_owned());
            }
            (Root::ValueJson, Some(payload)) => payload.json(),
            (_, None) => None,
        };
        match path.follow(json) {
            Some(Found::Json(Json::String(text))) => limited(python::strip(text).to_owned()),
            Some(Found::Json(json)) => limited(python::str_of_json(json)),
            Some(Found::Text(text)) => limited(python::strip(&text).to_owned()),
            Some(Found::Undefined) => Ok(Rendered { text: String::new(), undefined: true }),
            None => Err(Error::failed(format!(
                "`{}` looks into an undefined value",
                self.source().trim()
            ))),
        }
    }

    fn frame(
        &self,
        uses: Uses,
        payload: Option<&Payload>,
        variables: &[(&str, Variable)],
        scope: &Scope,
    ) -> Frame {
        let given = |name: &str| variables.iter().any(|(given, _)| *given == name);
        let mut others: Vec<(Box<str>, minijinja::Value)> =
            variables.iter().map(|(name, variable)| ((*name).into(), variable.value())).collect();
        if uses.entity_id && !given("entity_id") {
            others.push(("entity_id".into(), scope.entity_id.into()));
        }
        if let Some(name) = scope.name.filter(|_| uses.name && !given("name")) {
            others.push(("name".into(), name.into()));
        }
        if let Some(this) = scope.this.filter(|_| uses.this && !given("this")) {
            let json = serde_json::json!({
                "entity_id": this.entity_id,
                "state": this.state,
                "attributes": this.attributes,
            });
            others.push(("this".into(), json::value_of(&Arc::new(json))));
        }
        Frame {
            value: payload.filter(|_| uses.value && !given("value")).map(Payload::value),
            value_json: payload
                .filter(|_| uses.value_json && !given("value_json"))
                .and_then(Payload::value_json),
            others,
            clock: scope.clock.clone(),
            states: scope.states.cloned(),
            patterns: self.shared.patterns.clone(),
            work_left: AtomicUsize::new(frame::WORK),
            saw_undefined: AtomicBool::new(false),
            emitted: AtomicUsize::new(0),
        }
    }
}

/// A path into a variable that is not the message.
fn follow_value(value: minijinja::Value, path: &Path) -> Result<Rendered, Error> {
    let mut found = value;
    for step in &path.steps {
        operators::refuse_undefined(&found).map_err(|error| Error::of(&error))?;
        let key = match step {
            Step::Key(key) => minijinja::Value::from(&**key),
            Step::Index(index) => minijinja::Value::from(*index),
        };
        found = found.get_item(&key).unwrap_or(minijinja::Value::UNDEFINED);
    }
    let text = python::str_of(&found).map_err(|error| Error::of(&error))?;
    Ok(Rendered { text: stripped(text), undefined: found.is_undefined() })
}

fn limited(text: String) -> Result<Rendered, Error> {
    if text.len() > frame::MAX_TEXT {
        return Err(Error::Limit {
            detail: format!("text grows beyond {} bytes", frame::MAX_TEXT),
        });
    }
    Ok(Rendered { text, undefined: false })
}

fn stripped(text: String) -> String {
    let inner = python::strip(&text);
    if inner.len() == text.len() { text } else { inner.to_owned() }
}
