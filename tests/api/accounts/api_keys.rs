//! API keys: a program has one for months, its user sees which there are and ends one, and nobody else learns any.
//! (What each scope opens, and who is refused, is in `laws/api_keys.rs`.)

use std::thread;

use kennel::credentials::ApiKeyText;
use kennel::db::timestamp::Timestamp;
use serde_json::{Value, json};

use crate::accounts::password_reset::{NEW, forget};
use crate::support::postbox::Posted;
use crate::support::process::Program;
use crate::support::recorder::Recorder;
use crate::support::{Actor, Answer, App, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_key_is_answered_once_and_stored_nowhere,
        a_key_shows_what_it_is_for,
        a_key_is_good_for_ninety_days_unless_its_user_wants_otherwise,
        what_can_be_no_key_is_refused_field_by_field,
        a_key_wants_a_fresh_login,
        a_session_that_ends_makes_no_more_keys,
        a_deleted_key_is_dead_on_every_instance_at_once,
        a_key_outlives_the_sessions,
        a_new_password_ends_the_keys,
        a_new_password_leaves_the_keys_if_it_is_told_to,
        a_reset_ends_the_keys_unless_it_is_told_otherwise,
        a_key_ends_with_its_account_and_while_that_is_disabled,
        i_have_twenty_keys_at_most,
        of_thirty_keys_at_once_twenty_are_made,
        a_key_is_no_login_that_could_be_ended,
        a_key_and_a_token_use_up_one_quota,
        wrong_keys_count_for_their_address,
        a_right_key_is_let_in_where_wrong_ones_came_from,
        the_gate_asks_once_for_a_key_and_never_for_what_cannot_be_one,
        a_read_by_a_key_writes_nothing,
        the_last_day_of_use_is_written_down_when_the_server_stops,
        the_day_of_use_never_goes_back,
        what_cannot_be_undone_looks_at_the_key_again,
        a_program_whose_account_goes_is_not_told_of_a_session,
    ]
}

const KEYS: &str = "/me/keys";

fn make(actor: &Actor<'_>, body: &Value) -> Answer {
    actor.post(KEYS, body)
}

fn backup(actor: &Actor<'_>) -> Answer {
    make(actor, &json!({"name": "Nightly backup", "scope": "read"})).expect(201)
}

/// The key with another last character, so that its sum is wrong.
pub fn mistyped(key: &str) -> String {
    format!("{}{}", &key[..55], if key.ends_with('0') { "1" } else { "0" })
}

#[track_caller]
fn dead(program: &Actor<'_>) {
    let answer = program.get("/me").expect(401).problem("revoked-api-key");
    let challenge = r#"Bearer error="invalid_token", error_description="the API key was ended""#;
    assert_eq!(answer.header("www-authenticate"), challenge);
}

fn a_key_is_answered_once_and_stored_nowhere(app: &App) {
    let alice = app.sign_in("alice");
    let made = backup(&alice);
    let key = made.text("key");
    let shape = key.strip_prefix("kennel_").expect("its prefix");
    assert!(shape.len() == 49 && shape.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key}");
    assert!(ApiKeyText::parse(key).is_some(), "{key} has a right sum");
    assert_eq!(made.header_if_any("etag"), None);
    assert!(key.ends_with(made.text("hint")), "{made}");
    let secret = &key[10..50];
    for path in [KEYS, "/me/export", "/me", "/me/sessions"] {
        let shown = alice.get(path).expect(200);
        assert!(!String::from_utf8_lossy(&shown.body).contains(secret), "{shown}");
    }
    let everything = app.database.everything().join("\n");
    assert!(everything.contains("Nightly backup") && !everything.contains(secret), "it is in the database");
    assert_ne!(backup(&alice).text("key"), key);
}

