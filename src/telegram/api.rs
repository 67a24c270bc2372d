//! The calls of the Bot API that are made, and what of their answers is read. teloxide's client makes them, with payloads of
//! our own: those of teloxide read every kind of message that there is, which is two megabytes of program for what nobody
//! looks at, and fail where a server leaves out what is not needed. No error from here holds the token.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use teloxide::net::Download;
use teloxide::requests::{JsonRequest, MultipartPayload, MultipartRequest, Payload, Request};
use teloxide::types::InputFile;
use teloxide::{ApiError, Bot, DownloadError, RequestError};
use tokio::io::{self, AsyncWrite};
use tokio::time::{Instant, sleep, sleep_until};

use super::Settings;
use super::pace::Pace;
use super::update::Update;

/// Most updates at once; the Bot API gives no more.
pub(super) const BATCH: usize = 100;
/// A call that is no poll is answered by then.
const PATIENCE: Duration = Duration::from_secs(30);
/// A server that answers is there by then.
const CONNECT: Duration = Duration::from_secs(10);
/// How often something is sent in all, and the first pause between.
const TRIES: (u32, Duration) = (4, Duration::from_secs(1));
/// Whoever is told to wait longer gives up.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Longest text of one message, in UTF-16 units by the documentation; characters outside of the first plane are rare.
const LONGEST_TEXT: usize = 4_000;

/// Why a call was not answered as wished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// The token is worth nothing (any more).
    #[error("Telegram does not know this bot's token; it may have been revoked")]
    Revoked,
    /// Somebody else takes this bot's messages.
    #[error("another program takes this bot's messages")]
    Conflict,
    /// A webhook is set: messages go there.
    #[error("this bot's messages go to a webhook")]
    Webhook,
    /// Too much was sent.
    #[error("Telegram wants a pause of {} seconds", .0.as_secs())]
    Wait(Duration),
    /// There is no such chat, or none in which the bot may write.
    #[error("nobody can be written to there")]
    Gone,
    /// They have blocked the bot, thrown it out or are no more.
    #[error("the bot was thrown out there")]
    Out,
    /// The group goes on under this number.
    #[error("the group has moved")]
    Moved(i64),
    /// It is so already.
    #[error("nothing changed")]
    Same,
    /// Refused for another reason.
    #[error("Telegram refuses: {0}")]
    Refused(String),
    /// Nobody answers, or not with what could be read.
    #[error("Telegram cannot be reached: {0}")]
    Unreached(String),
    /// The file is larger than what is taken.
    #[error("the file is too large")]
    TooLarge,
}

impl Error {
    /// Whether the same may be answered a little later.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(self, Self::Wait(_) | Self::Unreached(_))
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Api(error) => error.into(),
            RequestError::RetryAfter(seconds) => Self::Wait(seconds.duration()),
            RequestError::MigrateToChatId(to) => Self::Moved(to.0),
            RequestError::Network(error) => Self::Unreached(network(&error)),
            // What came instead may be anything, and is not shown.
            RequestError::InvalidJson { .. } => {
                Self::Unreached("its answer is no answer of the Bot API".to_owned())
            }
            RequestError::Io(error) => Self::Unreached(error.to_string()),
        }
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::InvalidToken => Self::Revoked,
            ApiError::TerminatedByOtherGetUpdates => Self::Conflict,
            ApiError::CantGetUpdates => Self::Webhook,
            ApiError::BotBlocked
            | ApiError::BotKicked
            | ApiError::BotKickedFromSupergroup
            | ApiError::UserDeactivated => Self::Out,
            ApiError::CantInitiateConversation | ApiError::ChatNotFound => Self::Gone,
            ApiError::MessageNotModified => Self::Same,
            ApiError::Unknown(text) if text.starts_with("Unauthorized") => Self::Revoked,
            ApiError::Unknown(text) if text.starts_with("Conflict") && text.contains("webhook") => {
                Self::Webhook
            }
            ApiError::Unknown(text) if text.starts_with("Conflict") => Self::Conflict,
            ApiError::Unknown(text) if text.starts_with("Forbidden") => {
                let is_out = ["kicked", "blocked", "not a member", "deactivated"];
                if is_out.iter().any(|word| text.contains(word)) { Self::Out } else { Self::Gone }
            }
            ApiError::Unknown(text) => Self::Refused(line(&text)),
            other => Self::Refused(line(&other.to_string())),
        }
    }
}

