//! Python's two ways to format text: `"%.2f" % x` and `"{:02x}".format(x)`.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::call::{to_float, to_int};
use super::frame::MAX_TEXT;
use super::operators::{failed, refuse_undefined, type_name};
use super::python::{Number, Text, push_exponent, str_of, too_long};

/// How one value is laid out.
#[derive(Clone, Debug, Default)]
struct Layout {
    fill: Option<char>,
    align: Option<char>,
    /// `+`, `-` or blank.
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
}

/// Python's `format % arguments`; a single dict argument also feeds `%(name)s`.
pub(super) fn printf(format: &str, arguments: &[Value]) -> Result<Value, Error> {
    let mut out = Text::default();
    let mut positional = arguments.iter();
    let mut by_name = false;
    let mut rest = format.chars().peekable();
    let missing = || failed("not enough arguments for format string");
    while let Some(char) = rest.next() {
        if char != '%' {
            out.push(char.encode_utf8(&mut [0; 4]))?;
            continue;
        }
        let mut named = None;
        if rest.next_if_eq(&'(').is_some() {
            let name: String = rest.by_ref().take_while(|char| *char != ')').collect();
            let value = arguments.first().and_then(|map| map.get_attr(&name).ok());
            named = Some(value.filter(|value| !value.is_undefined()).ok_or_else(missing)?);
            by_name = true;
        }
        let mut layout = Layout::default();
        while let Some(flag) = rest.next_if(|char| "-+ #0".contains(*char)) {
            match flag {
                '-' => layout.align = Some('<'),
                '#' => layout.alternate = true,
                '0' => layout.zero = true,
                sign if layout.sign != Some('+') => layout.sign = Some(sign),
                _ => {}
            }
        }
        layout.width = number(&mut rest)?.unwrap_or(0);
        if rest.next_if_eq(&'.').is_some() {
            layout.precision = Some(number(&mut rest)?.unwrap_or(0));
        }
        while rest.next_if(|char| "hlL".contains(*char)).is_some() {}
        let kind = rest.next().ok_or_else(|| failed("incomplete format"))?;
        if kind == '%' {
            out.push("%")?;
            continue;
        }
        let value = match named {
            Some(value) => value,
            None => positional.next().cloned().ok_or_else(missing)?,
        };
        let numeric = "diuoxXeEfFgG".contains(kind);
        if layout.align.is_some() {
            layout.zero = false;
        }
        let piece = match kind {
            's' | 'r' | 'a' | 'c' => {
                layout.zero = false;
                let text = if kind == 'r' || kind == 'a' { repr(&value)? } else { str_of(&value)? };
                pad(
                    &text.chars().take(layout.precision.unwrap_or(usize::MAX)).collect::<String>(),
                    "",
                    &layout,
                    '>',
                )?
            }
            _ if numeric => {
                if Number::of(&value).is_none() {
                    refuse_undefined(&value)?;
                    return Err(failed(format!(
                        "%{kind} format: a number is required, not {}",
                        type_name(&value)
                    )));
                }
                number_text(
                    &value,
                    if matches!(kind, 'i' | 'u') { 'd' } else { kind },
                    &layout,
                    true,
                )?
            }
            _ => return Err(failed(format!("unsupported format character '{kind}'"))),
        };
        out.push(&piece)?;
    }
    let left_over = positional.next().is_some_and(|value| value.kind() != ValueKind::Map);
    if left_over && !by_name {
        return Err(failed("not all arguments converted during string formatting"));
    }
    Ok(Value::from(out.finish()))
}

