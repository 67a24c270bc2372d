//! `/api/homard/people`, `…/tokens`, `…/me`, and `/setup`: who may come in, and as what. Passwords and tokens only ever go
//! in; a token is shown once, when it is made.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use super::attempts::Key;
use super::auth::{self, Caller, Way};
use super::failure::{self, Failure, Json, Message};
use super::registry::said;
use super::session::{self, blocking};
use super::{Site, wire};
use crate::home::id::{AreaId, PersonId};
use crate::home::person::{Matter, Person, Role, Voice};
use crate::storage::{Holder, PersonEdit};

/// Rooms of one guest.
const MOST_AREAS: usize = 200;
/// Longest name or language in a request; what is stored is shorter still.
const LONGEST_LANGUAGE: usize = 35;

/// Somebody who may sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PersonObject {
    id: String,
    name: String,
    /// `admin`, `adult`, `child` or `guest`.
    role: &'static str,
    /// The language they chose, `fr`.
    language: Option<String>,
    /// The voice they are spoken to with, by its name; the house's own where it is `null`.
    voice: Option<String>,
    /// How loud they are spoken to, 0 to 100.
    volume: Option<u8>,
    /// The ids of a guest's rooms.
    areas: Vec<String>,
}

impl From<&Person> for PersonObject {
    fn from(person: &Person) -> Self {
        Self {
            id: person.id.to_string(),
            name: person.name.clone(),
            role: person.role.word(),
            language: person.language.clone(),
            voice: person.voice.name.clone(),
            volume: person.voice.volume,
            areas: person.areas.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A person as they are to be. What is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonWish {
    name: Option<String>,
    /// `admin`, `adult`, `child` or `guest`.
    role: Option<String>,
    /// Empty leaves it to the browser and the home.
    language: Option<String>,
    /// The name of a voice; empty is the house's own.
    voice: Option<String>,
    /// 0 to 100; `null` is as loud as to anybody.
    #[serde(default, deserialize_with = "said")]
    volume: Option<Option<u8>>,
    /// The ids of a guest's rooms.
    areas: Option<Vec<String>>,
    /// At least 8 characters. A new one ends all their sessions.
    password: Option<String>,
}

impl PersonWish {
    fn edit(&self, caller: &Caller) -> Result<PersonEdit, Failure> {
        let role = self.role.as_deref().map(str::parse::<Role>).transpose();
        let role = role.map_err(|error| Failure::bad(format!("`role`: {error}")))?;
        let areas = self.areas.as_ref().map(|ids| areas(ids, caller)).transpose()?;
        let language = self.language.as_deref().map(language).transpose()?;
        let (name, voice) = (self.name.clone(), self.voice.as_deref().map(voice));
        Ok(PersonEdit { name, role, language, voice, volume: self.volume, areas })
    }
}

fn areas(ids: &[String], caller: &Caller) -> Result<BTreeSet<AreaId>, Failure> {
    if ids.len() > MOST_AREAS {
        return Err(Failure::bad(format!("`areas` may be at most {MOST_AREAS}")));
    }
    let find = |id: &String| match caller.hub.read(|home| home.area(id).map(|area| area.id.clone()))
    {
        Some(id) => Ok(id),
        None => Err(Failure::bad(format!("`areas`: no area `{id}`"))),
    };
    ids.iter().map(find).collect()
}

/// A code that somebody wrote, if they wrote one.
pub(super) fn language(code: &str) -> Result<Option<String>, Failure> {
    let is_code = code.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if code.len() > LONGEST_LANGUAGE || !is_code {
        return Err(Failure::bad("`language` must be a code such as `fr`"));
    }
    Ok(Some(code.to_owned()).filter(|code| !code.is_empty()))
}

fn voice(name: &str) -> Option<String> {
    Some(name.to_owned()).filter(|name| !name.trim().is_empty())
}

/// Everybody who may sign in.
#[utoipa::path(get, path = "/api/homard/people",
    responses((status = 200, body = [PersonObject]), (status = 403, body = Message)))]
pub(super) async fn people(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let people = site.access.people.list()?;
    Ok(failure::json(&people.iter().map(PersonObject::from).collect::<Vec<_>>()))
}

/// Adds somebody.
#[utoipa::path(post, path = "/api/homard/people", request_body = PersonWish,
    responses((status = 200, body = PersonObject), (status = 400, body = Message)))]