/// Without the address, as that holds the token; the causes say what is wrong.
fn network(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it takes too long".to_owned();
    }
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    let mut said = None;
    while let Some(inner) = cause {
        said = Some(inner.to_string());
        cause = inner.source();
    }
    let said = said.unwrap_or_else(|| "the connection broke".to_owned());
    if said.contains("/bot") { "the connection broke".to_owned() } else { line(&said) }
}

pub(super) fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// Who the bot is.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Me {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) username: String,
}

/// Rows of buttons: what stands on each, and what it says when it is pressed.
pub(super) type Keyboard = Vec<Vec<(String, String)>>;

/// A call without files: its name, its parameters, and what is read of the answer.
macro_rules! call {
    ($name:ident, $method:literal, $output:ty) => {
        #[derive(Serialize)]
        #[serde(transparent)]
        struct $name(Value);

        impl Payload for $name {
            type Output = $output;
            const NAME: &'static str = $method;
        }
    };
}

call!(GetMe, "getMe", Me);
call!(GetUpdates, "getUpdates", Vec<Value>);
call!(SendMessage, "sendMessage", Option<Sent>);
call!(EditText, "editMessageText", Value);
call!(EditButtons, "editMessageReplyMarkup", Value);
call!(AnswerPress, "answerCallbackQuery", Value);
call!(GetFile, "getFile", FilePath);
call!(SetCommands, "setMyCommands", Value);
call!(DeleteWebhook, "deleteWebhook", Value);

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    message_id: i64,
}

#[derive(Deserialize)]
struct FilePath {
    file_path: Option<String>,
}

/// A picture.
#[derive(Clone, Serialize)]
struct SendPhoto {
    chat_id: i64,
    photo: InputFile,
    caption: String,
}

impl Payload for SendPhoto {
    type Output = Value;
    const NAME: &'static str = "sendPhoto";
}

impl MultipartPayload for SendPhoto {
    fn copy_files(&self, into: &mut dyn FnMut(InputFile)) {
        into(self.photo.clone());
    }

    fn move_files(&mut self, into: &mut dyn FnMut(InputFile)) {
        into(self.photo.clone());
    }
}

/// The way to Telegram. Cheap to clone.
#[derive(Clone)]
pub(super) struct Api {
    /// Waits for what comes: longer than other calls.
    poll: Bot,
    talk: Bot,
    pace: Arc<Pace>,
    patience: Duration,
}

/// No address that the client could use.
#[derive(Debug, thiserror::Error)]
#[error("the Bot API cannot be used: {0}")]
pub struct Unusable(String);

impl Unusable {
    pub(super) fn failed(why: &str) -> Self {
        Self(why.to_owned())
    }
}

impl Api {
    pub(super) fn new(settings: &Settings, pace: Arc<Pace>) -> Result<Self, Unusable> {
        let unusable = |error: &dyn std::fmt::Display| Unusable(error.to_string());
        let url = reqwest::Url::parse(&settings.api_url).map_err(|error| unusable(&error))?;
        let tls = tls().map_err(|error| unusable(&error))?;
        let bot = |patience: Duration| {
            let client = reqwest::Client::builder()
                .use_preconfigured_tls(tls.clone())
                .connect_timeout(CONNECT)
                .timeout(patience)
                .tcp_nodelay(true)
                .tcp_keepalive(Duration::from_secs(30))
                .pool_idle_timeout(Duration::from_secs(90))
                // An answer that leads elsewhere would take the token there.
                .redirect(reqwest::redirect::Policy::none())
                .build();
            let client = client.map_err(|error| unusable(&error.without_url()))?;
            let bot = Bot::with_client(settings.token.expose(), client);
            Ok(bot.set_api_url(url.clone()))
        };
        let patience = settings.poll;
        Ok(Self { poll: bot(patience + settings.grace)?, talk: bot(PATIENCE)?, pace, patience })
    }