fn a_key_shows_what_it_is_for(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    backup(&bob);
    let first = backup(&alice);
    let second = make(&alice, &json!({"name": "  Küche ", "scope": "write", "expires_in_days": null})).expect(201);
    let list = alice.get(KEYS).expect(200);
    assert_eq!(list.ids(), [first.id(), second.id()]);
    for (shown, made) in list.rows().iter().zip([&first, &second]) {
        let mut made = made.json.clone();
        made.as_object_mut().expect("an object").remove("key");
        assert_eq!(*shown, made);
    }
    assert_eq!(list.all("name"), ["Nightly backup", "Küche"]);
    assert_eq!(list.all("scope"), ["read", "write"]);
    assert_eq!(list.all("last_used_on"), [Value::Null, Value::Null]);
    assert_eq!(alice.get("/me/export").expect(200).json["api_keys"], list.json);
    assert_eq!(alice.get(&format!("{KEYS}?limit=1")).expect(200).ids(), [first.id()]);
    assert_eq!(bob.get(&format!("{KEYS}?id={}", first.id())).expect(200).json, json!([]));
}

/// The days from its creation to its end.
fn days(app: &App, key: &Answer) -> Value {
    let of = format!("api_keys WHERE id = {}", key.id());
    json!((app.database.time("expires_at", &of) - app.database.time("created_at", &of)) / 86_400.0)
}

fn a_key_is_good_for_ninety_days_unless_its_user_wants_otherwise(app: &App) {
    let alice = app.sign_in("alice");
    let with = |days: Value| make(&alice, &json!({"name": "x", "scope": "read", "expires_in_days": days})).expect(201);
    assert_eq!(days(app, &backup(&alice)), json!(90.0));
    for lifetime in [1, 7, 3650] {
        assert_eq!(days(app, &with(json!(lifetime))), json!(f64::from(lifetime)));
    }
    assert_eq!(days(app, &with(json!(7.0))), json!(7.0));
    let lasting = with(Value::Null);
    assert_eq!(lasting.json["expires_at"], Value::Null);
    let program = alice.with_token(lasting.text("key"));
    app.database.put_back("created_at", "api_keys", 100 * 365 * 86_400);
    program.get("/me").expect(200);
    let short = with(json!(1));
    let program = alice.with_token(short.text("key"));
    program.get("/me").expect(200);
    app.database.put_back("expires_at", &format!("api_keys WHERE id = {}", short.id()), 86_401);
    let answer = program.get("/me").expect(401).problem("expired-api-key");
    let challenge = r#"Bearer error="invalid_token", error_description="the API key expired""#;
    assert_eq!(answer.header("www-authenticate"), challenge);
    assert!(alice.get(KEYS).expect(200).ids().contains(&short.id()), "one sees why a program is refused");
}

fn what_can_be_no_key_is_refused_field_by_field(app: &App) {
    let alice = app.sign_in("alice");
    let rows = app.database.rows();
    let refused = |body: Value, expected: &[(&str, &str)]| {
        let answer = make(&alice, &body).expect(422).problem("validation-failed");
        let expected = expected.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect();
        assert_eq!(answer.errors(), expected, "{body}");
    };
    refused(json!({}), &[("/name", "required"), ("/scope", "required")]);
    refused(json!({"name": "", "scope": "admin"}), &[("/name", "too_short"), ("/scope", "unknown_value")]);
    refused(json!({"name": "x".repeat(101), "scope": ["read"]}), &[("/name", "too_long"), ("/scope", "unknown_value")]);
    refused(json!({"name": "\u{200b}", "scope": null}), &[("/name", "invisible"), ("/scope", "unknown_value")]);
    for (days, code) in [
        (json!(0), "out_of_range"),
        (json!(-1), "out_of_range"),
        (json!(3651), "out_of_range"),
        (json!(1e300), "out_of_range"),
        (json!(u64::MAX), "out_of_range"),
        (json!(1.5), "type"),
        (json!("90"), "type"),
        (json!(true), "type"),
    ] {
        let body = json!({"name": "x", "scope": "read", "expires_in_days": days});
        refused(body, &[("/expires_in_days", code)]);
    }
    for name in ["expires_at", "key", "id", "hash", "last_used_on"] {
        let pointer = format!("/{name}");
        refused(json!({"name": "x", "scope": "read", name: "x"}), &[(&pointer, "unknown_field")]);
    }
    assert_eq!(app.database.rows(), rows);
}

