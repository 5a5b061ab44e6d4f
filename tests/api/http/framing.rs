//! Where a request and an answer end, one after the other on a connection: as the headers say, whatever else they say.

use crate::support::wire::Wire;
use crate::support::{Actor, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        an_offer_of_another_protocol_changes_nothing,
        a_body_that_comes_with_an_offer_ends_where_it_says,
        nobody_gets_a_tunnel,
        an_export_is_framed_as_its_headers_say,
        each_of_many_requests_is_answered_by_itself,
        after_the_last_request_nothing_more_is_executed,
        a_chunk_that_cannot_be_read_is_400,
        a_body_in_chunks_that_does_not_follow_is_given_up,
        an_endless_body_is_not_read_on_after_the_answer,
        a_small_body_that_nobody_wants_does_not_cost_the_connection,
        a_client_that_waits_to_be_asked_for_the_body_is_asked_if_it_is_wanted,
    ]
}

/// A server that hangs up if it has a reason to, and not because of the time.
fn patient(database: &Database) -> App {
    let settings = [("KEEP_ALIVE", "10m"), ("HEADER_TIMEOUT", "60s"), ("WRITE_TIMEOUT", "10m")];
    App::with(Database::fresh(database.engine), &settings)
}

/// What a client may offer to change to, as headers.
const OFFERS: [&str; 8] = [
    "Connection: upgrade\r\n",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n",
    "Upgrade: websocket\r\n",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "Connection: upgrade\r\nUpgrade: TLS/1.2, HTTP/1.1\r\n",
    "Connection: \u{e9}, upgrade\r\nUpgrade: \u{e9}\r\n",
    "Connection: upgrade\r\nConnection: keep-alive\r\nUpgrade: irc/6.9, websocket\r\n",
];

fn an_offer_of_another_protocol_changes_nothing(database: &Database) {
    let app = &patient(database);
    let alice = app.sign_in("alice");
    let token = alice.token();
    for path in ["/me", "/openapi.yaml", "/nowhere", "/me/export"] {
        for offer in OFFERS {
            let mut wire = Wire::open(app);
            // On the third there is still a third.
            for _ in 0..3 {
                let head =
                    format!("GET {path} HTTP/1.1\r\nHost: kennel\r\nAuthorization: Bearer {token}\r\n{offer}\r\n");
                wire.send(head.as_bytes());
                let answer = wire.answer();
                assert_eq!(answer.status, if path == "/nowhere" { 404 } else { 200 }, "{offer}: {answer}");
                let named = ["connection", "upgrade"].map(|name| answer.header_if_any(name));
                assert_eq!(named, [None, None], "{offer}: {answer}");
            }
        }
    }
}

fn create(alice: &Actor<'_>, headers: &str, body: &str) -> String {
    format!(
        "POST /dogowner/owners HTTP/1.1\r\nHost: kennel\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\n{headers}\r\n{body}",
        alice.token()
    )
}