    pub(super) async fn me(&self) -> Result<Me, Error> {
        self.call(GetMe(json!({}))).await
    }

    /// Waits for what comes from `offset` on. What a broken server sends twice or in the wrong order comes so.
    pub(super) async fn updates(&self, offset: Option<i64>) -> Result<Vec<Update>, Error> {
        let mut wanted = json!({
            "timeout": self.patience.as_secs(),
            "limit": BATCH,
            "allowed_updates": ["message", "callback_query", "my_chat_member"],
        });
        if let Some(offset) = offset {
            wanted["offset"] = offset.into();
        }
        let values = JsonRequest::new(self.poll.clone(), GetUpdates(wanted)).send().await?;
        Ok(values.into_iter().filter_map(Update::read).collect())
    }

    /// Writes a message; its number. Plain text: a name with brackets and stars in it is only a name.
    pub(super) async fn send(
        &self,
        chat: i64,
        text: &str,
        keyboard: &Keyboard,
        answers: Option<i64>,
    ) -> Result<i64, Error> {
        let mut message = json!({ "chat_id": chat, "text": &*cut(text) });
        if !keyboard.is_empty() {
            message["reply_markup"] = markup(keyboard);
        }
        if let Some(answers) = answers {
            message["reply_parameters"] =
                json!({ "message_id": answers, "allow_sending_without_reply": true });
        }
        let sent = self.patiently(chat, || self.call(SendMessage(message.clone()))).await?;
        Ok(sent.map_or(0, |sent| sent.message_id))
    }