fn a_key_wants_a_fresh_login(app: &App) {
    let alice = app.sign_in("alice");
    app.database.put_back("created_at", "sessions", 240);
    let key = backup(&alice);
    app.database.put_back("created_at", "sessions", 61);
    let body = json!({"name": "x", "scope": "read"});
    make(&alice, &body).expect(401).problem("fresh-login-required");
    make(&alice.refresh(), &body).expect(401).problem("fresh-login-required");
    // To see which there are, and to end one, takes no more than to be logged in.
    alice.get(KEYS).expect(200);
    alice.delete(&format!("{KEYS}/{}", key.id())).expect(204);
    backup(&alice.once_more());
}

fn a_session_that_ends_makes_no_more_keys(scene: &Database) {
    let (app, recorder) = watched(scene);
    let alice = app.sign_in("alice");
    let thief = app.log_in("alice");
    let end = format!("DELETE FROM sessions WHERE id = {}", thief.session());
    let body = json!({"name": "x", "scope": "write"});
    recorder
        .while_it_waits(&app.database, "sessions", &end, || make(&thief, &body))
        .expect(401)
        .problem("revoked-token");
    assert_eq!(alice.get(KEYS).expect(200).json, json!([]));
}

fn a_deleted_key_is_dead_on_every_instance_at_once(database: &Database) {
    let (one, other) = (Program::on(database).serve(), Program::on(database).serve());
    let alice = one.sign_in("alice");
    let key = backup(&alice);
    let program = alice.with_token(key.text("key"));
    for instance in [&one, &other] {
        program.by(instance).get("/dogowner/dogs").expect(200);
    }
    let path = format!("{KEYS}/{}", key.id());
    alice.delete(&path).expect(204);
    for instance in [&other, &one] {
        dead(&program.by(instance));
        alice.by(instance).delete(&path).expect(404).problem("not-found");
    }
}

fn a_key_outlives_the_sessions(app: &App) {
    let alice = app.sign_in("alice");
    let program = alice.with_key("write");
    app.log_in("alice").delete("/me/sessions").expect(204);
    program.owner("Ann");
    app.log_in("alice").send("POST", "/auth/logout", &[], None).expect(200);
    program.owner("Ben");
    assert_eq!(program.get("/dogowner/owners").expect(200).rows().len(), 2);
}

fn a_new_password_ends_the_keys(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let programs = [alice.with_key("read"), alice.with_key("write")];
    let his = bob.with_key("read");
    let body = json!({"current_password": PASSWORD, "new_password": NEW});
    alice.put("/me/password", &body).expect(204);
    for program in &programs {
        dead(program);
    }
    his.get("/me").expect(200);
    assert_eq!(alice.get(KEYS).expect(200).json, json!([]));
}

fn a_new_password_leaves_the_keys_if_it_is_told_to(app: &App) {
    let alice = app.sign_in("alice");
    let program = alice.with_key("read");
    let change = |keep: Value| {
        let body = json!({"current_password": PASSWORD, "new_password": PASSWORD, "keep_keys": keep});
        alice.put("/me/password", &body)
    };
    change(json!("yes")).expect(422).problem("validation-failed");
    change(json!(true)).expect(204);
    program.get("/me").expect(200);
    change(json!(false)).expect(204);
    dead(&program);
}

fn a_reset_ends_the_keys_unless_it_is_told_otherwise(scene: &Posted) {
    let alice = scene.sign_in("alice");
    let program = alice.with_key("read");
    let reset = |more: Value| {
        forget(scene, "alice@example.com").expect(202);
        let mut body = json!({"token": scene.post.reset("alice@example.com"), "password": NEW});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        scene.anon().post("/auth/password/reset", &body).expect(204);
    };
    reset(json!({"keep_keys": true}));
    alice.get("/me").expect(401);
    program.get("/me").expect(200);
    reset(json!({}));
    dead(&program);
}

