//! The refresh token of a browser: in a cookie that no script can use, and that two routes read. (From which pages
//! they are asked is in `foreign_pages.rs`.)

use serde_json::{Value, json};

use crate::refresh::now;
use crate::support::actor::Header;
use crate::support::contract::contract;
use crate::support::{Actor, Answer, App, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_cookie_is_set_for_whoever_asks_for_it_and_nobody_else,
        a_cookie_refreshes_and_is_replaced,
        a_cookie_lives_as_long_as_its_session,
        a_cookie_is_found_among_others,
        a_wrong_cookie_is_no_refresh_token,
        a_logout_ends_the_cookies_session_and_clears_it,
        no_other_route_reads_the_cookie,
    ]
}

/// The cookie of an answer as a browser sends it back, and its attributes.
#[track_caller]
pub fn cookie(answer: &Answer) -> (String, Vec<String>) {
    let mut parts = answer.header("set-cookie").split(';').map(|part| part.trim().to_owned());
    let pair = parts.next().expect("a name and a value");
    let mut attributes: Vec<_> = parts.collect();
    attributes.sort();
    (pair, attributes)
}

fn but_for_its_age(attributes: &[String]) -> Vec<&str> {
    attributes.iter().map(String::as_str).filter(|attribute| !attribute.starts_with("Max-Age=")).collect()
}

/// How long the browser keeps it, in seconds.
#[track_caller]
fn max_age(answer: &Answer) -> i64 {
    let (_, attributes) = cookie(answer);
    let age = attributes.iter().find_map(|attribute| attribute.strip_prefix("Max-Age=")).expect("Max-Age");
    age.parse().expect("seconds")
}

/// A browser that is logged in: its actor, without a refresh token, and its cookie.
fn browser<'a>(app: &'a App, name: &str) -> (Actor<'a>, String) {
    let body = json!({"username": name, "password": PASSWORD, "cookie": true});
    let answer = app.anon().post("/auth/login", &body).expect(200);
    (Actor::logged_in(app, &answer), cookie(&answer).0)
}

/// A new account in a browser.
pub fn new_browser<'a>(app: &'a App, name: &str) -> (Actor<'a>, String) {
    app.sign_up(name);
    browser(app, name)
}

