//! Files of automations as people have them: what is in them is taken in without loss, and what is
//! not supported is told by its line.

use std::path::Path;

use homard::automation::rule::{Rule, Weight, read};
use homard::home::value::Value;
use homard::template::Templates;
use homard::yaml;

fn file(name: &str) -> (Value, yaml::Lines) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/automations").join(name);
    yaml::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn automations(value: &Value) -> Vec<Rule> {
    let Value::List(items) = value else { panic!("a list") };
    let read = |(n, item)| read::automation(&format!("{n}"), item, &Templates::default());
    items.iter().enumerate().map(read).collect()
}

#[test]
fn fifty_automations_are_taken_in_without_loss_and_come_out_as_they_went_in() {
    let (value, lines) = file("house.yaml");
    let rules = automations(&value);
    assert!(rules.len() >= 50, "{}", rules.len());
    for (n, rule) in rules.iter().enumerate() {
        let told: Vec<String> = rule
            .problems
            .iter()
            .map(|found| {
                format!(
                    "{:?} {}: {}",
                    lines.of(&format!("{n}/{}", found.path)),
                    found.path,
                    found.text
                )
            })
            .collect();
        assert_eq!(told, [""; 0], "{}", rule.alias);
        assert!(rule.is_armed(), "{}", rule.alias);
        assert!(!rule.triggers.is_empty() && !rule.steps.is_empty(), "{}", rule.alias);
    }
    let written = yaml::write(&value);
    let again = yaml::parse(&written).unwrap().0;
    assert_eq!(again, value);
    assert_eq!(automations(&again), rules);
    let (scripts, _) = file("scripts.yaml");
    let Value::Map(scripts) = scripts else { panic!("a map") };
    for (id, script) in &scripts {
        let rule = read::script(id, script, &Templates::default());
        assert_eq!(rule.problems, [], "{id}");
        assert!(!rule.steps.is_empty(), "{id}");
    }
    let (scenes, _) = file("scenes.yaml");
    let Value::List(scenes) = scenes else { panic!("a list") };
    for (scene, n_steps) in scenes.iter().zip([5, 5]) {
        let rule = read::scene("x", scene, &Templates::default());
        assert_eq!(rule.problems, [], "{}", rule.alias);
        assert_eq!(rule.steps.len(), n_steps, "{}", rule.alias);
    }
}

#[test]
fn what_is_not_supported_is_told_by_its_line() {
    let (value, lines) = file("foreign.yaml");
    let rules = automations(&value);
    let told: Vec<(u64, Weight, bool)> = rules
        .iter()
        .enumerate()
        .flat_map(|(n, rule)| {
            let lines = &lines;
            rule.problems.iter().filter(|found| found.weight != Weight::Note).map(move |found| {
                let line = lines.of(&format!("{n}/{}", found.path)).unwrap();
                (line, found.weight, rule.is_armed())
            })
        })
        .collect();
    assert_eq!(
        told,
        [
            (4, Weight::Deaf, true),
            (20, Weight::Disarms, false),
            (22, Weight::Disarms, false),
            (33, Weight::Disarms, false),
        ]
    );
}