fn a_key_ends_with_its_account_and_while_that_is_disabled(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let (hers, his) = (alice.with_key("write"), bob.with_key("write"));
    app.database.execute("UPDATE users SET disabled_at = created_at WHERE username = 'bob'").expect("it can be said");
    dead(&his);
    app.database.execute("UPDATE users SET disabled_at = NULL WHERE username = 'bob'").expect("it can be said");
    his.get("/me").expect(200);
    alice.delete("/me").expect(204);
    dead(&hers);
    assert_eq!(app.database.count("api_keys"), 1);
}

fn i_have_twenty_keys_at_most(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    for _ in 0..20 {
        backup(&alice);
    }
    app.database.execute("UPDATE api_keys SET expires_at = created_at").expect("it can be said");
    let rows = app.database.rows();
    let body = json!({"name": "x", "scope": "read"});
    make(&alice, &body).expect(409).problem("too-many-api-keys");
    assert_eq!(app.database.rows(), rows);
    backup(&bob);
    let first = alice.get(KEYS).expect(200).ids()[0];
    alice.delete(&format!("{KEYS}/{first}")).expect(204);
    make(&alice, &body).expect(201);
    make(&alice, &body).expect(409);
}

fn of_thirty_keys_at_once_twenty_are_made(app: &App) {
    app.sign_up("alice");
    let sessions = [0; 6].map(|_| app.log_in("alice"));
    let body = &json!({"name": "x", "scope": "read"});
    let made: usize = thread::scope(|scope| {
        let makers = sessions.iter().map(|session| {
            scope.spawn(move || (0..5).map(|_| make(session, body)).filter(|answer| answer.status == 201).count())
        });
        let makers: Vec<_> = makers.collect();
        makers.into_iter().map(|maker| maker.join().expect("all are answered")).sum()
    });
    assert_eq!(made, 20);
    assert_eq!(app.database.count("api_keys"), 20);
}

fn a_key_is_no_login_that_could_be_ended(app: &App) {
    let program = app.sign_in("alice").with_key("write");
    let answer = program.send("POST", "/auth/logout", &[], None).expect(403).problem("insufficient-scope");
    assert!(answer.header("www-authenticate").contains("insufficient_scope"), "{answer}");
    program.get("/me").expect(200);
    // Where no token is read none is looked at.
    program.get("/health/live").expect(200);
    program.get("/dogs").expect(200);
    let body = json!({"username": "alice", "password": PASSWORD});
    program.post("/auth/login", &body).expect(200);
}

fn a_key_and_a_token_use_up_one_quota(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[("USER_RATE", "10/1h")]);
    let alice = app.sign_in("alice");
    let program = alice.with_key("read");
    for _ in 0..4 {
        program.get("/me").expect(200);
        alice.get("/me").expect(200);
    }
    program.get("/me").expect(200);
    for actor in [&program, &alice] {
        actor.get("/me").expect(429).problem("too-many-requests");
    }
}

fn wrong_keys_count_for_their_address(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[("IP_RATE", "20/1h")]);
    let (wrong, other) = (app.from(7), app.from(8));
    let unknown = ApiKeyText::random().expect("random numbers");
    for number in 0..20 {
        let key = if number % 2 == 0 { unknown.as_str() } else { "kennel_mistyped" };
        let answer = wrong.anon().with_token(key).get("/dogowner/dogs").expect(401);
        assert!(answer.header("ratelimit").starts_with("\"ip\";r="), "{answer}");
    }
    let used_up = wrong.anon().with_token(unknown.as_str()).get("/dogowner/dogs").expect(429);
    assert!(used_up.problem("too-many-requests").header("ratelimit").starts_with("\"ip\";r=0"));
    wrong.anon().get("/dogs").expect(429);
    other.anon().with_token(unknown.as_str()).get("/dogowner/dogs").expect(401);
}

/// Who sits behind one address with somebody who guesses is not held up.
fn a_right_key_is_let_in_where_wrong_ones_came_from(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[("IP_RATE", "20/1h")]);
    let program = app.sign_in("alice").with_key("read");
    let shared = app.from(7);
    for _ in 0..25 {
        shared.anon().with_token("kennel_x").get("/me");
    }
    shared.anon().with_token("kennel_x").get("/me").expect(429);
    program.by(&shared).get("/me").expect(200);
}