pub(super) async fn add_person(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Json(wish): Json<PersonWish>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let edit = wish.edit(&caller)?;
    let (people, now) = (site.access.people.clone(), site.access.clock.now());
    let password = wish.password;
    let person = blocking(move || people.add(edit, password.as_deref(), now)).await?;
    tracing::info!(person = %person.name, role = person.role.word(), "Somebody was added.");
    Ok(failure::json(&PersonObject::from(&person)))
}

/// Changes somebody. Nobody can take the role of the last admin away.
#[utoipa::path(patch, path = "/api/homard/people/{id}", params(("id" = String, Path)),
    request_body = PersonWish,
    responses((status = 200, body = PersonObject), (status = 400, body = Message),
        (status = 404, body = Message)))]
pub(super) async fn edit_person(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(id): Path<String>,
    Json(wish): Json<PersonWish>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let edit = wish.edit(&caller)?;
    let (people, id) = (site.access.people.clone(), PersonId::new(&id));
    let (wanted, password) = (id.clone(), wish.password);
    let person = blocking(move || {
        let person = people.edit(&id, edit)?;
        match password {
            Some(password) if person.is_some() => people.set_password(&id, &password),
            _ => Ok(person),
        }
    });
    let person = person.await?.ok_or_else(|| no_person(wanted.as_str()))?;
    Ok(failure::json(&PersonObject::from(&person)))
}

/// Removes somebody, with their sessions and tokens. The last admin cannot be removed.
#[utoipa::path(delete, path = "/api/homard/people/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Message), (status = 400, body = Message),
        (status = 404, body = Message)))]
pub(super) async fn remove_person(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let (people, wanted) = (site.access.people.clone(), PersonId::new(&id));
    match blocking(move || people.remove(&wanted)).await? {
        true => Ok(done("Removed.")),
        false => Err(no_person(&id)),
    }
}

fn no_person(id: &str) -> Failure {
    Failure::unknown(format!("there is nobody with the id `{id}`"))
}

fn done(message: &str) -> Response {
    failure::json(&Message { message: message.to_owned() })
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
struct MeObject {
    /// Of the person, or of the token.
    name: String,
    role: &'static str,
    /// `null` of tokens that are nobody's.
    person_id: Option<String>,
    language: Option<String>,
    /// The voice they are spoken to with, by its name; the house's own where it is `null`.
    voice: Option<String>,
    /// How loud they are spoken to, 0 to 100.
    volume: Option<u8>,
    /// The ids of a guest's rooms; `null` is everywhere.
    areas: Option<Vec<String>>,
}

/// Who asks, as the house knows them.
#[utoipa::path(get, path = "/api/homard/me", responses((status = 200, body = MeObject)))]
pub(super) async fn me(State(site): State<Arc<Site>>, caller: Caller) -> Response {
    let rights = &caller.rights;
    let Voice { name: voice, volume } = caller.voice(&site);
    failure::json(&MeObject {
        name: caller.name.to_string(),
        role: rights.role.word(),
        person_id: rights.person.as_ref().map(ToString::to_string),
        language: caller.language.as_deref().map(str::to_owned),
        voice,
        volume,
        areas: rights.areas.as_ref().map(|areas| areas.iter().map(ToString::to_string).collect()),
    })
}

/// What everybody may change of themselves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MeWish {
    /// Empty leaves it to the browser and the home.
    language: Option<String>,
    /// The name of a voice; empty is the house's own.
    voice: Option<String>,
    /// 0 to 100; `null` is as loud as to anybody.
    #[serde(default, deserialize_with = "said")]
    volume: Option<Option<u8>>,
    /// A new password, which ends all sessions but this one.
    password: Option<String>,
    /// The password until now, with a new one.
    old_password: Option<String>,
}

