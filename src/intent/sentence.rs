//! Sentence templates: the tree and its parser. The notation is hassil's: `[optional]`,
//! `(either|or)`, `(any;order)`, `{list}`, `{list:slot}`, `<rule>`, `\` before a character that is
//! meant literally. What rules and lists contain is the pack's business.

/// Longest template taken, in characters. The longest of the official packs has about 500.
pub const MAX_LENGTH: usize = 8192;
/// Deepest nesting of brackets taken.
pub const MAX_DEPTH: usize = 24;
/// Most items of a permutation: the work grows with two to this power.
pub const MAX_PERMUTED: usize = 8;

/// A sentence template or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// Literal text; spaces at its edges matter.
    Text(String),
    /// All, in this order.
    Sequence(Vec<Expr>),
    /// One of them; an optional part has an empty text as its last.
    Alternative(Vec<Expr>),
    /// All, in any order, as words of their own.
    Permutation(Vec<Expr>),
    /// A value of a list.
    List(ListRef),
    /// An expansion rule by name.
    Rule(String),
}

/// `{list}`, `{list:slot}`, `{list:@capture}` or `{0..100:slot}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRef {
    /// The list.
    pub list: String,
    /// The slot that its value goes to.
    pub slot: String,
    /// Only for the reply, not a slot of the intent.
    pub is_capture: bool,
    /// A space follows, so a wildcard here ends at the end of a word.
    pub ends_word: bool,
    /// `{from..to}` or `{from..to,step}` written in place of a list.
    pub range: Option<(i64, i64, i64)>,
}

/// Why a template cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct TemplateError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// An opening bracket without its end.
    #[error("`{0}` is never closed")]
    Unclosed(char),
    /// A closing bracket without its beginning.
    #[error("`{0}` closes nothing")]
    Unopened(char),
    /// `{}` or `<>`.
    #[error("`{0}` needs a name")]
    NoName(char),
    /// `|` and `;` side by side.
    #[error("`|` and `;` cannot stand in the same group; put brackets around one of them")]
    Mixed,
    /// Beyond [`MAX_LENGTH`], [`MAX_DEPTH`] or [`MAX_PERMUTED`].
    #[error("too {0}")]
    TooMuch(&'static str),
    /// A range whose end is before its start or whose step is 0.
    #[error("the range `{0}` is empty")]
    EmptyRange(String),
}

/// Reads a template.
///
/// # Errors
/// [`TemplateError`] with the column when brackets do not match, a name is missing or a limit is
/// passed.
pub fn parse(template: &str) -> Result<Expr, TemplateError> {
    let characters: Vec<char> = template.trim().chars().collect();
    if characters.len() > MAX_LENGTH {
        return Err(TemplateError { column: MAX_LENGTH, problem: Problem::TooMuch("long") });
    }
    let mut parser = Parser { characters: &characters, at: 0, depth: 0 };
    let expr = parser.group(None)?;
    Ok(expr)
}

/// Whether a text has template syntax at all.
pub fn is_template(text: &str) -> bool {
    text.contains(['(', ')', '{', '}', '<', '>', '[', ']', '|', '@'])
}

struct Parser<'a> {
    characters: &'a [char],
    at: usize,
    depth: usize,
}

/// How the items of a group are joined, known at its first separator.
#[derive(Clone, Copy, PartialEq)]
enum Joint {
    Alternative,
    Permutation,
}

