//! Headers are bytes, and others write into them: a neighbour's cookie, a proxy's note, a phone with a name. Each part
//! is judged by itself, and one that is no text spoils nothing else. (Cookies are in `accounts/refresh_cookie.rs`.)

use serde_json::{Value, json};

use crate::accounts::refresh_cookie::{cookie, new_browser};
use crate::support::{Actor, Answer, App, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_programs_name_is_kept_as_text_whatever_its_bytes_are,
        a_forwarded_address_counts_whatever_stands_before_it,
        a_scheme_counts_whatever_stands_before_it,
        a_host_is_the_origin_of_its_pages_with_the_usual_port_or_without,
        a_token_counts_whatever_else_is_sent,
        an_entity_tag_counts_whatever_stands_beside_it,
        a_media_type_counts_whatever_its_parameters_are,
        an_accepted_type_counts_whatever_stands_beside_it,
        a_request_id_counts_whatever_stands_beside_it,
    ]
}

/// Sends a request with these very bytes as headers.
fn ask(app: &App, request: &str, headers: &[&[u8]], body: &str) -> Answer {
    let mut bytes =
        format!("{request} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len()).into_bytes();
    if !headers.iter().any(|header| header.starts_with(b"Host:")) {
        bytes.extend_from_slice(b"Host: kennel\r\n");
    }
    for header in headers {
        bytes.extend_from_slice(header);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.as_bytes());
    app.wire(bytes)
}

fn bearer(actor: &Actor<'_>) -> Vec<u8> {
    format!("Authorization: Bearer {}", actor.token()).into_bytes()
}

const JSON: &[u8] = b"Content-Type: application/json";

fn a_programs_name_is_kept_as_text_whatever_its_bytes_are(app: &App) {
    app.sign_up("alice");
    let body = json!({"username": "alice", "password": PASSWORD}).to_string();
    let long = ["é".repeat(300).as_bytes(), b"\xe9"].concat();
    for (bytes, shown) in [
        ("Rex’s phone".as_bytes(), json!("Rex’s phone")),
        ("José/1.0 (🐕)".as_bytes(), json!("José/1.0 (🐕)")),
        (b"Jos\xe9/1.0", json!("José/1.0")),
        (b"Jos\xe9 and Jos\xc3\xa9", json!("José and José")),
        (b"a\tb\xc2\x85c\x9bd", json!("abcd")),
        (b"\x80\x81", Value::Null),
        (b"", Value::Null),
        (&long, json!("é".repeat(255))),
    ] {
        let answer = ask(app, "POST /auth/login", &[JSON, &[b"User-Agent: ", bytes].concat()], &body).expect(200);
        let actor = Actor::logged_in(app, &answer);
        let sessions = actor.get("/me/sessions").expect(200);
        assert_eq!(sessions.all("user_agent"), [shown]);
        actor.send("POST", "/auth/logout", &[], None).expect(200);
    }
}

fn a_forwarded_address_counts_whatever_stands_before_it(scene: &Database) {
    let settings = [("TRUSTED_PROXIES", "127.0.0.1"), ("LOGIN_RATE", "2/1h")];
    let app = App::with(Database::fresh(scene.engine), &settings);
    let mut number = 0;
    let mut log_in = |forwarded: &[&[u8]]| {
        number += 1;
        let body = json!({"username": format!("user-{number}"), "password": "not the password"}).to_string();
        let headers: Vec<_> = forwarded.iter().map(|value| [b"X-Forwarded-For: ", *value].concat()).collect();
        let headers: Vec<_> = headers.iter().map(Vec::as_slice).chain([JSON]).collect();
        ask(&app, "POST /auth/login", &headers, &body).status
    };
    let callers: [&[&[u8]]; 5] = [
        &["José, 203.0.113.7".as_bytes()],
        &[b"\xff, 203.0.113.7"],
        &[b"\xe9\xe8", b"203.0.113.7"],
        &[b"198.51.100.1, \x80,203.0.113.7"],
        &[b"203.0.113.7"],
    ];
    assert_eq!(callers.map(&mut log_in), [401, 401, 429, 429, 429], "they are one caller");
    // Nobody gets behind what is no address.
    assert_eq!([0; 3].map(|_| log_in(&[b"203.0.113.8, \xff"])), [401, 401, 429]);
    assert_eq!(log_in(&[b"203.0.113.9, \xe9"]), 429, "it is the proxy itself");
    assert_eq!(log_in(&[b"203.0.113.8"]), 401);
}

fn a_scheme_counts_whatever_stands_before_it(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[("TRUSTED_PROXIES", "127.0.0.1")]);
    let insists = |scheme: &[u8]| {
        let answer = ask(&app, "GET /", &[&[b"X-Forwarded-Proto: ", scheme].concat()], "").expect(200);
        answer.header_if_any("strict-transport-security").is_some()
    };
    for https in [&b"https"[..], b"\xe9, https", "José,HTTPS".as_bytes(), b"http, https"] {
        assert!(insists(https), "{}", String::from_utf8_lossy(https));
    }
    for other in [&b"http"[..], b"https, \xe9", b"https\xe9", b"https, http"] {
        assert!(!insists(other), "{}", String::from_utf8_lossy(other));
    }
}