fn a_body_that_comes_with_an_offer_ends_where_it_says(database: &Database) {
    let app = &patient(database);
    let alice = app.sign_in("alice");
    for offer in OFFERS {
        let mut wire = Wire::open(app);
        let hidden = create(&alice, "Content-Length: 17\r\n", r#"{"name":"Hidden"}"#);
        wire.send(create(&alice, &format!("{offer}Content-Length: 14\r\n"), r#"{"name":"Ann"}"#).as_bytes());
        wire.answer().expect(201);
        let chunked = format!("{offer}Transfer-Encoding: chunked\r\n");
        wire.send(create(&alice, &chunked, "e\r\n{\"name\":\"Bea\"}\r\n0\r\n\r\n").as_bytes());
        wire.answer().expect(201);
        // What stands in a body is no request.
        let whole = format!("{offer}Content-Length: {}\r\n", hidden.len());
        wire.send(create(&alice, &whole, &hidden).as_bytes());
        wire.answer().expect(400).problem("malformed-json");
    }
    assert_eq!(app.database.count("owners"), i64::try_from(2 * OFFERS.len()).expect("a few"));
}

fn nobody_gets_a_tunnel(database: &Database) {
    let app = &patient(database);
    let mut wire = Wire::open(app);
    wire.send(b"CONNECT kennel:443 HTTP/1.1\r\nHost: kennel:443\r\n\r\n");
    let answer = wire.answer();
    assert!([400, 404, 405].contains(&answer.status), "{answer}");
    assert_eq!(answer.header("connection"), "close");
    wire.send(b"GET / HTTP/1.1\r\nHost: kennel\r\n\r\n");
    assert!(wire.is_over());
}

fn an_export_is_framed_as_its_headers_say(database: &Database) {
    let app = &patient(database);
    let alice = app.sign_in("alice");
    for name in ["Ann", "Bea", "Mia"] {
        alice.owner(name);
    }
    let token = alice.token();
    let mut offers: Vec<_> = OFFERS.to_vec();
    offers.extend(["", "Connection: keep-alive\r\n", "Connection: close\r\n"]);
    for version in ["1.0", "1.1"] {
        for method in ["GET", "HEAD"] {
            for offer in &offers {
                let mut wire = Wire::open(app);
                wire.send(
                    format!("{method} /me/export HTTP/{version}\r\nHost: kennel\r\nAuthorization: Bearer {token}\r\n{offer}\r\n")
                        .as_bytes(),
                );
                let answer = wire.answer().expect(200);
                let chunked = (version == "1.1").then_some("chunked");
                assert_eq!(answer.header_if_any("transfer-encoding"), chunked, "{offer}: {answer}");
                if method == "GET" {
                    assert_eq!(answer.json["owners"].as_array().map(Vec::len), Some(3), "{offer}");
                }
                let closes = version == "1.0" || *offer == "Connection: close\r\n";
                if closes {
                    assert_eq!(answer.header("connection"), "close", "{offer}: {answer}");
                    assert!(wire.is_over(), "{offer}");
                } else {
                    wire.send(b"GET /health/live HTTP/1.1\r\nHost: kennel\r\n\r\n");
                    wire.answer().expect(200);
                }
            }
        }
    }
}

/// All at once, and each unlike the next: with a body or without, to be shown or only its head, old and new.
fn each_of_many_requests_is_answered_by_itself(database: &Database) {
    let app = &patient(database);
    let alice = app.sign_in("alice");
    let token = alice.token();
    let with =
        |line: &str, more: &str| format!("{line}\r\nHost: kennel\r\nAuthorization: Bearer {token}\r\n{more}\r\n");
    let requests = [
        with("GET /me HTTP/1.1", ""),
        with("HEAD /me HTTP/1.1", ""),
        with("GET /me/export HTTP/1.1", ""),
        with("HEAD /me/export HTTP/1.1", ""),
        with("GET /me HTTP/1.0", "Connection: keep-alive\r\n"),
        create(&alice, "Content-Length: 14\r\n", r#"{"name":"Ann"}"#),
        with("OPTIONS /me HTTP/1.1", ""),
        create(&alice, "Transfer-Encoding: chunked\r\n", "e\r\n{\"name\":\"Bea\"}\r\n0\r\n\r\n"),
        with("GET /me HTTP/1.1", "Upgrade: websocket\r\n"),
        with("GET /dogowner/owners HTTP/1.1", ""),
    ];
    let mut wire = Wire::open(app);
    for request in &requests {
        wire.send(request.as_bytes());
    }
    for status in [200, 200, 200, 200, 200, 201, 204, 201, 200] {
        wire.answer().expect(status);
    }
    assert_eq!(wire.answer().expect(200).all("name"), ["Ann", "Bea"]);
}

fn after_the_last_request_nothing_more_is_executed(database: &Database) {
    let app = &patient(database);
    let alice = app.sign_in("alice");
    for last in [
        "GET /me HTTP/1.1\r\nConnection: close\r\n",
        "GET /me HTTP/1.1\r\nConnection: keep-alive, Close\r\n",
        "GET /me HTTP/1.1\r\nConnection: close, upgrade\r\nUpgrade: websocket\r\n",
        "GET /me HTTP/1.1\r\nConnection: \u{e9}, close\r\n",
        "GET /me HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close\r\n",
        "GET /me HTTP/1.0\r\n",
        "HEAD /health/live HTTP/1.1\r\nConnection: close\r\n",
        "DELETE /me/sessions/4711 HTTP/1.1\r\nConnection: close\r\n",
    ] {
        let next = create(&alice, "Content-Length: 14\r\n", r#"{"name":"Ann"}"#);
        let mut wire = Wire::open(app);
        wire.send(format!("{last}Host: kennel\r\nAuthorization: Bearer {}\r\n\r\n{next}", alice.token()).as_bytes());
        let answer = wire.answer();
        assert_eq!(answer.header("connection"), "close", "{answer}");
        assert!(wire.is_over(), "{last}");
    }
    assert_eq!(app.database.count("owners"), 0);
}

fn a_chunk_that_cannot_be_read_is_400(database: &Database) {
    let app = &patient(database);
    let alice = app.sign_in("alice");
    for chunks in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2{}\r\n0\r\n\r\n",
        "\r\n{}\r\n0\r\n\r\n",
        "fffffffffffffffffff\r\n{}",
        "e\r\n{\"name\":\"Ann\"}e\r\n",
        "e\r\n{\"name\":\"Ann\"}\r\n-",
    ] {
        let mut wire = Wire::open(app);
        wire.send(create(&alice, "Transfer-Encoding: chunked\r\n", chunks).as_bytes());
        let answer = wire.answer().expect(400).problem("malformed-request");
        assert_eq!((answer.header("connection"), &answer.json["instance"]), ("close", &"/dogowner/owners".into()));
        assert!(wire.is_over(), "{chunks:?}");
    }
    assert_eq!(app.database.count("owners"), 0);
}

/// Waits as long as the server does, which is ten seconds.
fn a_body_in_chunks_that_does_not_follow_is_given_up(database: &Database) {
    let app = &patient(database);
    let alice = app.sign_in("alice");
    let begun = ["", "5", "5\r\n", "5\r\n{\"nam", "e\r\n{\"name\":\"Ann\"}\r\n", "e\r\n{\"name\":\"Ann\"}\r\n0\r\n"];
    let mut wires = begun.map(|chunks| {
        let mut wire = Wire::open(app);
        wire.send(create(&alice, "Transfer-Encoding: chunked\r\n", chunks).as_bytes());
        wire
    });
    for (wire, chunks) in wires.iter_mut().zip(begun) {
        let answer = wire.answer().expect(408).problem("request-timeout");
        assert_eq!(answer.header("connection"), "close", "{chunks:?}");
        assert!(wire.is_over(), "{chunks:?}");
    }
    assert_eq!(app.database.count("owners"), 0);
}

/// Bytes that may be on their way, and a little more.
const FEW: usize = 32 << 20;

/// What is read beyond the answer is read lest the answer gets lost.
fn an_endless_body_is_not_read_on_after_the_answer(database: &Database) {
    let app = &patient(database);
    let alice = app.sign_in("alice");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536)).into_bytes();
    let endless = |line: &str, headers: &str| {
        format!("{line} HTTP/1.1\r\nHost: kennel\r\nContent-Type: application/json\r\n{headers}\r\n")
    };
    let token = format!("Authorization: Bearer {}\r\n", alice.token());
    for (line, headers, status) in [
        ("POST /dogowner/owners", "Transfer-Encoding: chunked\r\n".to_owned(), 401),
        ("POST /dogowner/owners", format!("{token}Transfer-Encoding: chunked\r\n"), 413),
        ("POST /dogowner/owners", format!("{token}Content-Length: 18446744073709551615\r\n"), 413),
        ("POST /nowhere", "Transfer-Encoding: chunked\r\n".to_owned(), 404),
        ("GET /health/live", "Transfer-Encoding: chunked\r\n".to_owned(), 200),
        ("GET /health/live", "Upgrade: websocket\r\nContent-Length: 99999999999\r\n".to_owned(), 200),
    ] {
        let mut wire = Wire::open(app);
        wire.send(endless(line, &headers).as_bytes());
        let sent = wire.send_without_end(&chunk);
        assert!(sent < FEW, "{line}: {sent} bytes");
        // It was there before the connection ended.
        if let Some(answer) = wire.try_answer() {
            assert_eq!((answer.status, answer.header("connection")), (status, "close"), "{answer}");
        }
        let mut wire = Wire::open(app);
        wire.send(endless(line, &headers).as_bytes());
        wire.send(&chunk);
        if status != 413 {
            let answer = wire.answer().expect(status);
            assert_eq!(answer.header("connection"), "close", "{answer}");
            assert!(wire.is_over());
        }
    }
}

fn a_small_body_that_nobody_wants_does_not_cost_the_connection(database: &Database) {
    let app = &patient(database);
    let mut wire = Wire::open(app);
    for (headers, body) in [
        ("Content-Length: 5\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        ("Upgrade: websocket\r\nContent-Length: 5\r\n", "hello"),
        ("Content-Length: 0\r\n", ""),
    ] {
        for (method, path, status) in [("POST", "/nowhere", 404), ("GET", "/health/live", 200), ("PUT", "/me", 401)] {
            wire.send(format!("{method} {path} HTTP/1.1\r\nHost: kennel\r\n{headers}\r\n{body}").as_bytes());
            let answer = wire.answer().expect(status);
            assert_eq!(answer.header_if_any("connection"), None, "{answer}");
        }
    }
}

/// RFC 9110 §10.1.1
fn a_client_that_waits_to_be_asked_for_the_body_is_asked_if_it_is_wanted(database: &Database) {
    let app = &patient(database);
    let alice = app.sign_in("alice");
    let waiting = |headers: &str| create(&alice, &format!("Expect: 100-continue\r\n{headers}"), "");
    let mut wire = Wire::open(app);
    for _ in 0..2 {
        wire.send(waiting("Content-Length: 14\r\n").as_bytes());
        wire.answer().expect(100);
        wire.send(br#"{"name":"Ann"}"#);
        wire.answer().expect(201);
    }
    for (waiting, status) in [
        (waiting("Content-Length: 65537\r\n"), 413),
        (waiting("Content-Length: 14\r\n").replace("application/json", "text/plain"), 415),
        (waiting("Content-Length: 14\r\n").replace("Authorization", "X-Not"), 401),
    ] {
        let mut wire = Wire::open(app);
        wire.send(waiting.as_bytes());
        let answer = wire.answer().expect(status);
        assert_eq!(answer.header("connection"), "close", "{answer}");
    }
    assert_eq!(app.database.count("owners"), 2);
}
