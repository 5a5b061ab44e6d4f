//! What comes with every answer, whatever the answer is. (That each single answer has these headers is in
//! `support/manners.rs`, which looks at every answer of every test.)

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{Answer, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_answer_has_its_headers_errors_too,
        each_request_gets_an_id_of_its_own,
        a_callers_request_id_is_kept_if_it_is_plain,
        what_may_be_kept_depends_on_the_area,
        headers_that_are_too_large_are_431,
        an_error_tells_the_caller_nothing_of_the_inside,
        nothing_sets_a_cookie_or_allows_another_origin,
    ]
}

/// One answer of each status that can be had with one request.
fn answers(app: &App) -> Vec<Answer> {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    alice.dog("Rex", owner);
    let path = format!("/dogowner/owners/{owner}");
    vec![
        alice.get("/me").expect(200),
        alice.post("/dogowner/owners", &json!({"name": "Mia"})).expect(201),
        alice.delete(&format!("/dogowner/owners/{}", alice.owner("Zoe"))).expect(204),
        alice.send_text("POST", "/dogowner/owners", "{").expect(400),
        app.anon().get("/me").expect(401),
        alice.get("/nowhere").expect(404),
        alice.send("PUT", "/me", &[], None).expect(405),
        alice.send("GET", "/me", &[("Accept", "text/html")], None).expect(406),
        alice.delete(&path).expect(409),
        alice.send_text("POST", "/dogowner/owners", &" ".repeat(70_000)).expect(413),
        alice.get(&format!("/{}", "a".repeat(9000))).expect(414),
        alice.send("POST", "/dogowner/owners", &[("Content-Type", "text/plain")], Some(b"Ann")).expect(415),
        alice.get("/me?colour=red").expect(422),
        alice.send("GET", "/me", &[("X-Long", &"a".repeat(17_000))], None).expect(431),
        alice.send("OPTIONS", "/me", &[], None).expect(204),
        alice.send("HEAD", "/me", &[], None).expect(200),
    ]
}

fn every_answer_has_its_headers_errors_too(app: &App) {
    for answer in answers(app) {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(!answer.header("x-request-id").is_empty() && !answer.header("cache-control").is_empty(), "{answer}");
        if answer.status >= 400 {
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert_eq!(answer.text("request_id"), answer.header("x-request-id"));
        }
        for revealing in ["server", "x-powered-by", "strict-transport-security"] {
            assert!(answer.header_if_any(revealing).is_none(), "{answer}");
        }
    }
}

fn each_request_gets_an_id_of_its_own(app: &App) {
    let ids: BTreeSet<_> = (0..100).map(|_| app.anon().get("/health/live").header("x-request-id").to_owned()).collect();
    assert_eq!(ids.len(), 100);
}

fn a_callers_request_id_is_kept_if_it_is_plain(app: &App) {
    let with = |id: &str| {
        let answer = app.anon().send("GET", "/me", &[("X-Request-Id", id)], None).expect(401);
        answer.header("x-request-id").to_owned()
    };
    let longest = "a".repeat(64);
    for plain in ["a", "0", "Abc-123_x.y", "018f-4c", &longest] {
        assert_eq!(with(plain), plain);
    }
    for strange in ["", " ", "a b", "a/b", "a,b", "\"a\"", "a\tb", "<a>", "a=b", "{a}", "é", &"a".repeat(65)] {
        assert_ne!(with(strange), strange);
    }
    let two = app
        .wire("GET / HTTP/1.1\r\nHost: kennel\r\nX-Request-Id: one\r\nX-Request-Id: two\r\nConnection: close\r\n\r\n");
    assert_eq!(two.headers.get_all("x-request-id").iter().count(), 1, "{two}");
}

fn what_may_be_kept_depends_on_the_area(app: &App) {
    let alice = app.sign_in("alice");
    let cached = |answer: Answer| answer.header("cache-control").to_owned();
    for private in ["/dogowner/owners", "/dogowner/dog", "/dogowner/owners/4711", "/dogowner/owners?limit=0"] {
        assert_eq!(cached(alice.get(private)), "private, no-cache", "{private}");
    }
    let owner = alice.owner("Ann");
    assert_eq!(cached(alice.get(&format!("/dogowner/owners/{owner}"))), "private, no-cache, no-transform");
    assert_eq!(cached(alice.get("/me")), "no-store, no-transform");
    for never in ["/auth/login", "/nowhere", "/?colour=red"] {
        assert_eq!(cached(alice.get(never)), "no-store", "{never}");
    }
    for public in
        ["/", "/health/live", "/health/ready", "/openapi.yaml", "/openapi.json", "/postman.json", "/docs", "/app"]
    {
        assert_eq!(cached(alice.get(public)), "no-cache", "{public}");
    }
}

fn headers_that_are_too_large_are_431(app: &App) {
    let alice = app.sign_in("alice");
    let with = |length: usize| alice.send("GET", "/me", &[("X-Long", &"a".repeat(length))], None);
    with(15_000).expect(200);
    with(16_384).expect(431).problem("header-fields-too-large");
    let many = (0..2000).map(|number| format!("X-{number}: 1\r\n")).collect::<Vec<_>>().concat();
    let answer = app.wire(format!("GET / HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\n{many}\r\n"));
    answer.expect(431).problem("header-fields-too-large");
}

/// `support/manners.rs` knows what is never shown; these requests try to have it shown.
fn an_error_tells_the_caller_nothing_of_the_inside(app: &App) {
    let alice = app.sign_in("alice");
    for text in [r#"{"name":}"#, r#"{"name":"\ud800"}"#, r#"{"name":1e999}"#, "{\"name\":\"a\nb\"}", "[[[", "{\"a\":1"]
    {
        let answer = alice.send_text("POST", "/dogowner/owners", text);
        let detail = answer.text("detail");
        assert!(
            !["line", "column", "EOF", "token", "escape", "surrogate"].iter().any(|word| detail.contains(word)),
            "{answer}"
        );
    }
    for path in [
        "/dogowner/owners/'",
        "/dogowner/owners/9999999999999999999",
        "/dogowner/dogs/%00",
        "/dogowner/owners?cursor=%ff",
    ] {
        let answer = alice.get(path);
        assert!(
            !["i64", "parse", "invalid digit", "utf-8", "base64"]
                .iter()
                .any(|word| answer.text("detail").contains(word)),
            "{answer}"
        );
    }
}

fn nothing_sets_a_cookie_or_allows_another_origin(app: &App) {
    let alice = app.sign_in("alice");
    for origin in ["https://example.com", "null", "http://127.0.0.1:8000"] {
        for (method, path) in [("GET", "/me"), ("OPTIONS", "/me"), ("GET", "/"), ("GET", "/nowhere")] {
            let headers = [("Origin", origin), ("Access-Control-Request-Method", "DELETE")];
            let answer = alice.send(method, path, &headers, None);
            assert!(answer.header_if_any("access-control-allow-origin").is_none(), "{answer}");
            assert!(answer.header_if_any("set-cookie").is_none(), "{answer}");
        }
    }
}
