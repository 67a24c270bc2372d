//! What is said about wrong configurations, and that the example says the defaults.

use std::collections::BTreeSet;

use super::*;

fn parse(text: &str) -> Result<Config, Problems> {
    Config::parse(text, Path::new("homard.toml"))
}

fn good(text: &str) -> Config {
    parse(text).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

#[test]
fn the_example_says_the_defaults() {
    assert!(configured(good(EXAMPLE)) == configured(Config::new()));
    // Each key alone too, so that two wrongs cannot make a right.
    for line in EXAMPLE.lines().filter(|line| !line.starts_with('#') && line.contains('=')) {
        let section = if EXAMPLE.find(line) < EXAMPLE.find("[http]") {
            "[home]"
        } else if EXAMPLE.find(line) < EXAMPLE.find("[mqtt]\n") {
            "[http]"
        } else {
            "[mqtt]"
        };
        let alone = good(&format!("{section}\n{line}\n"));
        assert!(configured(alone) == configured(Config::new()), "{line}");
    }
}

/// That an address was written down is no difference of the setting.
fn configured(mut config: Config) -> Config {
    config.http.is_default = false;
    if let Broker::Embedded { is_default, .. } = &mut config.mqtt.broker {
        *is_default = false;
    }
    config
}

#[test]
fn the_examples_hidden_keys_are_known_and_every_key_is_in_it() {
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with("[[") => rest,
            Some(rest) if rest.contains(" = ") && !rest.starts_with(' ') => rest,
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    let Err(problems) = parse(&uncommented) else { panic!("`listen` and `broker` together") };
    let texts: Vec<&str> = problems.iter().map(|problem| problem.text.as_str()).collect();
    assert!(!texts.iter().any(|text| text.contains("is no setting")), "{problems}");
    let keys: BTreeSet<&str> = uncommented
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    let all = "address api_url area ask broker ca_file client_id command days disarm discovery_prefix \
               elevation exclude gain key key_file language languages latitude led listen longitude \
               megabytes microphone name password password_file protocol role sensitivity sirens speaker \
               status_topic stt talk temperatures time_zone tls tls_cert tls_key token \
               token_file tone tts \
               unit_system unlock url valves voice volume wake_word will within";
    assert_eq!(keys, all.split(' ').collect());
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_what_would_be_right() {
    let check = |text: &str, expected: &[(usize, &str, &str)]| {
        let Err(problems) = parse(text) else { panic!("taken: {text}") };
        let found: Vec<_> = problems
            .iter()
            .map(|problem| (problem.line, problem.text.as_str(), problem.hint.as_str()))
            .collect();
        assert_eq!(found.len(), expected.len(), "{text}\n{problems}");
        for ((line, what, hint), (at, part, right)) in found.iter().zip(expected) {
            assert_eq!(line, at, "{problems}");
            assert!(what.contains(part), "`{part}` is not in:\n{problems}");
            assert!(hint.contains(right), "`{right}` is not in:\n{problems}");
        }
    };
    check(
        "[voice]\nsensitivity = 7\ntone = 1\nwake_word = \"computer\"\nled = \"/sys/x\"\n",
        &[
            (2, "sensitivity` cannot be 7", "from 0 to 1"),
            (3, "`[voice] tone` must be true or false", "without quotes"),
            (4, "`computer` was not learnt", "homard wake \"computer\""),
            (5, "`/sys/x` is no light", "/sys/class/leds"),
        ],
    );
    check("[mqtt]\nbrokr = \"mqtt://hub\"\n", &[(2, "`[mqtt] brokr` is no", "`broker`?")]);
    check("[home]\n\nquiet = 1\n", &[(3, "`[home] quiet` is no", "`name`, `language`")]);
    check("[mqt]\n", &[(1, "`[mqt]` is no section", "`mqtt`?")]);
    check("listen = \"127.0.0.1:1\"\n", &[(1, "outside of a section", "`[http]`")]);
    check("home = 3\n", &[(1, "outside of a section", "a line `[home]`")]);
    check("[home]\nname = 3\n", &[(2, "must be text, not a number", "quotes")]);
    check("[home]\nlanguages = \"en\"\n", &[(2, "must be a list, not text", "list")]);
    check("[home]\nlanguage = \"tlh\"\n", &[(2, "`tlh`", "`zh-HK` and `zh-TW`")]);
    check("[home]\nlanguages = [\n\"en\",\n\"xx\"]\n", &[(4, "`xx`", "`en`")]);
    check("[home]\nlanguage = \"zh\"\n", &[(2, "`zh`", "`zh-CN`, `zh-HK` and `zh-TW`")]);
    check("[home]\nelevation = 10000\n", &[(2, "is 10000, no height", "meters")]);
    check("[http]\ntls = \"on\"\n", &[(2, "cannot be `on`", "`self-signed`")]);
    check("[http]\ntls_cert = \"a.pem\"\n", &[(2, "`[http] tls_cert` stands alone", "tls_key")]);
    check("[http]\ntls_key = \"a.pem\"\n", &[(2, "`[http] tls_key` stands alone", "tls_cert")]);
    check(
        "[http]\ntls = \"off\"\ntls_cert = \"a.pem\"\ntls_key = \"b.pem\"\n",
        &[(2, "both `tls` and `tls_cert`", "leave `tls` out")],
    );
    check(
        "[http]\ntls_cert = \"none.pem\"\ntls_key = \"b.pem\"\n",
        &[(2, "`[http] tls_cert`: `none.pem` cannot be read", "relative")],
    );
    check("[home]\nlatitude = 91\nlongitude = 2.0\n", &[(2, "is 91, outside", "decimal")]);
    check("[home]\nlatitude = 48.1\n", &[(2, "stands alone", "`longitude`")]);
    check("[home]\nlatitude = nan\nlongitude = 0\n", &[(2, "outside", "decimal")]);
    check("[home]\ntime_zone = \"Europe/Pariss\"\n", &[(2, "Pariss", "`Europe/Paris`?")]);
    check("[home]\nunit_system = \"meters\"\n", &[(2, "`meters`", "metric")]);
    check("[http]\nlisten = \"localhost\"\n", &[(2, "`localhost` is no", "127.0.0.1:8466")]);
    check(
        "[mqtt]\nlisten = \"127.0.0.1:1883\"\nbroker = \"mqtt://hub\"\n",
        &[(3, "both `listen` and `broker`", "keep one")],
    );
    check("[mqtt]\nlisten = \"0.0.0.0:1883\"\n", &[(2, "by everybody", "`[[mqtt.users]]`")]);
    check("[mqtt]\nca_file = \"ca.pem\"\n", &[(2, "without `broker`", "outside")]);
    check(
        "[mqtt]\nbroker = \"mqtts://hub\"\nca_file = \"/nowhere/ca.pem\"\n",
        &[(3, "cannot be read", "folder")],
    );
    check("[mqtt]\ndiscovery_prefix = \"ha/#\"\n", &[(2, "no topic", "homeassistant")]);
    check("[mqtt]\nclient_id = \"\"\n", &[(2, "is empty", "homard")]);
    check("[[mqtt.users]]\nname = \"ann\"\n", &[(1, "without a `password`", "both")]);
    check("[home\nname = \"x\"\n", &[(1, "", "TOML")]);
    // All at once, in the order of the lines.
    check(
        "[http]\nlisten = 3\n[home]\nnmae = \"x\"\n[mqtt]\nbroker = \"hub\"\n",
        &[(2, "text", ""), (4, "nmae", "`name`?"), (6, "no `mqtt://`", "mqtt://host")],
    );
}

#[test]
fn an_outside_broker_is_reached_as_written() {
    let folder = std::env::temp_dir().join(format!("homard-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("word"), "open sesame\n").unwrap();
    std::fs::write(folder.join("ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    let text = "[mqtt]\nbroker = \"mqtts://ann@hub.lan\"\npassword_file = \"word\"\n\
                ca_file = \"ca.pem\"\nwill = \"offline\"\n";
    let config = match Config::parse(text, &folder.join("homard.toml")) {
        Ok(config) => config,
        Err(problems) => panic!("{problems}"),
    };
    std::fs::remove_dir_all(&folder).unwrap();
    let Broker::Outside(outside) = config.mqtt.broker else { panic!("embedded") };
    assert_eq!((outside.host.as_str(), outside.port), ("hub.lan", 8883));
    assert_eq!(outside.user.as_deref(), Some("ann"));
    assert_eq!(outside.password.as_ref().map(Secret::expose), Some("open sesame"));
    assert!(outside.tls.unwrap().authorities.unwrap().starts_with(b"-----BEGIN"));
    assert_eq!(config.mqtt.will.as_deref(), Some("offline"));
}

#[test]
fn the_panel_may_be_opened_to_the_network_and_the_broker_with_users() {
    let text = "[http]\nlisten = \"0.0.0.0:80\"\n[mqtt]\nlisten = \"[::]:1883\"\n\
                [[mqtt.users]]\nname = \"ann\"\npassword = \"x\"\n\
                [[mqtt.users]]\nname = \"bob\"\npassword = \"y\"\n";
    let config = good(text);
    assert!(!config.http.is_default && config.http.listen.port() == 80);
    let Broker::Embedded { users, is_default, .. } = config.mqtt.broker else { panic!() };
    let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!((names, is_default), (vec!["ann", "bob"], false));
}

#[test]
fn the_languages_hold_the_first_one() {
    let check = |text: &str, language: &str, languages: &[&str]| {
        let home = good(text).home;
        assert_eq!(home.language, language, "{text}");
        assert_eq!(home.languages, languages, "{text}");
    };
    check("", "en", &["en", "fr"]);
    check("[home]\nlanguage = \"fr-FR\"", "fr", &["en", "fr"]);
    check("[home]\nlanguages = [\"fr\"]", "fr", &["fr"]);
    check("[home]\nlanguage = \"de-AT\"", "de", &["de", "en", "fr"]);
    check("[home]\nlanguages = [\"pt_br\", \"de-CH\"]", "pt-BR", &["pt-BR", "de-CH"]);
    check("[home]\nlanguage = \"en\"\nlanguages = [\"fr\"]", "en", &["en", "fr"]);
}

#[test]
fn what_needs_a_yes_is_the_owners_choice() {
    let config = good("[policy]\nunlock = \"never\"\nsirens = \"allow\"\n");
    assert_eq!(config.policy.unlock, Some(Rule::Never));
    assert_eq!((config.policy.sirens, config.policy.disarm), (Some(Rule::Allow), None));
    let Err(problems) = parse("[policy]\nunlock = \"nevr\"\n") else { panic!("a wrong word") };
    assert!(problems.to_string().contains("Did you mean `never`?"), "{problems}");
}