fn number(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<usize>, Error> {
    let mut number = None;
    while let Some(digit) = rest.peek().and_then(|char| char.to_digit(10)) {
        rest.next();
        let so_far = number.unwrap_or(0usize) * 10 + digit as usize;
        // No sensible template pads or prints more digits than this.
        if so_far > 4096 {
            return Err(too_long());
        }
        number = Some(so_far);
    }
    Ok(number)
}

/// Python's `str.format`.
pub(super) fn format(
    template: &str,
    positional: &[Value],
    named: &[(String, Value)],
) -> Result<Value, Error> {
    let mut out = Text::default();
    let mut automatic = 0;
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push(&rest[..at])?;
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push(brace)?;
            rest = after;
            continue;
        }
        let end = rest
            .find('}')
            .filter(|_| brace == "{")
            .ok_or_else(|| failed("single brace in format string"))?;
        let (field, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        let (field, specification) = field.split_once(':').unwrap_or((field, ""));
        if specification.contains('{') {
            return Err(failed("nested format fields are not supported"));
        }
        let (name, conversion) = field.split_once('!').unwrap_or((field, ""));
        let value = if name.is_empty() {
            automatic += 1;
            positional.get(automatic - 1).cloned()
        } else if let Ok(index) = name.parse::<usize>() {
            positional.get(index).cloned()
        } else {
            named.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.clone())
        };
        let value =
            value.ok_or_else(|| failed(format!("no argument for format field '{name}'")))?;
        let value = match conversion {
            "" => value,
            "s" => Value::from(str_of(&value)?),
            "r" | "a" => Value::from(repr(&value)?),
            _ => return Err(failed("unknown conversion in format string")),
        };
        out.push(&format_value(&value, specification)?)?;
    }
    out.push(rest)?;
    Ok(Value::from(out.finish()))
}

fn repr(value: &Value) -> Result<String, Error> {
    let mut text = Text::default();
    text.push_repr_of(value)?;
    Ok(text.finish())
}

/// Python's `format(value, specification)`.
fn format_value(value: &Value, specification: &str) -> Result<String, Error> {
    if specification.is_empty() {
        return str_of(value);
    }
    let mut layout = Layout::default();
    let mut rest = specification.chars().peekable();
    let mut ahead = specification.chars();
    if let (Some(fill), Some(align)) = (ahead.next(), ahead.next())
        && "<>=^".contains(align)
    {
        layout.fill = Some(fill);
        layout.align = Some(align);
        rest = ahead.as_str().chars().peekable();
    } else {
        layout.align = rest.next_if(|char| "<>=^".contains(*char));
    }
    layout.sign = rest.next_if(|char| "+- ".contains(*char));
    layout.alternate = rest.next_if_eq(&'#').is_some();
    layout.zero = rest.next_if_eq(&'0').is_some();
    layout.width = number(&mut rest)?.unwrap_or(0);
    layout.grouping = rest.next_if(|char| ",_".contains(*char));
    if rest.next_if_eq(&'.').is_some() {
        layout.precision =
            Some(number(&mut rest)?.ok_or_else(|| failed("format specifier misses precision"))?);
    }
    let kind = rest.next();
    if rest.next().is_some() {
        return Err(failed("invalid format specifier"));
    }
    match (value.kind(), Number::of(value), kind) {
        (ValueKind::String, _, None | Some('s')) => {
            let text = value.as_str().unwrap_or_default();
            let text: String = text.chars().take(layout.precision.unwrap_or(usize::MAX)).collect();
            pad(&text, "", &layout, '<')
        }
        (_, Some(Number::Int(_)), None) => number_text(value, 'd', &layout, false),
        (_, Some(Number::Float(_)), None) if layout.precision.is_none() => {
            let text = str_of(value)?;
            let (sign, digits) =
                text.strip_prefix('-').map_or(("", &*text), |digits| ("-", digits));
            let sign = if sign.is_empty() { positive_sign(&layout) } else { sign };
            pad(digits, sign, &layout, '>')
        }
        (_, Some(_), kind) => number_text(value, kind.unwrap_or('g'), &layout, false),
        (_, None, _) => {
            refuse_undefined(value)?;
            Err(failed(format!("unsupported format for '{}'", type_name(value))))
        }
    }
}

fn positive_sign(layout: &Layout) -> &'static str {
    match layout.sign {
        Some('+') => "+",
        Some(' ') => " ",
        _ => "",
    }
}

