//! What mail must not tell: who has an account, and what the tokens are, to whoever reads answers, the database or
//! the log.

use std::fs;

use serde_json::json;

use crate::accounts::email_verification::{cancel, verify};
use crate::accounts::password_reset::{NEW, forget, reset};
use crate::support::letter::{Letter, Purpose};
use crate::support::postbox::{Postbox, Posted, settle};
use crate::support::process::Program;
use crate::support::recorder::Recorder;
use crate::support::smtp::free_address;
use crate::support::unwell::{Does, Mood, Unwell};
use crate::support::{App, Database, Engine, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        whoever_forgot_a_password_is_answered_as_a_stranger_is,
        a_forgotten_password_costs_the_same_statements_for_all,
        no_header_of_a_request_gets_into_a_mail,
        the_database_holds_no_token,
        the_log_shows_no_token_and_no_address_however_much_it_tells,
        the_log_of_a_mail_server_that_is_unwell_shows_none_either,
    ]
}

fn whoever_forgot_a_password_is_answered_as_a_stranger_is(scene: &Posted) {
    scene.sign_up("alice");
    scene.sign_up("bob");
    scene.database.execute("UPDATE users SET disabled_at = created_at WHERE username = 'bob'").expect("it can be said");
    let known = forget(scene, "alice@example.com").expect(202);
    for other in ["nobody@example.com", "bob@example.com", "alice@example.org", "a@b"] {
        known.same_as(&forget(scene, other).expect(202));
    }
    for _ in 0..7 {
        known.same_as(&forget(scene, "alice@example.com").expect(202));
    }
    let letters = scene.rest();
    let resets = letters.iter().filter(|letter| letter.purpose() == Purpose::Reset);
    let addresses: Vec<_> = resets.map(Letter::to).collect();
    assert_eq!(addresses, ["alice@example.com"; 5], "bob's account is disabled, and nobody has none");
    assert_eq!(scene.database.count("mails WHERE address LIKE 'nobody%'"), 0, "nor is such an address kept");
}

/// As many mails as leave at a time wait at the mail server, so that what is seen is what was asked.
fn a_forgotten_password_costs_the_same_statements_for_all(scene: &Database) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    let (silent, _letters) = Unwell::listen(free_address(), Mood::At("HELLO", Does::Waits));
    let url = format!("smtp://{}", silent.address);
    let app = App::with(database, &[("MAIL_URL", &url)]);
    for number in 0..10 {
        app.sign_up(&format!("user-{number}"));
    }
    silent.until_met(8);
    let cost = |email: &str| {
        drop(recorder.take());
        forget(&app, email).expect(202);
        recorder.take()
    };
    let known = cost("user-1@example.com");
    let inserted = known.iter().filter(|query| query.starts_with("INSERT ")).count();
    assert_eq!(inserted, 2, "the count and the mail: {known:?}");
    assert!(known.len() <= 5, "it stands in a transaction: {known:?}");
    for email in ["nobody@example.com", "user-2@example.com", "user-2@example.org", "user-1@example.com"] {
        assert_eq!(cost(email), known, "{email}");
    }
}

/// Or somebody could let alice send her token elsewhere.
fn no_header_of_a_request_gets_into_a_mail(scene: &Posted) {
    scene.sign_up("alice");
    let headers = [
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "host=evil.example;proto=https"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Prefix", "/evil"),
        ("X-Original-URL", "http://evil.example/"),
        ("Referer", "http://evil.example/"),
        ("User-Agent", "evil.example"),
        ("X-Request-Id", "evil"),
    ];
    let body = json!({"email": "alice@example.com"});
    scene.anon().ask("POST", "/auth/password/forgot", &headers, Some(&body)).expect(202);
    let letter = scene.post.next("alice@example.com", Purpose::Reset);
    assert!(!letter.text.contains("evil"), "{letter}");
    let page = format!("http://{}/app#action=reset-password&token=", scene.address);
    assert!(letter.link().is_some_and(|link| link.starts_with(&page)), "{letter}");
}

