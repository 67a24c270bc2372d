//! Sentence templates: the first line is a template, the rest an utterance to match against it.

use homard::intent::lists::{HomeLists, NamedEntity, NamedPlace, Names};
use homard::intent::matcher::{Matcher, Options, Recognition};
use homard::intent::pack::{Block, Pack, Template};
use homard::intent::sentence;

pub(crate) fn check(input: &str) {
    let (text, utterance) = super::two_parts(input);
    let Ok(expr) = sentence::parse(text) else { return };
    let template = Template { text: text.into(), expr };
    let mut pack = Pack { language: "en".into(), ..Pack::default() };
    // The template is also the rule that it may name, so that rules that name themselves are tried.
    pack.rules.insert("rule".into(), template.clone());
    pack.blocks.push(Block {
        intent: "HassTurnOn".into(),
        file: "fuzz".into(),
        sentences: vec![template],
        ..Block::default()
    });
    let (matcher, _problems) = Matcher::new(&pack);
    recognize(&matcher, &house(), utterance);
}

/// Matches, and checks what is true of every match.
pub(crate) fn recognize(matcher: &Matcher, home: &HomeLists, utterance: &str) -> Recognition {
    let context = Default::default();
    for allow_unknown in [false, true] {
        let options = Options { allow_unknown };
        let found = matcher.recognize(utterance, home, &context, options);
        for slot in found.matches.iter().flat_map(|found| &found.slots) {
            assert!(utterance.contains(&slot.said), "said {:?} in {utterance:?}", slot.said);
        }
        let again = matcher.recognize(utterance, home, &context, options);
        assert_eq!(found.matches, again.matches, "not the same twice");
    }
    matcher.recognize(utterance, home, &context, Options::default())
}

/// A small house with names that are hard to tell apart.
pub(crate) fn house() -> HomeLists {
    let place = |name: &str| NamedPlace { names: vec![name.to_owned()] };
    let entity = |domain: &str, names: &[&str]| NamedEntity {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        domain: domain.to_owned(),
        context: Vec::new(),
    };
    HomeLists::new(&Names {
        entities: vec![
            entity("light", &["Kitchen light", "lamp"]),
            entity("light", &["Lampe de l’été", "lampe"]),
            entity("cover", &["Blind 2", "blind two"]),
            entity("lock", &["Door", "front-door"]),
            entity("switch", &["on", "42", "ß"]),
        ],
        areas: vec![place("Kitchen"), place("Küche"), place("cuisine")],
        floors: vec![place("first floor"), place("premier étage")],
    })
}
