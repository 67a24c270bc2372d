//! Where a byte-level vocabulary cuts a text before it joins bytes: each family of models by its own expression.

use regex::Regex;

use crate::llm::ModelError;

/// Contractions, words, numbers, marks, as GPT-2 has them; `\s+(?!\S)` is what [`Splitter::pieces`] does with spaces.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
/// As Llama 3 has them, with so many digits in a piece as the model says.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,DIGITS}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";

/// Cuts texts.
#[derive(Debug)]
pub(super) struct Splitter {
    expression: Regex,
    /// Digits stand alone before anything else is cut.
    digits_first: bool,
    /// Spaces that end in a newline are a piece of their own.
    newlines_end: bool,
}

impl Splitter {
    /// For the name in `tokenizer.ggml.pre`; llama.cpp's names.
    pub(super) fn new(name: &str) -> Result<Self, ModelError> {
        let (expression, digits_first, newlines_end) = match name {
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" => {
                (GPT2.to_owned(), true, false)
            }
            "qwen2" | "deepseek-r1-qwen" | "megrez" => (LLAMA3.replace("DIGITS", "1"), false, true),
            "llama-bpe" | "llama3" | "llama-v3" | "smaug-bpe" | "dbrx" | "pixtral" => {
                (LLAMA3.replace("DIGITS", "3"), false, true)
            }
            _ => (GPT2.to_owned(), false, false),
        };
        let expression =
            Regex::new(&expression).map_err(|error| ModelError::Failed(error.to_string()))?;
        Ok(Self { expression, digits_first, newlines_end })
    }

    /// The pieces of a text, in order; together they are the text.
    pub(super) fn pieces<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut pieces = Vec::new();
        if !self.digits_first {
            self.cut(text, &mut pieces);
            return pieces;
        }
        let mut begin = 0;
        for (at, digit) in text.char_indices().filter(|(_, c)| c.is_numeric()) {
            self.cut(text.get(begin..at).unwrap_or_default(), &mut pieces);
            begin = at + digit.len_utf8();
            pieces.extend(text.get(at..begin));
        }
        self.cut(text.get(begin..).unwrap_or_default(), &mut pieces);
        pieces
    }

    fn cut<'a>(&self, text: &'a str, pieces: &mut Vec<&'a str>) {
        let mut at = 0;
        while let Some(found) = self.expression.find_at(text, at) {
            if found.start() > at {
                pieces.extend(text.get(at..found.start()));
            }
            let mut end = found.end();
            let piece = found.as_str();
            let is_run = piece.chars().all(char::is_whitespace);
            let ends_line = self.newlines_end && piece.ends_with(['\r', '\n']);
            // The last space before a word belongs to the word.
            if is_run && !ends_line && end < text.len() && piece.chars().nth(1).is_some() {
                end -= piece.chars().next_back().map_or(0, char::len_utf8);
            }
            pieces.extend(text.get(found.start()..end));
            at = end;
        }
        if at < text.len() {
            pieces.extend(text.get(at..));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_cuts_in_its_own_way() {
        for (name, text, expected) in [
            ("gpt-2", "I'm  off at 21:30\n\nnow", "I|'m| | off| at| 21|:|30|\n|\n|now"),
            ("smollm", "at 21 °C", "at| |2|1| °|C"),
            ("qwen2", "I'M  off at 21\n\n now…", "I|'M| | off| at| |2|1|\n\n| now|…"),
            ("llama-bpe", "1234 l'été", "123|4| l|'été"),
            ("qwen2", "   ", "   "),
            ("qwen2", "", ""),
        ] {
            let pieces = Splitter::new(name).unwrap().pieces(text).join("|");
            assert_eq!(pieces, expected, "{name}: {text:?}");
        }
    }
}