/// Changes what somebody decides about themselves.
#[utoipa::path(patch, path = "/api/homard/me", request_body = MeWish,
    responses((status = 200, body = Message), (status = 400, body = Message),
        (status = 403, body = Message)))]
pub(super) async fn edit_me(
    State(site): State<Arc<Site>>,
    caller: Caller,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Json(wish): Json<MeWish>,
) -> Result<Response, Failure> {
    let id = caller.rights.person.clone().ok_or_else(|| {
        Failure::new(StatusCode::FORBIDDEN, "a token that is nobody's has nothing to change")
    })?;
    let edit = PersonEdit {
        language: wish.language.as_deref().map(language).transpose()?,
        voice: wish.voice.as_deref().map(voice),
        volume: wish.volume,
        ..PersonEdit::default()
    };
    if edit != PersonEdit::default() {
        let (people, id) = (site.access.people.clone(), id.clone());
        blocking(move || people.edit(&id, edit)).await?;
    }
    let Some(password) = wish.password else { return Ok(done("Changed.")) };
    // A token or an open browser alone must not be enough to keep its owner out.
    let old = wish.old_password.unwrap_or_default();
    if session::check_password(&site, from.ip(), &caller.name, &old).await?.is_none() {
        return Err(Failure::new(StatusCode::FORBIDDEN, "the password until now is wrong"));
    }
    let (people, wanted) = (site.access.people.clone(), id.clone());
    blocking(move || people.set_password(&wanted, &password)).await?;
    let mut response = done("Changed.");
    if matches!(caller.way, Way::Session(_)) {
        response.headers_mut().insert(header::SET_COOKIE, session::open(&site, &id).await?);
    }
    Ok(response)
}

/// A token as it is listed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenObject {
    name: String,
    made: String,
    /// What it may do, of a token that is nobody's.
    role: Option<&'static str>,
    /// The name of the person whose it is.
    person: Option<String>,
}

/// All tokens; the tokens themselves are nowhere.
#[utoipa::path(get, path = "/api/homard/tokens",
    responses((status = 200, body = [TokenObject]), (status = 403, body = Message)))]
pub(super) async fn tokens(
    State(site): State<Arc<Site>>,
    caller: Caller,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let mut list = Vec::new();
    for token in site.access.tokens.list()? {
        let (role, person) = match &token.holder {
            Holder::Role(role) => (Some(role.word()), None),
            Holder::Person(id) => (None, site.access.people.person(id)?.map(|person| person.name)),
        };
        let made = wire::time_text(token.made_at);
        list.push(TokenObject { name: token.name, made, role, person });
    }
    Ok(failure::json(&list))
}

/// A token to be made: of a role, or of a person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenWish {
    /// What it is for.
    name: String,
    /// `admin`, `adult` or `child`; `adult` unless said otherwise.
    role: Option<String>,
    /// The id of the person whose it is: it may do what they may.
    person_id: Option<String>,
}

/// A token that was made.
#[derive(Debug, Serialize, ToSchema)]
struct NewToken {
    name: String,
    /// It is shown only now.
    token: String,
}

/// Makes a token.
#[utoipa::path(post, path = "/api/homard/tokens", request_body = TokenWish,
    responses((status = 200, body = NewToken), (status = 400, body = Message)))]
pub(super) async fn add_token(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Json(wish): Json<TokenWish>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let TokenWish { name, role, person_id } = wish;
    let holder = match (person_id, role) {
        (Some(id), None) => {
            let person = site.access.people.person(&PersonId::new(&id))?;
            Holder::Person(person.ok_or_else(|| no_person(&id))?.id)
        }
        (None, role) => match role.as_deref().unwrap_or("adult").parse() {
            Ok(Role::Guest) => {
                return Err(Failure::bad("a guest's token is a person's, whose rooms it knows"));
            }
            Ok(role) => Holder::Role(role),
            Err(error) => return Err(Failure::bad(format!("`role`: {error}"))),
        },
        (Some(_), Some(_)) => return Err(Failure::bad("give `role` or `person_id`, not both")),
    };
    let (tokens, now, called) = (site.access.tokens.clone(), site.access.clock.now(), name.clone());
    let token = blocking(move || tokens.add(&called, &holder, now)).await?;
    Ok(failure::json(&NewToken { name: name.trim().to_owned(), token }))
}

