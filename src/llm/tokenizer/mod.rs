//! Text to tokens and back, with the vocabulary that the model file itself carries: byte-level byte pairs (GPT-2, Llama
//! 3, Qwen) and SentencePiece (Llama 2, Gemma, Phi 3).
//!
//! What people write is never read for special tokens ([`Tokenizer::encode`]): only the skeleton of a chat template is
//! ([`Tokenizer::encode_special`]).

mod split;

use std::collections::HashMap;

use self::split::Splitter;
use super::ModelError;
use super::gguf::{Gguf, missing};

/// Joining takes the square of a piece's length; no word is this long.
const LONGEST_PIECE: usize = 512;
/// SentencePiece's space.
const BLANK: &str = "▁";

/// How the pieces of a text become tokens.
#[derive(Debug)]
enum Method {
    /// Pairs are joined in the order in which they were learnt: of two tokens, the rank and the token they make. Bytes
    /// that no text has may have no token.
    Pairs { splitter: Splitter, merges: HashMap<(u32, u32), (u32, u32)>, bytes: Vec<Option<u32>> },
    /// Pairs are joined by the score of what they make.
    Scores { tokens: HashMap<Vec<u8>, u32>, scores: Vec<f32>, bytes: Vec<u32>, leading: bool },
}

/// A vocabulary.
#[derive(Debug)]
pub struct Tokenizer {
    method: Method,
    /// The bytes of all tokens, one after the other.
    bytes: Vec<u8>,
    /// Where each token's bytes end.
    ends: Vec<u32>,
    /// Tokens that steer the model, the longest first.
    special: Vec<(String, u32)>,
    /// The first token of each text, if the model wants one.
    pub first: Option<u32>,
    /// Tokens with which an answer ends.
    pub last: Vec<u32>,
}

impl Tokenizer {
    /// Takes the vocabulary out of a model file.
    pub(super) fn take(gguf: &mut Gguf) -> Result<Self, ModelError> {
        let texts = gguf.take_texts("tokenizer.ggml.tokens");
        if texts.is_empty() {
            return Err(missing("tokenizer.ggml.tokens"));
        }
        let kinds = gguf.take_numbers("tokenizer.ggml.token_type");
        let kind = |id: usize| kinds.get(id).map_or(1, |kind| *kind as u8);
        let model = gguf.text("tokenizer.ggml.model").unwrap_or("gpt2").to_owned();
        let is_pairs = match model.as_str() {
            "gpt2" => true,
            "llama" => false,
            other => return Err(ModelError::NotKnown(format!("the tokenizer `{other}`"))),
        };
        let mut special = Vec::new();
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(texts.len()));
        for (id, text) in texts.iter().enumerate() {
            // 3 steers, 4 was added by the user; 6 is a single byte.
            let is_special = matches!(kind(id), 3 | 4);
            if is_special && !text.is_empty() {
                special.push((text.clone(), id as u32));
            }
            match (is_pairs && !is_special, kind(id)) {
                (true, _) => bytes.extend(text.chars().filter_map(byte_of)),
                (false, 6) => bytes.extend(single_byte(text)),
                (false, _) => bytes.extend(text.replace(BLANK, " ").bytes()),
            }
            ends.push(bytes.len() as u32);
        }
        special.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        let tokens = || texts.iter().enumerate().map(|(id, text)| (text.as_str(), id as u32));
        let method = if is_pairs {
            let ids: HashMap<&str, u32> = tokens().collect();
            let merges = gguf.take_texts("tokenizer.ggml.merges");
            let splitter = Splitter::new(gguf.text("tokenizer.ggml.pre").unwrap_or_default())?;
            let bytes = char_of_bytes().map(|char| ids.get(&*char.to_string()).copied());
            Method::Pairs { splitter, merges: pairs(&merges, &ids), bytes: bytes.collect() }
        } else {
            let scores = gguf.take_numbers("tokenizer.ggml.scores");
            let byte = |byte: u8| format!("<0x{byte:02X}>");
            let ids: HashMap<&str, u32> = tokens().collect();
            let unknown = gguf.int("tokenizer.ggml.unknown_token_id").unwrap_or(0) as u32;
            let bytes = (0..=255).map(|b| ids.get(&*byte(b)).copied().unwrap_or(unknown)).collect();
            let plain = tokens().filter(|(_, id)| !matches!(kind(*id as usize), 3 | 4 | 6));
            let tokens = plain.map(|(text, id)| (text.as_bytes().to_vec(), id)).collect();
            let leading = gguf.int("tokenizer.ggml.add_space_prefix").unwrap_or(1) != 0;
            Method::Scores { tokens, scores, bytes, leading }
        };
        let id = |key: &str| {
            let id = gguf.int(&format!("tokenizer.ggml.{key}"))?;
            u32::try_from(id).ok().filter(|id| (*id as usize) < texts.len())
        };
        let adds_first = gguf.int("tokenizer.ggml.add_bos_token").unwrap_or(i64::from(!is_pairs));
        let first = id("bos_token_id").filter(|_| adds_first != 0);
        let mut last: Vec<u32> =
            ["eos_token_id", "eot_token_id"].into_iter().filter_map(id).collect();
        let closing = ["<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>"];
        let named = special.iter().filter(|(text, _)| closing.contains(&text.as_str()));
        last.extend(named.map(|(_, id)| *id));
        last.sort_unstable();
        last.dedup();
        Ok(Self { method, bytes, ends, special, first, last })
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none; a vocabulary always has some.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of a token; of a special one its name.
    pub fn bytes(&self, token: u32) -> &[u8] {
        let end = |token: usize| self.ends.get(token).map_or(0, |end| *end as usize);
        let begin = (token as usize).checked_sub(1).map_or(0, end);
        self.bytes.get(begin..end(token as usize)).unwrap_or_default()
    }

