//! Whether a phrase was said, such as a wake word: how much likelier Whisper finds it after the sound than after silence.

use std::time::{Duration, Instant};

use super::clip::{Clip, RATE};
use super::rivals::log_sum;
use super::whisper::{LEAD, MAX_HINT, SpeechError, TRAIL, Whisper, failed, now, positions};

/// How much likelier than after silence a phrase is that was said, in 95 of 100 noisy recordings: of the weights for many
/// languages, and of those for English, which find everything likelier. `make bench-wake` measures it.
const SURE: f32 = 1.5;
const SURE_ENGLISH: f32 = 3.2;
/// Ways to write a phrase that are tried.
pub(super) const N_SPELLINGS: usize = 4;

impl Whisper {
    /// Whether a phrase is said in a recording: how much likelier it is than after silence of the same length, as the
    /// logarithm per token, above what these weights take to be sure. What the phrase's words are like in a language
    /// cancels out; how they sound is left. Above zero it is the phrase.
    ///
    /// # Errors
    /// When whisper.cpp fails, or it takes longer than `within`.
    pub fn weigh(
        &mut self,
        clip: &Clip,
        phrase: &str,
        language: &str,
        within: Duration,
    ) -> Result<f32, SpeechError> {
        let sound = [&[0.0; LEAD], clip.samples(), &[0.0; TRAIL]].concat();
        let deadline = now() + within;
        let after_sound = self.likelihoods(&sound, phrase, language, deadline, within)?;
        let silence = (phrase.to_owned(), language.to_owned(), sound.len());
        let after_silence = match &self.silence {
            Some((of, known)) if *of == silence => *known,
            _ => {
                let new =
                    self.likelihoods(&vec![0.0; sound.len()], phrase, language, deadline, within)?;
                self.silence = Some((silence, new));
                new
            }
        };
        if now() >= deadline {
            return Err(SpeechError::TooSlow(within));
        }
        let gains = after_sound.iter().zip(after_silence).map(|(sound, silence)| sound - silence);
        let sure = if self.is_multilingual() { SURE } else { SURE_ENGLISH };
        Ok(gains.fold(f32::NEG_INFINITY, f32::max) - sure)
    }

    /// The logarithm per token of how likely a phrase is after a sound, for each of its [`spellings`].
    fn likelihoods(
        &mut self,
        sound: &[f32],
        phrase: &str,
        language: &str,
        deadline: Instant,
        within: Duration,
    ) -> Result<[f32; N_SPELLINGS], SpeechError> {
        let mut settings = self.settings(language);
        settings.set_audio_ctx(positions(sound.len() as f32 / RATE as f32));
        // The encoder's view is all that is wanted of it.
        settings.set_max_tokens(1);
        self.full(settings, sound, deadline, within)?;
        let mut all = [f32::NEG_INFINITY; N_SPELLINGS];
        for (likelihood, spelling) in all.iter_mut().zip(spellings(phrase)) {
            *likelihood = self.likelihood(&spelling, language, deadline)?;
        }
        Ok(all)
    }

    /// The logarithm per token of how likely a text is after what the encoder has seen.
    fn likelihood(
        &mut self,
        text: &str,
        language: &str,
        deadline: Instant,
    ) -> Result<f32, SpeechError> {
        let tokens = self.context.tokenize(text, MAX_HINT).map_err(failed)?;
        let n_threads = usize::try_from(self.n_threads).unwrap_or(1);
        let mut next = vec![self.context.token_sot()];
        if self.is_multilingual() {
            let id = whisper_rs::get_lang_id(language).unwrap_or(0);
            next.extend([self.context.token_lang(id), self.context.token_transcribe()]);
        }
        next.push(self.context.token_not());
        let (mut n_past, mut sum) = (0, 0.0);
        for &token in &tokens {
            if now() >= deadline {
                break;
            }
            self.state.decode(&next, n_past, n_threads).map_err(failed)?;
            n_past += next.len();
            let logits = self.state.get_logits().map_err(failed)?;
            let at = usize::try_from(token).unwrap_or(0);
            let logit = logits.get(at).copied().unwrap_or(f32::NEG_INFINITY);
            sum += logit - log_sum(logits);
            next = vec![token];
        }
        Ok(sum / tokens.len().max(1) as f32)
    }
}

/// How whisper may write a phrase: as its owner does, and as a sentence or a name begins. A sentence begins with a space.
fn spellings(phrase: &str) -> [String; N_SPELLINGS] {
    let phrase = phrase.replace('\0', " ");
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        first + letters.as_str()
    };
    let words: Vec<&str> = phrase.split_whitespace().collect();
    let names: Vec<String> = words.iter().map(|word| capital(word)).collect();
    let plain = words.join(" ");
    [plain.clone(), capital(&plain), names.join(" "), names.join(", ")]
        .map(|text| format!(" {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_tried_as_whisper_may_write_it() {
        let expected = [" hey homard", " Hey homard", " Hey Homard", " Hey, Homard"];
        assert_eq!(spellings("hey  homard\0"), expected);
        assert_eq!(spellings("émile"), [" émile", " Émile", " Émile", " Émile"]);
        assert_eq!(spellings(""), [" "; 4]);
    }
}
