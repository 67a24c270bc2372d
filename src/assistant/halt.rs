//! Words that must work whatever else does: stop, never mind, yes and no, in many languages and
//! without any pack. Only as the whole of what was said.

/// What such words mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Whatever moves is to stand still, and what was asked is forgotten.
    Stop,
    /// What was asked is forgotten.
    Nevermind,
    /// As well; and where nothing was asked, what was done last is taken back.
    Cancel,
    /// Yes.
    Yes,
    /// No.
    No,
}

/// Language, meaning, and the words as [`crate::text::key`] writes them.
const WORDS: &[(&str, Word, &[&str])] = &[
    (
        "en",
        Word::Stop,
        &[
            "stop",
            "stop it",
            "stop that",
            "stop this",
            "stop now",
            "please stop",
            "stop please",
            "stop everything",
            "halt",
            "freeze",
            "stop stop",
            "stop moving",
            "hold it",
        ],
    ),
    (
        "en",
        Word::Nevermind,
        &[
            "never mind",
            "nevermind",
            "forget it",
            "forget that",
            "forget about it",
            "leave it",
            "abort",
            "no never mind",
        ],
    ),
    ("en", Word::Cancel, &["cancel", "cancel that", "cancel it", "cancel this"]),
    (
        "en",
        Word::Yes,
        &[
            "yes",
            "yeah",
            "yep",
            "yes please",
            "sure",
            "ok",
            "okay",
            "do it",
            "please do",
            "go ahead",
            "confirm",
            "yes do it",
            "yes do",
            "of course",
            "correct",
            "right",
            "that one",
        ],
    ),
    ("en", Word::No, &["no", "nope", "no thanks", "no thank you", "don t", "do not", "nothing"]),
    (
        "fr",
        Word::Stop,
        &[
            "stop",
            "arrete",
            "arretez",
            "arrete ca",
            "arretez ca",
            "arrete toi",
            "arrete tout",
            "arrete maintenant",
            "stoppe",
            "stoppe ca",
            "halte",
            "stop stop",
        ],
    ),
    (
        "fr",
        Word::Nevermind,
        &[
            "laisse tomber",
            "laissez tomber",
            "laisse",
            "oublie",
            "oublie ca",
            "tant pis",
            "non laisse tomber",
            "peu importe",
        ],
    ),
    (
        "fr",
        Word::Cancel,
        &["annule", "annuler", "annulez", "annule ca", "annulez ca", "annule cela", "annule le"],
    ),
    (
        "fr",
        Word::Yes,
        &[
            "oui",
            "ouais",
            "oui s il te plait",
            "oui s il vous plait",
            "d accord",
            "ok",
            "vas y",
            "confirme",
            "je confirme",
            "exact",
            "c est ca",
            "bien sur",
            "oui vas y",
            "fais le",
        ],
    ),
    ("fr", Word::No, &["non", "non merci", "surtout pas", "rien"]),
    ("de", Word::Stop, &["stopp", "stop", "halt", "anhalten", "hor auf", "aufhoren"]),
    ("de", Word::Nevermind, &["abbrechen", "vergiss es", "schon gut", "egal", "lass es"]),
    ("de", Word::Yes, &["ja", "ja bitte", "jawohl", "genau", "mach das", "okay"]),
    ("de", Word::No, &["nein", "nein danke", "nicht"]),
    ("es", Word::Stop, &["para", "parar", "detente", "alto", "basta", "deten"]),
    ("es", Word::Nevermind, &["cancela", "cancelar", "olvidalo", "dejalo", "no importa"]),
    ("es", Word::Yes, &["si", "si por favor", "vale", "claro", "confirmo"]),
    ("es", Word::No, &["no", "no gracias"]),
    ("it", Word::Stop, &["ferma", "fermati", "basta", "stop", "fermo"]),
    ("it", Word::Nevermind, &["annulla", "lascia perdere", "lascia stare", "non importa"]),
    ("it", Word::Yes, &["si", "si grazie", "va bene", "certo", "confermo"]),
    ("it", Word::No, &["no", "no grazie"]),
    ("nl", Word::Stop, &["stop", "halt", "hou op", "stop maar"]),
    ("nl", Word::Nevermind, &["laat maar", "annuleer", "annuleren", "vergeet het"]),
    ("nl", Word::Yes, &["ja", "ja graag", "jazeker", "goed"]),
    ("nl", Word::No, &["nee", "nee dank je", "niet doen"]),
    ("pt", Word::Stop, &["para", "pare", "parar", "chega"]),
    ("pt", Word::Nevermind, &["cancela", "cancelar", "esquece", "deixa para la", "deixa"]),
    ("pt", Word::Yes, &["sim", "claro", "confirmo"]),
    ("pt", Word::No, &["nao", "nao obrigado", "nao obrigada"]),
    ("sv", Word::Stop, &["stopp", "stoppa", "stanna"]),
    ("sv", Word::Nevermind, &["avbryt", "strunt i det", "glom det"]),
    ("sv", Word::Yes, &["ja", "ja tack", "javisst"]),
    ("sv", Word::No, &["nej", "nej tack"]),
    ("da", Word::Stop, &["stop", "hold op"]),
    ("da", Word::Nevermind, &["annuller", "glem det"]),
    ("da", Word::Yes, &["ja", "ja tak"]),
    ("da", Word::No, &["nej", "nej tak"]),
    ("nb", Word::Stop, &["stopp", "stans"]),
    ("nb", Word::Nevermind, &["avbryt", "glem det"]),
    ("nb", Word::Yes, &["ja", "ja takk"]),
    ("nb", Word::No, &["nei", "nei takk"]),
    ("fi", Word::Stop, &["seis", "pysahdy", "lopeta", "stop"]),
    ("fi", Word::Nevermind, &["peruuta", "unohda", "ei mitaan"]),
    ("fi", Word::Yes, &["kylla", "joo"]),
    ("fi", Word::No, &["ei", "ei kiitos"]),
    ("pl", Word::Stop, &["stop", "zatrzymaj", "zatrzymaj sie", "przestan", "stoj"]),
    ("pl", Word::Nevermind, &["anuluj", "niewazne", "zapomnij"]),
    ("pl", Word::Yes, &["tak", "tak prosze"]),
    ("pl", Word::No, &["nie", "nie dziekuje"]),
    ("cs", Word::Stop, &["stop", "zastav", "stuj", "dost"]),
    ("cs", Word::Nevermind, &["zrus", "zrusit", "to nic", "zapomen na to"]),
    ("cs", Word::Yes, &["ano", "jo"]),
    ("cs", Word::No, &["ne", "ne dekuji"]),
    ("sk", Word::Stop, &["stop", "zastav", "stoj", "dost"]),
    ("sk", Word::Nevermind, &["zrus", "zrusit", "zabudni na to"]),
    ("sk", Word::Yes, &["ano", "hej"]),
    ("sk", Word::No, &["nie"]),
    ("hu", Word::Stop, &["allj", "stop", "allj le", "eleg"]),
    ("hu", Word::Nevermind, &["megse", "hagyd", "mindegy"]),
    ("hu", Word::Yes, &["igen"]),
    ("hu", Word::No, &["nem"]),
    ("ro", Word::Stop, &["stop", "opreste", "opreste te", "gata"]),
    ("ro", Word::Nevermind, &["anuleaza", "las o", "nu conteaza"]),
    ("ro", Word::Yes, &["da"]),
    ("ro", Word::No, &["nu"]),
    ("tr", Word::Stop, &["dur", "durdur"]),
    ("tr", Word::Nevermind, &["bos ver", "vazgec", "iptal"]),
    ("tr", Word::Yes, &["evet", "tamam"]),
    ("tr", Word::No, &["hayir"]),
    ("el", Word::Stop, &["σταματα", "στοπ"]),
    ("el", Word::Nevermind, &["ακυρο", "ξεχνα το", "αστο"]),
    ("el", Word::Yes, &["ναι"]),
    ("el", Word::No, &["οχι"]),
    ("ru", Word::Stop, &["стоп", "стои", "хватит", "остановись", "остановить"]),
    ("ru", Word::Nevermind, &["отмена", "отмени", "забудь", "неважно"]),
    ("ru", Word::Yes, &["да", "да пожалуиста"]),
    ("ru", Word::No, &["нет", "нет спасибо"]),
    ("uk", Word::Stop, &["стоп", "стии", "зупинись", "досить"]),
    ("uk", Word::Nevermind, &["скасуи", "скасувати", "забудь", "неважливо"]),
    ("uk", Word::Yes, &["так"]),
    ("uk", Word::No, &["ні"]),
    ("bg", Word::Stop, &["спри", "стоп"]),
    ("bg", Word::Nevermind, &["отказ", "забрави"]),
    ("bg", Word::Yes, &["да"]),
    ("bg", Word::No, &["не"]),
    ("zh", Word::Stop, &["停", "停止", "停下", "停下来"]),
    ("zh", Word::Nevermind, &["取消", "算了", "没事"]),
    ("zh", Word::Yes, &["是", "是的", "好", "好的", "对"]),
    ("zh", Word::No, &["不", "不是", "不用"]),
    ("ja", Word::Stop, &["ストップ", "止めて", "止まれ", "停止"]),
    ("ja", Word::Nevermind, &["キャンセル", "やめて", "何でもない"]),
    ("ja", Word::Yes, &["はい", "うん"]),
    ("ja", Word::No, &["いいえ", "いや"]),
    ("ko", Word::Stop, &["멈춰", "정지", "그만", "중지"]),
    ("ko", Word::Nevermind, &["취소", "됐어", "아니야"]),
    ("ko", Word::Yes, &["네", "예", "응"]),
    ("ko", Word::No, &["아니요", "아니"]),
    ("ar", Word::Stop, &["توقف", "قف"]),
    ("ar", Word::Nevermind, &["الغاء", "انس الامر"]),
    ("ar", Word::Yes, &["نعم"]),
    ("ar", Word::No, &["لا"]),
    ("he", Word::Stop, &["עצור", "די", "תעצור"]),
    ("he", Word::Nevermind, &["בטל", "לא משנה", "עזוב"]),
    ("he", Word::Yes, &["כן"]),
    ("he", Word::No, &["לא"]),
];

