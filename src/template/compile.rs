//! From source to something that runs. The engine parses and generates instructions; this file then replaces the
//! operators by Python's (see `operators`), and recognises the two shapes that make up nine tenths of all templates,
//! plain text and one path into the message, which need no engine at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};
use minijinja::machinery::{self, CodeGenerator, Instruction, Instructions, Token};
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Value};
use serde_json::Value as Json;

use super::Error;
use super::frame::Frame;
use super::library::lowered;
use super::operators::{Comparison, is_list};
use super::python;

/// The longest source, in bytes, that is compiled.
pub(super) const MAX_SOURCE: usize = 64 << 10;
/// The most operators, calls and brackets between one pair of `{{ }}` or `{% %}`, and the most `elif` in all: the
/// parser builds chains of them as deep trees, which would overflow the stack.
const MAX_CHAIN: usize = 1000;
/// The most bytes that constants like `'ab' * 3` may take; the engine works them out while it compiles.
const MAX_FOLDED: usize = 64 << 10;

/// The template's name in the engine's messages.
const NAME: &str = "template";

/// A compiled template.
#[derive(Debug)]
pub(super) enum Program {
    /// The same text every time.
    Text(Box<str>),
    /// `{{ value_json["a"].b[0] }}`.
    Path(Path),
    /// Anything else.
    Engine(Engine),
}

/// A look into one variable.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) root: Root,
    pub(super) steps: Box<[Step]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Value,
    ValueJson,
}

impl Root {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::ValueJson => "value_json",
        }
    }
}

#[derive(Debug)]
pub(super) enum Step {
    Key(Box<str>),
    Index(usize),
}

type Lowered<'source> = Instructions<'source>;

self_cell::self_cell!(
    struct Compiled {
        owner: Arc<str>,
        #[covariant]
        dependent: Lowered,
    }
);

/// A template that the engine runs.
pub(super) struct Engine {
    compiled: Compiled,
    /// Which of the common variables it names, so that only those are made.
    pub(super) uses: Uses,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("uses", &self.uses).finish_non_exhaustive()
    }
}

/// The common variables that a template names.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Uses {
    pub(super) value: bool,
    pub(super) value_json: bool,
    pub(super) entity_id: bool,
    pub(super) name: bool,
    pub(super) this: bool,
}

/// Compiles a template, within the limits of this module.
pub(super) fn compile(source: &Arc<str>) -> Result<Program, Error> {
    if source.len() > MAX_SOURCE {
        return Err(Error::SourceTooLong { bytes: source.len() });
    }
    if !source.contains(['{', '#']) {
        return Ok(Program::Text(python::strip(source).into()));
    }
    check_chains(source)?;
    {
        let tree = machinery::parse(source, NAME, Default::default()).map_err(Error::syntax)?;
        let Stmt::Template(template) = &tree else { return Err(Error::unsupported("template")) };
        if let Some(program) = simple(&template.children) {
            return Ok(program);
        }
        Inspection::default().statements(&template.children)?;
    }
    let mut uses = Uses::default();
    let compiled = Compiled::try_new(source.clone(), |source| {
        let tree = machinery::parse(source, NAME, Default::default()).map_err(Error::syntax)?;
        let mut generator = CodeGenerator::new(NAME, source);
        generator.compile_stmt(&tree);
        lower(&generator.finish().0, source, &mut uses)
    })?;
    Ok(Program::Engine(Engine { compiled, uses }))
}

impl Engine {
    /// Renders with the variables of a frame.
    pub(super) fn run(
        &self,
        env: &Environment<'static>,
        frame: Arc<Frame>,
    ) -> Result<String, minijinja::Error> {
        let mut text = String::new();
        let blocks = BTreeMap::new();
        self.compiled.with_dependent(|_, instructions| {
            let mut out = machinery::make_string_output(&mut text);
            let root = Value::from_dyn_object(frame);
            machinery::eval(env, instructions, root, &blocks, &mut out, AutoEscape::None)
                .map(|_| ())
        })?;
        Ok(text)
    }
}

/// Counts what makes the parser's trees deep.
fn check_chains(source: &str) -> Result<(), Error> {
    let (mut chain, mut branches) = (0, 0);
    for token in machinery::tokenize(source, false, Default::default()) {
        match token.map_err(Error::syntax)?.0 {
            Token::VariableStart | Token::BlockStart => chain = 0,
            Token::Ident("elif") => branches += 1,
            Token::Ident("and" | "or" | "not" | "in" | "is" | "if" | "else")
            | Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::FloorDiv
            | Token::Mod
            | Token::Pow
            | Token::Tilde
            | Token::Dot
            | Token::Pipe
            | Token::ParenOpen
            | Token::BracketOpen => chain += 1,
            _ => {}
        }
        if chain > MAX_CHAIN || branches > MAX_CHAIN {
            return Err(Error::unsupported("too many operators in one expression"));
        }
    }
    Ok(())
}

