//! `BENCH=telegram tests/bench/run`: from a message that Telegram gives out to the command on the device's topic, with a Bot API
//! that is played on this machine: Homard's own time, its disk's and that of two connections within this machine. A missed
//! bar is no failure.

#![allow(clippy::print_stdout, clippy::unwrap_used, dead_code, missing_docs)]
// It measures the real time of another program from outside.
#![allow(clippy::disallowed_methods)]

#[path = "../it/telegram/server.rs"]
mod server;
mod table;

/// What the played Bot API shares with the tests.
mod support {
    pub(crate) mod homard {
        pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
    }
}

use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{Client, Event, MqttOptions};

use crate::server::Server;
use crate::table::Table;

const USER: i64 = 5;
const N: usize = 100;
/// The time of its own that a message may take.
const BAR_MS: f64 = 50.0;

struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() {
    let dir = std::env::temp_dir().join(format!("homard-bench-telegram-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let telegram = Server::start();
    let config = dir.join("homard.toml");
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[mqtt]\nlisten = \"127.0.0.1:0\"\n{}",
        telegram.lines()
    );
    std::fs::write(&config, text).unwrap();
    let data = dir.join("data");
    let binary = env!("CARGO_BIN_EXE_homard");
    let mut command = Command::new(binary);
    command.arg("demo").arg("--config").arg(&config).arg("--data-dir").arg(&data);
    let _daemon = Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let run = telegram.wait(|| {
        let text = std::fs::read(data.join("running.json")).map_err(|error| error.to_string())?;
        let run: Result<serde_json::Value, _> = serde_json::from_slice(&text);
        run.map_err(|error| error.to_string())
    });
    let user = |arguments: &[&str]| {
        let mut command = Command::new(binary);
        command.arg("user").args(arguments).arg("--data-dir").arg(&data);
        let run = command.env("HOMARD_PASSWORD", "a long password").output().unwrap();
        assert!(run.status.success(), "{run:?}");
    };
    user(&["add", "Ada", "--role", "adult"]);
    let given = telegram.answer(USER, "\n", || {
        telegram.says(USER, "/start");
    });
    let code = server::text(&given).lines().next().unwrap().to_owned();
    user(&["pair", &code]);

    let (host, port) = run["broker"].as_str().unwrap().rsplit_once(':').unwrap();
    let options = MqttOptions::new("bench", host, port.parse().unwrap());
    let (client, mut connection) = Client::new(options, 16);
    client.subscribe("#", QoS::AtMostOnce).unwrap();
    let (commanded, commands) = mpsc::channel();
    std::thread::spawn(move || {
        for event in connection.iter() {
            if let Ok(Event::Incoming(Packet::Publish(publish))) = event
                && publish.topic.ends_with(b"/set")
            {
                let _ = commanded.send(Instant::now());
            }
        }
    });
    std::thread::sleep(Duration::from_secs(3));
    let mut took = Vec::new();
    for n in 0..N {
        let said = ["turn on the kitchen light", "turn off the kitchen light"][n % 2];
        // The answer of the last one may be on its way, a message a second.
        std::thread::sleep(Duration::from_millis(1_100));
        while commands.try_recv().is_ok() {}
        let began = Instant::now();
        telegram.says(USER, said);
        let at = commands.recv_timeout(Duration::from_secs(5)).unwrap();
        took.push((at - began).as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    let (median, worst) = (took[N / 2], took[N * 99 / 100]);
    let mut table = Table::default();
    let found = format!("{median:.1} ms, 99 of 100 within {worst:.1} ms");
    table.row("Telegram message to command", "<= 50 ms", found, Some(worst <= BAR_MS), "");
    table.print();
    std::fs::remove_dir_all(dir).unwrap();
}
