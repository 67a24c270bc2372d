//! Smaller answers for those who take them: pages, their files and the list of all states.

use std::io::Write;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Shorter answers fit into a packet or two anyway.
const MIN: usize = 1_024;

/// Whether the request says that it takes gzip.
pub(super) fn is_accepted(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).any(|choice| {
        let mut parts = choice.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
            && !parts.any(|part| {
                part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0_f32))
            })
    })
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    // Writing to a buffer in memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// An answer of these bytes, packed if it is wanted and of use.
pub(super) fn response(headers: &HeaderMap, kind: &'static str, bytes: Vec<u8>) -> Response {
    let is_packed = bytes.len() >= MIN && is_accepted(headers);
    let bytes = if is_packed { pack(&bytes) } else { bytes };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_takes_gzip_gets_it() {
        for (line, takes) in [
            ("", false),
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0, br", false),
            ("br", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(line));
            assert_eq!(is_accepted(&headers), takes, "{line}");
        }
    }

    #[test]
    fn what_is_packed_comes_back() {
        use std::io::Read;
        let text = "the same words, the same words, ".repeat(100);
        let packed = pack(text.as_bytes());
        assert!(packed.len() * 10 < text.len());
        let mut back = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut back).unwrap();
        assert_eq!(back, text);
    }
}
