//! What happens to accounts and sessions is in the log, once each: an event with its name, and with numbers that say
//! whose it is, and no name, address of mail or token.

use serde_json::{Value, json};

use crate::support::letter::Purpose;
use crate::support::outbox::Outbox;
use crate::support::process::{Ended, Program, Running};
use crate::support::{Actor, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        each_event_of_a_session_is_one_line,
        each_event_of_an_account_is_one_line,
        what_an_api_key_does_is_logged_by_its_id,
        each_refusal_is_one_line,
        what_is_done_at_the_command_line_is_told_too,
    ]
}

fn serve(database: &Database) -> Running {
    let program = Program::on(database).set("LOG", "info").set("LOG_FORMAT", "json");
    program.set("SIGNUP_RATE", "3/1h").set("LOGIN_RATE", "30/1h").serve()
}

/// The security events of a log, in their order.
fn events(ended: &Ended) -> Vec<Value> {
    let lines =
        ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")));
    lines.filter(|event: &Value| event["target"] == "kennel::security").collect()
}

/// Fails unless these were the events, and nothing in them is anybody's secret. An event may have `user_id` at
/// its side.
#[track_caller]
fn told(ended: &Ended, expected: &[(&str, Option<i64>)]) {
    let events = events(ended);
    let names: Vec<_> = events.iter().map(|event| event["message"].as_str().expect("a name")).collect();
    let expected_names: Vec<_> = expected.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected_names);
    for (event, (name, user)) in events.iter().zip(expected) {
        assert_eq!(event["user_id"].as_i64(), *user, "{name}: {event}");
        let source = event["source"].as_str().unwrap_or_default();
        assert!(["127.0.0.1", "127.1.0.1", "command line"].contains(&source), "{name} tells from where: {event}");
        let text = event.to_string();
        assert!(!["alice", "bob", "zoe", "nobody", "@", PASSWORD].iter().any(|secret| text.contains(secret)), "{text}");
    }
}

fn log_out(actor: &Actor<'_>) {
    actor.send("POST", "/auth/logout", &[], None).expect(200);
}

fn each_event_of_a_session_is_one_line(database: &Database) {
    let server = serve(database);
    let alice = server.sign_in("alice");
    let id = alice.id();
    let session = alice.session();
    // A tab that races gets the same answer, and nothing happened.
    let next = alice.refresh();
    alice.refresh();
    next.refresh();
    alice.try_refresh().expect(401);
    alice.try_refresh().expect(401);
    let here = server.log_in("alice");
    let [one, two] = [0; 2].map(|_| server.log_in("alice"));
    let ended_session = one.session();
    here.delete(&format!("/me/sessions/{ended_session}")).expect(204);
    here.delete(&format!("/me/sessions/{ended_session}")).expect(404);
    here.delete("/me/sessions").expect(204);
    log_out(&two);
    log_out(&here);
    log_out(&here);
    log_out(&server.anon());
    let ended = server.stop("TERM");
    let expected = [
        "signup",
        "login",
        "refresh",
        "refresh",
        "refresh_reuse",
        "login",
        "login",
        "login",
        "session_ended",
        "session_ended",
        "logout",
    ];
    told(&ended, &expected.map(|name| (name, Some(id))));
    let events = events(&ended);
    for place in [1, 2, 3, 4] {
        assert_eq!(events[place]["session_id"], session, "{}", events[place]);
    }
    assert_eq!(events[8]["session_id"], ended_session, "{}", events[8]);
    assert_eq!(events[1]["source"], "127.0.0.1", "{}", events[1]);
}

/// The token of the first mail for this purpose to this address, once it has come.
fn token(database: &Database, server: &Running, address: &str, purpose: Purpose) -> String {
    let outbox = Outbox::at(database.directory().join("outbox"));
    let mut count = 1;
    loop {
        let letters = outbox.until_there_are(count, server);
        count = letters.len() + 1;
        let mut fitting = letters.iter().filter(|letter| letter.is_to(address) && letter.purpose() == purpose);
        if let Some(letter) = fitting.next() {
            return letter.token().to_owned();
        }
    }
}

