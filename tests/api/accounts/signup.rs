//! Making an account: what a name and an address may be, and that there is one account of each.

use std::iter;
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::support::{Answer, App, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_signup_answers_the_account_and_where_it_is,
        a_signup_shows_no_password_and_no_hash,
        a_signup_does_not_log_in,
        a_username_is_three_to_thirty_letters_digits_dashes_and_underscores,
        some_usernames_are_reserved_in_any_letter_case,
        an_email_is_what_a_browser_takes_for_one,
        white_space_around_a_username_and_an_email_does_not_count,
        every_bad_field_is_named_at_once,
        a_username_belongs_to_one_account_in_any_letter_case,
        an_email_belongs_to_one_account_in_any_letter_case,
        a_username_and_an_email_that_are_both_taken_are_both_named,
        of_fifty_signups_at_once_with_one_name_one_succeeds,
        nobody_signs_up_as_more_than_a_user,
    ]
}

fn body(username: &str, email: &str) -> Value {
    json!({"username": username, "email": email, "password": PASSWORD})
}

fn sign_up(app: &App, username: &str, email: &str) -> Answer {
    app.anon().post("/auth/signup", &body(username, email))
}

fn a_signup_answers_the_account_and_where_it_is(app: &App) {
    let answer = sign_up(app, "alice", "alice@example.com").expect(201);
    assert_eq!(answer.header("location"), "/me");
    assert_eq!(answer.text("username"), "alice");
    assert_eq!(answer.text("email"), "alice@example.com");
    assert_eq!(answer.json["verified_at"], Value::Null);
    assert_eq!(answer.json["created_at"], answer.json["updated_at"]);
    assert_eq!(app.log_in("alice").get("/me").expect(200).json, answer.json);
}

fn a_signup_shows_no_password_and_no_hash(app: &App) {
    let answer = sign_up(app, "alice", "alice@example.com").expect(201);
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(!body.contains("password") && !body.contains(PASSWORD) && !body.contains("argon2"), "{answer}");
}

fn a_signup_does_not_log_in(app: &App) {
    let answer = app.sign_up("alice");
    assert!(answer.header_if_any("set-cookie").is_none());
    assert_eq!(app.database.count("sessions"), 0);
}

fn a_username_is_three_to_thirty_letters_digits_dashes_and_underscores(app: &App) {
    let longest = "a".repeat(30);
    for (number, good) in ["abc", longest.as_str(), "a-b_c", "007", "---", "Zoe_"].into_iter().enumerate() {
        assert_eq!(sign_up(app, good, &format!("{number}@example.com")).expect(201).text("username"), good);
    }
    let bad = [
        ("", "too_short"),
        ("   ", "too_short"),
        ("ab", "too_short"),
        (&"a".repeat(31), "too_long"),
        ("al ice", "format"),
        ("al.ice", "format"),
        ("alice@home", "format"),
        ("älice", "format"),
        ("alice\u{200b}", "format"),
        ("аlice", "format"), // a Cyrillic а
        ("al\u{0}ice", "control_character"),
        ("al\nice", "control_character"),
    ];
    for (name, code) in bad {
        sign_up(app, name, "alice@example.com").error("/username", code);
    }
}

fn some_usernames_are_reserved_in_any_letter_case(app: &App) {
    for name in ["admin", "Root", "DogOwner", "system"] {
        sign_up(app, name, "alice@example.com").error("/username", "reserved");
    }
}

fn an_email_is_what_a_browser_takes_for_one(app: &App) {
    let at_the_limit = format!("{}@{}.example", "a".repeat(190), "b".repeat(55));
    assert_eq!(at_the_limit.len(), 254);
    for (number, good) in
        ["a@b", "o'hara+dogs@sub.example.co", at_the_limit.as_str(), "a..b@example.com"].into_iter().enumerate()
    {
        assert_eq!(sign_up(app, &format!("user{number}"), good).expect(201).text("email"), good);
    }
    let too_long = format!("a{at_the_limit}");
    let bad = [
        ("alice", "format"),
        ("@example.com", "format"),
        ("alice@", "format"),
        ("alice@example..com", "format"),
        ("alice@-example.com", "format"),
        ("alice@exa_mple.com", "format"),
        ("alice@@example.com", "format"),
        ("al ice@example.com", "format"),
        ("älice@example.com", "format"),
        ("Alice <alice@example.com>", "format"),
        ("alice@example.com\u{0}", "control_character"),
        (too_long.as_str(), "too_long"),
    ];
    for (email, code) in bad {
        sign_up(app, "alice", email).error("/email", code);
    }
}

