//! The Bot API played, after its documentation: what somebody writes comes out of `getUpdates`, what the bot does is noted,
//! and every kind of trouble can be ordered.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::homard::PATIENCE;

/// The token that the server knows.
pub(crate) const TOKEN: &str = "4242:a-Token_that-is-never-logged";
/// The bot's own number and name.
pub(crate) const BOT: (i64, &str) = (4242, "homard_test_bot");

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// A page of a proxy.
    BadGateway,
    /// Too fast, by so many seconds.
    TooMany(u64),
    /// The connection ends in the middle of the answer.
    Cut,
    /// Nothing is ever answered.
    Silence,
    /// It is done, and the connection ends before the answer.
    DoneAndCut,
    /// Nobody may write there, for this reason.
    Forbidden(&'static str),
    /// The group goes on under this number.
    MovedTo(i64),
}

/// A call of the bot.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) body: Value,
    /// As it came.
    pub(crate) raw: Bytes,
    pub(crate) at: Instant,
}

#[derive(Default)]
struct Played {
    updates: VecDeque<Value>,
    next_update: i64,
    next_message: i64,
    calls: Vec<Call>,
    faults: Vec<(String, Fault)>,
    is_revoked: bool,
    /// Sends updates that were confirmed too.
    repeats: bool,
    files: Vec<(String, Vec<u8>)>,
}

/// The server.
#[derive(Clone)]
pub(crate) struct Server {
    played: Arc<Mutex<Played>>,
    came: Arc<Notify>,
    runtime: Arc<tokio::runtime::Runtime>,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start() -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = Arc::new(runtime.worker_threads(1).enable_all().build().unwrap());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let played = Played { next_update: 700, next_message: 1_000, ..Played::default() };
        let server =
            Self { played: Arc::new(Mutex::new(played)), came: Arc::default(), runtime, port };
        let state = server.clone();
        let router = Router::new()
            .route("/{bot}/{method}", post(call))
            .route("/file/{bot}/{*path}", get(file))
            .layer(DefaultBodyLimit::max(16 << 20))
            .with_state((state.played, state.came));
        server.runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The configuration of a house with this bot.
    pub(crate) fn lines(&self) -> String {
        format!("[telegram]\ntoken = \"{TOKEN}\"\napi_url = \"{}\"\n", self.url())
    }