    /// Whether a token steers the model and is no text.
    pub fn is_special(&self, token: u32) -> bool {
        self.special.iter().any(|(_, id)| *id == token)
    }

    /// The text of tokens; special ones have none.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let plain = tokens.iter().filter(|token| !self.is_special(**token));
        let bytes: Vec<u8> = plain.flat_map(|token| self.bytes(*token)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The tokens of what somebody wrote: a special token's name in it is text like any other.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        self.encode_into(text, true, &mut tokens);
        tokens
    }

    /// The tokens of our own text, in which special tokens are meant.
    pub fn encode_special(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        let mut rest = text;
        let mut is_first = true;
        while !rest.is_empty() {
            let found =
                self.special.iter().filter_map(|(name, id)| Some((rest.find(name)?, name, *id)));
            let found = found.min_by_key(|(at, name, _)| (*at, std::cmp::Reverse(name.len())));
            let at = found.map_or(rest.len(), |(at, ..)| at);
            let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.encode_into(before, is_first, &mut tokens);
            is_first = false;
            let Some((_, name, id)) = found else { break };
            tokens.push(id);
            rest = behind.get(name.len()..).unwrap_or_default();
        }
        tokens
    }

    fn encode_into(&self, text: &str, is_first: bool, tokens: &mut Vec<u32>) {
        if text.is_empty() {
            return;
        }
        match &self.method {
            Method::Pairs { splitter, merges, bytes } => {
                for piece in splitter.pieces(text) {
                    for part in piece.as_bytes().chunks(LONGEST_PIECE) {
                        let id = |byte: &u8| bytes.get(usize::from(*byte)).copied().flatten();
                        let single = part.iter().filter_map(id).collect();
                        tokens.extend(join(single, |a, b| merges.get(&(a, b)).copied()));
                    }
                }
            }
            Method::Scores { tokens: ids, scores, bytes, leading } => {
                let lead = if *leading && is_first { BLANK } else { "" };
                let text = format!("{lead}{}", text.replace(' ', BLANK));
                let mut rest = text.as_str();
                while !rest.is_empty() {
                    let (part, behind) = rest.split_at(rest.floor_char_boundary(LONGEST_PIECE));
                    rest = behind;
                    scored(part, ids, scores, bytes, tokens);
                }
            }
        }
    }
}