/// A number in one of C's forms. `truncates`: `%d` cuts a float, `{:d}` refuses it.
fn number_text(
    value: &Value,
    kind: char,
    layout: &Layout,
    truncates: bool,
) -> Result<String, Error> {
    let (negative, mut digits) = match kind {
        'd' | 'x' | 'X' | 'o' | 'b' | 'c' => {
            if !truncates && !matches!(Number::of(value), Some(Number::Int(_))) {
                return Err(failed(format!("format code '{kind}' needs an integer")));
            }
            let int = to_int(value)?;
            let size = int.unsigned_abs();
            let digits = match (kind, layout.alternate) {
                ('x', false) => format!("{size:x}"),
                ('x', true) => format!("{size:#x}"),
                ('X', false) => format!("{size:X}"),
                ('X', true) => format!("0X{size:X}"),
                ('o', false) => format!("{size:o}"),
                ('o', true) => format!("{size:#o}"),
                ('b', false) => format!("{size:b}"),
                ('b', true) => format!("{size:#b}"),
                ('c', _) => u32::try_from(size)
                    .ok()
                    .and_then(char::from_u32)
                    .ok_or_else(|| failed("%c needs a character code"))?
                    .to_string(),
                _ => format!("{size:0width$}", width = layout.precision.unwrap_or(0)),
            };
            (int < 0, digits)
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' => {
            let float = to_float(value)?;
            let text = float_text(float.abs(), kind.to_ascii_lowercase(), layout);
            let text = if kind.is_ascii_uppercase() { text.to_ascii_uppercase() } else { text };
            (float.is_sign_negative() && !float.is_nan(), text)
        }
        other => return Err(failed(format!("unknown format code '{other}'"))),
    };
    if let Some(separator) = layout.grouping {
        let whole = digits.find(|char: char| !char.is_ascii_digit()).unwrap_or(digits.len());
        for at in (1..whole).rev().filter(|at| (whole - at).is_multiple_of(3)) {
            digits.insert(at, separator);
        }
    }
    let sign = if negative { "-" } else { positive_sign(layout) };
    pad(&digits, sign, layout, '>')
}

fn float_text(size: f64, kind: char, layout: &Layout) -> String {
    if !size.is_finite() {
        return if size.is_nan() { "nan" } else { "inf" }.to_owned();
    }
    let precision = layout.precision.unwrap_or(6);
    match kind {
        'f' => format!("{size:.precision$}"),
        '%' => format!("{:.precision$}%", size * 100.0),
        'e' => scientific(size, precision),
        _ => {
            let precision = precision.max(1);
            let rounded = format!("{size:.*e}", precision - 1);
            let exponent: i32 = rounded
                .split_once('e')
                .and_then(|(_, exponent)| exponent.parse().ok())
                .unwrap_or(0);
            let plain = exponent >= -4
                && usize::try_from(exponent).map_or(true, |exponent| exponent < precision);
            if !plain {
                return trimmed(scientific(size, precision - 1), layout);
            }
            let decimals = i64::try_from(precision).unwrap_or(0) - 1 - i64::from(exponent);
            let decimals = usize::try_from(decimals).unwrap_or(0);
            trimmed(format!("{size:.decimals$}"), layout)
        }
    }
}

fn scientific(size: f64, precision: usize) -> String {
    let text = format!("{size:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut out = String::new();
    push_exponent(&mut out, digits, exponent.parse().unwrap_or(0));
    out
}

/// `%g` drops zeros at the end of the fraction.
fn trimmed(text: String, layout: &Layout) -> String {
    if layout.alternate || !text.contains('.') {
        return text;
    }
    let (digits, exponent) = text.split_at(text.find('e').unwrap_or(text.len()));
    format!("{}{exponent}", digits.trim_end_matches('0').trim_end_matches('.'))
}

fn pad(digits: &str, sign: &str, layout: &Layout, default: char) -> Result<String, Error> {
    let length = digits.chars().count() + sign.len();
    let Some(missing) = layout.width.checked_sub(length) else {
        return Ok(format!("{sign}{digits}"));
    };
    if layout.width > MAX_TEXT {
        return Err(too_long());
    }
    let zero = layout.zero && layout.align.is_none();
    let align = layout.align.unwrap_or(if zero { '=' } else { default });
    let fill = layout.fill.unwrap_or(if layout.zero { '0' } else { ' ' });
    let filling = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    Ok(match align {
        '<' => format!("{sign}{digits}{}", filling(missing)),
        '=' => format!("{sign}{}{digits}", filling(missing)),
        '^' => format!("{}{sign}{digits}{}", filling(missing / 2), filling(missing - missing / 2)),
        _ => format!("{}{sign}{digits}", filling(missing)),
    })
}
