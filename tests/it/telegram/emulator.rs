//! The same over HTTP against `telegram-test-api`, an emulator of the Bot API that others wrote for other bots.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::server::TOKEN;
use crate::support::homard::{Daemon, Folder, homard_with};

/// The emulator; it ends with the test.
struct Emulator {
    child: Child,
    url: String,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Emulator {
    fn start() -> Option<Self> {
        let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache");
        let module = cache.join("npm/node_modules/telegram-test-api");
        let node = cache.join("python/bin/node");
        if !module.exists() || !node.exists() {
            println!("skipped: no telegram-test-api in .cache/npm (run `make setup`)");
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/telegram.cjs");
        let port = crate::support::mosquitto::free_port();
        let mut child = Command::new(node)
            .arg(script)
            .arg(module)
            .arg(port.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready");
        Some(Self { child, url: format!("http://127.0.0.1:{port}") })
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let mut answer = ureq::post(format!("{}{path}", self.url)).send_json(body).unwrap();
        answer.body_mut().read_json().unwrap()
    }

    fn common(&self) -> Value {
        json!({ "botToken": TOKEN, "date": super::server::now_s(),
            "from": { "id": 7, "first_name": "Ada", "is_bot": false },
            "chat": { "id": 7, "first_name": "Ada", "type": "private" } })
    }

    fn says(&self, text: &str) {
        let mut message = self.common();
        message["text"] = text.into();
        self.post("/sendMessage", &message);
    }

    fn presses(&self, message: &Value, data: &str) {
        let mut common = self.common();
        let from = common["from"].take();
        self.post(
            "/sendCallback",
            &json!({ "botToken": TOKEN, "from": from, "data": data, "date": common["date"],
                "message": { "message_id": message["messageId"], "chat": common["chat"] } }),
        );
    }

    /// What the bot has written so far.
    fn written(&self) -> Vec<Value> {
        let all = self.post("/getUpdatesHistory", &json!({ "token": TOKEN }));
        let all = all["result"].as_array().unwrap().clone();
        all.into_iter().filter(|one| one["message"]["chat_id"] == 7).collect()
    }
}

#[test]
fn an_emulator_of_others_is_served_as_telegram_is() {
    let Some(emulator) = Emulator::start() else { return };
    let folder = Folder::new("telegram-emulator");
    let lines = format!(
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [telegram]\ntoken = \"{TOKEN}\"\napi_url = \"{}\"\n",
        emulator.url
    );
    let daemon = Daemon::start_configured("demo", &folder, &lines);
    daemon.wait_for("light.kitchen_light", |_| true);
    let user = |arguments: &[&str]| {
        let mut all = vec!["user"];
        all.extend(arguments);
        all.extend(["--data-dir", &daemon.data]);
        let done = homard_with(&all, &[("HOMARD_PASSWORD", "a long password")]);
        assert_eq!(done.code, 0, "{done:?}");
    };
    user(&["add", "Ada", "--role", "admin"]);
    let wait = |n: usize| {
        daemon.wait(|| {
            let written = emulator.written();
            written.get(n).cloned().ok_or_else(|| format!("nothing after {written:?}"))
        })
    };
    emulator.says("turn on the kitchen light");
    let code = wait(0)["message"]["text"].as_str().unwrap().lines().next().unwrap().to_owned();
    user(&["pair", &code, "Ada"]);
    emulator.says("turn on the kitchen light");
    daemon.wait_for("light.kitchen_light", |state| state["state"] == "on");
    let done = wait(1);
    let button = &done["message"]["reply_markup"]["inline_keyboard"][0][0];
    assert_eq!(button["text"], "Undo", "{done}");
    emulator.presses(&done, button["callback_data"].as_str().unwrap());
    daemon.wait_for("light.kitchen_light", |state| state["state"] == "off");
    // Edited in place.
    emulator.says("/rooms");
    let (n, rooms) = daemon.wait(|| {
        let written = emulator.written();
        let found = written.iter().position(|one| {
            one["message"]["text"].as_str().is_some_and(|text| text.starts_with("Rooms"))
        });
        found.map(|n| (n, written[n].clone())).ok_or_else(|| format!("{written:?}"))
    });
    let all = rooms["message"]["reply_markup"]["inline_keyboard"].as_array().unwrap().clone();
    let kitchen = all
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .find(|one| one["text"].as_str().unwrap().starts_with("Kitchen"));
    emulator.presses(&rooms, kitchen.unwrap()["callback_data"].as_str().unwrap());
    daemon.wait(|| {
        let now = wait(n);
        let text = now["message"]["text"].as_str().unwrap_or_default().to_owned();
        if text == "Kitchen" { Ok(()) } else { Err(text) }
    });
}
