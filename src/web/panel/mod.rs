//! The panel: the pages a browser shows, made of what the server writes and a few plain scripts.
//!
//! Each page is complete without its script as far as it can be: the server writes what is where
//! and what it is called, the script (`files/`) adds the controls and keeps it live over the same
//! API that every program uses. Owns no rule of the house: what needs a yes says `home::guard`.

mod entry;
mod files;
mod home;
mod place;
mod settings;
mod shell;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Deserialize;

use self::settings::Chapter;
use self::shell::{Frame, Page, html};
use self::words::Words;
use super::auth::Caller;
use super::failure::Failure;
use super::{Site, accounts, auth, session};
use crate::home::person::Matter;

/// All pages and what they load.
pub(super) fn routes() -> Router<Arc<Site>> {
    let pages = Router::new();
    #[cfg(feature = "telegram")]
    let pages = pages.route("/settings/telegram", chapter(Chapter::Telegram));
    pages
        .route("/", get(home_page))
        .route("/talk", get(talk_page))
        .route("/routines", get(routines_page))
        .route("/history", get(history_page))
        .route("/devices", get(devices_page))
        .route("/settings", get(settings_page))
        .route("/settings/home", chapter(Chapter::Home))
        .route("/settings/broker", chapter(Chapter::Broker))
        .route("/settings/voice", chapter(Chapter::Voice))
        .route("/settings/connections", chapter(Chapter::Connections))
        .route("/settings/log", chapter(Chapter::Log))
        .route("/settings/system", chapter(Chapter::System))
        .route("/sign-in", get(sign_in_page).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/icon.svg", get(files::icon))
        .route("/panel/{version}/{name}", get(files::file))
}

/// What a page is asked with.
#[derive(Deserialize)]
struct Invitation {
    /// A token in the address: `homard demo` prints such a link.
    token: Option<String>,
    /// The language in which the first steps are shown.
    language: Option<String>,
}

/// Who looks at a page, and in which words.
struct Reader {
    caller: Caller,
    words: &'static Words,
}

/// The reader of a page, or what is shown instead: the way in.
fn reader(site: &Site, headers: &HeaderMap) -> Result<Reader, Box<Response>> {
    match session::caller(site, headers) {
        Some(caller) => {
            let chosen = caller.language.as_deref().and_then(Words::of);
            let words = chosen.unwrap_or_else(|| words_for(site, headers));
            Ok(Reader { caller, words })
        }
        None => Err(Box::new(way_in(site, headers, None))),
    }
}

/// What is shown to who has not signed in: the first steps in a house that nobody runs yet, else the form.
fn way_in(site: &Site, headers: &HeaderMap, language: Option<&str>) -> Response {
    let words = language.and_then(Words::of).unwrap_or_else(|| words_for(site, headers));
    let page = match site.access.people.is_empty() {
        Ok(true) => entry::first_steps(words, accounts::needs_code(site, headers)),
        Ok(false) | Err(_) => entry::sign_in(words, &site.settings().name, None),
    };
    html(StatusCode::OK, headers, &page)
}

/// The rooms and what is in them.
async fn home_page(
    State(site): State<Arc<Site>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(invitation): Query<Invitation>,
    headers: HeaderMap,
) -> Response {
    if let Some(token) = invitation.token {
        let done = session::by_token(&site, from.ip(), &token);
        return entered(&site, &headers, done).await;
    }
    let reader = match reader(&site, &headers) {
        Ok(reader) => reader,
        Err(_) => return way_in(&site, &headers, invitation.language.as_deref()),
    };
    let body = home::body(&reader.caller, reader.words).await;
    html(StatusCode::OK, &headers, &framed(&site, &reader, Page::Home, &body))
}

/// The chat with the house.
async fn talk_page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let reader = match reader(&site, &headers) {
        Ok(reader) => reader,
        Err(way_in) => return *way_in,
    };
    let rooms: Vec<String> =
        reader.caller.hub.read(|home| home.areas().map(|area| area.name.clone()).collect());
    let body = shell::talk(reader.words, &rooms);
    html(StatusCode::OK, &headers, &framed(&site, &reader, Page::Talk, &body))
}

/// What the house does by itself.
async fn routines_page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let reader = match reader(&site, &headers) {
        Ok(reader) => reader,
        Err(way_in) => return *way_in,
    };
    if reader.caller.needs(Matter::Agenda).is_err() {
        return Redirect::to("/").into_response();
    }
    let body = shell::routines(&reader.caller.rights, reader.words);
    html(StatusCode::OK, &headers, &framed(&site, &reader, Page::Routines, &body))
}

