//! Settings that cannot be used: the program refuses to start, at once, with a line that names the variable and what
//! it accepts, and never shows what it was.

use std::fs;

use serde_json::json;

use crate::operations::startup::refused;
use crate::support::forge::Forge;
use crate::support::process::Program;
use crate::support::{App, Database, Engine, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_setting_that_cannot_be_used_is_refused_and_never_shown,
        what_a_setting_accepts_is_accepted,
        an_old_secret_that_is_no_good_is_refused_and_never_shown,
        whatever_is_secret_may_come_from_a_file,
        a_file_for_a_secret_is_named_if_it_cannot_be_used,
        a_secret_that_is_given_twice_is_given_wrongly,
        signup_can_be_closed,
        a_variable_that_is_nearly_one_of_ours_is_told_of,
    ]
}

/// Variables with values that they do not accept. Each value has a word that stands nowhere else.
const BAD: [(&str, &[&str]); 17] = [
    (
        "CORS_ORIGINS",
        &[
            "*",
            "null",
            "https://*.canary.example",
            "canary.example",
            "https://canary.example/",
            "https://canary.example/path",
            "https://canary.example?x",
            "https://ann@canary.example",
            "https://CANARY.example",
            "HTTPS://canary.example",
            "https://canary.example:443",
            "https://canary.example:99999",
            "https://canary.example https://b.example",
            "https://a.example,*",
            "https://",
            "https://canary exam.ple",
        ],
    ),
    (
        "TRUSTED_PROXIES",
        &[
            "canary",
            "10.0.0.0/33",
            "10.0.0.256",
            "10.0.0.0/",
            "/8",
            "10.0.0.0/-1",
            "10.0.0.0/x",
            "10.0.0.0/8/8",
            "::1/129",
            "10.0.0.1:80",
            "10.0.0.1 10.0.0.2",
            "localhost",
            "*",
            "10.0.0.0/8,canary",
        ],
    ),
    (
        "LOGIN_RATE",
        &[
            "canary",
            "10",
            "10/",
            "/1m",
            "10/1",
            "-1/1m",
            "10/-1m",
            "1.5/1m",
            "10/0s",
            "10/m",
            "on",
            "10/1m/1m",
            "10 per 1m",
        ],
    ),
    ("SIGNUP_RATE", &["5/25", "5/25x", "many/1m", "99999999999999999999/1m", "5/99999999999999999999d"]),
    ("USER_RATE", &["100", "100/", "0/2", "none", "4294967296/1s"]),
    ("IP_RATE", &["60", "60/2w", "", "60\u{a0}/2s"]),
    ("REFRESH_IDLE_TTL", &["0s", "91d", "14", "canary", "-1d"]),
    ("REFRESH_TTL", &["0d", "366d", "30", "a month"]),
    ("SIGNUP", &["maybe", "canary", "true", "Open!"]),
    (
        "MAIL_URL",
        &["canary", "http://canary.example", "smtp://", "file:", "mailto:canary@example.com", "smtp://canary:x y@h"],
    ),
    (
        "MAIL_FROM",
        &[
            "canary",
            "k\u{e4}nary@example.com",
            "@example.com",
            "canary@",
            "a@b, canary@d",
            "canary@example.com\r\nBcc: b@example.com",
        ],
    ),
    (
        "PUBLIC_URL",
        &[
            "canary",
            "https://",
            "https://canary.example?x=1",
            "https://canary.example#x",
            "//canary",
            "https://example.com/canary",
            "http://canary:99999",
        ],
    ),
    ("APP_URL", &["canary", "canary://app", "https://", "https://app.example/#canary", "https://canary@app.example"]),
    ("CORS_HEADERS", &["*", "canary canary", "X-Canary:", "X-Canary, *"]),
    ("DEV", &["canary", "on", "yes"]),
    ("JWT_PREVIOUS_SECRETS", &["canary", "changeme,changeme"]),
    ("DATABASE_URL", &["mysql://canary"]),
];

fn a_setting_that_cannot_be_used_is_refused_and_never_shown(scene: &Database) {
    // That has nothing to do with the database, and many processes take their time.
    if scene.engine == Engine::Postgres {
        return;
    }
    for (variable, values) in BAD {
        for value in values.iter().filter(|value| !value.is_empty()) {
            let differing = [(variable, *value)];
            let accepted = App::try_with(Database::fresh(scene.engine), &differing).is_ok();
            assert!(!accepted, "{variable}={value} is accepted");
            let ended = Program::on(scene).set(variable, value).run();
            refused(&ended, &[variable]);
            for shown in [&ended.stdout, &ended.stderr] {
                assert!(!shown.to_lowercase().contains("canary"), "{variable}={value}: {ended:?}");
            }
        }
    }
    assert!(!scene.file().exists(), "nothing was begun");
}