    fn played(&self) -> std::sync::MutexGuard<'_, Played> {
        self.played.lock().unwrap()
    }

    /// Something comes; its number.
    pub(crate) fn update(&self, what: &str, content: Value) -> i64 {
        let mut played = self.played();
        let id = played.next_update;
        played.next_update += 1;
        played.updates.push_back(json!({ "update_id": id, what: content }));
        drop(played);
        self.came.notify_waiters();
        id
    }

    /// A message of a user in a chat, so many seconds ago.
    pub(crate) fn message(&self, user: i64, chat: i64, age_s: u64, content: Value) -> i64 {
        let mut played = self.played();
        played.next_message += 1;
        let number = played.next_message;
        drop(played);
        let mut message = json!({
            "message_id": number,
            "from": { "id": user, "is_bot": false, "first_name": format!("User{user}"),
                "language_code": "en" },
            "chat": match chat < 0 {
                true => json!({ "id": chat, "type": "supergroup", "title": "Family" }),
                false => json!({ "id": chat, "type": "private", "first_name": "X" }),
            },
            "date": now_s() - age_s,
        });
        message.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
        self.update("message", message)
    }

    /// Somebody writes to the bot alone.
    pub(crate) fn says(&self, user: i64, text: &str) -> i64 {
        self.message(user, user, 0, json!({ "text": text }))
    }

    /// Somebody presses the button with these words below a message of the bot's.
    pub(crate) fn presses(&self, user: i64, message: &Call, label: &str) {
        let data = button(message, label).unwrap_or_else(|| panic!("no {label} in {message:?}"));
        self.press(user, message, &data);
    }

    pub(crate) fn press(&self, user: i64, message: &Call, data: &str) {
        let chat = message.body["chat_id"].as_i64().unwrap();
        self.update(
            "callback_query",
            json!({
                "id": format!("press-{}", now_s()),
                "from": { "id": user, "is_bot": false, "first_name": format!("User{user}") },
                "message": { "message_id": message.body["message_id"], "date": now_s(),
                    "chat": { "id": chat, "type": if chat < 0 { "supergroup" } else { "private" } } },
                "chat_instance": "1",
                "data": data,
            }),
        );
    }

    /// The next calls of a method go wrong.
    pub(crate) fn trouble(&self, method: &str, faults: &[Fault]) {
        let faults = faults.iter().map(|fault| (method.to_owned(), *fault));
        self.played().faults.extend(faults);
    }

    pub(crate) fn revoke(&self, is_revoked: bool) {
        self.played().is_revoked = is_revoked;
        self.came.notify_waiters();
    }

    pub(crate) fn repeat(&self, repeats: bool) {
        self.played().repeats = repeats;
    }

    pub(crate) fn keep_file(&self, path: &str, bytes: Vec<u8>) {
        self.played().files.push((path.to_owned(), bytes));
    }

    /// All calls of a method, the first first.
    pub(crate) fn calls(&self, method: &str) -> Vec<Call> {
        self.played().calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    /// What was written to a chat.
    pub(crate) fn sent(&self, chat: i64) -> Vec<Call> {
        let mut sent = self.calls("sendMessage");
        sent.retain(|call| call.body["chat_id"] == chat);
        sent
    }

    /// Waits for the answer to what is done between: the first message to a chat with these words in it.
    #[track_caller]
    pub(crate) fn answer(&self, chat: i64, words: &str, act: impl FnOnce()) -> Call {
        let n = self.sent(chat).len();
        act();
        self.wait(|| {
            let sent = self.sent(chat);
            let found = sent.iter().skip(n).find(|call| text(call).contains(words));
            found.cloned().ok_or_else(|| {
                format!("no {words:?} in {:?}", sent.iter().skip(n).map(text).collect::<Vec<_>>())
            })
        })
    }

    /// Waits until something is so.
    #[track_caller]
    pub(crate) fn wait<T>(&self, look: impl Fn() -> Result<T, String>) -> T {
        let began = Instant::now();
        loop {
            match look() {
                Ok(found) => return found,
                Err(missing) => assert!(began.elapsed() < 2 * PATIENCE, "{missing}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What a message says.
pub(crate) fn text(call: &Call) -> String {
    call.body["text"].as_str().unwrap_or_default().to_owned()
}

/// What stands on the buttons below a message.
pub(crate) fn labels(call: &Call) -> Vec<String> {
    let rows = call.body["reply_markup"]["inline_keyboard"].as_array().cloned().unwrap_or_default();
    let all = rows.iter().flat_map(|row| row.as_array().cloned().unwrap_or_default());
    all.map(|one| one["text"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn button(call: &Call, label: &str) -> Option<String> {
    let rows = call.body["reply_markup"]["inline_keyboard"].as_array()?;
    let mut all = rows.iter().flat_map(|row| row.as_array().unwrap());
    let found = all.find(|one| one["text"].as_str().unwrap().contains(label))?;
    Some(found["callback_data"].as_str().unwrap().to_owned())
}

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

type Shared = (Arc<Mutex<Played>>, Arc<Notify>);

fn refuse(code: u16, description: &str) -> Response {
    let body = json!({ "ok": false, "error_code": code, "description": description });
    (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
}

fn cut() -> Response {
    let parts = [Ok(Bytes::from("{\"ok\":true,\"res")), Err(std::io::Error::other("cut"))];
    Response::builder()
        .header("content-type", "application/json")
        .header("content-length", "5000")
        .body(Body::from_stream(stream::iter(parts)))
        .unwrap()
}

async fn call(
    State((played, came)): State<Shared>,
    Path((bot, method)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    if bot != format!("bot{TOKEN}") || played.lock().unwrap().is_revoked {
        return refuse(401, "Unauthorized");
    }
    let fault = {
        let mut played = played.lock().unwrap();
        let at = played.faults.iter().position(|(of, _)| *of == method);
        at.map(|at| played.faults.remove(at).1)
    };
    let at = Instant::now();
    let note = |mut noted: Value, message: Option<i64>| {
        if let Some(message) = message {
            noted["message_id"] = message.into();
        }
        let call = Call { method: method.clone(), body: noted, raw: body.clone(), at };
        played.lock().unwrap().calls.push(call);
    };
    match fault {
        Some(Fault::BadGateway) => {
            note(json!({ "fault": "bad gateway" }), None);
            return (StatusCode::BAD_GATEWAY, "<html><h1>502 Bad Gateway</h1></html>")
                .into_response();
        }
        Some(Fault::TooMany(seconds)) => {
            let body = json!({ "ok": false, "error_code": 429,
                "description": format!("Too Many Requests: retry after {seconds}"),
                "parameters": { "retry_after": seconds } });
            return (StatusCode::TOO_MANY_REQUESTS, axum::Json(body)).into_response();
        }
        Some(Fault::Cut) => return cut(),
        Some(Fault::Silence) => {
            note(json!({ "fault": "silence" }), None);
            return std::future::pending().await;
        }
        Some(Fault::Forbidden(why)) => return refuse(403, &format!("Forbidden: {why}")),
        Some(Fault::MovedTo(chat)) => {
            let body = json!({ "ok": false, "error_code": 400,
                "description": "Bad Request: group chat was upgraded to a supergroup chat",
                "parameters": { "migrate_to_chat_id": chat } });
            return (StatusCode::BAD_REQUEST, axum::Json(body)).into_response();
        }
        Some(Fault::DoneAndCut) | None => {}
    }
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let result = match method.as_str() {
        "getMe" => {
            json!({ "id": BOT.0, "is_bot": true, "first_name": "Homard", "username": BOT.1 })
        }
        "getUpdates" => {
            note(json.clone(), None);
            let updates = updates(&played, &came, &json).await;
            if played.lock().unwrap().is_revoked {
                return refuse(401, "Unauthorized");
            }
            json!(updates)
        }
        "sendMessage" | "sendPhoto" => {
            let message = {
                let mut played = played.lock().unwrap();
                played.next_message += 1;
                played.next_message
            };
            let noted = match method.as_str() {
                "sendMessage" => json.clone(),
                _ => json!({ "raw": String::from_utf8_lossy(&body), "bytes": body.len() }),
            };
            note(noted, Some(message));
            json!({ "message_id": message, "date": now_s(), "chat": { "id": json["chat_id"],
                "type": "private", "first_name": "X" } })
        }
        "getFile" => {
            note(json.clone(), None);
            json!({ "file_id": json["file_id"], "file_unique_id": "x",
                "file_path": format!("voice/{}", json["file_id"].as_str().unwrap_or_default()) })
        }
        "editMessageText"
        | "editMessageReplyMarkup"
        | "answerCallbackQuery"
        | "setMyCommands"
        | "deleteWebhook" => {
            note(json, None);
            json!(true)
        }
        _ => return refuse(404, "Not Found: method not found"),
    };
    if fault == Some(Fault::DoneAndCut) {
        return cut();
    }
    axum::Json(json!({ "ok": true, "result": result })).into_response()
}

async fn updates(played: &Mutex<Played>, came: &Notify, wanted: &Value) -> Vec<Value> {
    let until = Instant::now() + Duration::from_secs(wanted["timeout"].as_u64().unwrap_or(0));
    let offset = wanted["offset"].as_i64().unwrap_or(i64::MIN);
    let limit = wanted["limit"].as_u64().unwrap_or(100) as usize;
    loop {
        let notified = came.notified();
        {
            let mut played = played.lock().unwrap();
            let is_new = |one: &Value| one["update_id"].as_i64().unwrap() >= offset;
            if played.is_revoked {
                return Vec::new();
            }
            if !played.repeats {
                played.updates.retain(is_new);
            }
            if played.updates.iter().any(is_new) {
                return played.updates.iter().take(limit).cloned().collect();
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || tokio::time::timeout(left, notified).await.is_err() {
            return Vec::new();
        }
    }
}

async fn file(
    State((played, _)): State<Shared>,
    Path((bot, path)): Path<(String, String)>,
) -> Response {
    if bot != format!("bot{TOKEN}") {
        return refuse(401, "Unauthorized");
    }
    let files = &played.lock().unwrap().files;
    match files.iter().find(|(known, _)| *known == path) {
        Some((_, bytes)) => bytes.clone().into_response(),
        None => refuse(404, "Not Found"),
    }
}