fn each_event_of_an_account_is_one_line(database: &Database) {
    let server = serve(database);
    let anon = server.anon();
    let alice = server.sign_in("alice");
    let id = Some(alice.id());
    let verify = |address: &str| {
        let token = token(database, &server, address, Purpose::Verify);
        anon.post("/auth/email/verify", &json!({ "token": token })).expect(204);
    };
    verify("alice@example.com");
    alice.patch("/me", &json!({"username": "alice-2", "email": "ALICE@example.com"})).expect(200);
    alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    verify("alicia@example.com");
    let there = server.log_in("alice-2");
    there.patch("/me", &json!({"email": "alice@example.com"})).expect(200);
    let cancellation = token(database, &server, "alicia@example.com", Purpose::Cancel);
    anon.post("/auth/email/cancel", &json!({ "token": cancellation })).expect(204);
    let body = json!({"current_password": PASSWORD, "new_password": "four dry cats on two chairs"});
    alice.put("/me/password", &body).expect(204);
    anon.post("/auth/password/forgot", &json!({"email": "alicia@example.com"})).expect(202);
    let reset = token(database, &server, "alicia@example.com", Purpose::Reset);
    let body = json!({"token": reset, "password": PASSWORD});
    anon.post("/auth/password/reset", &body).expect(204);
    anon.post("/auth/password/reset", &body).expect(422);
    let again = server.log_in("alice-2");
    again.delete("/me").expect(204);
    drop(again);
    let ended = server.stop("TERM");
    let nobody_yet = None;
    told(
        &ended,
        &[
            ("signup", id),
            ("login", id),
            ("email_verified", id),
            ("email_change_requested", id),
            ("email_changed", id),
            ("login", id),
            ("email_change_requested", id),
            ("email_change_cancelled", id),
            ("password_changed", id),
            ("password_reset_requested", nobody_yet),
            ("password_reset", id),
            ("login", id),
            ("account_deleted", id),
        ],
    );
    for secret in [reset.as_str(), "four dry cats"] {
        assert!(!ended.stderr.contains(secret), "{secret} in {}", ended.stderr);
    }
}

fn what_an_api_key_does_is_logged_by_its_id(database: &Database) {
    let server = serve(database);
    let alice = server.sign_in("alice");
    let id = Some(alice.id());
    let made = alice.post("/me/keys", &json!({"name": "alice's backup", "scope": "read"})).expect(201);
    let program = alice.with_token(made.text("key"));
    program.get("/dogowner/dogs").expect(200);
    alice.delete(&format!("/me/keys/{}", made.id())).expect(204);
    program.get("/dogowner/owners").expect(401);
    let ended = server.stop("TERM");
    told(&ended, &[("signup", id), ("login", id), ("api_key_created", id), ("api_key_deleted", id)]);
    for event in &events(&ended)[2..] {
        assert_eq!(event["key_id"], made.id(), "{event}");
    }
    let lines = ended.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of = |route: &str| {
        let mut lines = lines.clone().filter(|line| line["target"] == "kennel::access" && line["route"] == route);
        lines.next().unwrap_or_else(|| panic!("{route} is not logged"))
    };
    let used = of("/dogowner/dogs");
    assert_eq!((used["user_id"].as_i64(), used["key_id"].as_i64()), (id, Some(made.id())), "{used}");
    assert_eq!(of("/me/keys").get("key_id"), None, "by a token");
    assert_eq!(of("/dogowner/owners").get("key_id"), None, "of a key that is none nothing is known");
}

fn each_refusal_is_one_line(database: &Database) {
    let server = serve(database);
    let alice = server.sign_in("alice");
    let id = Some(alice.id());
    let elsewhere = server.from(1);
    elsewhere.try_log_in("alice", "not the password").expect(401);
    elsewhere.try_log_in("alice", "not the password").expect(429);
    elsewhere.try_log_in("nobody", "not the password").expect(401);
    elsewhere.try_log_in("nobody", "not the password").expect(429);
    server.sign_up("bob");
    server.sign_up("ben");
    let body = json!({"username": "zoe", "email": "zoe@example.com", "password": PASSWORD});
    server.anon().post("/auth/signup", &body).expect(429);
    let ended = server.stop("TERM");
    let events = events(&ended);
    let names: Vec<_> = events.iter().map(|event| event["message"].as_str().expect("a name")).collect();
    let expected =
        ["signup", "login", "login_failed", "locked", "login_failed", "locked", "signup", "signup", "rate_limited"];
    assert_eq!(names, expected);
    assert_eq!(events[2]["user_id"].as_i64(), id, "{}", events[2]);
    assert_eq!(events[2]["source"], "127.1.0.1", "{}", events[2]);
    assert_eq!(events[4].get("user_id").and_then(Value::as_i64), None, "{}", events[4]);
    assert!(!ended.stderr.contains("nobody") && !ended.stderr.contains("not the password"), "{}", ended.stderr);
}

fn what_is_done_at_the_command_line_is_told_too(database: &Database) {
    let run = |args: &[&str]| {
        let program = Program::on(database).set("LOG", "info").set("LOG_FORMAT", "json");
        let ended = program.args(&[&["user"], args].concat()).run();
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
        ended
    };
    let migrated = Program::on(database).args(&["migrate", "run"]).run();
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    run(&["list"]);
    let made = run(&["create", "alice", "alice@example.com"]);
    let id = database.texts("SELECT CAST(id AS TEXT) AS value FROM users")[0].parse().ok();
    told(&made, &[("account_created", id)]);
    for (args, event) in [
        (["disable", "alice"], "account_disabled"),
        (["enable", "alice@example.com"], "account_enabled"),
        (["reset-password", "ALICE"], "password_reset"),
        (["end-sessions", "alice"], "session_ended"),
    ] {
        told(&run(&args), &[(event, id)]);
    }
}
