//! What ends an account or takes it over wants a login of the last five minutes, and a refresh is none.

use serde_json::json;

use crate::support::manners::LOG_IN_AGAIN;
use crate::support::{Actor, Answer, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        for_five_minutes_a_login_is_fresh,
        later_an_account_is_not_deleted,
        later_another_email_is_not_taken,
        later_everything_else_goes_on,
        a_refresh_is_no_login,
        a_new_login_is_fresh_for_its_own_session_only,
        who_is_not_let_in_is_told_that_first,
    ]
}

/// Lets so many seconds pass since the last login.
fn let_pass(app: &App, seconds: i64) {
    app.database.put_back("created_at", "sessions", seconds);
}

#[track_caller]
fn stale(answer: Answer) {
    let answer = answer.expect(401).problem("fresh-login-required");
    assert_eq!(answer.header("www-authenticate"), LOG_IN_AGAIN);
}

fn for_five_minutes_a_login_is_fresh(app: &App) {
    let alice = app.sign_in("alice");
    let_pass(app, 240);
    alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    alice.delete("/me").expect(204);
}

fn later_an_account_is_not_deleted(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    let_pass(app, 301);
    let rows = app.database.rows();
    stale(alice.delete("/me"));
    let etag = alice.get("/me").etag().to_owned();
    stale(alice.send("DELETE", "/me", &[("If-Match", &etag)], None));
    assert_eq!(app.database.rows(), rows);
    alice.get("/me").expect(200);
}

fn later_another_email_is_not_taken(app: &App) {
    let alice = app.sign_in("alice");
    app.sign_up("bob");
    let_pass(app, 301);
    let (rows, mails) = (app.database.rows(), app.database.count("mails"));
    for email in ["alicia@example.com", "bob@example.com", "alice@example.org"] {
        stale(alice.patch("/me", &json!({ "email": email })));
        stale(alice.patch("/me", &json!({"username": "alicia", "email": email})));
    }
    assert_eq!(app.database.rows(), rows);
    assert_eq!(app.database.count("mails"), mails);
}

fn later_everything_else_goes_on(app: &App) {
    let alice = app.sign_in("alice");
    let_pass(app, 86_400);
    alice.patch("/me", &json!({"username": "alicia"})).expect(200);
    alice.patch("/me", &json!({"email": "ALICE@example.com"})).expect(200);
    alice.patch("/me", &json!({"username": "alice", "email": " alice@example.com "})).expect(200);
    alice.patch("/me", &json!({"email": "no address"})).expect(422);
    alice.get("/me/export").expect(200);
    alice.delete("/me/sessions").expect(204);
    alice.owner("Ann");
}

fn a_refresh_is_no_login(app: &App) {
    let mut alice = app.sign_in("alice");
    let_pass(app, 301);
    for _ in 0..2 {
        alice = alice.refresh();
        stale(alice.delete("/me"));
        stale(alice.patch("/me", &json!({"email": "alicia@example.com"})));
    }
}

fn a_new_login_is_fresh_for_its_own_session_only(app: &App) {
    let alice = app.sign_in("alice");
    let_pass(app, 301);
    let again = alice.once_more();
    stale(alice.delete("/me"));
    again.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    again.delete("/me").expect(204);
    alice.get("/me").expect(401).problem("revoked-token");
}

fn who_is_not_let_in_is_told_that_first(app: &App) {
    let alice = app.sign_in("alice");
    let_pass(app, 301);
    let body = json!({"email": "alicia@example.com"});
    let ask = |actor: &Actor<'_>, kind: &str| {
        actor.delete("/me").expect(401).problem(kind);
        actor.patch("/me", &body).expect(401).problem(kind);
    };
    ask(&app.anon(), "missing-token");
    ask(&app.anon().with_token("nonsense"), "invalid-token");
    alice.send("POST", "/auth/logout", &[], None).expect(200);
    ask(&alice, "revoked-token");
}
