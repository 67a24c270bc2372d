//! The first plain page: rooms, what is in them, and buttons; made on the server, kept live by a
//! small script. The full panel follows in its own place.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::failure::Failure;
use super::states::PAGE;
use super::words::Words;
use super::{Site, auth};
use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::entity::{Entity, View};
use crate::home::guard;
use crate::home::id::{AreaId, EntityId};
use crate::home::place::{Area, Floor};

/// Nothing from elsewhere, nothing inline, nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Services that become a button, in the order shown.
const BUTTONS: [&str; 13] = [
    "turn_on",
    "turn_off",
    "open_cover",
    "stop_cover",
    "close_cover",
    "open_valve",
    "close_valve",
    "lock",
    "unlock",
    "press",
    "start",
    "start_mowing",
    "return_to_base",
];

/// A token in the address: `homard demo` prints such a link.
#[derive(Deserialize)]
pub(super) struct Invitation {
    token: Option<String>,
}

/// The page, or the form that asks for a token.
pub(super) async fn panel(
    State(site): State<Arc<Site>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(invitation): Query<Invitation>,
    headers: HeaderMap,
) -> Response {
    let words = Words::accepted(&headers);
    if let Some(token) = invitation.token {
        return enter(&site, from, &token, words);
    }
    if !auth::is_signed_in(&site, &headers) {
        return html(StatusCode::OK, words, sign_in_page(words, None));
    }
    // A few rows at a time: a large house must not stand still while it is looked at.
    let ids: Vec<EntityId> = site.hub.read(|home| home.entities().map(|e| e.id.clone()).collect());
    let mut rooms = Rooms::new();
    for page in ids.chunks(PAGE) {
        site.hub.read(|home| page.iter().for_each(|id| row(home, id, words, &mut rooms)));
        tokio::task::yield_now().await;
    }
    let body = site.hub.read(|home| house(home, &site.settings.name, words, rooms));
    html(StatusCode::OK, words, body)
}

/// The rows of each area, by its id.
type Rooms = BTreeMap<Option<AreaId>, String>;

/// The form's field.
#[derive(Deserialize)]
pub(super) struct SignIn {
    token: String,
}

/// Takes the form.
pub(super) async fn sign_in(
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
    Ok(enter(&site, from, &form.token, Words::accepted(&headers)))
}

fn enter(site: &Site, from: SocketAddr, token: &str, words: &Words) -> Response {
    match auth::sign_in(site, from.ip(), token) {
        Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Err(failure) => {
            let status = failure.into_response().status();
            html(status, words, sign_in_page(words, Some(words.wrong_token)))
        }
    }
}

/// Ends the session.
pub(super) async fn sign_out(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if !auth::is_same_origin(&headers) {
        return Err(Failure::new(StatusCode::FORBIDDEN, "this came from another site's page"));
    }
    let cookie = auth::sign_out(&site, &headers);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

/// The style sheet.
pub(super) async fn css() -> Response {
    file("text/css; charset=utf-8", include_str!("panel.css"))
}

/// The script.
pub(super) async fn js() -> Response {
    file("text/javascript; charset=utf-8", include_str!("panel.js"))
}

/// The picture in the browser's tab.
pub(super) async fn icon() -> Response {
    file("image/svg+xml", include_str!("icon.svg"))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let kind = HeaderValue::from_static(kind);
    let policy = HeaderValue::from_static(POLICY);
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy)], text)
        .into_response()
}

fn html(status: StatusCode, words: &Words, body: String) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Homard</title>\n\
         <link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"/panel.css\">\n</head>\n{body}\n</html>\n",
        words.language,
    );
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let policy = HeaderValue::from_static(POLICY);
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy)];
    (status, headers, page).into_response()
}

