//! The refresh token of a browser: in a cookie that no script can use, and that two routes read. (From which pages
//! they are asked is in `http/csrf.rs`.)

use serde_json::{Value, json};

use crate::support::actor::Header;
use crate::support::clock::now;
use crate::support::contract::contract;
use crate::support::manners::OLD_COOKIE_GOES;
use crate::support::{Actor, Answer, App, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_cookie_is_set_for_whoever_asks_for_it_and_nobody_else,
        a_cookie_refreshes_and_is_replaced,
        a_cookie_lives_as_long_as_its_session,
        a_cookie_is_found_among_others_whatever_bytes_they_are_made_of,
        of_several_cookies_a_good_one_wins_wherever_it_stands,
        of_several_cookies_without_a_good_one_each_copy_ends_its_session,
        a_wrong_cookie_is_no_refresh_token,
        a_logout_ends_the_cookies_session_and_clears_it,
        a_logout_ends_the_sessions_of_all_cookies,
        a_cookie_of_the_earlier_name_is_taken_and_replaced,
        a_cookie_of_the_earlier_name_comes_last,
        no_other_route_reads_the_cookie,
    ]
}

/// What the cookie is called.
const NAME: &str = "__Host-kennel_refresh";
/// What it was called before.
const OLD_NAME: &str = "kennel_refresh";

/// The cookie of an answer as a browser sends it back, and its attributes.
#[track_caller]
pub fn cookie(answer: &Answer) -> (String, Vec<String>) {
    let first = answer.header_if_any("set-cookie").unwrap_or_else(|| panic!("no cookie in {answer}"));
    let mut parts = first.split(';').map(|part| part.trim().to_owned());
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
    let token = pair.strip_prefix(&format!("{NAME}=")).expect("its name");
    assert!(token.len() > 40 && !String::from_utf8_lossy(&with.body).contains(token), "{with}");
    assert_eq!(but_for_its_age(&attributes), ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]);
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
        assert_eq!(but_for_its_age(&attributes), ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]);
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

/// What becomes of a refresh with these very bytes as headers.
fn refresh_with(app: &App, headers: &[&[u8]]) -> Answer {
    let mut request =
        b"POST /auth/refresh HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\nContent-Length: 0\r\n".to_vec();
    for header in headers {
        request.extend_from_slice(header);
        request.extend_from_slice(b"\r\n");
    }
    app.wire([&request[..], b"\r\n"].concat())
}

fn a_cookie_is_found_among_others_whatever_bytes_they_are_made_of(app: &App) {
    let (_, mut pair) = new_browser(app, "alice");
    for (before, after) in [
        ("a=b; ", ""),
        ("", "; theme=dark"),
        ("kennel=1; xkennel_refresh=x; ", "; kennel_refreshed=y"),
        ("who=Jos\u{e9}; ", "; Zo\u{eb}=\u{1f415}"),
        ("\u{e9}; ;; =; ", ";"),
    ] {
        pair = cookie(&refresh(app, &format!("{before}{pair}{after}"), &[]).expect(200)).0;
    }
    for others in
        [&b"who=Jos\xe9; "[..], b"\xff\xfe=\x80;", b"__Host-kennel_refresh=\xe9; ", b"a=\xc3\x28; kennel_refresh=\xff;"]
    {
        let mine = [b"Cookie: ", others, pair.as_bytes(), b"; b=\xa0"].concat();
        pair = cookie(&refresh_with(app, &[&mine]).expect(200)).0;
        let mine = [b"Cookie: ", pair.as_bytes()].concat();
        let theirs = [b"Cookie: ", others].concat();
        pair = cookie(&refresh_with(app, &[&theirs, &mine, &theirs]).expect(200)).0;
    }
}

fn of_several_cookies_a_good_one_wins_wherever_it_stands(app: &App) {
    let (alice, first) = new_browser(app, "alice");
    let second = cookie(&refresh(app, &first, &[]).expect(200)).0;
    let mut good = cookie(&refresh(app, &second, &[]).expect(200)).0;
    let (bob, of_bob) = new_browser(app, "bob");
    bob.send("POST", "/auth/logout", &[], None).expect(200);
    let value = good.split_once('=').expect("a value").1.to_owned();
    let forged = format!("{NAME}={}A", &value[..value.len() - 1]);
    let unknown = format!("{NAME}=4711.0.{}", "A".repeat(43));
    // A copy of an earlier one is no use to whoever planted it, and does no harm.
    for bad in [&format!("{NAME}="), &forged, &unknown, &of_bob, &first] {
        let many = [bad.as_str(); 12].join("; ");
        for cookies in [format!("{many}; {good}"), format!("{good}; {many}"), format!("{many}; {good}; {many}")] {
            let answer = refresh(app, &cookies, &[("Cookie", bad.as_str())]).expect(200);
            assert_eq!(Actor::logged_in(app, &answer).session(), alice.session(), "{cookies}");
        }
        good = cookie(&refresh(app, &good, &[]).expect(200)).0;
    }
    alice.get("/me").expect(200);
}