    /// Makes a message another one.
    pub(super) async fn edit(
        &self,
        chat: i64,
        message: i64,
        text: &str,
        keyboard: &Keyboard,
    ) -> Result<(), Error> {
        let mut edit = json!({ "chat_id": chat, "message_id": message, "text": &*cut(text) });
        edit["reply_markup"] = markup(keyboard);
        match self.patiently(chat, || self.call(EditText(edit.clone()))).await {
            Ok(_) | Err(Error::Same) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes the buttons from a message.
    pub(super) async fn without_buttons(&self, chat: i64, message: i64) -> Result<(), Error> {
        let edit = json!({
            "chat_id": chat, "message_id": message, "reply_markup": markup(&Vec::new()),
        });
        match self.patiently(chat, || self.call(EditButtons(edit.clone()))).await {
            Ok(_) | Err(Error::Same) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends the waiting of a button, with a word or two.
    pub(super) async fn answer(&self, press: &str, text: &str) -> Result<(), Error> {
        let mut answer = json!({ "callback_query_id": press });
        if !text.is_empty() {
            answer["text"] = text.chars().take(190).collect::<String>().into();
        }
        self.call(AnswerPress(answer)).await?;
        Ok(())
    }

    pub(super) async fn photo(
        &self,
        chat: i64,
        bytes: Vec<u8>,
        name: &'static str,
        caption: &str,
    ) -> Result<(), Error> {
        let bytes = bytes::Bytes::from(bytes);
        let caption: String = caption.chars().take(1_000).collect();
        let send = || {
            let photo = InputFile::memory(bytes.clone()).file_name(name);
            let payload = SendPhoto { chat_id: chat, photo, caption: caption.clone() };
            let bot = self.talk.clone();
            async move { Ok::<_, Error>(MultipartRequest::new(bot, payload).send().await?) }
        };
        self.patiently(chat, send).await?;
        Ok(())
    }

    /// Fetches a file of at most so many bytes.
    pub(super) async fn file(&self, id: &str, most: usize) -> Result<Vec<u8>, Error> {
        let file = self.call(GetFile(json!({ "file_id": id }))).await?;
        let path = file.file_path.ok_or_else(|| Error::Refused("no such file".to_owned()))?;
        let mut taken = Taken { bytes: Vec::new(), most };
        match self.talk.download_file(&path, &mut taken).await {
            Ok(()) => Ok(taken.bytes),
            Err(DownloadError::Network(error)) => Err(Error::Unreached(network(&error))),
            Err(DownloadError::Io(_)) => Err(Error::TooLarge),
        }
    }

    pub(super) async fn set_commands(&self, commands: &[(&str, &str)]) -> Result<(), Error> {
        let one =
            |(command, about): &(&str, &str)| json!({ "command": command, "description": about });
        let commands: Vec<Value> = commands.iter().map(one).collect();
        self.call(SetCommands(json!({ "commands": commands }))).await?;
        Ok(())
    }

    pub(super) async fn delete_webhook(&self) -> Result<(), Error> {
        self.call(DeleteWebhook(json!({}))).await?;
        Ok(())
    }

    async fn call<P>(&self, payload: P) -> Result<P::Output, Error>
    where
        P: Payload + Serialize + Send + 'static,
        P::Output: serde::de::DeserializeOwned + Send,
    {
        Ok(JsonRequest::new(self.talk.clone(), payload).send().await?)
    }

    /// Sends something to a chat when it may be sent, and again where that did not work.
    async fn patiently<T, F>(&self, chat: i64, send: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (mut n_left, mut pause) = TRIES;
        loop {
            sleep_until(self.pace.turn(chat, Instant::now())).await;
            n_left -= 1;
            match send().await {
                Err(Error::Wait(wait)) if n_left > 0 && wait <= LONGEST_WAIT => {
                    self.pace.hold(Instant::now() + wait);
                }
                Err(error) if n_left > 0 && error.is_temporary() => {
                    sleep(pause).await;
                    pause *= 2;
                }
                other => return other,
            }
        }
    }
}

/// The system's authorities, with ring.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn markup(keyboard: &Keyboard) -> Value {
    let button = |(text, data): &(String, String)| json!({ "text": text, "callback_data": data });
    let rows: Vec<Vec<Value>> =
        keyboard.iter().map(|row| row.iter().map(button).collect()).collect();
    json!({ "inline_keyboard": rows })
}

/// A message has an end, and no message is empty.
fn cut(text: &str) -> Cow<'_, str> {
    if text.trim().is_empty() {
        return Cow::Borrowed("…");
    }
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Takes what is downloaded, and no more than was expected.
struct Taken {
    bytes: Vec<u8>,
    most: usize,
}

impl AsyncWrite for Taken {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.bytes.len() + bytes.len() > this.most {
            return std::task::Poll::Ready(Err(io::Error::other("too large")));
        }
        this.bytes.extend_from_slice(bytes);
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_bot_api_are_told_apart() {
        let of = |text: &str| {
            let error: ApiError = serde_json::from_value(json!(text)).unwrap();
            Error::from(error)
        };
        for text in ["Unauthorized", "Not Found", "Unauthorized: invalid token specified"] {
            assert_eq!(of(text), Error::Revoked, "{text}");
        }
        for (text, expected) in [
            ("Forbidden: bot was blocked by the user", Error::Out),
            ("Forbidden: bot was kicked from the group chat", Error::Out),
            ("Forbidden: bot is not a member of the supergroup chat", Error::Out),
            ("Forbidden: user is deactivated", Error::Out),
            ("Forbidden: bot can't initiate conversation with a user", Error::Gone),
            ("Bad Request: chat not found", Error::Gone),
            (
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                Error::Conflict,
            ),
            (
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
                Error::Webhook,
            ),
            (
                "Bad Request: BUTTON_DATA_INVALID",
                Error::Refused("Bad Request: BUTTON_DATA_INVALID".into()),
            ),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }

    #[test]
    fn a_message_has_an_end_and_is_never_empty() {
        assert_eq!(cut(" "), "…");
        assert_eq!(cut("a"), "a");
        assert_eq!(cut(&"é".repeat(5_000)).chars().count(), LONGEST_TEXT + 1);
    }
}
