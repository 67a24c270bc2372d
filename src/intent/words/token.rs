//! The words of an utterance or a name: one spelling to compare by, where they stood, and what a
//! number among them is. It owns how text is cut into words; what words mean is not its business.

use crate::text;

/// Most words of an utterance that are looked at; nobody commands a house at greater length.
pub(super) const MAX_WORDS: usize = 80;

/// One word, number or sign.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    /// Lower case without accents.
    pub key: String,
    /// Lower case with accents, as it was said.
    pub exact: String,
    /// Where it stands in the text, in bytes.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// Its value, if it is written in digits.
    pub number: Option<f64>,
    /// A comma or another pause stands before it.
    pub after_pause: bool,
    /// A question mark stands somewhere after it, before the next word.
    pub before_question: bool,
}

/// Cuts a text into words. Letters and digits are apart ("7h30" is three words); a decimal point
/// or comma between digits stays in the number; of the signs only `%`, `°` and a colon between
/// digits remain. Beyond [`MAX_WORDS`] the rest is left out and the second value is true.
pub(super) fn cut(text: &str) -> (Vec<Token>, bool) {
    let heard = text::hear(text);
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    let mut end_of_last = 0;
    let letters = &heard.letters;
    let is_digit = |at: usize| letters.get(at).is_some_and(|letter| letter.plain.is_ascii_digit());
    let is_letter = |at: usize| {
        letters.get(at).is_some_and(|l| text::is_word(l.plain) && l.plain != '_') && !is_digit(at)
    };
    while at < letters.len() {
        let start = at;
        let first = letters[at].plain;
        let mut number = None;
        if is_digit(at) {
            while is_digit(at) {
                at += 1;
            }
            let is_decimal = letters.get(at).is_some_and(|l| matches!(l.plain, '.' | ','));
            let is_fraction = is_decimal && is_digit(at + 1);
            let sign = if is_fraction && is_thousands(letters, at) { "" } else { "." };
            if is_fraction {
                at += 1;
                while is_digit(at) {
                    at += 1;
                }
            }
            let digits: String = letters[start..at].iter().map(|l| l.plain).collect();
            number = digits.replace(',', sign).parse::<f64>().ok().filter(|n| n.is_finite());
        } else if is_letter(at) {
            while is_letter(at) {
                at += 1;
            }
        } else {
            at += 1;
            let is_minus =
                first == '-' && is_digit(at) && (start == 0 || letters[start - 1].plain == ' ');
            let is_colon = first == ':' && start > 0 && is_digit(start - 1) && is_digit(at);
            if !(is_minus || is_colon || matches!(first, '%' | '°' | '+')) {
                continue;
            }
        }
        let (from, to) = (heard.at[start].0 as usize, heard.at[at - 1].1 as usize);
        let gap = text.get(end_of_last..from).unwrap_or("");
        if let Some(last) = tokens.last_mut() {
            last.before_question = gap.contains(['?', '？', '؟']);
        }
        if tokens.len() == MAX_WORDS {
            return (tokens, true);
        }
        tokens.push(Token {
            key: letters[start..at].iter().map(|l| l.plain).collect(),
            exact: letters[start..at].iter().map(|l| l.exact).collect(),
            from,
            to,
            number,
            after_pause: gap.contains([',', ';', '.', ':', '!', '?', '—', '–', '…', '，', '、']),
            before_question: false,
        });
        end_of_last = to;
    }
    let rest = text.get(end_of_last..).unwrap_or("");
    if let Some(last) = tokens.last_mut() {
        last.before_question = rest.contains(['?', '？', '؟']);
    }
    (tokens, false)
}

/// "1,000": three digits after a comma and none before the first three are no fraction.
fn is_thousands(letters: &[text::Letter], comma: usize) -> bool {
    let digits = letters[comma + 1..].iter().take_while(|l| l.plain.is_ascii_digit()).count();
    letters[comma].plain == ',' && digits == 3
}

/// The words of a name or phrase, as keys.
pub(super) fn keys(text: &str) -> Vec<String> {
    cut(text).0.into_iter().map(|token| token.key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_into_words() {
        for (text, words) in [
            ("Turn on the  Light!", "turn|on|the|light"),
            ("l'entrée, s’il te plaît", "l|entree|s|il|te|plait"),
            ("set it to 21.5°C", "set|it|to|21.5|°|c"),
            ("à 7h30 et 10:45", "a|7|h|30|et|10|:|45"),
            ("30% or 21,5", "30|%|or|21,5"),
            ("lamp2 at -5", "lamp|2|at|-|5"),
            ("🙂 ¿qué?", "que"),
            ("", ""),
        ] {
            assert_eq!(keys(text).join("|"), words, "{text}");
        }
        let (tokens, _) = cut("Stop, now? Yes");
        assert!(tokens[1].after_pause && tokens[1].before_question && tokens[2].after_pause);
        assert_eq!(&"Stop, now? Yes"[tokens[1].from..tokens[1].to], "now");
    }

    #[test]
    fn endless_texts_are_cut_off() {
        let (tokens, is_cut) = cut(&"word ".repeat(5_000));
        assert!(is_cut && tokens.len() == MAX_WORDS);
    }
}