/// Courtesy around such words.
const COURTESY: &[&str] =
    &[" please", " s il te plait", " s il vous plait", " bitte", " por favor"];

/// What the whole of an utterance means, and in which language: in `wanted` if it has the word.
/// `key` is the utterance as [`crate::text::key`] writes it.
pub(super) fn word(key: &str, wanted: &str) -> Option<(Word, &'static str)> {
    let bare = COURTESY.iter().find_map(|courtesy| key.strip_suffix(courtesy)).unwrap_or(key);
    let family = wanted.split(['-', '_']).next().unwrap_or(wanted);
    let found = |is_wanted: &dyn Fn(&str) -> bool| {
        WORDS.iter().find(|(language, _, words)| {
            is_wanted(language) && (words.contains(&bare) || words.contains(&key))
        })
    };
    let (language, word, _) = found(&|language| language == family).or_else(|| found(&|_| true))?;
    Some((*word, language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_as_they_are_compared() {
        for (language, word, words) in WORDS {
            for said in *words {
                assert_eq!(crate::text::key(said), *said, "{language} {word:?}");
            }
        }
    }

    #[test]
    fn only_the_whole_of_an_utterance_counts() {
        for (said, wanted, means) in [
            ("Stop!", "en", Some((Word::Stop, "en"))),
            ("stop please", "en", Some((Word::Stop, "en"))),
            ("Arrête !", "en", Some((Word::Stop, "fr"))),
            ("stop", "fr", Some((Word::Stop, "fr"))),
            ("Annule, s'il te plaît", "fr", Some((Word::Cancel, "fr"))),
            ("Стой", "en", Some((Word::Stop, "ru"))),
            ("停止", "zh", Some((Word::Stop, "zh"))),
            ("ja", "nl-BE", Some((Word::Yes, "nl"))),
            ("stop the blind", "en", None),
            ("stop that music in the kitchen", "en", None),
            ("", "en", None),
        ] {
            assert_eq!(word(&crate::text::key(said), wanted), means, "{said}");
        }
    }
}