/// Removes a token: it no longer works.
#[utoipa::path(delete, path = "/api/homard/tokens/{name}", params(("name" = String, Path)),
    responses((status = 200, body = Message), (status = 404, body = Message)))]
pub(super) async fn remove_token(
    State(site): State<Arc<Site>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    caller.needs(Matter::Daemon)?;
    let (tokens, wanted) = (site.access.tokens.clone(), name.clone());
    match blocking(move || tokens.remove(&wanted)).await? {
        true => Ok(done("Removed.")),
        false => Err(Failure::unknown(format!("there is no token named `{name}`"))),
    }
}

/// Who is to run a house that nobody runs yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstOwner {
    name: String,
    /// At least 8 characters.
    password: String,
    language: Option<String>,
    /// The code that the daemon has printed, where the panel is open to the network.
    code: Option<String>,
}

/// The house has an owner, who is signed in.
#[derive(Debug, Serialize, ToSchema)]
struct Opened {
    /// What the page must send from now on with whatever is to do something, as `X-Homard-Page`.
    word: String,
}

/// Makes the first owner of a house that has nobody yet, and signs them in. Needs the code that the daemon has printed
/// where the panel can be reached from the network.
#[utoipa::path(post, path = "/setup", security(()), request_body = FirstOwner,
    responses((status = 200, body = Opened), (status = 400, body = Message),
        (status = 403, body = Message), (status = 409, body = Message)))]
pub(super) async fn setup(
    State(site): State<Arc<Site>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Json(first): Json<FirstOwner>,
) -> Result<Response, Failure> {
    may_begin(&site, from, &headers, first.code)?;
    let edit = PersonEdit {
        name: Some(first.name),
        role: Some(Role::Admin),
        language: first.language.as_deref().map(language).transpose()?,
        ..PersonEdit::default()
    };
    let (people, now) = (site.access.people.clone(), site.access.clock.now());
    let person = blocking(move || people.add_first(edit, &first.password, now)).await?;
    let person = person.ok_or_else(has_owner)?;
    tracing::info!(person = %person.name, "The house has an owner.");
    let (cookie, word) = session::open_with_word(&site, &person.id).await?;
    let answer = failure::json(&Opened { word: word.to_string() });
    Ok(([(header::SET_COOKIE, cookie)], answer).into_response())
}

fn has_owner() -> Failure {
    Failure::new(StatusCode::CONFLICT, "this house has an owner already")
}

/// Lets through who may begin a house: nobody runs it yet, and they have the code where one is needed.
pub(super) fn may_begin(
    site: &Site,
    from: SocketAddr,
    headers: &HeaderMap,
    code: Option<String>,
) -> Result<(), Failure> {
    if !auth::is_same_origin(headers) {
        return Err(auth::foreign_page());
    }
    if !site.access.people.is_empty()? {
        return Err(has_owner());
    }
    if !needs_code(site, headers) {
        return Ok(());
    }
    // One code for all: who guesses waits, from whatever address.
    let keys = [Key::address(from.ip()), Key::name("setup code")];
    session::is_to_wait(site, &keys)?;
    let said: String =
        code.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    let settings = site.settings();
    let code = settings.setup_code.as_deref().unwrap_or_default();
    if code.is_empty() || !bool::from(code.as_bytes().ct_eq(said.as_bytes())) {
        site.doors.attempts.failed(&keys);
        return Err(Failure::new(StatusCode::FORBIDDEN, "this is not the code"));
    }
    site.doors.attempts.succeeded(&keys);
    Ok(())
}

/// Whether the first owner must show the code: where others than this machine can come to the panel, also through a
/// proxy on this machine.
pub(super) fn needs_code(site: &Site, headers: &HeaderMap) -> bool {
    let proxies = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    site.settings().setup_code.is_some()
        || !site.is_loopback
        || proxies.iter().any(|name| headers.contains_key(*name))
}