impl Parser<'_> {
    fn fail<T>(&self, at: usize, problem: Problem) -> Result<T, TemplateError> {
        Err(TemplateError { column: at + 1, problem })
    }

    /// Reads up to `end` (or the end of the text) and past it.
    fn group(&mut self, end: Option<char>) -> Result<Expr, TemplateError> {
        let opened_at = self.at.saturating_sub(1);
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fail(opened_at, Problem::TooMuch("deeply nested"));
        }
        let mut items: Vec<Vec<Expr>> = vec![Vec::new()];
        let mut joint: Option<Joint> = None;
        let mut text = String::new();
        loop {
            let Some(&character) = self.characters.get(self.at) else {
                if let Some(end) = end {
                    let open = if end == ')' { '(' } else { '[' };
                    return self.fail(opened_at, Problem::Unclosed(open));
                }
                break;
            };
            let column = self.at;
            self.at += 1;
            let special = match character {
                '\\' => {
                    text.extend(self.characters.get(self.at));
                    self.at += 1;
                    continue;
                }
                '(' | '[' | '{' | '<' | '|' | ';' | ')' | ']' | '}' | '>' => character,
                _ => {
                    text.push(character);
                    continue;
                }
            };
            flush(&mut text, &mut items);
            match special {
                '(' => push(&mut items, self.group(Some(')'))?),
                '[' => {
                    let inner = self.group(Some(']'))?;
                    push(&mut items, optional(inner));
                }
                '{' => push(&mut items, self.list(column)?),
                '<' => push(&mut items, Expr::Rule(self.name(column, '<', '>')?)),
                '|' | ';' => {
                    let new = if special == '|' { Joint::Alternative } else { Joint::Permutation };
                    if joint.is_some_and(|joint| joint != new) {
                        return self.fail(column, Problem::Mixed);
                    }
                    joint = Some(new);
                    items.push(Vec::new());
                }
                _ if Some(special) == end => break,
                _ => return self.fail(column, Problem::Unopened(special)),
            }
        }
        flush(&mut text, &mut items);
        self.depth -= 1;
        if joint == Some(Joint::Permutation) && items.len() > MAX_PERMUTED {
            return self.fail(opened_at, Problem::TooMuch("many items in any order"));
        }
        Ok(join(items, joint))
    }

    /// Reads a name up to `close` and past it.
    fn name(&mut self, column: usize, open: char, close: char) -> Result<String, TemplateError> {
        let rest = &self.characters[self.at..];
        let Some(length) = rest.iter().position(|c| *c == close) else {
            return self.fail(column, Problem::Unclosed(open));
        };
        let name: String = rest[..length].iter().collect::<String>().trim().to_owned();
        self.at += length + 1;
        if name.is_empty() {
            return self.fail(column, Problem::NoName(open));
        }
        Ok(name)
    }

    fn list(&mut self, column: usize) -> Result<Expr, TemplateError> {
        let name = self.name(column, '{', '}')?;
        let ends_word = self.characters.get(self.at).is_some_and(|c| c.is_whitespace());
        let (list, slot) = match name.split_once(':') {
            Some((list, slot)) => (list.trim(), slot.trim()),
            None => (name.as_str(), name.trim_start_matches('@')),
        };
        let is_capture = slot.starts_with('@') || list.starts_with('@');
        let (list, slot) = (list.trim_start_matches('@'), slot.trim_start_matches('@'));
        if list.is_empty() || slot.is_empty() {
            return self.fail(column, Problem::NoName('{'));
        }
        let range = inline_range(list);
        if let Some((from, to, step)) = range
            && (from > to || step < 1)
        {
            return self.fail(column, Problem::EmptyRange(list.to_owned()));
        }
        Ok(Expr::List(ListRef {
            list: list.to_owned(),
            slot: slot.to_owned(),
            is_capture,
            ends_word,
            range,
        }))
    }
}

/// `0..100` or `0..100,5`.
fn inline_range(text: &str) -> Option<(i64, i64, i64)> {
    let (from, rest) = text.split_once("..")?;
    let (to, step) = rest.split_once(',').unwrap_or((rest, "1"));
    Some((from.parse().ok()?, to.parse().ok()?, step.parse().ok()?))
}

fn flush(text: &mut String, items: &mut [Vec<Expr>]) {
    if !text.is_empty()
        && let Some(last) = items.last_mut()
    {
        last.push(Expr::Text(std::mem::take(text)));
    }
}