/// Joins neighbours, those of the lowest rank first and of these the leftmost, until none can be joined.
fn join(mut ids: Vec<u32>, joined: impl Fn(u32, u32) -> Option<(u32, u32)>) -> Vec<u32> {
    loop {
        let pairs = ids.iter().zip(ids.iter().skip(1)).enumerate();
        let found =
            pairs.filter_map(|(at, (a, b))| joined(*a, *b).map(|(rank, id)| (rank, at, id)));
        let Some((_, at, id)) = found.min_by_key(|(rank, at, _)| (*rank, *at)) else { return ids };
        if let Some(place) = ids.get_mut(at) {
            *place = id;
        }
        ids.remove(at + 1);
    }
}

/// SentencePiece: joins the neighbours that make the token of the highest score; what is no token is told in bytes.
fn scored(
    text: &str,
    ids: &HashMap<Vec<u8>, u32>,
    scores: &[f32],
    bytes: &[u32],
    tokens: &mut Vec<u32>,
) {
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let (part, behind) = rest.split_at(char.len_utf8());
        parts.push(part);
        rest = behind;
    }
    // Where each part begins in the text, so that neighbours are one piece of it.
    let mut begins: Vec<usize> = Vec::with_capacity(parts.len());
    let mut at = 0;
    for part in &parts {
        begins.push(at);
        at += part.len();
    }
    begins.push(text.len());
    loop {
        let joined = begins.windows(3).enumerate().filter_map(|(at, ends)| {
            let &[begin, _, end] = ends else { return None };
            let id = *ids.get(text.get(begin..end)?.as_bytes())?;
            Some((at, scores.get(id as usize).copied().unwrap_or(f32::MIN)))
        });
        let best = joined.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let Some((at, _)) = best else { break };
        begins.remove(at + 1);
    }
    for ends in begins.windows(2) {
        let &[begin, end] = ends else { continue };
        let part = text.get(begin..end).unwrap_or_default().as_bytes();
        match ids.get(part) {
            Some(id) => tokens.push(*id),
            None => tokens.extend(part.iter().filter_map(|b| bytes.get(usize::from(*b)))),
        }
    }
}

/// Of two tokens, the rank of their joining and what it makes.
fn pairs(merges: &[String], ids: &HashMap<&str, u32>) -> HashMap<(u32, u32), (u32, u32)> {
    let merges = merges.iter().enumerate().filter_map(|(rank, merge)| {
        let (a, b) = merge.split_once(' ')?;
        let joined = format!("{a}{b}");
        let pair = (*ids.get(a)?, *ids.get(b)?);
        Some((pair, (rank as u32, *ids.get(joined.as_str())?)))
    });
    merges.collect()
}

/// `<0x0A>`
fn single_byte(text: &str) -> Option<u8> {
    u8::from_str_radix(text.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

/// GPT-2's vocabulary has a printable character for each byte: itself where it is one, else the next from U+0100.
fn char_of_bytes() -> impl Iterator<Item = char> {
    let mut n_others = 0;
    (0..=255_u8).map(move |byte| match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte),
        _ => {
            n_others += 1;
            char::from_u32(0xFF + n_others).unwrap_or_default()
        }
    })
}

/// The byte that such a character stands for.
fn byte_of(char: char) -> Option<u8> {
    Some(match u32::from(char) {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => code as u8,
        code @ 0x100..=0x120 => (code - 0x100) as u8,
        code @ 0x121..=0x142 => (code - 0x121 + 0x7F) as u8,
        0x143 => 0xAD,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_character() {
        for (byte, char) in char_of_bytes().enumerate() {
            assert_eq!(byte_of(char), Some(byte as u8), "{char:?}");
        }
    }

    #[test]
    fn scores_decide_what_is_joined_and_bytes_tell_the_rest() {
        let ids: HashMap<Vec<u8>, u32> =
            [("▁", 1), ("l", 2), ("i", 3), ("t", 4), ("li", 5), ("it", 6), ("▁li", 7)]
                .map(|(text, id): (&str, u32)| (text.as_bytes().to_vec(), id))
                .into();
        let scores = [0.0, -9.0, -9.0, -9.0, -9.0, -2.0, -1.0, -3.0];
        let bytes: Vec<u32> = (0..256).map(|byte| 1000 + byte).collect();
        let mut tokens = Vec::new();
        scored("▁lit▁liz", &ids, &scores, &bytes, &mut tokens);
        assert_eq!(tokens, [1, 2, 6, 7, 1000 + u32::from(b'z')]);
    }
}
