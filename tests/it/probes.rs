//! What somebody with bad intent sends to a running house that is open to the network: connections that never end their
//! request, bodies that are too large, addresses that lead elsewhere, other sites' pages, and guesses. None succeeds, and
//! meanwhile the others are served.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use homard::home::person::Role;
use serde_json::Value as Json;

use crate::access::{cookie, form, person};
use crate::support::homard::{Daemon, Folder};
use crate::web::House;

/// More than the server holds at a time.
const CROWD: usize = 700;

fn address(demo: &Daemon) -> String {
    demo.url.trim_start_matches("http://").to_owned()
}

/// Sends the beginning of a request from many sides and never its end.
fn hold(demo: &Daemon, beginning: &str) -> Vec<TcpStream> {
    let address = address(demo);
    let beginning = beginning.replace("HOST", &address);
    let begin = |_| {
        let mut stream = TcpStream::connect(&address).unwrap();
        // The server may have turned it away already.
        let _ = stream.write_all(beginning.as_bytes());
        stream
    };
    (0..CROWD).map(begin).collect()
}

#[test]
fn who_only_holds_connections_keeps_nobody_out() {
    let folder = Folder::new("probes-slow");
    let daemon = Daemon::start("run", &folder);
    let (_, idle_memory) = daemon.holds();
    for (what, beginning) in [
        ("nothing", ""),
        ("half a head", "GET /api/states HTTP/1.1\r\nHost: HOST\r\nX-Slow: "),
        (
            "half a form",
            "POST /sign-in HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\nContent-Type: \
             application/x-www-form-urlencoded\r\nContent-Length: 900\r\n\r\nname=",
        ),
        (
            "half a body in pieces",
            "POST /setup HTTP/1.1\r\nHost: HOST\r\nOrigin: http://HOST\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n5\r\n{\"nam\r\n",
        ),
    ] {
        let mut held = hold(&daemon, beginning);
        let mut longest = Duration::ZERO;
        for n in 0..40 {
            // They go on a byte at a time, as such a program does.
            for stream in held.iter_mut().skip(n).step_by(40) {
                let _ = stream.write_all(b"x");
            }
            let begun = Instant::now();
            daemon.get("/api/");
            longest = longest.max(begun.elapsed());
        }
        assert!(longest < Duration::from_secs(2), "{what}: others waited {longest:?}");
        println!("{what}: {CROWD} connections held, others waited {longest:?} at most");
        let (_, memory) = daemon.holds();
        assert!(memory < idle_memory + 64 * 1024, "{what}: {idle_memory} → {memory} KiB");
    }
    let (code, _) = daemon.stop();
    assert_eq!(code, Some(0));
}

#[test]
fn silent_sockets_of_one_address_leave_room_for_others() {
    let folder = Folder::new("probes-sockets");
    let daemon = Daemon::start("run", &folder);
    let upgrade = "GET /api/websocket HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut held = hold(&daemon, upgrade);
    let mut codes: Vec<u16> = Vec::new();
    for stream in &mut held {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut head = [0; 12];
        if stream.read_exact(&mut head).is_ok() {
            codes.push(std::str::from_utf8(&head[9..]).unwrap().parse().unwrap());
        }
    }
    let n_open = codes.iter().filter(|code| **code == 101).count();
    assert!((1..=64).contains(&n_open), "{n_open} of {} unknown sockets are open", codes.len());
    daemon.get("/api/states");
    // Who says who they are makes room for the next.
    drop(held);
    daemon.wait(|| {
        let mut stream = TcpStream::connect(address(&daemon)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(upgrade.replace("HOST", &address(&daemon)).as_bytes()).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).map_err(|error| error.to_string())?;
        if head.ends_with(b"101") { Ok(()) } else { Err("still refused".to_owned()) }
    });
}

/// A request as bytes; the status, 0 when the server only closed.
fn status(address: &str, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may answer and close before it has read all.
    let _ = stream.write_all(request);
    let mut answer = [0; 12];
    match stream.read_exact(&mut answer) {
        Ok(()) => std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap(),
        Err(_) => 0,
    }
}

