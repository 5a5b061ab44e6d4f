//! Logging in: by which names, with which answers, and what it tells those who guess.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;

use crate::support::forge::Forge;
use crate::support::{Answer, App, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_login_answers_a_bearer_token_and_whose_it_is,
        a_login_takes_the_username_or_the_email_in_any_letter_case,
        a_login_begins_a_session_of_its_own,
        an_unknown_a_wrong_and_a_deleted_account_get_the_same_answer,
        a_login_without_a_name_or_a_password_says_what_is_missing,
        what_no_account_can_have_is_refused_before_it_is_looked_for,
        a_hash_with_other_parameters_is_renewed_at_login,
        the_body_of_a_login_has_no_other_fields,
    ]
}

fn log_in(app: &App, username: &str, password: &str) -> Answer {
    app.anon().post("/auth/login", &json!({"username": username, "password": password}))
}

fn a_login_answers_a_bearer_token_and_whose_it_is(app: &App) {
    let account = app.sign_up("alice");
    let answer = log_in(app, "alice", PASSWORD).expect(200);
    assert_eq!(answer.json["token_type"], "Bearer");
    assert_eq!(answer.json["expires_in"], 900);
    assert_eq!(answer.json["user"], account.json);

    let token = Forge::of(answer.text("access_token"));
    assert_eq!(token.header["alg"], "HS256");
    assert_eq!(token.header["typ"], "at+jwt");
    assert_eq!(token.claims["sub"], account.id().to_string());
    assert_eq!(token.claims["exp"].as_i64(), token.claims["iat"].as_i64().map(|time| time + 900));
}

fn a_login_takes_the_username_or_the_email_in_any_letter_case(app: &App) {
    let account = json!({"username": "Ann", "email": "Ann@Example.com", "password": PASSWORD});
    let ann = app.anon().post("/auth/signup", &account).expect(201);
    for name in ["Ann", "aNN", "Ann@Example.com", "ANN@example.COM", " ann "] {
        let answer = log_in(app, name, PASSWORD).expect(200);
        assert_eq!(answer.json["user"], ann.json);
        assert_eq!(Forge::of(answer.text("access_token")).claims["sub"], ann.id().to_string());
    }
}

fn a_login_begins_a_session_of_its_own(app: &App) {
    let first = app.sign_in("alice");
    let second = app.log_in("alice");
    assert_ne!(Forge::of(first.token()).claims["sid"], Forge::of(second.token()).claims["sid"]);
    assert_eq!(app.database.count("sessions"), 2);
}

fn an_unknown_a_wrong_and_a_deleted_account_get_the_same_answer(app: &App) {
    app.sign_up("alice");
    app.sign_up("bob");
    app.database.execute("DELETE FROM users WHERE username = 'bob'").expect("bob is deleted");

    let wrong = log_in(app, "alice", "not her password").expect(401).problem("invalid-credentials");
    assert_eq!(wrong.header("www-authenticate"), "Bearer");
    let unknown =
        [("bob", PASSWORD), ("nobody", PASSWORD), ("nobody@example.com", PASSWORD), ("no body", "x"), ("'", "'")];
    for (name, password) in unknown {
        log_in(app, name, password).same_as(&wrong);
    }
}

fn a_login_without_a_name_or_a_password_says_what_is_missing(app: &App) {
    let neither = app.anon().post("/auth/login", &json!({}));
    assert_eq!(neither.error("/username", "required").error("/password", "required").error_count(), 2);
    let wrong_types = app.anon().post("/auth/login", &json!({"username": 1, "password": null}));
    assert_eq!(wrong_types.error("/username", "type").error("/password", "type").error_count(), 2);
}

fn what_no_account_can_have_is_refused_before_it_is_looked_for(app: &App) {
    log_in(app, "", "").error("/username", "too_short").error("/password", "too_short");
    let long = log_in(app, &"a".repeat(255), &"b".repeat(257));
    long.error("/username", "too_long").error("/password", "too_long");
    log_in(app, &"a".repeat(254), &"b".repeat(256)).expect(401);
}

/// Weaker ones, those of Kennel before, and other ones that are as strong.
fn a_hash_with_other_parameters_is_renewed_at_login(app: &App) {
    app.sign_up("alice");
    let stored = || app.database.texts("SELECT password_hash AS value FROM users").remove(0);
    for (memory, passes) in [(64, 1), (19_456, 2), (12_288, 3)] {
        let (salt, mut tag) = (b"sixteen bytes...", [0; 32]);
        let params = Params::new(memory, passes, 1, Some(32)).expect("parameters");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(PASSWORD.as_bytes(), salt, &mut tag).expect("a hash");
        let (salt, tag) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(tag));
        let other = format!("$argon2id$v=19$m={memory},t={passes},p=1${salt}${tag}");
        app.database.execute(&format!("UPDATE users SET password_hash = '{other}'")).expect("it is stored");

        log_in(app, "alice", "not her password").expect(401);
        assert_eq!(stored(), other);
        app.database.put_back_the_locks();
        log_in(app, "alice", PASSWORD).expect(200);
        assert!(stored().starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{}", stored());
        log_in(app, "alice", PASSWORD).expect(200);
    }
}

fn the_body_of_a_login_has_no_other_fields(app: &App) {
    let body = json!({"username": "alice", "password": PASSWORD, "remember": true});
    app.anon().post("/auth/login", &body).error("/remember", "unknown_field");
}