/// Recognises plain text and a lone path into a variable.
fn simple(statements: &[Stmt]) -> Option<Program> {
    let mut only = None;
    let mut text = String::new();
    for statement in statements {
        match statement {
            Stmt::EmitRaw(raw) => text.push_str(raw.raw),
            Stmt::EmitExpr(emit) if only.is_none() => only = Some(&emit.expr),
            _ => return None,
        }
    }
    let text = python::strip(&text);
    let Some(expression) = only else { return Some(Program::Text(text.into())) };
    if !text.is_empty() {
        return None;
    }
    let mut steps = Vec::new();
    let mut at = expression;
    let root = loop {
        at = match at {
            Expr::Var(variable) => match variable.id {
                "value" if steps.is_empty() => break Root::Value,
                "value_json" => break Root::ValueJson,
                _ => return None,
            },
            Expr::GetAttr(attribute) => {
                if lowered::dict_attribute(attribute.name).is_some() {
                    return None;
                }
                steps.push(Step::Key(attribute.name.into()));
                &attribute.expr
            }
            Expr::GetItem(item) => {
                let Expr::Const(key) = &item.subscript_expr else { return None };
                steps.push(match key.value.kind() {
                    ValueKind::String => Step::Key(key.value.as_str()?.into()),
                    ValueKind::Number if key.value.is_integer() => {
                        Step::Index(key.value.as_usize()?)
                    }
                    _ => return None,
                });
                &item.expr
            }
            _ => return None,
        };
    };
    steps.reverse();
    Some(Program::Path(Path { root, steps: steps.into() }))
}

/// Where a path leads.
pub(super) enum Found<'json> {
    Json(&'json Json),
    Text(String),
    Undefined,
}

impl Path {
    /// Follows the steps; `None` where Python would raise, because a step is taken from an undefined value.
    pub(super) fn follow<'json>(&self, root: Option<&'json Json>) -> Option<Found<'json>> {
        let mut found = root.map_or(Found::Undefined, Found::Json);
        for step in &self.steps {
            let next = match (&found, step) {
                (Found::Undefined, _) => return None,
                (Found::Json(Json::Object(map)), Step::Key(key)) => {
                    map.get(&**key).map(Found::Json)
                }
                (Found::Json(Json::Array(items)), Step::Index(index)) => {
                    items.get(*index).map(Found::Json)
                }
                (Found::Json(Json::String(text)), Step::Index(index)) => character(text, *index),
                (Found::Text(text), Step::Index(index)) => character(text, *index),
                _ => None,
            };
            found = next.unwrap_or(Found::Undefined);
        }
        Some(found)
    }
}

fn character<'json>(text: &str, index: usize) -> Option<Found<'json>> {
    text.chars().nth(index).map(|char| Found::Text(char.to_string()))
}

/// Looks for what must not reach the code generator.
#[derive(Default)]
struct Inspection {
    folded: usize,
}

