//! What else may have been said: where a recogniser was not sure, its second choice, and how the sentence goes on from
//! there. It costs a few steps of the decoder, as the encoder's view of the recording and the words so far are still in
//! its memory; where everything is certain it costs nothing.

use std::ffi::c_int;
use std::time::Instant;

use whisper_rs::{WhisperContext, WhisperState};

use crate::text::Likely;

use super::whisper::{SpeechError, failed, now, text};

/// A token that is less likely than this may have been another.
const UNSURE: f32 = 0.75;
/// Second choices below this are no rivals.
const UNLIKELY: f32 = 0.04;
/// Places at which another token is tried, the least certain ones.
const MOST: usize = 4;
/// Tokens after which a rival has to meet the sentence again or end.
const MOST_ASTRAY: usize = 8;

/// A token and how likely it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spoken {
    pub(super) token: c_int,
    pub(super) likely: f32,
}

/// A decoder that has just spoken, `n_before` tokens after its beginning.
pub(super) struct Decoder<'a> {
    pub(super) context: &'a WhisperContext,
    pub(super) state: &'a mut WhisperState,
    pub(super) n_threads: usize,
    pub(super) n_before: usize,
    /// What it has said.
    pub(super) said: &'a [Spoken],
}

impl Decoder<'_> {
    /// What it may have meant, the likeliest first.
    pub(super) fn rivals(&mut self, deadline: Instant) -> Result<Vec<Likely>, SpeechError> {
        let mut places: Vec<usize> =
            (1..self.said.len()).filter(|&at| self.said[at].likely < UNSURE).collect();
        places.sort_by(|&one, &other| self.said[one].likely.total_cmp(&self.said[other].likely));
        places.truncate(MOST);
        let mut found: Vec<(f32, Vec<c_int>)> = Vec::new();
        // From the end: what is tried at one place overwrites what the decoder remembers of the places behind it.
        places.sort_by_key(|&at| std::cmp::Reverse(at));
        for at in places {
            if late(deadline) {
                break;
            }
            let next = self.next_two(self.said[at - 1].token, self.n_before + at - 1)?;
            // It would have said otherwise now: its memory is not what is expected, and nothing follows from it.
            let Some(second) = next.iter().find(|choice| choice.token != self.said[at].token)
            else {
                continue;
            };
            if !next.iter().any(|choice| choice.token == self.said[at].token) {
                continue;
            }
            if second.likely >= UNLIKELY && self.is_word(second.token) {
                let tokens = self.go_on(at, second.token, deadline)?;
                found.push((second.likely / self.said[at].likely.max(UNLIKELY), tokens));
            }
        }
        found.sort_by(|one, other| other.0.total_cmp(&one.0));
        let said: Vec<c_int> = self.said.iter().map(|spoken| spoken.token).collect();
        let plain = self.text(&said);
        let mut rivals: Vec<Likely> = Vec::new();
        let best = found.first().map_or(0.0, |(share, _)| share.ln());
        for (share, tokens) in found {
            let text = self.text(&tokens);
            let is_known = rivals.iter().any(|known| known.text == text);
            if !text.is_empty() && text != plain && !is_known {
                rivals.push(Likely { text, behind: best - share.ln() });
            }
        }
        Ok(rivals)
    }

    /// The sentence with another token at a place: likely words follow until it meets the sentence again, whose rest is
    /// taken as it was, or ends.
    fn go_on(
        &mut self,
        at: usize,
        token: c_int,
        deadline: Instant,
    ) -> Result<Vec<c_int>, SpeechError> {
        let said = self.said;
        let mut tokens: Vec<c_int> = said[..at].iter().map(|spoken| spoken.token).collect();
        tokens.push(token);
        for _ in 0..MOST_ASTRAY {
            let Some(&last) = tokens.last().filter(|_| !late(deadline)) else { break };
            let next = self.next_two(last, self.n_before + tokens.len() - 1)?;
            let Some(best) = next.first().filter(|best| best.token < self.context.token_eot())
            else {
                return Ok(tokens);
            };
            // One word may have been two or the other way round.
            let meets = (at + 1..said.len().min(tokens.len() + 3))
                .filter(|&place| place + 2 >= tokens.len())
                .find(|&place| said[place].token == best.token);
            if let Some(place) = meets {
                tokens.extend(said[place..].iter().map(|spoken| spoken.token));
                return Ok(tokens);
            }
            tokens.push(best.token);
        }
        Ok(tokens)
    }

    /// The two likeliest tokens after this one, which is the decoder's `n_past`th.
    fn next_two(&mut self, token: c_int, n_past: usize) -> Result<Vec<Spoken>, SpeechError> {
        self.state.decode(&[token], n_past, self.n_threads).map_err(failed)?;
        let logits = self.state.get_logits().map_err(failed)?;
        // Beyond the end there are only the signs for languages, tasks and times.
        let end = usize::try_from(self.context.token_eot()).unwrap_or(0) + 1;
        let logits = logits.get(..end).unwrap_or_default();
        let sum = log_sum(logits);
        let mut best: Vec<Spoken> = Vec::with_capacity(3);
        for (token, logit) in logits.iter().enumerate() {
            let at = best.partition_point(|known| known.likely >= *logit);
            if at < 2 {
                let token = c_int::try_from(token).unwrap_or(0);
                best.insert(at, Spoken { token, likely: *logit });
                best.truncate(2);
            }
        }
        for choice in &mut best {
            choice.likely = (choice.likely - sum).exp();
        }
        Ok(best)
    }

    /// It has a letter or digit.
    fn is_word(&self, token: c_int) -> bool {
        let bytes = self.context.token_to_bytes(token).unwrap_or_default();
        token < self.context.token_eot()
            && bytes.iter().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
    }

    fn text(&self, tokens: &[c_int]) -> String {
        text(self.context, tokens.iter().copied())
    }
}

/// The logarithm of the sum of what these are logarithms of.
pub(super) fn log_sum(logits: &[f32]) -> f32 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    most + logits.iter().map(|logit| (logit - most).exp()).sum::<f32>().ln()
}

fn late(deadline: Instant) -> bool {
    now() >= deadline
}
