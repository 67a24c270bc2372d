//! Whisper's tokens as bytes. The file spells each byte as a printable character (byte-level byte-pair encoding, as
//! GPT-2's `bytes_to_unicode` does it); whisper.cpp wants the bytes.

use super::ConvertError;

/// Ordinary tokens of every Whisper model; whisper.cpp makes up the special ones that follow.
const N_ORDINARY: usize = 50_257;

/// The ordinary tokens in the order of their numbers. `n_vocab` is how many there are with the special ones.
///
/// # Errors
/// When the lines are not as many as the model knows tokens, or a character stands for no byte.
pub(super) fn tokens(vocabulary: &str, n_vocab: u32) -> Result<Vec<Vec<u8>>, ConvertError> {
    let lines: Vec<&str> = vocabulary.split_terminator('\n').collect();
    if lines.len() != n_vocab as usize || lines.len() < N_ORDINARY {
        let text = format!("{} tokens, and the weights know {n_vocab}", lines.len());
        return Err(ConvertError::Vocabulary(text));
    }
    let spelt = Spelling::new();
    lines.into_iter().take(N_ORDINARY).map(|token| spelt.bytes(token)).collect()
}

/// Which character stands for which byte.
struct Spelling {
    /// By the character's number.
    bytes: Vec<Option<u8>>,
}

impl Spelling {
    /// Printable characters of Latin-1 stand for themselves; the other bytes for the characters from 256 on, in order.
    fn new() -> Self {
        let mut bytes = vec![None; 512];
        let mut next = 256;
        for byte in 0..=u8::MAX {
            let is_printable = matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
            let at = if is_printable { usize::from(byte) } else { next };
            next += usize::from(!is_printable);
            bytes[at] = Some(byte);
        }
        Self { bytes }
    }

    fn bytes(&self, token: &str) -> Result<Vec<u8>, ConvertError> {
        let byte = |c: char| self.bytes.get(c as usize).copied().flatten();
        token.chars().map(byte).collect::<Option<_>>().ok_or_else(|| {
            ConvertError::Vocabulary(format!("`{token}` has a character that stands for no byte"))
        })
    }
}