fn the_database_holds_no_token(scene: &Posted) {
    let alice = scene.sign_in("alice");
    forget(scene, "alice@example.com").expect(202);
    alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    let post = &scene.post;
    let verification = post.verification("alice@example.com");
    let (cancellation, reset) = (post.cancellation("alice@example.com"), post.reset("alice@example.com"));
    let tokens = [verification, cancellation, reset, post.verification("alicia@example.com")];
    let _sent = settle(&scene.database);
    let tables = scene.database.tables();
    assert!(tables.contains(&"mails".to_owned()) && scene.database.count("mails") == 4);
    let rows: Vec<_> = tables.iter().flat_map(|table| scene.database.rows_of(table)).collect();
    let file = fs::read(scene.database.file()).unwrap_or_default();
    for token in &tokens {
        let signature = token.rsplit('.').next().expect("a signature");
        assert!(signature.len() > 40, "{token}");
        assert!(!rows.iter().any(|row| row.contains(signature)), "{token} in {rows:?}");
        let bytes = crate::support::forge::decode(signature);
        for part in [signature.as_bytes(), &bytes] {
            assert!(!file.windows(part.len()).any(|window| window == part), "{token} is in the file");
        }
    }
}

/// Fails if a line of the log has one of these.
#[track_caller]
fn shows_none(log: &str, secrets: &[&str]) {
    assert!(log.lines().count() > 20, "it talks: {log}");
    for secret in secrets {
        let line = log.lines().find(|line| line.to_lowercase().contains(&secret.to_lowercase()));
        assert_eq!(line, None, "it shows {secret}");
    }
}

fn the_log_shows_no_token_and_no_address_however_much_it_tells(database: &Database) {
    let post = Postbox::open();
    for (name, format) in [("alice", "text"), ("bob", "json")] {
        let program = Program::on(database).set("MAIL_URL", &post.url()).set("LOG", "trace");
        let server = program.set("LOG_FORMAT", format).serve();
        let email = format!("{name}@example.com");
        let actor = server.sign_in(name);
        let verification = post.verification(&email);
        verify(&server, &verification).expect(204);
        verify(&server, &verification).expect(422);
        actor.patch("/me", &json!({"email": format!("new-{email}")})).expect(200);
        let confirmation = post.verification(&format!("new-{email}"));
        let cancellation = post.cancellation(&email);
        verify(&server, &confirmation).expect(204);
        cancel(&server, &cancellation).expect(422);
        let _moved = post.next(&email, Purpose::Notice);
        let email = format!("new-{email}");
        forget(&server, &email).expect(202);
        forget(&server, "nobody@example.com").expect(202);
        let for_reset = post.reset(&email);
        reset(&server, &for_reset, "password1").expect(422);
        reset(&server, &for_reset, NEW).expect(204);
        reset(&server, &for_reset, NEW).expect(422);
        let _changed = post.next(&email, Purpose::Notice);
        let ended = server.stop("TERM");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let signature = |token: &str| token.rsplit('.').next().expect("a signature").to_owned();
        let signatures = [&verification, &confirmation, &cancellation, &for_reset].map(|token| signature(token));
        let mut secrets = vec!["@example.com", "example.com>", PASSWORD, NEW];
        secrets.extend(signatures.iter().map(String::as_str));
        shows_none(&ended.stderr, &secrets);
        for event in ["email_verified", "email_change_requested", "email_changed", "password_reset_requested"] {
            assert!(ended.stderr.contains(event), "{event}");
        }
    }
}

/// A server that refuses a mail likes to quote it.
fn the_log_of_a_mail_server_that_is_unwell_shows_none_either(scene: &Database) {
    if scene.engine == Engine::Postgres {
        return;
    }
    let (unwell, _letters) = Unwell::listen(free_address(), Mood::Well);
    let url = format!("smtp://ann:a-canary-for-mails@{}", unwell.address);
    let server = Program::on(scene).set("MAIL_URL", &url).set("LOG", "trace").serve();
    for (number, mood) in [
        Mood::At("RCPT", Does::Says("550 5.1.1 <user-0@example.com> unknown")),
        Mood::At("DATA", Does::Says("451 no mail for user-1@example.com today")),
        Mood::At(".", Does::Says("554 spam for user-2@example.com")),
        Mood::At("HELLO", Does::Says("554 a-canary-for-mails")),
        Mood::At("EHLO", Does::Says("what is user-4@example.com?")),
        Mood::At("MAIL", Does::HangsUp),
        Mood::DiesAfter(200),
    ]
    .into_iter()
    .enumerate()
    {
        unwell.feel(mood);
        let met = unwell.met();
        server.sign_up(&format!("user-{number}"));
        unwell.until_met(met + 1);
    }
    let ended = server.stop("TERM");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    shows_none(&ended.stderr, &["a-canary-for-mails", "@example.com", "user-1"]);
}