/// What becomes of a refresh without a body.
pub fn refresh(app: &App, cookie: &str, headers: &[Header<'_>]) -> Answer {
    app.anon().send("POST", "/auth/refresh", &[&[("Cookie", cookie)], headers].concat(), None)
}

fn a_cookie_is_set_for_whoever_asks_for_it_and_nobody_else(app: &App) {
    app.sign_up("alice");
    let log_in = |cookie: Value| {
        let mut body = json!({"username": "alice", "password": PASSWORD});
        if !cookie.is_null() {
            body["cookie"] = cookie;
        }
        app.anon().post("/auth/login", &body).expect(200)
    };
    for without in [log_in(Value::Null), log_in(json!(false))] {
        assert!(without.header_if_any("set-cookie").is_none(), "{without}");
        without.text("refresh_token");
    }
    let with = log_in(json!(true));
    assert_eq!(with.json.get("refresh_token"), None, "{with}");
    assert_eq!(with.json["token_type"], "Bearer");
    let (pair, attributes) = cookie(&with);
    let token = pair.strip_prefix("kennel_refresh=").expect("its name");
    assert!(token.len() > 40 && !String::from_utf8_lossy(&with.body).contains(token), "{with}");
    assert_eq!(but_for_its_age(&attributes), ["HttpOnly", "Path=/auth", "SameSite=Strict", "Secure"]);
    assert!((1_209_540..=1_209_600).contains(&max_age(&with)), "two weeks: {with}");
    let wrong = json!({"username": "alice", "password": "not the password", "cookie": true});
    assert!(app.anon().post("/auth/login", &wrong).expect(401).header_if_any("set-cookie").is_none());
    for no_boolean in [json!("true"), json!(1), json!([])] {
        let body = json!({"username": "alice", "password": PASSWORD, "cookie": no_boolean});
        app.anon().post("/auth/login", &body).error("/cookie", "type");
    }
}

fn a_cookie_refreshes_and_is_replaced(app: &App) {
    let (mut alice, mut old) = new_browser(app, "alice");
    let first = old.clone();
    for body in [None, Some(json!({})), None] {
        let answer = app.anon().ask("POST", "/auth/refresh", &[("Cookie", &old)], body.as_ref()).expect(200);
        assert_eq!(answer.json.get("refresh_token"), None, "{answer}");
        let (new, attributes) = cookie(&answer);
        assert_eq!(but_for_its_age(&attributes), ["HttpOnly", "Path=/auth", "SameSite=Strict", "Secure"]);
        assert!((1_209_540..=1_209_600).contains(&max_age(&answer)), "two weeks: {answer}");
        assert_ne!(new, old);
        assert_eq!(cookie(&refresh(app, &old, &[]).expect(200)).0, new, "a tab that races gets the same");
        let next = Actor::logged_in(app, &answer);
        assert_eq!(next.session(), alice.session());
        next.get("/me").expect(200);
        (alice, old) = (next, new);
    }
    refresh(app, &first, &[]).expect(401).problem("invalid-refresh-token");
    alice.get("/me").expect(401).problem("revoked-token");
    refresh(app, &old, &[]).expect(401).problem("invalid-refresh-token");
}

fn a_cookie_lives_as_long_as_its_session(app: &App) {
    let (_, pair) = new_browser(app, "alice");
    app.database.put_back("created_at", "sessions", 29 * 86_400);
    let answer = refresh(app, &pair, &[]).expect(200);
    let (age, left) = (max_age(&answer), app.database.time("expires_at", "sessions") - now());
    assert!((86_400 - 60..=86_400).contains(&age), "{age}");
    assert!(left < 86_400.5, "{left}");
}

fn a_cookie_is_found_among_others(app: &App) {
    let (_, mut pair) = new_browser(app, "alice");
    for (before, after) in
        [("a=b; ", ""), ("", "; theme=dark"), ("kennel=1; xkennel_refresh=x; ", "; kennel_refreshed=y")]
    {
        pair = cookie(&refresh(app, &format!("{before}{pair}{after}"), &[]).expect(200)).0;
    }
}

fn a_wrong_cookie_is_no_refresh_token(app: &App) {
    let (alice, pair) = new_browser(app, "alice");
    let value = pair.split_once('=').expect("a value").1;
    let none = app.anon().send("POST", "/auth/refresh", &[], None).expect(401).problem("invalid-refresh-token");
    for wrong in ["", "x", "1.1.x", &value[1..], &format!("{value}A"), alice.token(), &"x".repeat(4000), "%00", "\"\""]
    {
        let answer = refresh(app, &format!("kennel_refresh={wrong}"), &[]).expect(401);
        assert_eq!(answer.body_but_for_the_request_id(), none.body_but_for_the_request_id());
    }
    refresh(app, &format!("refresh={value}"), &[]).expect(401);
    refresh(app, &format!("KENNEL_REFRESH={value}"), &[]).expect(401);
    alice.get("/me").expect(200);
    refresh(app, &pair, &[]).expect(200);
}

fn a_logout_ends_the_cookies_session_and_clears_it(app: &App) {
    let (alice, pair) = new_browser(app, "alice");
    let (there, _) = browser(app, "alice");
    let log_out = |pair: &str| {
        let answer = app.anon().send("POST", "/auth/logout", &[("Cookie", pair)], None).expect(200);
        let (cleared, attributes) = cookie(&answer);
        assert_eq!(cleared, "kennel_refresh=");
        assert_eq!(attributes, ["HttpOnly", "Max-Age=0", "Path=/auth", "SameSite=Strict", "Secure"]);
        assert_eq!(answer.json, json!({"message": "Logged Out"}));
    };
    log_out(&pair);
    alice.get("/me").expect(401).problem("revoked-token");
    refresh(app, &pair, &[]).expect(401).problem("invalid-refresh-token");
    there.get("/me").expect(200);
    // One that is dead already, and one that never lived.
    log_out(&pair);
    log_out("kennel_refresh=x");
    let without = there.send("POST", "/auth/logout", &[], None).expect(200);
    assert!(without.header_if_any("set-cookie").is_none(), "{without}");
    there.get("/me").expect(401);
}

fn no_other_route_reads_the_cookie(app: &App) {
    let (alice, pair) = new_browser(app, "alice");
    let hers = crate::support::walk::rows(&alice);
    let rows = |app: &App| (app.database.rows(), app.database.count("sessions WHERE revoked_at IS NULL"));
    for operation in &contract().operations {
        if ["refresh", "logout"].contains(&operation.id.as_str()) {
            continue;
        }
        let (path, body) = (crate::support::walk::path(operation, &hers), crate::support::walk::body(operation, &hers));
        let before = rows(app);
        let without = app.anon().ask(&operation.method, &path, &[], body.as_ref());
        if !crate::support::walk::is_private(operation) {
            assert!(without.header_if_any("set-cookie").is_none(), "{without}");
            continue;
        }
        let with = app.anon().ask(&operation.method, &path, &[("Cookie", &pair)], body.as_ref());
        let with = with.expect(401).problem("missing-token");
        assert_eq!(with.body_but_for_the_request_id(), without.body_but_for_the_request_id());
        assert_eq!(rows(app), before, "{}", operation.id);
    }
    refresh(app, &pair, &[]).expect(200);
}