fn sign_in_page(words: &Words, wrong: Option<&str>) -> String {
    let mut out = String::from("<body class=\"sign-in\">\n<main>\n<h1>Homard</h1>\n");
    if let Some(wrong) = wrong {
        put(&mut out, format_args!("<p role=\"alert\" class=\"error\">{}</p>\n", Text(wrong)));
    }
    put(
        &mut out,
        format_args!(
            "<form method=\"post\" action=\"/sign-in\">\n<label for=\"token\">{}</label>\n\
             <input id=\"token\" name=\"token\" type=\"password\" required autofocus \
             autocomplete=\"current-password\" autocapitalize=\"none\" spellcheck=\"false\">\n\
             <p class=\"hint\">{} <code>homard token add panel</code></p>\n\
             <button type=\"submit\">{}</button>\n</form>\n</main>\n</body>",
            Text(words.token),
            Text(words.token_hint),
            Text(words.sign_in),
        ),
    );
    out
}

/// All rooms by floor.
fn house(home: &Home, name: &str, words: &Words, mut rooms: Rooms) -> String {
    let mut out = String::with_capacity(8 * 1024);
    put(
        &mut out,
        format_args!(
            "<body data-words=\"{}\">\n<header>\n<h1>{}</h1>\n\
             <p id=\"status\" role=\"status\">{}</p>\n\
             </header>\n<form id=\"say\">\n<label for=\"text\">{}</label>\n<div>\
             <input id=\"text\" name=\"text\" autocomplete=\"off\" maxlength=\"500\" placeholder=\"{}\">\
             <button type=\"submit\">{}</button></div>\n\
             <output id=\"reply\" for=\"text\" aria-live=\"polite\"></output>\n</form>\n<main>\n",
            Text(&words.for_script()),
            Text(name),
            Text(words.connecting),
            Text(words.say),
            Text(words.example),
            Text(words.send),
        ),
    );
    if rooms.is_empty() {
        put(&mut out, format_args!("<p class=\"empty\">{}</p>\n", Text(words.empty)));
    }
    let mut floors: Vec<&Floor> = home.floors().collect();
    floors.sort_by_key(|floor| (floor.level.unwrap_or(i32::MAX), floor.name.clone()));
    let has_floors = !floors.is_empty();
    for floor in floors.into_iter().map(Some).chain([None]) {
        let is_here = |area: &&Area| area.floor.as_ref() == floor.map(|floor| &floor.id);
        let mut here: Vec<(&str, String)> = home
            .areas()
            .filter(is_here)
            .filter_map(|area| Some((&*area.name, rooms.remove(&Some(area.id.clone()))?)))
            .collect();
        if floor.is_none() {
            here.extend(rooms.remove(&None).map(|rows| (words.no_area, rows)));
        }
        if here.is_empty() {
            continue;
        }
        out.push_str("<section class=\"floor\">\n");
        if has_floors {
            let title = floor.map_or(words.no_floor, |floor| &floor.name);
            put(&mut out, format_args!("<h2>{}</h2>\n", Text(title)));
        }
        out.push_str("<div class=\"rooms\">\n");
        for (name, rows) in here {
            let name = Text(name);
            put(
                &mut out,
                format_args!(
                    "<section class=\"room\">\n<h3>{name}</h3>\n<ul>\n{rows}</ul>\n</section>\n"
                ),
            );
        }
        out.push_str("</div>\n</section>\n");
    }
    put(
        &mut out,
        format_args!(
            "</main>\n<footer><form method=\"post\" action=\"/sign-out\">\
             <button type=\"submit\" class=\"quiet\">{}</button></form></footer>\n\
             <script src=\"/panel.js\" type=\"module\"></script>\n</body>",
            Text(words.sign_out),
        ),
    );
    out
}