fn push(items: &mut [Vec<Expr>], expr: Expr) {
    if let Some(last) = items.last_mut() {
        last.push(expr);
    }
}

fn sequence(mut items: Vec<Expr>) -> Expr {
    if items.len() == 1 { items.remove(0) } else { Expr::Sequence(items) }
}

fn join(mut items: Vec<Vec<Expr>>, joint: Option<Joint>) -> Expr {
    match joint {
        None => sequence(items.pop().unwrap_or_default()),
        Some(Joint::Alternative) => Expr::Alternative(items.into_iter().map(sequence).collect()),
        Some(Joint::Permutation) => Expr::Permutation(
            items
                .into_iter()
                .map(|mut item| {
                    // Items in any order are words of their own whatever their neighbours.
                    item.insert(0, Expr::Text(" ".to_owned()));
                    item.push(Expr::Text(" ".to_owned()));
                    Expr::Sequence(item)
                })
                .collect(),
        ),
    }
}

fn optional(inner: Expr) -> Expr {
    let mut items = match inner {
        Expr::Alternative(items) => items,
        other => vec![other],
    };
    items.push(Expr::Text(String::new()));
    Expr::Alternative(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Expr {
        Expr::Text(text.to_owned())
    }

    #[test]
    fn templates_become_trees() {
        let tree = parse("turn on [the] (light|lamp)s in {area} <now>").unwrap();
        let Expr::Sequence(items) = tree else { panic!("a sequence") };
        assert_eq!(items[0], text("turn on "));
        assert_eq!(items[1], Expr::Alternative(vec![text("the"), text("")]));
        assert_eq!(items[3], Expr::Alternative(vec![text("light"), text("lamp")]));
        assert_eq!(items[4], text("s in "));
        let Expr::List(list) = &items[5] else { panic!("a list") };
        assert!(list.ends_word && !list.is_capture);
        assert_eq!((list.list.as_str(), list.slot.as_str()), ("area", "area"));
        assert_eq!(items[7], Expr::Rule("now".to_owned()));
    }

    #[test]
    fn lists_name_their_slot() {
        let cases = [
            ("{color:light_color}", "color", "light_color", false, None),
            ("{@x}", "x", "x", true, None),
            ("{x:@y}", "x", "y", true, None),
            ("{0..100:level}", "0..100", "level", false, Some((0, 100, 1))),
            ("{0..100,5:level}", "0..100,5", "level", false, Some((0, 100, 5))),
        ];
        for (template, list, slot, is_capture, range) in cases {
            let Expr::List(found) = parse(template).unwrap() else { panic!("a list") };
            assert_eq!((found.list.as_str(), found.slot.as_str()), (list, slot));
            assert_eq!((found.is_capture, found.range), (is_capture, range));
        }
    }

    #[test]
    fn escapes_are_literal() {
        assert_eq!(parse(r"a \(b\)").unwrap(), text("a (b)"));
    }

    #[test]
    fn problems_say_where() {
        let cases = [
            ("turn (on", 6, Problem::Unclosed('(')),
            ("turn on)", 8, Problem::Unopened(')')),
            ("turn {}", 6, Problem::NoName('{')),
            ("a {b", 3, Problem::Unclosed('{')),
            ("(a|b;c)", 5, Problem::Mixed),
            ("{5..1:n}", 1, Problem::EmptyRange("5..1".to_owned())),
        ];
        for (template, column, problem) in cases {
            assert_eq!(parse(template), Err(TemplateError { column, problem }), "{template}");
        }
        let deep = "(".repeat(100) + &")".repeat(100);
        assert!(matches!(parse(&deep).unwrap_err().problem, Problem::TooMuch(_)));
        let wide = format!("({})", ["a"; 20].join(";"));
        assert!(matches!(parse(&wide).unwrap_err().problem, Problem::TooMuch(_)));
        assert!(matches!(parse(&"a".repeat(9000)).unwrap_err().problem, Problem::TooMuch(_)));
    }
}