fn of_several_cookies_without_a_good_one_each_copy_ends_its_session(app: &App) {
    let stale = |name: &str| {
        let (actor, first) = new_browser(app, name);
        let second = cookie(&refresh(app, &first, &[]).expect(200)).0;
        refresh(app, &second, &[]).expect(200);
        (actor, first)
    };
    let ((alice, of_alice), (bob, of_bob), (zoe, of_zoe)) = (stale("alice"), stale("bob"), new_browser(app, "zoe"));
    refresh(app, &format!("{of_alice}; {NAME}=x; {of_bob}"), &[]).expect(401).problem("invalid-refresh-token");
    for ended in [&alice, &bob] {
        ended.get("/me").expect(401).problem("revoked-token");
    }
    zoe.get("/me").expect(200);
    refresh(app, &of_zoe, &[]).expect(200);
}

fn a_wrong_cookie_is_no_refresh_token(app: &App) {
    let (alice, pair) = new_browser(app, "alice");
    let value = pair.split_once('=').expect("a value").1;
    let none = app.anon().send("POST", "/auth/refresh", &[], None).expect(401).problem("invalid-refresh-token");
    for wrong in ["", "x", "1.1.x", &value[1..], &format!("{value}A"), alice.token(), &"x".repeat(4000), "%00", "\"\""]
    {
        let answer = refresh(app, &format!("{NAME}={wrong}"), &[]).expect(401);
        assert_eq!(answer.body_but_for_the_request_id(), none.body_but_for_the_request_id());
    }
    refresh(app, &format!("refresh={value}"), &[]).expect(401);
    for no_name in ["KENNEL_REFRESH", "__host-kennel_refresh", "Host-kennel_refresh", "__Host-kennel_refresh "] {
        refresh(app, &format!("{no_name}={value}"), &[]).expect(401);
    }
    alice.get("/me").expect(200);
    refresh(app, &pair, &[]).expect(200);
}

fn a_logout_ends_the_cookies_session_and_clears_it(app: &App) {
    let (alice, pair) = new_browser(app, "alice");
    let (there, _) = browser(app, "alice");
    let log_out = |pair: &str| {
        let answer = app.anon().send("POST", "/auth/logout", &[("Cookie", pair)], None).expect(200);
        let (cleared, attributes) = cookie(&answer);
        assert_eq!(cleared, format!("{NAME}="));
        assert_eq!(attributes, ["HttpOnly", "Max-Age=0", "Path=/", "SameSite=Strict", "Secure"]);
        let all: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert!(all.len() == 2 && all[1] == OLD_COOKIE_GOES, "{answer}");
        assert_eq!(answer.json, json!({"message": "Logged Out"}));
    };
    log_out(&pair);
    alice.get("/me").expect(401).problem("revoked-token");
    refresh(app, &pair, &[]).expect(401).problem("invalid-refresh-token");
    there.get("/me").expect(200);
    // One that is dead already, and one that never lived.
    log_out(&pair);
    log_out(&format!("{NAME}=x"));
    log_out(&format!("{OLD_NAME}=x"));
    let without = there.send("POST", "/auth/logout", &[], None).expect(200);
    assert!(without.header_if_any("set-cookie").is_none(), "{without}");
    there.get("/me").expect(401);
}

fn a_logout_ends_the_sessions_of_all_cookies(app: &App) {
    let (alice, pair) = new_browser(app, "alice");
    let (there, other) = browser(app, "alice");
    let elsewhere = app.log_in("alice");
    let cookies = format!("a=\u{e9}; {}; {NAME}=x; {other}", pair.replace(NAME, OLD_NAME));
    app.anon().send("POST", "/auth/logout", &[("Cookie", &cookies)], None).expect(200);
    for out in [&alice, &there] {
        out.get("/me").expect(401).problem("revoked-token");
    }
    elsewhere.get("/me").expect(200);
}

/// For whoever was logged in when the name was another one.
fn a_cookie_of_the_earlier_name_is_taken_and_replaced(app: &App) {
    let (alice, pair) = new_browser(app, "alice");
    let old = pair.replace(NAME, OLD_NAME);
    assert_ne!(old, pair);
    let answer = refresh(app, &format!("who=Jos\u{e9}; {old}"), &[]).expect(200);
    let (new, attributes) = cookie(&answer);
    assert!(new.starts_with(&format!("{NAME}=")), "{answer}");
    assert_eq!(but_for_its_age(&attributes), ["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]);
    let all: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert!(all.len() == 2 && all[1] == OLD_COOKIE_GOES, "{answer}");
    assert_eq!(Actor::logged_in(app, &answer).session(), alice.session());
    let next = refresh(app, &new, &[]).expect(200);
    assert_eq!(next.headers.get_all("set-cookie").iter().count(), 1, "{next}");
    // From a foreign page it is as little good as the new one.
    let foreign = [("Origin", "https://evil.example")];
    refresh(app, &cookie(&next).0.replace(NAME, OLD_NAME), &foreign).expect(403).problem("foreign-origin");
}

/// A neighbour on the same domain can still plant one.
fn a_cookie_of_the_earlier_name_comes_last(app: &App) {
    let (alice, pair) = new_browser(app, "alice");
    let (_, planted) = new_browser(app, "mallory");
    let planted = planted.replace(NAME, OLD_NAME);
    for cookies in [format!("{planted}; {pair}"), format!("{pair}; {planted}")] {
        let answer = refresh(app, &cookies, &[]).expect(200);
        assert_eq!(Actor::logged_in(app, &answer).session(), alice.session());
    }
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
