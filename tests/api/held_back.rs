//! A body that is held back keeps no door open: what ended while it was on its way is over for it, too.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::PASSWORD;
use crate::support::wire::Wire;
use crate::support::{Actor, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_body_that_comes_after_the_logout_changes_nothing,
        a_body_that_comes_after_the_password_was_changed_asks_for_no_address,
        a_body_that_comes_late_is_taken_while_the_session_lasts,
    ]
}

/// Sends a request but for the last byte of its body; the server has looked at its token before this returns.
fn hold_back<'a>(app: &'a App, actor: &Actor<'_>, request: &str, body: &str) -> Wire<'a> {
    let mut wire = Wire::open(app);
    let token = actor.token();
    wire.send(
        format!(
            "{request} HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .as_bytes(),
    );
    wire.send(&body.as_bytes()[..body.len() - 1]);
    // Others are served meanwhile, longer than a body takes that comes with its headers.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(300) {
        app.anon().get("/health/live").expect(200);
    }
    wire
}

fn a_body_that_comes_after_the_logout_changes_nothing(app: &App) {
    let alice = app.sign_in("alice");
    let mut held = hold_back(app, &alice, "POST /dogowner/owners", r#"{"name":"Ann"}"#);
    alice.send("POST", "/auth/logout", &[], None).expect(200);
    held.send(b"}");
    held.answer().expect(401).problem("revoked-token");
    assert_eq!(app.database.count("owners"), 0);
}

fn a_body_that_comes_after_the_password_was_changed_asks_for_no_address(app: &App) {
    let (alice, thief) = (app.sign_in("alice"), app.log_in("alice"));
    let mut held = hold_back(app, &thief, "PATCH /me", r#"{"email":"bob@example.com"}"#);
    let change = json!({"current_password": PASSWORD, "new_password": "the rain has stopped now"});
    alice.put("/me/password", &change).expect(204);
    held.send(b"}");
    held.answer().expect(401).problem("revoked-token");
    let export = alice.get("/me/export").expect(200);
    assert!(export.json["new_email"].is_null(), "{export}");
}

fn a_body_that_comes_late_is_taken_while_the_session_lasts(app: &App) {
    let alice = app.sign_in("alice");
    let mut held = hold_back(app, &alice, "POST /dogowner/owners", r#"{"name":"Ann"}"#);
    held.send(b"}");
    held.answer().expect(201);
}
