//! The frames of cameras and images, under Home Assistant's addresses. Nothing is ever fetched from
//! elsewhere: a picture that a device only gives the address of is answered with that address.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::auth::Caller;
use super::failure::{Failure, Message};
use crate::home::Home;
use crate::home::domain::image::Picture;
use crate::home::domain::{self, Caps, Domain};

/// A picture comes from a device: whatever it is, it may run nothing and load nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// A picture and its kind.
type Found = (Arc<[u8]>, HeaderValue);

/// The latest frame of a camera.
#[utoipa::path(get, path = "/api/camera_proxy/{entity_id}", params(("entity_id" = String, Path)),
    responses((status = 200, content_type = "image/*", body = String),
        (status = 404, body = Message)))]
pub(super) async fn camera(caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    caller.hub.read(|home| find(home, &id, Domain::Camera)).map(answer)
}

/// The picture of an image entity.
#[utoipa::path(get, path = "/api/image_proxy/{entity_id}", params(("entity_id" = String, Path)),
    responses((status = 200, content_type = "image/*", body = String),
        (status = 404, body = Message)))]
pub(super) async fn image(caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    caller.hub.read(|home| find(home, &id, Domain::Image)).map(answer)
}

fn find(home: &Home, id: &str, wanted: Domain) -> Result<Found, Failure> {
    let entity = home
        .entity(id)
        .filter(|entity| entity.is_enabled())
        .ok_or_else(|| Failure::refused("", &home.no_such_entity(id)))?;
    if entity.domain != wanted {
        return Err(Failure::unknown(format!("`{id}` is no {}", wanted.word())));
    }
    let none_yet = || Failure::unknown(format!("`{id}` has shown no picture yet"));
    match &entity.state {
        Some(domain::State::Camera(camera)) => {
            let frame = camera.frame.as_ref().ok_or_else(none_yet)?;
            Ok((Arc::clone(frame), kind(frame, "image/jpeg")))
        }
        Some(domain::State::Image(image)) => match image.picture.as_ref().ok_or_else(none_yet)? {
            Picture::Bytes(bytes) => {
                let said = match &entity.caps {
                    Some(Caps::Image(caps)) => &*caps.content_type,
                    _ => "",
                };
                Ok((Arc::clone(bytes), kind(bytes, said)))
            }
            Picture::Url(url) => Err(Failure::unknown(format!(
                "Homard fetches nothing from elsewhere; the picture of `{id}` is at {url}"
            ))),
        },
        _ => Err(none_yet()),
    }
}

/// What the bytes themselves say, else what the device says if that is a picture at all.
fn kind(bytes: &[u8], said: &str) -> HeaderValue {
    let seen = match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    };
    if let Some(seen) = seen {
        return HeaderValue::from_static(seen);
    }
    HeaderValue::from_str(said)
        .ok()
        .filter(|_| said.starts_with("image/"))
        .unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

fn answer((picture, kind): Found) -> Response {
    let mut response = Response::new(Body::from(Bytes::from_owner(picture)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_say_what_they_are_and_no_device_can_say_page() {
        for (bytes, said, expected) in [
            (&b"\xFF\xD8\xFF\xE0x"[..], "image/png", "image/jpeg"),
            (b"\x89PNG\r\n\x1a\nx", "", "image/png"),
            (b"RIFF1234WEBPVP8 ", "image/jpeg", "image/webp"),
            (b"<svg/>", "image/svg+xml", "image/svg+xml"),
            (b"<script>", "text/html", "application/octet-stream"),
            (b"x", "image/\n", "application/octet-stream"),
            (b"", "", "application/octet-stream"),
        ] {
            assert_eq!(kind(bytes, said), expected, "{said}");
        }
    }
}
