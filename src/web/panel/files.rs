//! What the pages load: the style sheet, scripts, pictures and words, all within the program. Their
//! addresses hold a fingerprint of them all, so that browsers keep them until the program changes.

use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::shell::POLICY;
use super::words::LANGUAGES;
use crate::packed::{Packed, packed};
use crate::web::gzip;

macro_rules! files {
    ($($(#[$only:meta])* $name:literal),+ $(,)?) => {
        &[$($(#[$only])* ($name, packed!("src/web/panel/files/", $name))),+]
    };
}

/// The scripts, as ES modules that name each other by their bare file names.
pub(super) const SCRIPTS: &[(&str, Packed)] = files![
    "act.js",
    "aloud.js",
    "broker.js",
    "card.js",
    "chart.js",
    "core.js",
    "devices.js",
    "favourites.js",
    "forms.js",
    "history.js",
    "home.js",
    "microphone.js",
    "place.js",
    "problems.js",
    "recorder.js",
    "routine-made.js",
    "routine-seen.js",
    "routines.js",
    "settings-broker.js",
    "settings-connections.js",
    "settings-home.js",
    "settings-log.js",
    "settings-system.js",
    #[cfg(feature = "telegram")]
    "settings-telegram.js",
    "settings-updates.js",
    "settings-voice.js",
    "settings.js",
    "strength.js",
    "talk.js",
    "things.js",
    "tongue.js",
    "wall.js",
    "welcome.js",
    "widgets.js",
];

const ICON: &str = include_str!("files/icon.svg");
const OTHERS: &[(&str, Packed)] = files!["panel.css", "icons.svg", "problems-fr.json"];

struct File {
    name: String,
    kind: &'static str,
    text: Packed,
}

struct Files {
    version: String,
    list: Vec<File>,
}

static FILES: LazyLock<Files> = LazyLock::new(|| {
    let words = LANGUAGES.iter().map(|words| (format!("{}.json", words.language), words.file));
    let others = SCRIPTS.iter().chain(OTHERS).map(|(name, text)| ((*name).to_owned(), *text));
    let mut hash = Sha256::new();
    let list = others.chain(words).map(|(name, text)| {
        hash.update(name.as_bytes());
        hash.update(text.gzip());
        File { kind: kind(&name), name, text }
    });
    let list = list.collect();
    let version = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    Files { version, list }
});

/// The fingerprint in the addresses.
pub(super) fn version() -> &'static str {
    &FILES.version
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        _ => "image/svg+xml",
    }
}

/// One file. Another version's address is answered with this one's file, which is not kept: the
/// program was changed while a page was open.
pub(super) async fn file(
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(file) = FILES.list.iter().find(|file| file.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let is_packed = gzip::is_accepted(&headers);
    let body = match is_packed {
        true => Body::from(file.text.gzip()),
        false => Body::from(file.text.text()),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if version == FILES.version {
        let long = HeaderValue::from_static("public, max-age=31536000, immutable");
        headers.insert(header::CACHE_CONTROL, long);
    }
    response
}

/// The picture in the browser's tab.
pub(super) async fn icon() -> Response {
    let kind = HeaderValue::from_static("image/svg+xml");
    let policy = HeaderValue::from_static(POLICY);
    let day = HeaderValue::from_static("public, max-age=86400");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, day),
    ];
    (headers, ICON).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_that_is_named_is_in_the_sprite() {
        let sprite = OTHERS[1].1.text();
        let has = |name: &str| sprite.contains(&format!("id=\"{name}\""));
        let mut n_icons = 0;
        for (file, script) in SCRIPTS {
            let script = script.text();
            for start in ["icon(\"", "picture: \""] {
                for (at, _) in script.match_indices(start) {
                    let name = script[at + start.len()..].split('"').next().unwrap();
                    assert!(has(name), "{file}: {name}");
                    n_icons += 1;
                }
            }
        }
        assert!(n_icons > 40, "{n_icons}");
    }

    #[test]
    fn nothing_is_made_of_markup_from_elsewhere() {
        for (name, script) in SCRIPTS {
            let script = script.text();
            for bad in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
                assert!(!script.contains(bad), "{name}: {bad}");
            }
        }
    }
}
