//! The panel: the pages a browser shows, made of what the server writes and a few plain scripts.
//!
//! Each page is complete without its script as far as it can be: the server writes what is where
//! and what it is called, the script (`files/`) adds the controls and keeps it live over the same
//! API that every program uses. Owns no rule of the house: what needs a yes says `home::guard`.

mod files;
mod home;
mod shell;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use self::shell::{Page, html};
use self::words::Words;
use super::failure::Failure;
use super::{Site, auth};
use crate::home::person::Matter;

/// All pages and what they load.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(home_page))
        .route("/talk", get(talk_page))
        .route("/history", get(history_page))
        .route("/devices", get(devices_page))
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/icon.svg", get(files::icon))
        .route("/panel/{version}/{name}", get(files::file))
}

/// A token in the address: `homard demo` prints such a link.
#[derive(Deserialize)]
struct Invitation {
    token: Option<String>,
}

/// The rooms and what is in them, or the form that asks for a token.
async fn home_page(
    State(site): State<Arc<Site>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(invitation): Query<Invitation>,
    headers: HeaderMap,
) -> Response {
    let words = words_for(&site, &headers);
    if let Some(token) = invitation.token {
        return enter(&site, from, &headers, &token);
    }
    let Some(caller) = auth::signed_in(&site, &headers) else {
        return html(StatusCode::OK, &headers, &shell::sign_in(words, None));
    };
    let body = home::body(&caller, words).await;
    let page = shell::page(&site.settings, words, Page::Home, &body);
    html(StatusCode::OK, &headers, &page)
}

/// The chat with the house.
async fn talk_page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let words = words_for(&site, &headers);
    let Some(caller) = auth::signed_in(&site, &headers) else {
        return html(StatusCode::OK, &headers, &shell::sign_in(words, None));
    };
    let rooms: Vec<String> =
        caller.hub.read(|home| home.areas().map(|area| area.name.clone()).collect());
    let body = shell::talk(words, &rooms);
    html(StatusCode::OK, &headers, &shell::page(&site.settings, words, Page::Talk, &body))
}

/// What was.
async fn history_page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let words = words_for(&site, &headers);
    if auth::signed_in(&site, &headers).is_none() {
        return html(StatusCode::OK, &headers, &shell::sign_in(words, None));
    }
    let body = shell::history(words);
    html(StatusCode::OK, &headers, &shell::page(&site.settings, words, Page::History, &body))
}

/// What was found, and what the owner makes of it.
async fn devices_page(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let words = words_for(&site, &headers);
    let Some(caller) = auth::signed_in(&site, &headers) else {
        return html(StatusCode::OK, &headers, &shell::sign_in(words, None));
    };
    if caller.needs(Matter::House).is_err() {
        return Redirect::to("/").into_response();
    }
    let body = shell::devices(words);
    html(StatusCode::OK, &headers, &shell::page(&site.settings, words, Page::Devices, &body))
}

fn words_for(site: &Site, headers: &HeaderMap) -> &'static Words {
    Words::accepted(headers, &site.settings.language)
}

/// The form's field.
#[derive(Deserialize)]
struct SignIn {
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
        return Err(Failure::new(StatusCode::FORBIDDEN, "this form came from another site's page"));
    }
    let Form(form) =
        form.map_err(|rejection| Failure::new(rejection.status(), rejection.body_text()))?;
    Ok(enter(&site, from, &headers, &form.token))
}

fn enter(site: &Site, from: SocketAddr, headers: &HeaderMap, token: &str) -> Response {
    match auth::sign_in(site, from.ip(), token) {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Err(failure) => {
            let words = words_for(site, headers);
            let page = shell::sign_in(words, Some(words.get("token.wrong")));
            html(failure.into_response().status(), headers, &page)
        }
    }
}

/// Ends the session.
async fn sign_out(State(site): State<Arc<Site>>, headers: HeaderMap) -> Result<Response, Failure> {
    if !auth::is_same_origin(&headers) {
        return Err(Failure::new(StatusCode::FORBIDDEN, "this came from another site's page"));
    }
    let cookie = auth::sign_out(&site, &headers);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}