fn what_a_setting_accepts_is_accepted(scene: &Database) {
    for settings in [
        [("CORS_ORIGINS", "https://app.example.com"), ("TRUSTED_PROXIES", "10.0.0.0/8"), ("LOGIN_RATE", "10/1m")],
        [
            ("CORS_ORIGINS", " http://localhost:5173 , https://xn--hnd-5qa.example:8443,http://[::1]:3000"),
            ("TRUSTED_PROXIES", "127.0.0.1, ::1, fd00::/8, 10.1.2.3/32"),
            ("LOGIN_RATE", "off"),
        ],
        [("USER_RATE", "1/1s"), ("IP_RATE", "1000000/1d"), ("SIGNUP_RATE", "0")],
        [("REFRESH_IDLE_TTL", "1s"), ("REFRESH_TTL", "365d"), ("SIGNUP", "closed")],
        [("REFRESH_IDLE_TTL", "90d"), ("REFRESH_TTL", "1s"), ("SIGNUP", "open")],
        [
            ("MAIL_URL", "smtp://kennel:p%40ss@mail.example.com:587?tls=required"),
            ("MAIL_FROM", "Kennel <kennel@example.com>"),
            ("PUBLIC_URL", "https://kennel.example/"),
        ],
        [("MAIL_URL", "smtps://mail.example.com"), ("MAIL_FROM", "a@b"), ("PUBLIC_URL", "http://127.0.0.1:8000")],
        [("CORS_ORIGINS", ""), ("TRUSTED_PROXIES", " "), ("PUBLIC_URL", "")],
        [("CORS_HEADERS", "X-Tenant, x-csrf-token"), ("APP_URL", "http://localhost:5173/a?b=c"), ("DEV", "FALSE")],
        [("CORS_HEADERS", ""), ("APP_URL", "https://app.example.com"), ("DEV", "true")],
    ] {
        let app = App::try_with(Database::fresh(scene.engine), &settings);
        let app = app.unwrap_or_else(|error| panic!("{settings:?}: {error}"));
        app.anon().get("/health/ready").expect(200);
    }
}

fn an_old_secret_that_is_no_good_is_refused_and_never_shown(database: &Database) {
    let good = "Zk9wQnV5dE1hR3ZyS2pYc0xkUWZoVGl6Y09nQWVVeDc";
    for weak in ["secret", "changeme", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "c2hvcnQ"] {
        for list in [weak.to_owned(), format!("{good},{weak}"), format!("{weak},{good}")] {
            let ended = Program::on(database).set("JWT_PREVIOUS_SECRETS", &list).run();
            refused(&ended, &["JWT_PREVIOUS_SECRETS"]);
            for shown in [&ended.stdout, &ended.stderr] {
                assert!(!shown.contains(weak) && !shown.contains(good), "{ended:?}");
            }
        }
    }
}

fn whatever_is_secret_may_come_from_a_file(database: &Database) {
    let write = |name: &str, text: &str| {
        fs::write(database.directory().join(name), format!("{text}\n")).expect("a file is written");
    };
    write("url", &database.url());
    write("mail", &format!("file:{}", database.directory().join("letters").display()));
    write("secret", crate::support::app::SECRET);
    let program = ["DATABASE_URL", "MAIL_URL", "JWT_SECRET"]
        .iter()
        .fold(Program::on(database), |program, name| program.unset(name));
    let program = program.set("DATABASE_URL_FILE", "url").set("MAIL_URL_FILE", "mail").set("JWT_SECRET_FILE", "secret");
    let server = program.serve();
    let alice = server.sign_in("alice");
    alice.get("/me").expect(200);
    // The tests know this secret.
    alice.with_token(&Forge::of(alice.token()).signed()).get("/me").expect(200);
    assert_eq!(database.count("users"), 1);
}

fn a_file_for_a_secret_is_named_if_it_cannot_be_used(database: &Database) {
    fs::write(database.directory().join("canary"), "canary\0canary").expect("a file is written");
    fs::write(database.directory().join("nothing"), "\n").expect("a file is written");
    for name in ["DATABASE_URL", "MAIL_URL", "JWT_SECRET", "JWT_PREVIOUS_SECRETS"] {
        let variable = format!("{name}_FILE");
        for file in ["/nowhere/secret", ".", "canary"] {
            let ended = Program::on(database).unset(name).set(&variable, file).run();
            refused(&ended, &[&variable]);
            assert!(!ended.stderr.contains("canary"), "{ended:?}");
        }
    }
}

fn a_secret_that_is_given_twice_is_given_wrongly(database: &Database) {
    let secret = crate::support::app::SECRET;
    fs::write(database.directory().join("secret"), secret).expect("a file is written");
    for name in ["DATABASE_URL", "MAIL_URL", "JWT_SECRET", "JWT_PREVIOUS_SECRETS"] {
        let program = if name == "JWT_PREVIOUS_SECRETS" {
            Program::on(database).set(name, secret)
        } else {
            Program::on(database)
        };
        let ended = program.set(&format!("{name}_FILE"), "secret").run();
        refused(&ended, &[name]);
        assert!(!ended.stderr.contains(secret), "{ended:?}");
    }
}

fn signup_can_be_closed(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[("SIGNUP", "closed")]);
    let body = json!({"username": "alice", "email": "alice@example.com", "password": PASSWORD});
    app.anon().post("/auth/signup", &body).expect(403).problem("signup-closed");
    assert_eq!(app.database.count("users"), 0);
    app.try_log_in("alice", PASSWORD).expect(401);
}

fn a_variable_that_is_nearly_one_of_ours_is_told_of(database: &Database) {
    fs::write(database.directory().join(".env"), "KENNEL_PORT=canary\n").expect("a file is written");
    let program = Program::on(database).set("LOG", "warn").set("JWT_SECRT", "canary").set("LOGO", "canary");
    let ended = program.serve().stop("TERM");
    assert_eq!(ended.code, Some(0));
    for told in ["JWT_SECRT is not read: did you mean JWT_SECRET?", "KENNEL_PORT is not read: did you mean PORT?"] {
        assert!(ended.stderr.contains(told), "{ended:?}");
    }
    assert!(!ended.stderr.contains("LOGO") && !ended.stderr.contains("canary"), "{ended:?}");
}