#[test]
fn what_is_too_large_or_leads_elsewhere_is_refused_and_costs_nothing() {
    let folder = Folder::new("probes-large");
    let daemon = Daemon::start("run", &folder);
    let (address, token) = (address(&daemon), daemon.token.clone());
    let head = |line: &str, more: &str| {
        format!("{line} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{more}\r\n")
    };
    let large = "x".repeat(40 << 20);
    let json = format!("{{\"text\":\"{large}\"}}");
    let long = format!("GET /{} HTTP/1.1\r\nHost: {address}\r\n\r\n", "a".repeat(100_000));
    let many: String = (0..400).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let wide = format!("X-Large: {}\r\n", "a".repeat(200_000));
    let pieces = format!("{:x}\r\n{}\r\n0\r\n\r\n", large.len(), large);
    let length = |n: usize| format!("Content-Length: {n}\r\n");
    let kind = "Content-Type: application/json\r\n";
    let (_, before) = daemon.holds();
    for (what, request, codes) in [
        ("a long address", long, &[414, 431, 400, 0][..]),
        ("many headers", head("GET /api/", &many), &[431, 400, 0]),
        ("a large header", head("GET /api/", &wide), &[431, 400, 0]),
        (
            "a large body",
            head("POST /api/conversation/process", &(kind.to_owned() + &length(json.len())))
                + &json,
            &[413, 0],
        ),
        (
            "a large body in pieces",
            head(
                "POST /api/conversation/process",
                &(kind.to_owned() + "Transfer-Encoding: chunked\r\n"),
            ) + &pieces,
            &[413, 0],
        ),
        (
            "a large recording",
            head(
                "POST /api/speech",
                &("Content-Type: audio/wav\r\n".to_owned() + &length(large.len())),
            ) + &large,
            &[413, 503, 0],
        ),
        (
            "a body of no length",
            head(
                "POST /api/services/light/turn_on",
                &(kind.to_owned() + "Content-Length: 99999999999999999999\r\n"),
            ),
            &[400, 413, 0],
        ),
        (
            "two lengths",
            head(
                "POST /api/services/light/turn_on",
                &(kind.to_owned() + "Content-Length: 2\r\nContent-Length: 40\r\n"),
            ) + "{}",
            &[400, 0],
        ),
        (
            "a length and pieces",
            head(
                "POST /api/services/light/turn_on",
                &(kind.to_owned() + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
            ) + "0\r\n\r\nGET /api/ HTTP/1.1\r\n\r\n",
            &[400, 0],
        ),
    ] {
        let code = status(&address, request.as_bytes());
        assert!(codes.contains(&code), "{what}: {code}");
    }
    let peak = daemon.peak();
    assert!(peak < before + 80 * 1024, "{before} KiB, at most {peak} KiB");
    println!("memory: {before} KiB before, at most {peak} KiB");

    // No address leads to a file of the machine, however it is written.
    let secret = std::fs::read_to_string("/etc/passwd").unwrap();
    let first = secret.lines().next().unwrap();
    for path in [
        "/../../../../../../etc/passwd",
        "/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%252f..%252fetc/passwd",
        "/..\\..\\etc\\passwd",
        "/panel/x/../../../../etc/passwd",
        "/panel/x/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/panel/..%2f..%2f..%2fetc/passwd",
        "/panel/x/%00core.js",
        "/panel//etc/passwd",
        "/api/../../../etc/passwd",
        "/api/states/..%2f..%2fetc%2fpasswd",
        "/api/camera_proxy/..%2f..%2fetc%2fpasswd",
        "/api/image_proxy/..%2f..%2fetc%2fpasswd",
        "/api/homard/history/..%2f..%2fetc%2fpasswd",
        "/api/homard/areas/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/file:///etc/passwd",
    ] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request = head(&format!("GET {path}"), "Connection: close\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains(first) && !answer.contains("root:"), "{path}: {answer}");
        let code: u16 = answer[9..12].parse().unwrap();
        assert!([400, 404].contains(&code), "{path}: {answer}");
    }
    daemon.get("/api/");
}

#[test]
fn no_changing_route_obeys_another_site_s_page() {
    let house = House::new();
    person(&house, "Ada", Role::Admin);
    let cookie = cookie(&house, "Ada");
    let home = format!("http://{}", house.address);
    let page = house.raw("GET", "/", &[("Cookie", &cookie)], b"");
    let word = page.text().split("data-word=\"").nth(1).unwrap().split('"').next().unwrap();
    let openapi = house.call("GET", "/api/openapi.json", "").json();
    let mut n_routes = 0;
    for (path, methods) in openapi["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|method| *method != "get") {
            n_routes += 1;
            // Whatever is between the braces is no matter: nobody gets so far.
            let path = path.replace(['{', '}'], "");
            let method = method.to_uppercase();
            let foreign: [&[(&str, &str)]; 8] = [
                // A form of another page, with and without what old browsers leave out.
                &[("Origin", "http://evil.example"), ("Content-Type", "text/plain")],
                &[
                    ("Origin", "http://evil.example"),
                    ("Content-Type", "application/x-www-form-urlencoded"),
                ],
                &[("Origin", "null"), ("Content-Type", "application/json")],
                &[],
                &[("Sec-Fetch-Site", "cross-site"), ("Origin", &home)],
                &[("Sec-Fetch-Site", "same-site"), ("Origin", &home), ("X-Homard-Page", word)],
                // A page of ours without the word, and with a wrong one.
                &[("Sec-Fetch-Site", "same-origin"), ("Origin", &home)],
                &[("Origin", &home), ("X-Homard-Page", "00000000000000000000000000000000")],
            ];
            for (n, headers) in foreign.iter().enumerate() {
                let mut all = vec![("Cookie", &*cookie)];
                all.extend_from_slice(headers);
                let body: &[u8] = match &*path {
                    "/setup" => br#"{"name": "Eve", "password": "quite long enough"}"#,
                    _ => b"{}",
                };
                let answer = house.raw(&method, &path, &all, body);
                // The first owner's page has no cookie to misuse: it needs to be our own page, and nobody to be there. So has that
                // on which a fresh house takes a backup.
                let is_refused = match &*path {
                    "/setup" | "/setup/restore" => [403, 409].contains(&answer.status),
                    _ => answer.status == 403,
                };
                assert!(is_refused, "{method} {path}, {n}: {} {}", answer.status, answer.text());
            }
        }
    }
    assert!(n_routes > 20, "{n_routes}");
    for path in ["/sign-in", "/sign-out"] {
        for origin in ["http://evil.example", "null", "https://localhost"] {
            let headers = [
                ("Cookie", &*cookie),
                ("Origin", origin),
                ("Content-Type", "application/x-www-form-urlencoded"),
            ];
            assert_eq!(
                house.raw("POST", path, &headers, b"name=a&password=b").status,
                403,
                "{path} {origin}"
            );
        }
    }
    // Nobody was signed out, and nothing may be framed or read by another page.
    let page =
        house.raw("GET", "/", &[("Cookie", &cookie), ("Origin", "http://evil.example")], b"");
    assert!(page.text().contains("data-word"));
    let policy = &page.headers["content-security-policy"];
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.headers.contains_key("access-control-allow-origin"));
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
}

