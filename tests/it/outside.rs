//! A language model on another machine: what is asked of it, that nothing counts which was not offered, and that whoever
//! hangs, drips, redirects or talks nonsense does no harm.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homard::llm::{ModelError, Outside, Protocol, Role, Turn};
use serde_json::{Value, json};

use crate::panel_settings::{seen, settle};
use crate::support::browser::Browser;
use crate::support::homard::{Daemon, Done, Folder, homard};
use crate::support::mosquitto::free_port;

/// What a server does with whoever asks.
#[derive(Clone)]
enum Manner {
    /// Says this, as OpenAI's server does.
    Says(&'static str),
    /// The same as Ollama's.
    SaysAsOllama(&'static str),
    /// Says this to whoever asks without a form, and refuses forms.
    IsPlain(&'static str),
    /// Answers with these bytes.
    Sends(Vec<u8>),
    /// Sends these bytes again and again.
    Repeats(&'static str, Duration),
    /// Never answers.
    Hangs,
}

/// A server that speaks the API, on this machine.
struct Server {
    port: u16,
    manner: Arc<Mutex<Manner>>,
    /// Heads and bodies of what was asked.
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            manner: Arc::new(Mutex::new(manner)),
            asked: Arc::default(),
        };
        let (manner, asked) = (Arc::clone(&server.manner), Arc::clone(&server.asked));
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (manner, asked) = (Arc::clone(&manner), Arc::clone(&asked));
                std::thread::spawn(move || answer(stream, &manner, &asked));
            }
        });
        server
    }

    fn now(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn asked(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// Answers one request. Who asks may go away at any time.
fn answer(
    mut stream: TcpStream,
    manner: &Mutex<Manner>,
    asked: &Mutex<Vec<(String, Value)>>,
) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .to_lowercase()
        .split("content-length: ")
        .nth(1)
        .map(|rest| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_plain = body.get("response_format").is_none();
    asked.lock().unwrap().push((head, body));
    let manner = manner.lock().unwrap().clone();
    let openai =
        |text| json!({ "choices": [{ "message": { "role": "assistant", "content": text } }] });
    let bytes = match manner {
        Manner::Says(text) => response(200, &openai(text).to_string()),
        Manner::IsPlain(text) if is_plain => response(200, &openai(text).to_string()),
        Manner::IsPlain(_) => response(400, "{}"),
        Manner::SaysAsOllama(text) => {
            response(200, &json!({ "message": { "content": text }, "done": true }).to_string())
        }
        Manner::Sends(bytes) => bytes,
        Manner::Repeats(text, pause) => loop {
            stream.write_all(text.as_bytes()).ok()?;
            std::thread::sleep(pause);
        },
        Manner::Hangs => loop {
            std::thread::sleep(Duration::from_secs(60));
        },
    };
    stream.write_all(&bytes).ok()
}

fn response(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

const OFFERED: [&str; 3] = ["warm", "clean", "none"];

fn choose(url: &str, protocol: Protocol, within: Duration) -> Result<&'static str, ModelError> {
    let turns =
        [Turn { role: Role::System, text: "Choose." }, Turn { role: Role::Person, text: "brr" }];
    let outside = Outside::new(url, "m", Some("s3cr3t"), protocol);
    outside.choose(&turns, &OFFERED, within).map(|chosen| OFFERED[chosen.at])
}

/// It is asked as each protocol wants it, with the key, and plainly where a server knows no forms.
#[test]
fn it_is_asked_as_its_server_wants_it() {
    let server = Server::start(Manner::Says(r#"{"choice":"clean"}"#));
    let url = format!("http://127.0.0.1:{}/v1", server.port);
    let within = Duration::from_secs(20);
    assert_eq!(choose(&url, Protocol::OpenAi, within).unwrap(), "clean");
    let (head, body) = server.asked().remove(0);
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("authorization: bearer s3cr3t\r\n"), "{head}");
    assert_eq!(body["messages"][1], json!({ "role": "user", "content": "brr" }));
    let form = &body["response_format"]["json_schema"]["schema"];
    assert_eq!(form["properties"]["choice"]["enum"], json!(OFFERED));
    assert_eq!((&body["stream"], &body["temperature"]), (&json!(false), &json!(0)));

    server.now(Manner::IsPlain("Warm."));
    assert_eq!(choose(&url, Protocol::OpenAi, within).unwrap(), "warm");
    assert_eq!(server.asked().len(), 2);

    server.now(Manner::SaysAsOllama(r#"{"choice":"none"}"#));
    let url = format!("http://127.0.0.1:{}", server.port);
    assert_eq!(choose(&url, Protocol::Ollama, within).unwrap(), "none");
    let (head, body) = server.asked().remove(0);
    assert!(head.starts_with("POST /api/chat HTTP/1.1\r\n"), "{head}");
    assert_eq!(body["format"]["properties"]["choice"]["enum"], json!(OFFERED));
}

/// Whatever comes back, it is over in time and nothing was chosen.
#[test]
fn who_means_harm_or_is_broken_chooses_nothing() {
    let elsewhere = Server::start(Manner::Says("clean"));
    let redirect = format!(
        "HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:{}/v1/chat/completions\r\nContent-Length: 0\r\n\r\n",
        elsewhere.port
    );
    let head = "HTTP/1.1 200 X\r\nContent-Type: application/json\r\n";
    let cut = format!("{head}Content-Length: 5000\r\n\r\n{{\"choices\"");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let padded = format!("{}{{}}", " ".repeat(1 << 20));
    let long_head = format!("HTTP/1.1 200 X\r\nX-A: {}\r\n\r\n", "a".repeat(1 << 20));
    for (what, manner) in [
        ("another word", Manner::Says("unlock")),
        ("two words", Manner::Says("warm clean")),
        ("no JSON", Manner::Sends(response(200, "<html>warm</html>"))),
        ("no words", Manner::Sends(response(200, "{\"choices\":[]}"))),
        ("too deep", Manner::Sends(response(200, &deep))),
        ("too long", Manner::Sends(response(200, &padded))),
        ("no HTTP", Manner::Sends(b"\x00\xff\xfe warm \r\n\r\n".to_vec())),
        ("not text", Manner::Sends(response(200, "\u{0}\u{1}"))),
        ("a long head", Manner::Sends(long_head.into_bytes())),
        ("cut off", Manner::Sends(cut.into_bytes())),
        ("elsewhere", Manner::Sends(redirect.into_bytes())),
        ("wrong key", Manner::Sends(response(401, "{}"))),
        ("out of order", Manner::Sends(response(500, "{}"))),
        ("silence", Manner::Hangs),
        ("a slow drip", Manner::Repeats("H", Duration::from_millis(50))),
        ("endless", Manner::Repeats("HTTP/1.1 200 X\r\nX-A: aaaaaaaaaaaaaaaa\r\n", Duration::ZERO)),
    ] {
        let server = Server::start(manner);
        let url = format!("http://127.0.0.1:{}/v1", server.port);
        let chosen = choose(&url, Protocol::OpenAi, Duration::from_millis(1500));
        let error = chosen.expect_err(what).to_string();
        assert!(!error.contains("s3cr3t"), "{what}: {error}");
        assert!(!server.asked().is_empty(), "{what}");
    }
    assert!(elsewhere.asked().is_empty());
    // A body that never ends, after a good head.
    let server = Server::start(Manner::Repeats(
        "HTTP/1.1 200 X\r\nContent-Length: 99999999\r\n\r\n                    ",
        Duration::from_millis(50),
    ));
    let url = format!("http://127.0.0.1:{}/v1", server.port);
    choose(&url, Protocol::OpenAi, Duration::from_millis(1500)).unwrap_err();
    // Nobody there; and no TLS where it was asked for.
    let _ = rustls::crypto::ring::default_provider().install_default();
    choose("http://127.0.0.1:1/v1", Protocol::OpenAi, Duration::from_secs(2)).unwrap_err();
    let url = format!("https://127.0.0.1:{}/v1", server.port);
    choose(&url, Protocol::OpenAi, Duration::from_secs(2)).unwrap_err();
}

/// The whole road, in both languages: what nobody understood goes there, and is asked of the person before it is done.
#[test]
fn the_house_asks_the_model_that_its_owner_chose() {
    let server = Server::start(Manner::Says(r#"{"choice":"clean"}"#));
    let folder = Folder::new("outside-model");
    // Written so, the page of connections does not know that it is this machine.
    let config = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[model]\nurl = \"http://127.1:{}/v1\"\nname = \"test-model\"\nkey = \"s3cr3t-key\"\n\
         talk = \"outside\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n",
        server.port
    );
    let house = Daemon::start_in("demo", &folder, &config, &[]);
    house.wait_for("vacuum.vacuum", |state| state["state"] == "docked");
    let say = |language: &str, text: &str| -> Done { house.say(&["--language", language, text]) };
    let text = |done: Done| done.out + &done.err;

    let answer = text(say("en", "there is confetti all over the carpet"));
    assert!(answer.contains("start the vacuum?"), "{answer}");
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    let (_, body) = &asked[0];
    assert_eq!(body["model"], "test-model");
    assert_eq!(body["messages"][1]["content"], "there is confetti all over the carpet");
    let offered =
        body["response_format"]["json_schema"]["schema"]["properties"]["choice"]["enum"].clone();
    let offered: Vec<String> = serde_json::from_value(offered).unwrap();
    assert!(offered.ends_with(&["ask".to_owned(), "none".to_owned()]), "{offered:?}");
    // Of the house itself nothing is told.
    let sent = body.to_string().to_lowercase();
    for state in house.get("/api/states").as_array().unwrap() {
        let name = state["attributes"]["friendly_name"].as_str().unwrap().to_lowercase();
        // "Vacuum" is a word like any other.
        assert!(!name.contains(' ') || !sent.contains(&name), "{name}: {sent}");
    }
    let answer = text(say("en", "yes"));
    assert!(!answer.contains("Sorry"), "{answer}");
    house.wait_for("vacuum.vacuum", |state| state["state"] == "cleaning");

    let answer = text(say("fr", "il y a des confettis partout par terre"));
    assert!(!answer.contains("Désolé"), "{answer}");
    // A question in words that nobody knows is answered from the house's own facts, and nothing is done.
    for (language, words) in
        [("en", "where did I leave it glowing"), ("fr", "où est-ce que ça brille encore")]
    {
        server.now(Manner::Says("lights_on"));
        let asked = house.say(&["--language", language, "--explain", words]);
        let plain = match language {
            "en" => "which lights are on",
            _ => "quelles lumières sont allumées",
        };
        let told = house.say(&["--language", language, plain]);
        let first = |done: &Done| done.out.lines().next().unwrap_or_default().to_owned();
        assert_eq!(first(&asked), first(&told));
        assert!(asked.out.contains("the model takes it for the question"), "{asked:?}");
    }
    // A choice that is none, one that was not offered, and one that is not clear.
    for (choice, expected) in [
        ("none", "Sorry, I did not understand"),
        ("unlock", "Sorry, I did not understand"),
        ("open the front door", "Sorry, I did not understand"),
        ("ask", "I am not sure what you would like"),
    ] {
        server.now(Manner::Says(choice));
        let answer = text(house.say(&[
            "--language",
            "en",
            "--conversation",
            choice,
            "the door of perception wants wide",
        ]));
        assert!(answer.contains(expected), "{choice}: {answer}");
    }
    // Of what is long only the beginning goes there, and what is very long is not taken at all.
    server.now(Manner::Says("none"));
    server.asked();
    let long = "the confetti and the streamers ".repeat(60);
    let answer = text(house.say(&["--language", "en", "--conversation", "long", &long]));
    assert!(answer.contains("did not understand"), "{answer}");
    let asked = server.asked();
    assert!(!asked.is_empty());
    for (_, body) in asked {
        assert!(body["messages"][1]["content"].as_str().unwrap().len() <= 600);
    }
    let answer = text(house.say(&["--language", "en", &long.repeat(27)]));
    assert!(answer.contains("at most 2000 characters") && server.asked().is_empty(), "{answer}");
    // What is not about the house; and what may be about it is none of the model's business to answer.
    server.now(Manner::Says("It was Beethoven."));
    let answer = text(house.say(&[
        "--language",
        "en",
        "--conversation",
        "talk",
        "who wrote the moonlight sonata?",
    ]));
    assert!(
        answer.starts_with("My language model says") && answer.contains("Beethoven"),
        "{answer}"
    );

    server.asked();
    let talk = |conversation: &str| {
        let done =
            house.say(&["--language", "en", "--conversation", conversation, "where was he born?"]);
        assert!(done.out.contains("Beethoven"), "{done:?}");
        let (_, body) = server.asked().pop().unwrap();
        body["messages"].as_array().unwrap().iter().map(|one| one["content"].clone()).collect()
    };
    // What was talked of is told to the model in the same conversation, and in no other.
    let before: Vec<Value> = talk("talk");
    assert_eq!(
        before[1..],
        ["who wrote the moonlight sonata?", "It was Beethoven.", "where was he born?"]
    );
    let other: Vec<Value> = talk("another");
    assert_eq!(other[1..], ["where was he born?"]);

    let found = house.get("/api/homard/connections").to_string();
    let to = format!("127.1:{}", server.port);
    assert!(
        found.contains(&to) && found.contains("language_model") && found.contains("test-model"),
        "{found}"
    );

    // Whoever does not answer is not asked by everybody, one after the other.
    server.now(Manner::Sends(response(500, "{}")));
    server.asked();
    for word in ["peculiar", "strange", "odd"] {
        let said = format!("the {word} confetti again");
        let answer = text(house.say(&["--language", "en", "--conversation", word, &said]));
        assert!(answer.contains("Sorry"), "{answer}");
    }
    assert_eq!(server.asked().len(), 1);
    let config = folder.path("homard.toml");
    let doctor = homard(&["doctor", "--config", &config, "--data-dir", &house.data]);
    let told = doctor.out + &doctor.err;
    assert!(told.contains("leaves the house, to `test-model`"), "{told}");
    house.stop();
    let log = std::fs::read_to_string(folder.path("log")).unwrap();
    assert!(log.contains("status 500") && !log.contains("s3cr3t"), "{log}");
    assert!(!told.contains("s3cr3t"));
}

/// Has other models asked; the key is in no answer.
fn put(house: &Daemon, body: &Value) -> (u16, String) {
    let sent = ureq::put(format!("{}/api/homard/model", house.url))
        .config()
        .http_status_as_error(false)
        .build()
        .header("Authorization", format!("Bearer {}", house.token))
        .send_json(body);
    let mut answer = sent.unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    assert!(!text.contains("s3cr3t"), "{text}");
    (answer.status().as_u16(), text)
}

/// Without a file: the owner names the model in the panel, is told what leaves the house and asked, and it is tried before it
/// is kept. It holds at once and over a restart, until the address is taken away.
#[test]
fn the_owner_names_the_model_in_the_panel() {
    let Some(mut browser) = Browser::start("en") else { return };
    let server = Server::start(Manner::Says(r#"{"choice":"clean"}"#));
    let folder = Folder::new("outside-panel");
    let house = Daemon::start_at("demo", &folder, free_port());
    house.wait_for("vacuum.vacuum", |state| state["state"] == "docked");
    let confetti = |house: &Daemon, conversation: &str| {
        let said = "there is confetti all over the carpet";
        let done = house.say(&["--language", "en", "--conversation", conversation, said]);
        done.out + &done.err
    };
    let chosen = |house: &Daemon| house.get("/api/homard/model");
    settle(&mut browser, &house);
    let page = format!("{}/settings/voice", house.url);
    browser.open(&page);
    browser.wait("document.querySelector('#elsewhere [name=url]')");
    assert!(chosen(&house)["outside"].is_null());

    // Nobody there: it is said, and nothing is kept.
    let told =
        |text: &str| format!("document.querySelector('#told').textContent.includes('{text}')");
    let save = "#elsewhere [type=submit]";
    let agree = "dialog [type=submit]";
    browser.fill("#elsewhere [name=url]", &format!("http://127.1:{}/v1", free_port()));
    browser.fill("#elsewhere [name=model]", "test-model");
    browser.fill("#elsewhere [name=key]", "s3cr3t-key");
    browser.click(save);
    browser.wait("document.querySelector('dialog')");
    assert!(browser.text("dialog").contains("http://127.1:"), "{}", browser.text("dialog"));
    seen(&mut browser, "settings-elsewhere-asked");
    browser.click(agree);
    browser.wait(&told("another machine"));
    browser.eval("document.querySelector('#told').textContent = ''");
    assert!(chosen(&house)["outside"].is_null());

    // Who does not agree sends nothing. What is typed in the other form meanwhile waits there for its own button.
    let path = "/srv/models/other.gguf";
    browser.eval("document.querySelector('#talker [name=talk]').value = '/'");
    browser
        .eval("document.querySelector('#talker [name=talk]').dispatchEvent(new Event('change'))");
    browser.fill("#talker [name=path]", path);
    let url = format!("http://127.1:{}/v1", server.port);
    browser.fill("#elsewhere [name=url]", &url);
    browser.click(save);
    browser.wait("document.querySelector('dialog')");
    browser.click("dialog [type=button].quiet");
    browser.wait("!document.querySelector('dialog')");
    assert!(server.asked().is_empty() && chosen(&house)["outside"].is_null());
    browser.click(save);
    browser.wait("document.querySelector('dialog')");
    browser.click(agree);
    browser.wait(&told("It answers"));
    browser.wait("document.querySelector('#elsewhere .note')");
    let note = browser.text("#elsewhere .note");
    assert!(note.contains("leaves the house") && note.contains("can be read"), "{note}");
    seen(&mut browser, "settings-elsewhere");
    let held = |browser: &mut Browser, field: &str| {
        browser.eval(&format!("document.querySelector('{field}').value"))
    };
    browser.wait("document.querySelector('#talker option[value=outside]')");
    assert_eq!(held(&mut browser, "#talker [name=talk]"), "/");
    assert_eq!(held(&mut browser, "#talker [name=path]"), path);
    browser.wait("!document.querySelector('#talker [name=path]').closest('label').hidden");
    assert_eq!(held(&mut browser, "#elsewhere [name=key]"), "");
    let (_, tried) = server.asked().remove(0);
    assert!(tried["messages"][0]["content"].as_str().unwrap().starts_with("Are you there?"));
    let kept = chosen(&house);
    assert_eq!((&kept["outside"]["url"], &kept["outside"]["has_key"]), (&json!(url), &json!(true)));
    assert!(!kept.to_string().contains("s3cr3t") && kept["is_outside_in_file"] == false);

    // It is asked at once, with the key, and stands on the page of connections; and it may talk.
    let answer = confetti(&house, "live");
    assert!(answer.contains("start the vacuum?"), "{answer}");
    let (head, body) = server.asked().remove(0);
    assert!(head.contains("Bearer s3cr3t-key"), "{head}");
    assert_eq!(body["messages"][1]["content"], "there is confetti all over the carpet");
    let doctor = homard(&["doctor", "--data-dir", &house.data]);
    let told = doctor.out + &doctor.err;
    assert!(told.contains("leaves the house, to `test-model`"), "{told}");
    browser.fill("#elsewhere [name=model]", "another-model");
    browser.eval("document.querySelector('#talker [name=talk]').value = 'outside'");
    browser.click("#talker [type=submit]");
    browser.wait("document.querySelector('#talker .note')");
    assert_eq!(held(&mut browser, "#talker [name=talk]"), "outside");
    assert_eq!(held(&mut browser, "#elsewhere [name=model]"), "another-model");
    assert_eq!(held(&mut browser, "#elsewhere [name=url]"), url.as_str());
    assert_eq!(chosen(&house)["talk"], "outside");
    browser.open(&format!("{}/settings/connections", house.url));
    browser.wait("document.querySelectorAll('#connections li').length === 2");
    let connections = browser.text("#connections");
    assert!(connections.contains(&format!("127.1:{}", server.port)), "{connections}");
    assert!(connections.contains("language model on another machine"), "{connections}");

    house.stop();
    let house = Daemon::start_at("demo", &folder, free_port());
    let answer = confetti(&house, "later");
    assert!(answer.contains("start the vacuum?"), "{answer}");
    assert!(server.asked().remove(0).0.contains("Bearer s3cr3t-key"));
    let wish = |outside: &Value| put(&house, &json!({ "outside": outside }));
    // What is no address, no name or no key is refused, and the one before stays. Another machine is not shown the key.
    for (outside, code) in [
        (json!({ "url": "hub", "name": "m" }), "bad_model_url"),
        (json!({ "url": "http://a@hub/v1", "name": "m" }), "bad_model_url"),
        (json!({ "url": url }), "bad_model_name"),
        (json!({ "url": url, "name": "m", "key": "a b" }), "bad_model_key"),
        (json!({ "url": "http://127.1:1/v1", "name": "m" }), "no_model_server"),
        (json!({ "url": url, "name": "m", "protocol": "grpc" }), "protocol"),
    ] {
        let (status, text) = wish(&outside);
        assert!([400, 409].contains(&status) && text.contains(code), "{outside}: {status} {text}");
    }
    assert!(server.asked().is_empty());
    let other = Server::start(Manner::SaysAsOllama("maybe"));
    let elsewhere = format!("http://127.1:{}", other.port);
    let ollama = json!({ "url": elsewhere, "name": "m", "protocol": "ollama" });
    assert_eq!(wish(&ollama).0, 200);
    let (head, _) = other.asked().remove(0);
    assert!(head.starts_with("POST /api/chat") && !head.contains("Bearer"), "{head}");
    // Without an address nobody is asked any more, and who is gone does not talk.
    assert_eq!(wish(&json!({ "url": "" })).0, 200);
    let now = chosen(&house);
    assert!(now["outside"].is_null() && now["talk"].is_null(), "{now}");
    confetti(&house, "off");
    assert!(other.asked().is_empty() && server.asked().is_empty());
    house.stop();

    // What stands in the file is not the panel's.
    let config = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[model]\nurl = \"{url}\"\nname = \"m\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n"
    );
    let house = Daemon::start_in("demo", &folder, &config, &[]);
    assert_eq!(chosen(&house)["is_outside_in_file"], true);
    assert_eq!(put(&house, &json!({ "outside": { "url": "" } })).0, 409);
    house.stop();
    browser
        .complaints
        .retain(|complaint| !complaint.contains("ERR_") && !complaint.contains("409"));
    assert!(browser.complaints.is_empty(), "{:#?}", browser.complaints);
}
