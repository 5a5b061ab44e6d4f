//! Many guesses from one place: an address has so many logins and signups, whoever they are for, and whatever it
//! says that it stands in for.

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::recorder::Recorder;
use crate::support::{Answer, App, Database, Engine, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        of_thirty_wrong_logins_from_one_address_ten_are_looked_at,
        right_logins_are_counted_too,
        a_login_that_cannot_be_one_is_not_counted,
        each_purpose_has_a_quota_of_its_own,
        another_address_has_its_own_quota,
        of_six_signups_from_one_address_five_are_looked_at,
        a_signup_that_cannot_be_one_is_not_counted,
        passwords_that_are_too_weak_have_a_quota_too,
        a_signup_with_a_name_that_is_taken_is_counted,
        whether_a_name_is_taken_can_be_asked_as_often_as_one_signs_up,
        what_asks_about_nobody_else_is_not_counted,
        what_was_used_up_comes_back,
    ]
}

/// A server with the rates that it has if nobody says otherwise, or with one that differs.
fn limited(engine: Engine, rates: &[(&str, &str)]) -> App {
    let defaults = [("LOGIN_RATE", ""), ("SIGNUP_RATE", "")];
    App::with(Database::fresh(engine), &[&defaults, rates].concat())
}

fn log_in(app: &App, name: &str) -> Answer {
    app.try_log_in(name, "not the password")
}

fn sign_up(app: &App, name: &str) -> Answer {
    let body = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
    app.anon().post("/auth/signup", &body)
}

/// The answer, if a quota of this name and size is used up.
#[track_caller]
fn used_up(answer: Answer, quota: &str, size: u64) -> Answer {
    let answer = answer.expect(429).problem("too-many-requests");
    assert!(answer.header("ratelimit-policy").starts_with(&format!("\"{quota}\";q={size};")), "{answer}");
    assert!(answer.header("ratelimit").starts_with(&format!("\"{quota}\";r=0;")), "{answer}");
    let seconds: u64 = answer.header("retry-after").parse().expect("whole seconds");
    assert!((1..=3600).contains(&seconds), "{answer}");
    answer
}