impl Inspection {
    fn statements(&mut self, statements: &[Stmt]) -> Result<(), Error> {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Stmt) -> Result<(), Error> {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::EmitRaw(_) | Stmt::Continue(_) | Stmt::Break(_) => Ok(()),
            Stmt::ForLoop(for_loop) => {
                self.expression(&for_loop.iter)?;
                self.optional(for_loop.filter_expr.as_ref())?;
                self.statements(&for_loop.body)?;
                self.statements(&for_loop.else_body)
            }
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr)?;
                self.statements(&condition.true_body)?;
                self.statements(&condition.false_body)
            }
            Stmt::WithBlock(with) => {
                with.assignments.iter().try_for_each(|(_, value)| self.expression(value))?;
                self.statements(&with.body)
            }
            Stmt::Set(set) => self.expression(&set.expr),
            Stmt::SetBlock(set) => {
                self.optional(set.filter.as_ref())?;
                self.statements(&set.body)
            }
            Stmt::FilterBlock(filter) => {
                self.expression(&filter.filter)?;
                self.statements(&filter.body)
            }
            Stmt::Macro(declaration) => {
                declaration.defaults.iter().try_for_each(|default| self.expression(default))?;
                self.statements(&declaration.body)
            }
            Stmt::CallBlock(block) => {
                self.expression(&block.call.expr)?;
                self.arguments(&block.call.args)?;
                self.statements(&block.macro_decl.body)
            }
            Stmt::Do(statement) => {
                self.expression(&statement.call.expr)?;
                self.arguments(&statement.call.args)
            }
            Stmt::AutoEscape(_) => Err(Error::unsupported("autoescape")),
            Stmt::Block(_) | Stmt::Extends(_) => Err(Error::unsupported("template inheritance")),
            Stmt::Import(_) | Stmt::FromImport(_) | Stmt::Include(_) => {
                Err(Error::unsupported("import"))
            }
        }
    }

    fn optional(&mut self, expression: Option<&Expr>) -> Result<(), Error> {
        expression.map_or(Ok(()), |expression| self.expression(expression))
    }

    fn arguments(&mut self, arguments: &[CallArg]) -> Result<(), Error> {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value)
            | CallArg::Kwarg(_, value)
            | CallArg::PosSplat(value)
            | CallArg::KwargSplat(value) => self.expression(value),
        })
    }

    fn expression(&mut self, expression: &Expr) -> Result<(), Error> {
        match expression {
            Expr::Var(_) | Expr::Const(_) => Ok(()),
            Expr::Slice(slice) => {
                self.expression(&slice.expr)?;
                self.optional(slice.start.as_ref())?;
                self.optional(slice.stop.as_ref())?;
                self.optional(slice.step.as_ref())
            }
            Expr::UnaryOp(unary) => self.expression(&unary.expr),
            Expr::BinOp(binary) => {
                self.expression(&binary.left)?;
                self.expression(&binary.right)?;
                if !matches!(binary.op, BinOpKind::Mul) {
                    return Ok(());
                }
                match (binary.left.as_const(), binary.right.as_const()) {
                    (Some(left), Some(right)) => self.product(&left, &right),
                    _ => Ok(()),
                }
            }
            Expr::Compare(compare) => {
                self.expression(&compare.expr)?;
                compare.ops.iter().try_for_each(|operand| self.expression(&operand.expr))
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr)?;
                self.expression(&choice.true_expr)?;
                self.optional(choice.false_expr.as_ref())
            }
            Expr::Filter(filter) => {
                self.optional(filter.expr.as_ref())?;
                self.arguments(&filter.args)
            }
            Expr::Test(test) => {
                self.expression(&test.expr)?;
                self.arguments(&test.args)
            }
            Expr::GetAttr(attribute) => self.expression(&attribute.expr),
            Expr::GetItem(item) => {
                self.expression(&item.expr)?;
                self.expression(&item.subscript_expr)
            }
            Expr::Call(call) => {
                self.expression(&call.expr)?;
                self.arguments(&call.args)
            }
            Expr::List(list) => list.items.iter().try_for_each(|item| self.expression(item)),
            Expr::Tuple(tuple) => tuple.items.iter().try_for_each(|item| self.expression(item)),
            Expr::Map(map) => {
                map.keys.iter().chain(&map.values).try_for_each(|item| self.expression(item))
            }
        }
    }

    /// Adds up how large the constants get that the code generator multiplies out.
    fn product(&mut self, left: &Value, right: &Value) -> Result<(), Error> {
        let length = |value: &Value| {
            (value.kind() == ValueKind::String || is_list(value)).then(|| value.len())
        };
        let (repeated, times) = match (length(left), length(right)) {
            (Some(repeated), _) => (repeated, right),
            (None, Some(repeated)) => (repeated, left),
            (None, None) => return Ok(()),
        };
        // What is not a whole number is an error when the template runs.
        let times = i128::try_from(times.clone()).unwrap_or(0).max(0);
        let size = usize::try_from(times)
            .unwrap_or(usize::MAX)
            .saturating_mul(repeated.unwrap_or(usize::MAX));
        self.folded = self.folded.saturating_add(size);
        if self.folded > MAX_FOLDED {
            Err(Error::unsupported("constant too large"))
        } else {
            Ok(())
        }
    }
}

/// Replaces the engine's operators by Python's, and puts checks where values are stored.
fn lower<'source>(
    generated: &Instructions<'source>,
    source: &'source str,
    uses: &mut Uses,
) -> Result<Instructions<'source>, Error> {
    let mut lowered: Vec<(Instruction<'source>, u32)> = Vec::new();
    let mut places = Vec::new();
    let all =
        || (0..).map_while(|index| generated.get(index).map(|instruction| (index, instruction)));
    let repeats = all().any(|(_, instruction)| {
        matches!(instruction, Instruction::Iterate(_) | Instruction::BuildMacro(..))
    });
    for (index, instruction) in all() {
        places.push(u32::try_from(lowered.len()).unwrap_or(u32::MAX));
        note_use(uses, instruction);
        for replacement in replacements(instruction, repeats)? {
            lowered.push((replacement, index));
        }
    }
    // A jump may lead to just behind the last instruction.
    places.push(u32::try_from(lowered.len()).unwrap_or(u32::MAX));
    let mut instructions = Instructions::new(NAME, source);
    for (mut instruction, origin) in lowered {
        if let Instruction::Iterate(target)
        | Instruction::Jump(target)
        | Instruction::JumpIfFalse(target)
        | Instruction::JumpIfFalseOrPop(target)
        | Instruction::JumpIfTrueOrPop(target)
        | Instruction::BuildMacro(_, target, _) = &mut instruction
        {
            let place = places.get(*target as usize);
            *target = *place.ok_or_else(|| Error::unsupported("jump out of the template"))?;
        }
        match (generated.get_span(origin), generated.get_line(origin)) {
            (Some(span), _) => instructions.add_with_span(instruction, span),
            (None, Some(line)) => {
                instructions.add_with_line(instruction, u16::try_from(line).unwrap_or(u16::MAX))
            }
            (None, None) => instructions.add(instruction),
        };
    }
    Ok(instructions)
}

