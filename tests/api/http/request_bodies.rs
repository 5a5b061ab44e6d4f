//! Bodies as bytes on the wire: at the limit, above it, in chunks, shorter than they say, packed.

use serde_json::json;

use crate::support::wire::Wire;
use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_body_may_come_in_chunks,
        a_body_in_chunks_has_the_same_limit,
        a_length_above_the_limit_is_refused_before_the_body_comes,
        a_body_that_ends_before_its_length_creates_nothing,
        a_body_that_does_not_come_is_given_up,
        a_packed_body_is_not_unpacked,
        a_length_that_lies_smuggles_nothing,
        two_lengths_or_a_length_and_chunks_are_refused,
        what_is_not_http_is_400,
    ]
}

fn head(token: &str, more: &str) -> String {
    format!(
        "POST /dogowner/owners HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\n{more}\r\n"
    )
}

fn chunks(body: &str, size: usize) -> String {
    let chunk = |part: &[u8]| format!("{:x}\r\n{}\r\n", part.len(), String::from_utf8_lossy(part));
    body.as_bytes().chunks(size).map(chunk).collect::<String>() + "0\r\n\r\n"
}

fn a_body_may_come_in_chunks(app: &App) {
    let alice = app.sign_in("alice");
    let chunked = head(alice.token(), "Transfer-Encoding: chunked\r\n");
    let answer = app.wire(chunked + &chunks(r#"{"name":"Ann in chunks"}"#, 5)).expect(201);
    assert_eq!(answer.text("name"), "Ann in chunks");
}

fn a_body_in_chunks_has_the_same_limit(app: &App) {
    let alice = app.sign_in("alice");
    let chunked = || head(alice.token(), "Transfer-Encoding: chunked\r\n");
    let padded = |length: usize| r#"{"name":"Ann"}"#.to_owned() + &" ".repeat(length - 14);
    app.wire(chunked() + &chunks(&padded(65_536), 4096)).expect(201);
    app.wire(chunked() + &chunks(&padded(65_537), 4096)).expect(413).problem("content-too-large");
    app.wire(chunked() + &chunks(&padded(10 << 20), 65_536)).expect(413);
    assert_eq!(app.database.count("owners"), 1);
}

fn a_length_above_the_limit_is_refused_before_the_body_comes(app: &App) {
    let alice = app.sign_in("alice");
    for length in ["65537", "1000000000", "18446744073709551615"] {
        let answer = app.wire(head(alice.token(), &format!("Content-Length: {length}\r\n")));
        answer.expect(413).problem("content-too-large");
    }
}

fn a_body_that_ends_before_its_length_creates_nothing(app: &App) {
    let alice = app.sign_in("alice");
    let mut wire = Wire::open(app);
    wire.send((head(alice.token(), "Content-Length: 100\r\n") + r#"{"name":"Ann"}"#).as_bytes());
    wire.finish();
    // Hanging up on somebody who hung up first is as good as telling.
    if let Some(answer) = wire.try_answer() {
        assert!([400, 408].contains(&answer.status), "{answer}");
    }
    assert_eq!(alice.get("/dogowner/owners").json, json!([]));
}

/// Waits as long as the server does, which is ten seconds.
fn a_body_that_does_not_come_is_given_up(app: &App) {
    let alice = app.sign_in("alice");
    let mut wire = Wire::open(app);
    wire.send((head(alice.token(), "Content-Length: 100\r\n") + r#"{"name":"#).as_bytes());
    wire.answer().expect(408).problem("request-timeout");
    assert_eq!(alice.get("/dogowner/owners").json, json!([]));
}

fn a_packed_body_is_not_unpacked(app: &App) {
    let alice = app.sign_in("alice");
    // The first bytes of a gzip file; what they would unpack to is never looked at.
    let bomb = [&[0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3][..], &vec![0; 60_000]].concat();
    let headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    let answer = alice.send("POST", "/dogowner/owners", &headers, Some(&bomb));
    answer.expect(415).problem("unsupported-media-type");
    let packed = head(alice.token(), "Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n";
    let status = app.wire(packed).status;
    assert!([400, 415, 501].contains(&status), "{status}");
}

fn a_length_that_lies_smuggles_nothing(app: &App) {
    let alice = app.sign_in("alice");
    let smuggled = head(alice.token(), "Content-Length: 16\r\n") + r#"{"name":"Smith"}"#;
    // The length ends the body where it says, inside the text; the rest is no request.
    let mut wire = Wire::open(app);
    let keep_alive = head(alice.token(), "Content-Length: 5\r\n").replace("Connection: close\r\n", "");
    wire.send((keep_alive + r#"{"name":"Ann"}"# + &smuggled).as_bytes());
    wire.answer().expect(400).problem("malformed-json");
    drop(wire);
    assert_eq!(alice.get("/dogowner/owners").json, json!([]));
}

/// RFC 9112 §6.3
fn two_lengths_or_a_length_and_chunks_are_refused(app: &App) {
    let alice = app.sign_in("alice");
    let body = r#"{"name":"Ann"}"#;
    for lengths in [
        "Content-Length: 14\r\nContent-Length: 4\r\n",
        "Content-Length: 14\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length: +14\r\n",
        "Content-Length: -14\r\n",
        "Content-Length: 14abc\r\n",
        "Content-Length: 0x0e\r\n",
    ] {
        let mut wire = Wire::open(app);
        wire.send((head(alice.token(), lengths) + body).as_bytes());
        wire.finish();
        if let Some(answer) = wire.try_answer() {
            assert!([400, 501].contains(&answer.status), "{lengths}: {answer}");
        }
    }
    assert_eq!(alice.get("/dogowner/owners").json, json!([]));
}

fn what_is_not_http_is_400(app: &App) {
    for no_request in [
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nHost kennel\r\n\r\n",
        "GET / HTTP/1.1\r\nHo st: kennel\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: kennel\r\nX: a\0b\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: kennel\r\n\r\n",
    ] {
        let mut wire = Wire::open(app);
        wire.send(no_request.as_bytes());
        wire.finish();
        if let Some(answer) = wire.try_answer() {
            answer.expect(400).problem("malformed-request");
        }
    }
    app.anon().get("/health/live").expect(200);
}