fn of_thirty_wrong_logins_from_one_address_ten_are_looked_at(scene: &Database) {
    let app = limited(scene.engine, &[]);
    let forwarded: [&str; 5] = ["X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP"];
    let began = Instant::now();
    let mut looked_at = 0;
    for number in 0..30 {
        let address = format!("203.0.113.{number}");
        let mut headers: Vec<_> = forwarded.iter().map(|name| (*name, address.as_str())).collect();
        let standard = format!("for={address}");
        headers[1].1 = &standard;
        let body = json!({"username": format!("user-{number}"), "password": "not the password"});
        let answer = app.anon().ask("POST", "/auth/login", &headers, Some(&body));
        if answer.status == 401 {
            looked_at += 1;
            assert_eq!(answer.header("ratelimit-policy"), r#""login";q=10;w=60"#);
            continue;
        }
        // One comes back every six seconds, should the machine be as slow as that.
        assert!(looked_at >= 10, "only {looked_at} were looked at before {answer}");
        let seconds: u64 = used_up(answer, "login", 10).header("retry-after").parse().expect("whole seconds");
        assert!(seconds <= 6, "{seconds}");
    }
    assert!(looked_at <= 10 + began.elapsed().as_secs() / 6 + 1, "{looked_at} were looked at");
}

fn right_logins_are_counted_too(scene: &Database) {
    let app = limited(scene.engine, &[("LOGIN_RATE", "3/1h")]);
    app.sign_up("alice");
    for left in [2, 1, 0] {
        let answer = app.try_log_in("alice", PASSWORD).expect(200);
        assert_eq!(answer.header("ratelimit-policy"), r#""login";q=3;w=3600"#);
        assert!(answer.header("ratelimit").starts_with(&format!("\"login\";r={left};t=")), "{answer}");
    }
    used_up(app.try_log_in("alice", PASSWORD), "login", 3);
    used_up(log_in(&app, "nobody"), "login", 3);
}

fn a_login_that_cannot_be_one_is_not_counted(scene: &Database) {
    let app = limited(scene.engine, &[("LOGIN_RATE", "1/1h")]);
    let anon = app.anon();
    for _ in 0..3 {
        anon.post("/auth/login", &json!({"username": "alice"})).expect(422);
        anon.post("/auth/login", &json!({"username": "alice", "password": "x", "colour": "red"})).expect(422);
        anon.send_text("POST", "/auth/login", "{").expect(400);
        anon.send("POST", "/auth/login", &[("Content-Type", "text/plain")], Some(b"alice")).expect(415);
        anon.get("/auth/login").expect(405);
    }
    log_in(&app, "alice").expect(401);
    used_up(log_in(&app, "alice"), "login", 1);
}

fn each_purpose_has_a_quota_of_its_own(scene: &Database) {
    let app = limited(scene.engine, &[("LOGIN_RATE", "2/1h"), ("SIGNUP_RATE", "1/1h")]);
    for _ in 0..2 {
        app.try_log_in("nobody", "x").expect(401);
        app.database.put_back_the_locks();
    }
    used_up(log_in(&app, "nobody"), "login", 2);
    let forgot =
        |name: &str| app.anon().post("/auth/password/forgot", &json!({"email": format!("{name}@example.com")}));
    app.anon().post("/auth/password/forgot", &json!({"email": "no address"})).expect(422);
    for name in ["alice", "bob"] {
        let answer = forgot(name).expect(202);
        assert_eq!(answer.header("ratelimit-policy"), r#""forgot";q=2;w=3600"#);
    }
    used_up(forgot("zoe"), "forgot", 2);
    let answer = sign_up(&app, "alice").expect(201);
    assert_eq!(answer.header("ratelimit-policy"), r#""signup";q=1;w=3600"#);
    used_up(sign_up(&app, "bob"), "signup", 1);
}

fn another_address_has_its_own_quota(scene: &Database) {
    let app = limited(scene.engine, &[("LOGIN_RATE", "2/1h"), ("SIGNUP_RATE", "1/1h")]);
    sign_up(&app, "alice").expect(201);
    used_up(sign_up(&app, "bob"), "signup", 1);
    for _ in 0..2 {
        app.log_in("alice");
    }
    used_up(app.try_log_in("alice", PASSWORD), "login", 2);
    let elsewhere = app.from(1);
    elsewhere.sign_up("bob");
    for _ in 0..2 {
        elsewhere.log_in("alice");
    }
    used_up(elsewhere.try_log_in("alice", PASSWORD), "login", 2);
    app.from(2).log_in("alice").get("/me").expect(200);
}

fn of_six_signups_from_one_address_five_are_looked_at(scene: &Database) {
    let app = limited(scene.engine, &[]);
    for number in 0..5 {
        let answer = sign_up(&app, &format!("user-{number}")).expect(201);
        assert_eq!(answer.header("ratelimit-policy"), r#""signup";q=5;w=1500"#);
    }
    let answer = used_up(sign_up(&app, "user-6"), "signup", 5);
    let seconds: u64 = answer.header("retry-after").parse().expect("whole seconds");
    assert!((200..=300).contains(&seconds), "one comes back every five minutes: {answer}");
    assert_eq!(app.database.count("users"), 5);
}

fn a_signup_that_cannot_be_one_is_not_counted(scene: &Database) {
    let app = limited(scene.engine, &[("SIGNUP_RATE", "1/1h")]);
    for (field, value) in
        [("password", json!("password1")), ("password", json!("short")), ("email", json!("x")), ("colour", json!(1))]
    {
        let mut body = json!({"username": "alice", "email": "alice@example.com", "password": PASSWORD});
        body[field] = value;
        app.anon().post("/auth/signup", &body).expect(422);
    }
    sign_up(&app, "alice").expect(201);
    used_up(sign_up(&app, "bob"), "signup", 1);
}

/// To judge one is work.
fn passwords_that_are_too_weak_have_a_quota_too(scene: &Database) {
    let app = limited(scene.engine, &[("SIGNUP_RATE", "1/1h")]);
    let judge = |password: &str| {
        let body = json!({"username": "alice", "email": "alice@example.com", "password": password});
        app.anon().post("/auth/signup", &body)
    };
    judge("short").error("/password", "too_short");
    for _ in 0..10 {
        let answer = judge("password1").error("/password", "too_guessable");
        assert_eq!(answer.header("ratelimit-policy"), r#""password";q=10;w=3600"#);
    }
    used_up(judge("password1"), "password", 10);
    used_up(judge(PASSWORD), "password", 10);
    app.from(1).sign_up("alice");
}

/// Or somebody could try out thousands of names.
fn a_signup_with_a_name_that_is_taken_is_counted(scene: &Database) {
    let app = limited(scene.engine, &[("SIGNUP_RATE", "3/1h")]);
    sign_up(&app, "alice").expect(201);
    for _ in 0..2 {
        sign_up(&app, "alice").expect(409).problem("username-taken");
    }
    used_up(sign_up(&app, "alice"), "signup", 3);
    used_up(sign_up(&app, "bob"), "signup", 3);
}

/// Also by whoever has an account; and not even the database is asked.
fn whether_a_name_is_taken_can_be_asked_as_often_as_one_signs_up(scene: &Database) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    let app = App::with(database, &[("SIGNUP_RATE", "3/1h")]);
    let (alice, bob) = (app.sign_in("alice"), app.from(1).sign_in("bob").by(&app).token().to_owned());
    let bob = app.anon().with_token(&bob);
    let taken = alice.patch("/me", &json!({"username": "BOB"})).expect(409).problem("username-taken");
    assert_eq!(taken.header("ratelimit-policy"), r#""names";q=3;w=3600"#);
    alice.patch("/me", &json!({"email": "Bob@example.com"})).expect(409).problem("email-taken");
    alice.patch("/me", &json!({"username": "alicia"})).expect(200);
    for patch in [
        json!({"username": "bob"}),
        json!({"email": "bob@example.com"}),
        json!({"username": "nobody", "email": "alice@example.com"}),
        json!({"username": "alicia", "email": "nobody@example.com"}),
    ] {
        drop(recorder.take());
        used_up(alice.patch("/me", &patch), "names", 3);
        used_up(app.log_in("alicia").by(&app.from(2)).patch("/me", &patch), "names", 3);
        let queries = recorder.take();
        let asks = queries.iter().find(|query| query.contains("username_key") && query.contains(" OR "));
        assert_eq!(asks, None, "nobody else is looked for");
    }
    bob.patch("/me", &json!({"username": "alicia"})).expect(409);
    assert_eq!(bob.get("/me").expect(200).text("username"), "bob");
}

fn what_asks_about_nobody_else_is_not_counted(scene: &Database) {
    let app = limited(scene.engine, &[("SIGNUP_RATE", "1/1h")]);
    let alice = app.sign_in("alice");
    let me = alice.get("/me").expect(200).json;
    for patch in
        [json!({}), me, json!({"username": "Alice"}), json!({"username": "ALICE", "email": "ALICE@example.com"})]
    {
        for _ in 0..2 {
            let answer = alice.patch("/me", &patch).expect(200);
            assert!(answer.header_if_any("ratelimit").is_none(), "{answer}");
        }
    }
    alice.patch("/me", &json!({"username": "al"})).expect(422);
    // Whoever may not ask yet learns nothing, and has asked nothing.
    app.database.put_back("created_at", "sessions", 301);
    alice.patch("/me", &json!({"email": "bob@example.com"})).expect(401).problem("fresh-login-required");
    alice.patch("/me", &json!({"username": "alicia"})).expect(200);
    used_up(alice.patch("/me", &json!({"username": "alice"})), "names", 1);
}

/// As soon as `Retry-After` says.
fn what_was_used_up_comes_back(scene: &Database) {
    let app = limited(scene.engine, &[("LOGIN_RATE", "2/2s")]);
    app.sign_up("alice");
    let began = Instant::now();
    let refused = (0..1000).map(|_| app.try_log_in("alice", PASSWORD)).find(|answer| answer.status == 429);
    let refused = used_up(refused.expect("more than one a second"), "login", 2);
    assert_eq!(refused.header("retry-after"), "1");
    let (mut answer, asked) = (refused, Instant::now());
    while answer.status == 429 {
        assert!(asked.elapsed().as_secs() < 30, "{answer} for {:?}", began.elapsed());
        answer = app.try_log_in("alice", PASSWORD);
    }
    assert_ne!(answer.expect(200).json["access_token"], Value::Null);
}
