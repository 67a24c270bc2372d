//! The house in a messenger: the real binary with teloxide's client, over HTTP against a Bot API that is played
//! ([`server`]), and against one that others wrote ([`emulator`]).

mod emulator;
mod faults;
mod inside;
mod panel;
mod people;
mod server;
mod talk;
mod tidings;

use self::server::Server;
use crate::support::homard::{Daemon, Folder, homard_with};

/// A simulated house with a bot. Ada runs it, Bob is a child, and both are paired unless said otherwise.
struct House {
    daemon: Daemon,
    telegram: Server,
    folder: Folder,
}

/// Users of the messenger.
const ADA: i64 = 11;
const BOB: i64 = 22;

impl House {
    fn start(name: &str, lines: &str) -> Self {
        let (folder, telegram) = (Folder::new(name), Server::start());
        let daemon = start(&folder, &telegram, lines);
        let house = Self { daemon, telegram, folder };
        house.add("Ada", "admin");
        house.add("Bob", "child");
        house
    }

    /// With Ada and Bob paired.
    fn paired(name: &str) -> Self {
        let house = Self::start(name, "[policy]\nunlock = \"ask\"\n");
        house.pair(ADA, "Ada");
        house.pair(BOB, "Bob");
        house
    }

    fn add(&self, name: &str, role: &str) {
        let arguments = ["user", "add", name, "--role", role, "--data-dir", &self.daemon.data];
        let done = homard_with(&arguments, &[("HOMARD_PASSWORD", "a long password")]);
        assert_eq!(done.code, 0, "{done:?}");
    }

    /// The code that a stranger is given.
    fn code(&self, user: i64) -> String {
        let given = self.telegram.answer(user, "\n", || {
            self.telegram.says(user, "/start");
        });
        server::text(&given).lines().next().unwrap().to_owned()
    }

    fn pair(&self, user: i64, name: &str) {
        let code = self.code(user);
        let done =
            homard_with(&["user", "pair", &code, name, "--data-dir", &self.daemon.data], &[]);
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.out.contains(name), "{done:?}");
    }

    fn state(&self, entity: &str) -> String {
        self.daemon.get(&format!("/api/states/{entity}"))["state"].as_str().unwrap().to_owned()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path("log")).unwrap()
    }
}

fn start(folder: &Folder, telegram: &Server, lines: &str) -> Daemon {
    let lines = format!(
        "listen = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n{lines}{}",
        telegram.lines()
    );
    let daemon = Daemon::start_configured("demo", folder, &lines);
    daemon.wait_for("light.kitchen_light", |_| true);
    daemon
}