fn a_host_is_the_origin_of_its_pages_with_the_usual_port_or_without(app: &App) {
    let (_, mut pair) = new_browser(app, "alice");
    let refresh = |pair: &str, host: &str, origin: &[u8]| {
        let (host, pair) = (format!("Host: {host}"), format!("Cookie: {pair}"));
        ask(app, "POST /auth/refresh", &[host.as_bytes(), pair.as_bytes(), &[b"Origin: ", origin].concat()], "")
    };
    for (host, origin) in [
        ("kennel.example:443", "https://kennel.example"),
        ("kennel.example", "https://kennel.example"),
        ("kennel.example:80", "http://kennel.example"),
        ("Kennel.Example.:443", "https://kennel.example"),
        ("[0:0:0:0:0:0:0:1]:443", "https://[::1]"),
        ("[::1]:8000", "http://[::1]:8000"),
    ] {
        pair = cookie(&refresh(&pair, host, origin.as_bytes()).expect(200)).0;
    }
    for (host, origin) in [
        ("kennel.example:443", &b"http://kennel.example"[..]),
        ("kennel.example:80", b"https://kennel.example"),
        ("kennel.example", b"https://kennel.example:8443"),
        ("kennel.example:8443", b"https://kennel.example"),
        ("kennel.example:443", b"https://kennel.example.evil.example"),
        ("kennel.example:443", b"https://kennel.example\xe9"),
        ("kennel.example", b"capacitor://kennel.example"),
        ("kennel.example", b"null"),
    ] {
        refresh(&pair, host, origin).expect(403).problem("foreign-origin");
    }
    refresh(&pair, "kennel.example:443", b"https://kennel.example").expect(200);
}

fn a_token_counts_whatever_else_is_sent(app: &App) {
    let alice = app.sign_in("alice");
    let headers: [&[u8]; 4] = [b"X-Real-Name: Jos\xe9", b"Cookie: who=Jos\xe9", b"Referer: \xff", &bearer(&alice)];
    ask(app, "GET /me", &headers, "").expect(200);
    // Of another scheme nothing is known, whatever it is made of.
    for other in [&b"Authorization: Basic \xe9"[..], b"Authorization: Jos\xe9 x", b"Authorization: \xff"] {
        ask(app, "GET /me", &[other], "").expect(401).problem("missing-token");
    }
    ask(app, "GET /me", &[b"Authorization: Bearer \xe9"], "").expect(401).problem("invalid-token");
}

fn an_entity_tag_counts_whatever_stands_beside_it(app: &App) {
    let alice = app.sign_in("alice");
    let path = format!("/dogowner/owners/{}", alice.owner("Ann"));
    let bearer = bearer(&alice);
    for known in [&b"\"1\", \"\xe9\""[..], "\"é-gzip\", W/\"1\"".as_bytes(), b"\"\xff\",\"1\"", b"W/\"\xa0\" , \"1\""]
    {
        let tags = [b"If-None-Match: ", known].concat();
        ask(app, &format!("GET {path}"), &[&bearer, &tags], "").expect(304);
    }
    let edit = |tags: &[u8]| {
        let tags = [b"If-Match: ", tags].concat();
        ask(app, &format!("PATCH {path}"), &[&bearer, JSON, &tags], r#"{"name":"Mia"}"#)
    };
    edit(b"\"\xe9\", \"1\"").expect(200);
    edit(b"\"\xe9\", \"1\"").expect(412);
    edit(b"\"\xc3\xa9\", \"2\"").expect(200);
    for malformed in [&b"\xe9"[..], b"\"3\", \xe9", b"\"3\"\xa0", b"\"3\" \"\xe9\""] {
        edit(malformed).expect(400).problem("malformed-request");
    }
}

fn a_media_type_counts_whatever_its_parameters_are(app: &App) {
    let alice = app.sign_in("alice");
    let bearer = bearer(&alice);
    let make = |media_type: &[u8]| {
        let media_type = [b"Content-Type: ", media_type].concat();
        ask(app, "POST /dogowner/owners", &[&bearer, &media_type], r#"{"name":"Ann"}"#)
    };
    for json in [&b"application/json; by=\xe9"[..], "application/json;by=José;charset=utf-8".as_bytes()] {
        make(json).expect(201);
    }
    for other in [&b"application/json; by=\xe9; charset=latin1"[..], b"text/\xe9", b"application/json\xe9"] {
        make(other).expect(415);
    }
}

fn an_accepted_type_counts_whatever_stands_beside_it(app: &App) {
    let alice = app.sign_in("alice");
    let bearer = bearer(&alice);
    let show = |accept: &[u8]| ask(app, "GET /me", &[&bearer, &[b"Accept: ", accept].concat()], "").status;
    for admitted in [
        &b"text/\xe9, application/json"[..],
        b"application/json;by=\xe9",
        b"\xe9",
        b"\xe9, text/html",
        b"*/*;q=0.1, \xff/\xff",
    ] {
        assert_eq!(show(admitted), 200, "{}", String::from_utf8_lossy(admitted));
    }
    for refused in [&b"text/html;by=\xe9"[..], b"application/json;by=\xe9;q=0"] {
        assert_eq!(show(refused), 406, "{}", String::from_utf8_lossy(refused));
    }
}

fn a_request_id_counts_whatever_stands_beside_it(app: &App) {
    let id = |headers: &[&[u8]]| ask(app, "GET /", headers, "").expect(200).header("x-request-id").to_owned();
    assert_eq!(id(&[b"X-Request-Id: \xe9", b"X-Request-Id: plain"]), "plain");
    assert_eq!(id(&[b"X-Request-Id: one", b"X-Request-Id: \xe9"]), "one");
    assert_ne!(id(&[b"X-Request-Id: pl\xe9in"]), "pl\u{e9}in");
}