fn white_space_around_a_username_and_an_email_does_not_count(app: &App) {
    let answer = sign_up(app, "\u{3000} alice ", "  alice@example.com\u{a0}").expect(201);
    assert_eq!(answer.text("username"), "alice");
    assert_eq!(answer.text("email"), "alice@example.com");
}

fn every_bad_field_is_named_at_once(app: &App) {
    let bad = json!({"username": "a", "email": 7, "password": "short", "colour": "red"});
    let answer = app
        .anon()
        .post("/auth/signup", &bad)
        .error("/username", "too_short")
        .error("/email", "type")
        .error("/password", "too_short")
        .error("/colour", "unknown_field");
    assert_eq!(answer.error_count(), 4, "{answer}");

    let answer = app
        .anon()
        .post("/auth/signup", &json!({}))
        .error("/username", "required")
        .error("/email", "required")
        .error("/password", "required");
    assert_eq!(answer.error_count(), 3, "{answer}");
    assert_eq!(app.database.count("users"), 0);
}

fn a_username_belongs_to_one_account_in_any_letter_case(app: &App) {
    sign_up(app, "Ann", "Ann@Example.com").expect(201);
    for name in ["Ann", "ANN", "aNN", " ann "] {
        sign_up(app, name, "another@example.com").expect(409).problem("username-taken");
    }
    assert_eq!(app.database.count("users"), 1);
}

fn an_email_belongs_to_one_account_in_any_letter_case(app: &App) {
    sign_up(app, "Ann", "Ann@Example.com").expect(201);
    for email in ["Ann@Example.com", "ann@example.com", "ANN@EXAMPLE.COM", " ann@Example.com "] {
        sign_up(app, "another", email).expect(409).problem("email-taken");
    }
    assert_eq!(app.database.count("users"), 1);
}

fn a_username_and_an_email_that_are_both_taken_are_both_named(app: &App) {
    app.sign_up("alice");
    app.sign_up("bob");
    let named = |answer: &Answer| {
        let errors = answer.json["errors"].as_array().expect("errors");
        errors.iter().map(|error| error["pointer"].clone()).collect::<Vec<_>>()
    };
    let both = sign_up(app, "ALICE", "bob@example.com").expect(409).problem("username-taken");
    assert_eq!(named(&both), ["/username", "/email"]);
    let one = sign_up(app, "zoe", "bob@example.com").expect(409).problem("email-taken");
    assert_eq!(named(&one), ["/email"]);
}

fn of_fifty_signups_at_once_with_one_name_one_succeeds(app: &App) {
    for round in 0..20 {
        let start = Barrier::new(50);
        let statuses: Vec<_> = thread::scope(|scope| {
            let runners: Vec<_> = (0..50)
                .map(|runner| {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        let ask = || sign_up(app, &format!("racer-{round}"), &format!("{runner}@{round}.example.com"));
                        // A slow machine may have too much to do for one address's fifty, and says so.
                        iter::repeat_with(|| ask().status).find(|status| ![429, 503].contains(status))
                    })
                })
                .collect();
            runners
                .into_iter()
                .map(|runner| runner.join().expect("each gets its answer").expect("it goes on asking"))
                .collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 49, "{statuses:?}");
    }
    assert_eq!(app.database.count("users"), 20);
}

fn nobody_signs_up_as_more_than_a_user(app: &App) {
    let read_only = json!({
        "username": "alice", "email": "alice@example.com", "password": PASSWORD,
        "id": 4711, "verified_at": "2020-01-01T00:00:00.000Z",
        "created_at": "1999-01-01T00:00:00.000Z", "updated_at": "1999-01-01T00:00:00.000Z",
    });
    let answer = app.anon().post("/auth/signup", &read_only).expect(201);
    assert_ne!(answer.id(), 4711);
    assert_eq!(answer.json["verified_at"], Value::Null);
    assert!(!answer.text("created_at").starts_with("1999"), "{answer}");

    for field in ["role", "is_admin", "user_id", "password_hash", "version", "username_key"] {
        let mut body = body("mallory", "mallory@example.com");
        body[field] = json!(1);
        app.anon().post("/auth/signup", &body).error(&format!("/{field}"), "unknown_field");
    }
    assert_eq!(app.database.count("users"), 1);
}
