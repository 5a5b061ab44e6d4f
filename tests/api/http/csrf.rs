//! What another site's page could make a browser send: without a token in the body the cookie counts only from pages
//! of ours.

use serde_json::json;

use crate::accounts::refresh_cookie::{cookie, new_browser, refresh};
use crate::accounts::refresh_tokens::dead;
use crate::support::actor::Header;
use crate::support::{Actor, App, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_refresh_from_a_foreign_page_is_refused,
        a_refresh_from_a_page_of_ours_is_not,
        a_logout_from_a_foreign_page_is_refused,
        a_token_in_the_body_needs_no_origin_and_hides_the_cookie,
        a_form_cannot_refresh_or_log_out,
        a_page_that_could_not_keep_the_cookie_is_told_when_it_asks_for_it,
    ]
}

/// Origins that are none of ours, however alike.
fn foreign(app: &App) -> Vec<String> {
    let port = app.address.port();
    [
        "https://evil.example",
        "null",
        "",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://APP.example.com",
        "https://app.example.com:8443",
        "https://kennel.example.evil.example",
        "http://kennel.example",
        "http://127.0.0.1",
        "file://",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([format!("http://127.0.0.1:{port}.evil.example")])
    .collect()
}

/// A server with a page of its own elsewhere, and another name for itself.
fn with_pages(scene: &Database) -> App {
    let settings = [("CORS_ORIGINS", "https://app.example.com"), ("PUBLIC_URL", "https://kennel.example")];
    App::with(Database::fresh(scene.engine), &settings)
}

fn a_refresh_from_a_foreign_page_is_refused(scene: &Database) {
    let app = with_pages(scene);
    let (alice, pair) = new_browser(&app, "alice");
    let before = app.database.rows_of("sessions");
    for origin in foreign(&app) {
        let answer = refresh(&app, &pair, &[("Origin", &origin)]).expect(403).problem("foreign-origin");
        assert!(answer.header_if_any("set-cookie").is_none(), "{answer}");
        assert_eq!(answer.json.get("access_token"), None);
    }
    refresh(&app, &pair, &[("Sec-Fetch-Site", "cross-site")]).expect(403).problem("cross-site");
    let own = format!("http://{}", app.address);
    let contradictory = [("Origin", own.as_str()), ("Sec-Fetch-Site", "cross-site")];
    refresh(&app, &pair, &contradictory).expect(403).problem("cross-site");
    assert_eq!(app.database.rows_of("sessions"), before);
    alice.get("/me").expect(200);
    refresh(&app, &pair, &[]).expect(200);
}

fn a_refresh_from_a_page_of_ours_is_not(scene: &Database) {
    let app = with_pages(scene);
    let (_, mut pair) = new_browser(&app, "alice");
    let here = app.address;
    let ours = [
        "https://app.example.com".to_owned(),
        "https://kennel.example".to_owned(),
        format!("http://{here}"),
        format!("https://{here}"),
    ];
    for origin in &ours {
        for site in [None, Some("same-origin"), Some("same-site"), Some("none")] {
            let site = site.map(|site| ("Sec-Fetch-Site", site));
            let headers: Vec<_> = [("Origin", origin.as_str())].into_iter().chain(site).collect();
            pair = cookie(&refresh(&app, &pair, &headers).expect(200)).0;
        }
    }
    let answer = refresh(&app, &pair, &[("Origin", "https://app.example.com")]).expect(200);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
}

fn a_logout_from_a_foreign_page_is_refused(scene: &Database) {
    let app = with_pages(scene);
    let (alice, pair) = new_browser(&app, "alice");
    let log_out = |headers: &[Header<'_>]| app.anon().send("POST", "/auth/logout", headers, None);
    for origin in foreign(&app) {
        log_out(&[("Cookie", &pair), ("Origin", &origin)]).expect(403).problem("foreign-origin");
    }
    log_out(&[("Cookie", &pair), ("Sec-Fetch-Site", "cross-site")]).expect(403).problem("cross-site");
    alice.get("/me").expect(200);
    // Without a cookie there is nothing to be misused.
    log_out(&[("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")]).expect(200);
    alice.get("/me").expect(200);
    log_out(&[("Cookie", &pair), ("Origin", "https://app.example.com")]).expect(200);
    alice.get("/me").expect(401);
}

fn a_token_in_the_body_needs_no_origin_and_hides_the_cookie(app: &App) {
    let mut alice = app.sign_in("alice");
    let (bob, pair) = new_browser(app, "bob");
    let foreign = [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"), ("Cookie", pair.as_str())];
    for _ in 0..2 {
        let body = json!({"refresh_token": alice.refresh_token()});
        let answer = app.anon().ask("POST", "/auth/refresh", &foreign, Some(&body)).expect(200);
        assert!(answer.header_if_any("set-cookie").is_none(), "{answer}");
        let next = Actor::logged_in(app, &answer);
        assert_eq!(next.session(), alice.session());
        alice = next;
    }
    let wrong = json!({"refresh_token": "1.1.x"});
    app.anon().ask("POST", "/auth/refresh", &[("Cookie", &pair)], Some(&wrong)).expect(401);
    let body = json!({"refresh_token": alice.refresh_token()});
    app.anon().ask("POST", "/auth/logout", &[foreign[0], foreign[1]], Some(&body)).expect(200);
    dead(&alice);
    bob.get("/me").expect(200);
    refresh(app, &pair, &[]).expect(200);
}

fn a_form_cannot_refresh_or_log_out(app: &App) {
    let (alice, pair) = new_browser(app, "alice");
    for media_type in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""] {
        for path in ["/auth/refresh", "/auth/logout"] {
            for body in ["refresh_token=x", "{}", "x"] {
                let headers = [("Cookie", pair.as_str()), ("Content-Type", media_type)];
                let answer = app.anon().send("POST", path, &headers, Some(body.as_bytes()));
                answer.expect(415).problem("unsupported-media-type");
            }
        }
    }
    alice.get("/me").expect(200);
    refresh(app, &pair, &[]).expect(200);
}

fn a_page_that_could_not_keep_the_cookie_is_told_when_it_asks_for_it(scene: &Database) {
    let app = with_pages(scene);
    app.sign_up("alice");
    let log_in = |cookie: bool, headers: &[Header<'_>]| {
        let body = json!({"username": "alice", "password": PASSWORD, "cookie": cookie});
        app.anon().ask("POST", "/auth/login", headers, Some(&body))
    };
    let (site, allowed) = (("Sec-Fetch-Site", "cross-site"), ("Origin", "https://app.example.com"));
    // A page on localhost, and a server on 127.0.0.1.
    let (local, port) = (("Origin", "http://localhost:5173"), app.address.port());
    let (same_port, other_name) = (format!("http://localhost:{port}"), format!("http://[::1]:{port}"));
    for headers in [
        &[site][..],
        &[site, allowed],
        &[site, local],
        // Not every browser says which site it is.
        &[local],
        &[("Origin", &same_port)],
        &[("Origin", &other_name)],
        &[local, ("Sec-Fetch-Site", "same-site")],
    ] {
        let refused = log_in(true, headers).expect(403).problem("cross-site");
        assert!(refused.header_if_any("set-cookie").is_none(), "{refused}");
        let detail = refused.text("detail");
        assert!(detail.contains("localhost") && detail.contains("127.0.0.1"), "it says what it is: {refused}");
        assert!(!refused.to_string().contains("CORS_ORIGINS"), "that is something else: {refused}");
        log_in(false, headers).expect(200);
    }
    for origin in foreign(&app) {
        log_in(true, &[("Origin", &origin)]).expect(403).problem("foreign-origin");
        log_in(false, &[("Origin", &origin)]).expect(200);
    }
    assert_eq!(app.database.count("login_failures"), 0, "no password was looked at");
    for headers in [&[][..], &[allowed], &[allowed, ("Sec-Fetch-Site", "same-site")]] {
        cookie(&log_in(true, headers).expect(200));
    }
}