fn note_use(uses: &mut Uses, instruction: &Instruction) {
    if let Instruction::Lookup(name)
    | Instruction::Enclose(name)
    | Instruction::CallFunction(name, _) = instruction
    {
        match *name {
            "value" => uses.value = true,
            "value_json" => uses.value_json = true,
            "entity_id" => uses.entity_id = true,
            "name" => uses.name = true,
            "this" => uses.this = true,
            _ => {}
        }
    }
}

fn replacements<'source>(
    instruction: &Instruction<'source>,
    repeats: bool,
) -> Result<Vec<Instruction<'source>>, Error> {
    /// Filters are looked up by name each time; the engine's cache has no room for ours.
    const UNCACHED: u8 = !0;
    let call = |name: &'static str, operands: u16| {
        Instruction::ApplyFilter(name, Some(operands), UNCACHED)
    };
    let compare = |comparison| call(lowered::comparison(comparison), 2);
    let one = match instruction {
        Instruction::Add => call(lowered::ADD, 2),
        Instruction::Sub => call(lowered::SUB, 2),
        Instruction::Mul => call(lowered::MUL, 2),
        Instruction::Div => call(lowered::DIV, 2),
        Instruction::IntDiv => call(lowered::FLOOR_DIV, 2),
        Instruction::Rem => call(lowered::REM, 2),
        Instruction::Pow => call(lowered::POW, 2),
        Instruction::Neg => call(lowered::NEG, 1),
        Instruction::StringConcat => call(lowered::CONCAT, 2),
        Instruction::Slice => call(lowered::SLICE, 4),
        Instruction::Eq => compare(Comparison::Equal),
        Instruction::Ne => compare(Comparison::NotEqual),
        Instruction::Lt => compare(Comparison::Less),
        Instruction::Lte => compare(Comparison::LessOrEqual),
        Instruction::Gt => compare(Comparison::Greater),
        Instruction::Gte => compare(Comparison::GreaterOrEqual),
        Instruction::In => compare(Comparison::In),
        Instruction::GetAttr(name) => match lowered::dict_attribute(name) {
            Some((filter, _)) => call(filter, 1),
            None => Instruction::GetAttr(name),
        },
        Instruction::CompareAndPreserve(operator) => {
            let comparison = chained(operator);
            return Ok(vec![call(lowered::keeping(comparison), 2), Instruction::UnpackList(2)]);
        }
        // Loops could multiply raw text without any budget; as a value it is counted.
        Instruction::EmitRaw(raw) if repeats => {
            return Ok(vec![Instruction::LoadConst(Value::from(*raw)), Instruction::Emit]);
        }
        Instruction::StoreLocal(name) => {
            return Ok(vec![call(lowered::STORABLE, 1), Instruction::StoreLocal(name)]);
        }
        Instruction::SetAttr(name) => {
            return Ok(vec![
                Instruction::Swap,
                call(lowered::NAMESPACE_STORABLE, 1),
                Instruction::Swap,
                Instruction::SetAttr(name),
            ]);
        }
        Instruction::PushLoop(flags) => {
            return Ok(vec![call(lowered::ITERABLE, 1), Instruction::PushLoop(*flags)]);
        }
        Instruction::CallBlock(_)
        | Instruction::LoadBlocks
        | Instruction::Include(_)
        | Instruction::ExportLocals
        | Instruction::FastSuper
        | Instruction::CallFunction("super", _) => {
            return Err(Error::unsupported("template inheritance"));
        }
        other => other.clone(),
    };
    Ok(vec![one])
}

/// The comparison of a chain like `a < b < c`. The engine's type for it has no name here, only its debug form.
fn chained(operator: &impl std::fmt::Debug) -> Comparison {
    match format!("{operator:?}").as_str() {
        "Eq" => Comparison::Equal,
        "Ne" => Comparison::NotEqual,
        "Lt" => Comparison::Less,
        "Lte" => Comparison::LessOrEqual,
        "Gt" => Comparison::Greater,
        "Gte" => Comparison::GreaterOrEqual,
        "In" => Comparison::In,
        _ => Comparison::NotIn,
    }
}