/// What a person looks for: not the settings and diagnostic values of devices.
fn row(home: &Home, id: &EntityId, words: &Words, rooms: &mut Rooms) {
    let Some(entity) = home.entity(id.as_str()) else { return };
    if entity.traits.category.is_some() || entity.traits.hidden {
        return;
    }
    let Some(view) = entity.view() else { return };
    let out = rooms.entry(home.area_of(entity).map(|area| area.id.clone())).or_default();
    let unit = entity.traits.unit.as_deref().unwrap_or_default();
    let name = match &*entity.friendly_name {
        "" => entity.id.as_str(),
        name => name,
    };
    put(
        out,
        format_args!(
            "<li data-id=\"{}\" data-state=\"{}\"><span class=\"name\">{}</span> \
             <span class=\"state\">{}{}{}</span>",
            Text(entity.id.as_str()),
            Text(&view.word),
            Text(name),
            Text(words.state(&view.word)),
            if unit.is_empty() { "" } else { " " },
            Text(unit),
        ),
    );
    if matches!(entity.domain, Domain::Camera | Domain::Image) {
        // The script shows it once there is one, and each new one.
        put(
            out,
            format_args!(
                "<img hidden alt=\"{}\" data-src=\"/api/{}_proxy/{}\">",
                Text(name),
                entity.domain.word(),
                Text(entity.id.as_str()),
            ),
        );
    }
    controls(out, home, entity, name, &view, words);
    out.push_str("</li>\n");
}

fn controls(
    out: &mut String,
    home: &Home,
    entity: &Entity,
    name: &str,
    view: &View,
    words: &Words,
) {
    let services = entity.domain.services();
    let has = |name: &str| services.iter().any(|service| service.name == name);
    let disabled = if view.word == "unavailable" { " disabled" } else { "" };
    // The services that the script asks about first.
    let confirm = |services: &[&str]| {
        let asked: Vec<&str> =
            services.iter().copied().filter(|name| guard::needs_yes(entity, name, home)).collect();
        if asked.is_empty() {
            String::new()
        } else {
            format!(" data-confirm=\"{}\"", asked.join(" "))
        }
    };
    // What is simply on or off is a switch; everything else has a button per service.
    if has("toggle") && has("turn_on") && has("turn_off") && shows_on_and_off(entity.domain) {
        put(
            out,
            format_args!(
                "<button type=\"button\" role=\"switch\" aria-checked=\"{}\" aria-label=\"{}\"{}{disabled}>\
                 <span></span></button>",
                view.word == "on",
                Text(name),
                confirm(&["turn_on", "turn_off"]),
            ),
        );
        return;
    }
    let mut is_first = true;
    for service in BUTTONS.into_iter().filter(|service| has(service)) {
        if std::mem::take(&mut is_first) {
            out.push_str("<span class=\"buttons\">");
        }
        let label = words.service(service);
        put(
            out,
            format_args!(
                "<button type=\"button\" data-service=\"{service}\" aria-label=\"{label}: {name}\"{}{disabled}>\
                 {label}</button>",
                confirm(&[service]),
                label = Text(label),
                name = Text(name),
            ),
        );
    }
    if !is_first {
        out.push_str("</span>");
    }
}

/// Domains whose state is the word `on` or `off`.
fn shows_on_and_off(domain: Domain) -> bool {
    matches!(
        domain,
        Domain::Light | Domain::Switch | Domain::Fan | Domain::Humidifier | Domain::Siren
    )
}

fn put(out: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = out.write_fmt(words);
}

/// A text as it stands in HTML, also within an attribute's quotes.
struct Text<'a>(&'a str);

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::words::FRENCH;

    #[test]
    fn names_cannot_become_markup() {
        for (name, written) in
            [("plain é", "plain é"), ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;"), ("é<é", "é&lt;é")]
        {
            assert_eq!(Text(name).to_string(), written);
        }
    }

    #[test]
    fn an_empty_house_says_so_in_the_reader_s_language() {
        let page = house(&Home::new(), "Chez <nous>", FRENCH, Rooms::new());
        assert!(page.contains("Chez &lt;nous&gt;"));
        assert!(page.contains(&Text(FRENCH.empty).to_string()));
    }
}