/// What was.
async fn history_page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let reader = match reader(&site, &headers) {
        Ok(reader) => reader,
        Err(way_in) => return *way_in,
    };
    let body = shell::history(reader.words);
    html(StatusCode::OK, &headers, &framed(&site, &reader, Page::History, &body))
}

/// What was found, and what the owner makes of it.
async fn devices_page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let reader = match reader(&site, &headers) {
        Ok(reader) => reader,
        Err(way_in) => return *way_in,
    };
    if reader.caller.needs(Matter::House).is_err() {
        return Redirect::to("/").into_response();
    }
    let body = shell::devices(reader.words);
    html(StatusCode::OK, &headers, &framed(&site, &reader, Page::Devices, &body))
}

/// Oneself, and for who runs the house: people, tokens, and where the rest is.
async fn settings_page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let reader = match reader(&site, &headers) {
        Ok(reader) => reader,
        Err(way_in) => return *way_in,
    };
    let body = settings::body(&reader.caller.rights, reader.words);
    html(StatusCode::OK, &headers, &framed(&site, &reader, Page::Settings, &body))
}

/// A page of who runs the house.
fn chapter(chapter: Chapter) -> MethodRouter<Arc<Site>> {
    get(async move |State(site): State<Arc<Site>>, headers: HeaderMap| -> Response {
        let reader = match reader(&site, &headers) {
            Ok(reader) => reader,
            Err(way_in) => return *way_in,
        };
        if reader.caller.needs(Matter::Daemon).is_err() {
            return Redirect::to("/settings").into_response();
        }
        let body = settings::chapter(chapter, reader.words);
        html(StatusCode::OK, &headers, &framed(&site, &reader, Page::Chapter(chapter), &body))
    })
}

/// A whole page around its body.
fn framed(site: &Site, reader: &Reader, page: Page, body: &str) -> String {
    let (settings, Reader { caller, words }) = (site.settings(), reader);
    let page_word = caller.page_word();
    let frame = Frame { settings: &settings, rights: &caller.rights, page_word, words };
    shell::page(&frame, page, body)
}

fn words_for(site: &Site, headers: &HeaderMap) -> &'static Words {
    Words::accepted(headers, &site.settings().language)
}

/// The form of who has a name and a password, or a token.
async fn sign_in_page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let words = words_for(&site, &headers);
    html(StatusCode::OK, &headers, &entry::sign_in(words, &site.settings().name, None))
}

/// The form's fields.
#[derive(Deserialize)]
struct SignIn {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    token: String,
}

/// Takes the form.
async fn sign_in(
    State(site): State<Arc<Site>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    form: Result<Form<SignIn>, FormRejection>,
) -> Result<Response, Failure> {
    if !auth::is_same_origin(&headers) {
        return Err(auth::foreign_page());
    }
    let Form(form) =
        form.map_err(|rejection| Failure::new(rejection.status(), rejection.body_text()))?;
    let done = if form.token.is_empty() {
        session::by_password(&site, from.ip(), &form.name, &form.password).await
    } else {
        session::by_token(&site, from.ip(), &form.token)
    };
    Ok(entered(&site, &headers, done).await)
}

/// In, with a cookie that nobody knew before; or the form again, with why not.
async fn entered(site: &Site, headers: &HeaderMap, done: Result<HeaderValue, Failure>) -> Response {
    match done {
        Ok(cookie) => {
            // What was signed in before on this browser is not any more.
            if let Err(failure) = session::close(site, headers).await {
                tracing::warn!(error = failure.message(), "An old session is still open.");
            }
            ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        Err(failure) => {
            let words = words_for(site, headers);
            let why = match failure.status() {
                StatusCode::TOO_MANY_REQUESTS => words.get("sign_in.wait"),
                StatusCode::UNAUTHORIZED => words.get("sign_in.wrong"),
                _ => failure.message(),
            };
            let page = entry::sign_in(words, &site.settings().name, Some(why));
            let status = failure.into_response();
            let mut response = html(status.status(), headers, &page);
            if let Some(after) = status.headers().get(header::RETRY_AFTER) {
                response.headers_mut().insert(header::RETRY_AFTER, after.clone());
            }
            response
        }
    }
}

/// Ends the session.
async fn sign_out(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Failure> {
    if !auth::is_same_origin(&headers) {
        return Err(auth::foreign_page());
    }
    session::close(&site, &headers).await?;
    let cookie = session::no_cookie();
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}