#[test]
fn guesses_take_longer_each_time_by_name_by_address_and_by_token() {
    let house = House::new();
    person(&house, "Bob", Role::Adult);
    let wait =
        |answer: &crate::web::Answer| -> u64 { answer.headers["retry-after"].parse().unwrap() };
    // By one name: three are free, then each costs twice the time.
    let mut waits = Vec::new();
    for round in 0..3 {
        for n in 0..12 {
            let answer = form(&house, &[], "Bob", &format!("guess {round} {n}"));
            match answer.status {
                401 => continue,
                429 => {
                    waits.push(wait(&answer));
                    std::thread::sleep(Duration::from_secs(wait(&answer)));
                    break;
                }
                other => panic!("{other}"),
            }
        }
    }
    assert!(waits.windows(2).all(|two| two[0] < two[1]), "{waits:?}");
    // The right one after the wait, and not before.
    let waiting = form(&house, &[], "Bob", "guess again");
    let early = form(&house, &[], "Bob", "four quiet lobsters");
    assert_eq!((waiting.status, early.status), (401, 429));
    // By many names from one address: that waits too.
    let by_address = form(&house, &[], "Somebody else", "guess");
    assert_eq!(by_address.status, 429);
    // Tokens: too long to be guessed, and slow all the same.
    let codes: Vec<u16> = (0..40)
        .map(|n| {
            let token = format!("Bearer guess{n}");
            house.raw("GET", "/api/states", &[("Authorization", &token)], b"").status
        })
        .collect();
    assert_eq!((codes[0], codes[39]), (401, 429), "{codes:?}");
    // Who has a good one is served meanwhile.
    let _: Json = house.call("GET", "/api/states", "").json();
}
