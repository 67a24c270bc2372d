//! Chat templates: how a model wants a conversation written, by the Jinja template in its own file.
//!
//! What people say never goes through the template: marks stand in its place, and are replaced by tokens afterwards, so
//! that nothing that is said, and no device's name, can become a special token or a turn of its own.

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, State, context};

use super::ModelError;
use super::tokenizer::Tokenizer;

/// Steps that a template may take: real ones take some thousands.
const FUEL: u64 = 200_000;
/// Stands before and behind the number of what is said: characters that nobody has a key for.
const MARK: char = '\u{F0A0}';

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What the model is told to be.
    System,
    /// A person.
    Person,
    /// The model.
    Model,
}

/// A turn of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn<'a> {
    /// Whose.
    pub role: Role,
    /// What is said.
    pub text: &'a str,
}

/// How turns are written.
#[derive(Debug)]
pub(super) struct Template {
    source: String,
    first: String,
    last: String,
}

/// For models whose files have none: ChatML, which most small models were trained with.
const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if \
                      add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

impl Template {
    /// The template of a model file; `first` and `last` are the names of the tokens with which texts begin and end.
    pub(super) fn new(source: Option<&str>, first: &str, last: &str) -> Self {
        let source = without_layout(source.unwrap_or(CHATML));
        Self { source, first: first.to_owned(), last: last.to_owned() }
    }

    /// The tokens of a conversation, with the beginning of the model's answer when it is to answer.
    pub(super) fn tokens(
        &self,
        turns: &[Turn<'_>],
        answers: bool,
        tokenizer: &Tokenizer,
    ) -> Result<Vec<u32>, ModelError> {
        let text = self.render(turns, answers).or_else(|error| {
            // Some families know no system: the person says it then.
            let [Turn { role: Role::System, .. }, others @ ..] = turns else { return Err(error) };
            let text = renumbered(&self.render(others, answers)?, others.len());
            Ok(text.replacen(&mark(1), &format!("{}\n\n{}", mark(0), mark(1)), 1))
        });
        let text =
            text.map_err(|error| ModelError::NotKnown(format!("its chat template ({error})")))?;
        let mut tokens = Vec::new();
        tokens.extend(
            tokenizer.first.filter(|_| !text.starts_with(&self.first) || self.first.is_empty()),
        );
        for (n, part) in text.split(MARK).enumerate() {
            if n % 2 == 0 {
                tokens.extend(tokenizer.encode_special(part));
            } else {
                let turn = part.parse::<usize>().ok().and_then(|turn| turns.get(turn));
                tokens.extend(turn.map(|turn| tokenizer.encode(turn.text)).unwrap_or_default());
            }
        }
        Ok(tokens)
    }

    fn render(&self, turns: &[Turn<'_>], answers: bool) -> Result<String, Error> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(method);
        environment.add_function("raise_exception", |why: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, why))
        });
        let messages: Vec<Value> = turns
            .iter()
            .enumerate()
            .map(|(n, turn)| context! { role => word(turn.role), content => mark(n) })
            .collect();
        environment.render_str(
            &self.source,
            context! {
                messages,
                add_generation_prompt => answers,
                bos_token => self.first.as_str(),
                eos_token => self.last.as_str(),
                enable_thinking => false,
            },
        )
    }
}

/// Templates of models are written for Jinja's `trim_blocks` and `lstrip_blocks`: the spaces before a statement at the
/// beginning of a line and the newline behind a statement are layout.
fn without_layout(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    for line in source.split_inclusive('\n') {
        let bare = line.trim_start_matches([' ', '\t']);
        let line = if bare.starts_with("{%") || bare.starts_with("{#") { bare } else { line };
        out.push_str(line);
        let body = line.trim_end_matches('\n');
        if body.len() < line.len() && (body.ends_with("%}") || body.ends_with("#}")) {
            out.pop();
        }
    }
    out
}

fn mark(turn: usize) -> String {
    format!("{MARK}{turn}{MARK}")
}

/// Turn `n` becomes turn `n + 1`.
fn renumbered(text: &str, n_turns: usize) -> String {
    (0..n_turns).rev().fold(text.to_owned(), |text, n| text.replace(&mark(n), &mark(n + 1)))
}

fn word(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Person => "user",
        Role::Model => "assistant",
    }
}

/// Python's methods that templates of models use.
fn method(
    _: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let unknown = || Error::new(ErrorKind::UnknownMethod, format!("no method `{name}`"));
    let Some(text) = value.as_str() else { return Err(unknown()) };
    let arg = args.first().and_then(Value::as_str);
    Ok(match (name, arg) {
        ("strip" | "trim", None) => text.trim().into(),
        ("lstrip", None) => text.trim_start().into(),
        ("rstrip", None) => text.trim_end().into(),
        ("strip", Some(chars)) => text.trim_matches(|c| chars.contains(c)).into(),
        ("lstrip", Some(chars)) => text.trim_start_matches(|c| chars.contains(c)).into(),
        ("rstrip", Some(chars)) => text.trim_end_matches(|c| chars.contains(c)).into(),
        ("startswith", Some(with)) => text.starts_with(with).into(),
        ("endswith", Some(with)) => text.ends_with(with).into(),
        ("split", Some(by)) => text.split(by).map(Value::from).collect(),
        _ => return Err(unknown()),
    })
}
