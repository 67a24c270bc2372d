//! A real browser without a window: Debian's Chromium, spoken to in the DevTools protocol over a
//! pipe, so that no driver, port or crate is needed.

use std::io::{BufRead, BufReader, Write};
use std::ops::Not;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{Value as Json, json};

use crate::support::mosquitto::find;

/// Longest wait for anything on a page, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// One browser at a time: several would only be in each other's way.
static TURN: Mutex<()> = Mutex::new(());

/// A browser with one page; ends when dropped.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    n: u64,
    /// What went wrong on the pages: errors of scripts, loads that failed, refusals of the policy.
    pub(crate) complaints: Vec<String>,
    /// Bytes that came over the wire since [`Browser::count_bytes`].
    pub(crate) n_bytes: u64,
    profile: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts it; `None`, said so, when there is no Chromium.
    pub(crate) fn start(language: &str) -> Option<Self> {
        Self::start_with(language, &[])
    }

    /// The same, whose microphone hears this WAV file, once each time it is listened to.
    #[cfg(feature = "speech")]
    pub(crate) fn start_hearing(language: &str, file: &str) -> Option<Self> {
        Self::start_with(language, &[format!("--use-file-for-fake-audio-capture={file}%noloop")])
    }

    fn start_with(language: &str, more: &[String]) -> Option<Self> {
        let Some(program) = find("chromium") else {
            println!("skipped: `chromium` is missing (Debian: chromium)");
            return None;
        };
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let profile =
            std::env::temp_dir().join(format!("homard-it-chromium-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&profile);
        // Chromium speaks on the descriptors 3 and 4.
        let script = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args(["--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"])
            // A microphone that hums, and nobody who would have to allow it.
            .args(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"])
            .args(["--force-prefers-reduced-motion", "--remote-debugging-pipe"])
            .arg(format!("--accept-lang={language}"))
            .arg(format!("--lang={language}"))
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(more)
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let mut browser = Self {
            child,
            to,
            from,
            session: None,
            n: 0,
            complaints: Vec::new(),
            n_bytes: 0,
            profile,
            _turn: turn,
        };
        let targets = browser.command("Target.getTargets", json!({}));
        let targets = targets["targetInfos"].as_array().unwrap().clone();
        let page = targets.iter().find(|target| target["type"] == "page").expect("a page");
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let attached = browser.command("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.command(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// A command and its result.
    fn command(&mut self, method: &str, params: Json) -> Json {
        self.try_command(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The same, or what the browser has against it.
    fn try_command(&mut self, method: &str, params: Json) -> Result<Json, Json> {
        self.n += 1;
        let mut message = json!({"id": self.n, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("the browser is there");
        loop {
            let mut answer = Vec::new();
            self.from.read_until(0, &mut answer).unwrap();
            assert_eq!(answer.pop(), Some(0), "the browser ended");
            let answer: Json = serde_json::from_slice(&answer).unwrap();
            if answer["id"] == self.n {
                return match &answer["error"] {
                    Json::Null => Ok(answer["result"].clone()),
                    error => Err(error.clone()),
                };
            }
            self.note(&answer);
        }
    }

    fn note(&mut self, event: &Json) {
        let params = &event["params"];
        match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                self.complaints.push(params["exceptionDetails"].to_string());
            }
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                self.complaints.push(params["entry"].to_string());
            }
            Some("Network.loadingFinished") => {
                // A float in the protocol.
                self.n_bytes += params["encodedDataLength"].as_f64().unwrap_or_default() as u64;
            }
            Some("Network.dataReceived") => {}
            _ => {}
        }
    }

    /// Counts from nothing, with an empty cache.
    pub(crate) fn count_bytes(&mut self) {
        self.command("Network.clearBrowserCache", json!({}));
        self.n_bytes = 0;
    }

    /// The size of the window in CSS pixels, and whether the system is dark.
    pub(crate) fn size(&mut self, width: u32, height: u32, is_dark: bool) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.command("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.command("Emulation.setEmulatedMedia", media);
    }

    /// Takes every certificate, as a person does who was warned.
    pub(crate) fn trust_all(&mut self) {
        self.command("Security.setIgnoreCertificateErrors", json!({"ignore": true}));
    }

    /// Goes to a page that is before the house: nothing on it is live.
    pub(crate) fn visit(&mut self, url: &str) {
        self.command("Page.navigate", json!({"url": url}));
        self.wait(&format!(
            "document.readyState === 'complete' && location.href.startsWith({})",
            json!(url)
        ));
    }

    /// Runs a script before those of every page from now on.
    pub(crate) fn first_of_all(&mut self, script: &str) {
        self.command("Page.addScriptToEvaluateOnNewDocument", json!({"source": script}));
    }

    /// Goes to an address and waits until the page says that it is live.
    pub(crate) fn open(&mut self, url: &str) {
        self.command("Page.navigate", json!({"url": url}));
        self.wait(
            "document.readyState === 'complete' && !!document.querySelector('#status') && \
                   /^(Live|En direct)$/.test(document.querySelector('#status').textContent)",
        );
    }

    /// The value of an expression; a promise is waited for.
    pub(crate) fn eval(&mut self, expression: &str) -> Json {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let result = self.command("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// The text of the first element that fits.
    pub(crate) fn text(&mut self, selector: &str) -> String {
        let value = self.eval(&format!("document.querySelector({})?.textContent", json!(selector)));
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true.
    pub(crate) fn wait(&mut self, expression: &str) {
        let started = Instant::now();
        let script =
            format!("(() => {{ try {{ return !!({expression}) }} catch {{ return false }} }})()");
        let params = json!({"expression": script, "returnByValue": true});
        // While a page is left, nothing can be asked of it.
        while self
            .try_command("Runtime.evaluate", params.clone())
            .is_ok_and(|answer| answer["result"]["value"] == true)
            .not()
        {
            if started.elapsed() > PATIENCE {
                let shown = self.eval("document.body?.innerText?.slice(0, 2000)");
                self.picture("failed");
                panic!("never so: {expression}\n{shown}\n{:?}", self.complaints);
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Presses the middle of an element with the mouse, as a person does: what lies above it gets
    /// the press.
    pub(crate) fn click(&mut self, selector: &str) {
        self.hold(selector, Duration::ZERO);
    }

    /// The same, and lets go after a while.
    pub(crate) fn hold(&mut self, selector: &str, time: Duration) {
        let found = format!("document.querySelector({})", json!(selector));
        self.wait(&format!("{found} && !{found}.disabled && {found}.getClientRects().length > 0"));
        let place = self.eval(&format!(
            "(() => {{ const e = {found}; e.scrollIntoView({{block: 'center'}}); \
             const r = e.getBoundingClientRect(); const x = r.x + r.width / 2, y = r.y + r.height / 2; \
             const hit = document.elementFromPoint(x, y); \
             return {{x, y, isHit: e === hit || e.contains(hit), hit: hit?.outerHTML?.slice(0, 200)}}; }})()"
        ));
        assert_eq!(place["isHit"], true, "{selector} lies below {}", place["hit"]);
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": place["x"], "y": place["y"], "button": "left", "clickCount": 1});
            self.command("Input.dispatchMouseEvent", event);
            if kind == "mousePressed" {
                std::thread::sleep(time);
            }
        }
    }

    /// Replaces what a field holds by typing.
    pub(crate) fn fill(&mut self, selector: &str, text: &str) {
        let found = format!("document.querySelector({})", json!(selector));
        self.wait(&found);
        self.eval(&format!("{found}.focus(), {found}.select?.()"));
        self.command("Input.insertText", json!({"text": text}));
    }

    /// Chooses a file, as the browser's own dialog would.
    pub(crate) fn choose(&mut self, selector: &str, file: &str) {
        let expression = format!("document.querySelector({})", json!(selector));
        let found = self.command("Runtime.evaluate", json!({"expression": expression}));
        let object = &found["result"]["objectId"];
        self.command("DOM.setFileInputFiles", json!({"files": [file], "objectId": object}));
    }

    /// Presses a key: `Enter`, `Escape`, `Tab`, `ArrowRight` or a space.
    pub(crate) fn key(&mut self, key: &str) {
        let (code, number, text) = match key {
            " " => ("Space", 32, " "),
            "Enter" => ("Enter", 13, "\r"),
            "Tab" => ("Tab", 9, ""),
            "Escape" => ("Escape", 27, ""),
            "ArrowRight" => ("ArrowRight", 39, ""),
            other => panic!("{other} is not known"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event =
                json!({"type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.command("Input.dispatchKeyEvent", event);
        }
    }

    /// Keeps what is seen under `target/screenshots/`.
    pub(crate) fn picture(&mut self, name: &str) {
        let shot = self.command("Page.captureScreenshot", json!({}));
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(shot["data"].as_str().unwrap())
            .unwrap();
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(format!("{name}.png")), bytes).unwrap();
    }

    /// What axe-core finds that is serious or critical; `None`, said so, when it is not installed.
    pub(crate) fn accessibility(&mut self) -> Option<Vec<String>> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(".cache/npm/node_modules/axe-core/axe.min.js");
        let Ok(axe) = std::fs::read_to_string(file) else {
            println!("skipped: axe-core is missing (tests/tools/setup.sh test)");
            return None;
        };
        self.eval(&format!("{axe}; true"));
        let found = self.eval(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})\
             .then((r) => r.violations.flatMap((v) => v.nodes.map((n) => \
             ({impact: v.impact, text: `${v.impact} ${v.id}: ${n.html.slice(0, 160)} ${(n.any[0] ?? n.all[0] ?? n.none[0])?.message ?? ''}`}))))",
        );
        let found = found.as_array().unwrap().iter();
        let serious = found.filter(|one| one["impact"] == "serious" || one["impact"] == "critical");
        Some(serious.map(|one| one["text"].as_str().unwrap().to_owned()).collect())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