fn the_gate_asks_once_for_a_key_and_never_for_what_cannot_be_one(scene: &Database) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    let app = App::on(database);
    let alice = app.sign_in("alice");
    let program = alice.with_key("read");
    let cost = |key: &str, path: &str, status: u16| {
        drop(recorder.take());
        app.anon().with_token(key).get(path).expect(status);
        recorder.count()
    };
    let unknown = ApiKeyText::random().expect("random numbers");
    assert_eq!(cost(program.token(), "/dogowner/nowhere", 404), 1);
    assert_eq!(cost(program.token(), "/dogowner/dogs", 200), 2);
    assert_eq!(cost(unknown.as_str(), "/dogowner/dogs", 401), 1);
    assert_eq!(cost("kennel_mistyped", "/dogowner/dogs", 401), 0);
    let mistyped = mistyped(program.token());
    assert_eq!(cost(&mistyped, "/dogowner/dogs", 401), 0);
}

fn a_read_by_a_key_writes_nothing(app: &App) {
    let program = app.sign_in("alice").with_key("read");
    let everything = app.database.everything();
    for path in ["/me", "/dogowner/dogs", "/dogowner/owners", "/me/export"] {
        program.get(path).expect(200);
    }
    assert_eq!(app.database.everything(), everything);
}

fn the_last_day_of_use_is_written_down_when_the_server_stops(database: &Database) {
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    let (used, unused) = (backup(&alice), backup(&alice));
    let days: Vec<_> = {
        let before = Timestamp::now().day();
        alice.with_token(used.text("key")).get("/me").expect(200);
        [before, Timestamp::now().day()].iter().map(ToString::to_string).collect()
    };
    server.stop("TERM");
    let again = Program::on(database).serve();
    let list = again.log_in("alice").get(KEYS).expect(200);
    let day = |key: &Answer| list.rows().iter().find(|row| row["id"] == key.id()).expect("it")["last_used_on"].clone();
    assert!(days.iter().any(|on| day(&used) == json!(on)), "{list}");
    assert_eq!(day(&unused), Value::Null);
}

/// Of two instances one may write down later what was used earlier.
fn the_day_of_use_never_goes_back(database: &Database) {
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    let key = backup(&alice);
    alice.with_token(key.text("key")).get("/me").expect(200);
    let of = format!("WHERE id = {}", key.id());
    database.execute(&format!("UPDATE api_keys SET last_used_on = '9998-12-31' {of}")).expect("it can be said");
    server.stop("TERM");
    assert_eq!(database.count(&format!("api_keys {of} AND last_used_on = '9998-12-31'")), 1);
}

/// A server whose queries are seen.
fn watched(scene: &Database) -> (App, Recorder) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    (App::on(database), recorder)
}

fn what_cannot_be_undone_looks_at_the_key_again(scene: &Database) {
    let (app, recorder) = watched(scene);
    let alice = app.sign_in("alice");
    let program = alice.with_key("write");
    let owner = program.owner("Ann");
    program.dog("Rex", owner);
    let path = format!("/dogowner/owners/{owner}");
    let delete = || program.delete(&format!("{path}?force=true"));
    let answer = recorder.while_it_waits(&app.database, "api_keys", "DELETE FROM api_keys", delete);
    answer.expect(401).problem("revoked-api-key");
    alice.get(&path).expect(200);
}

/// It never had one.
fn a_program_whose_account_goes_is_not_told_of_a_session(scene: &Database) {
    let (app, recorder) = watched(scene);
    let profile = json!({"description": "Two dogs, one sofa."});
    for (number, (method, path, body)) in [
        ("PUT", "/me/profile", Some(&profile)),
        ("DELETE", "/me/profile", None),
        ("POST", "/dogowner/owners", Some(&json!({"name": "Ann"}))),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("alice-{number}");
        let program = app.sign_in(&name).with_key("write");
        program.put("/me/profile", &profile);
        let end = format!("DELETE FROM users WHERE username = '{name}'");
        let answer = recorder.while_it_waits(&app.database, "api_keys", &end, || program.ask(method, path, &[], body));
        answer.expect(401).problem("revoked-api-key");
    }
}
