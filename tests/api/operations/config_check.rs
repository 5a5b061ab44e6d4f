//! `kennel config check`: every variable, where it comes from and what it resolves to, with nothing secret in it and
//! nothing done.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use kennel::config::VARIABLES;

use crate::support::app::SECRET;
use crate::support::process::{Ended, Program};
use crate::support::{Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_variable_is_listed_with_its_value_and_where_it_comes_from,
        no_secret_is_shown,
        all_that_cannot_be_used_is_told_at_once,
        a_variable_that_is_nearly_one_of_ours_is_told_and_is_no_error,
        nothing_is_connected_to_or_made,
        postgresql_without_a_secret_cannot_be_used,
    ]
}

fn check(program: Program) -> Ended {
    program.args(&["config", "check"]).run()
}

/// Name, place and value of each line below the heading.
fn rows(ended: &Ended) -> Vec<(&str, &str, &str)> {
    let mut lines = ended.stdout.lines();
    assert_eq!(lines.next().map(|line| line.split_whitespace().collect()), Some(vec!["NAME", "FROM", "VALUE"]));
    let rows = lines.map(|line| {
        let (name, rest) = line.split_once(' ').expect("a name");
        let (from, value) = rest.trim_start().split_once(' ').expect("a place");
        (name, from, value.trim_start())
    });
    rows.collect()
}

#[track_caller]
fn says(ended: &Ended, name: &str, from: &str, value: &str) {
    let rows = rows(ended);
    let found = rows.iter().find(|row| row.0 == name).unwrap_or_else(|| panic!("{name} in {ended:?}"));
    assert_eq!((found.1, found.2), (from, value), "{name}");
}

fn every_variable_is_listed_with_its_value_and_where_it_comes_from(database: &Database) {
    let env = "PORT=9000\nHOST=::1\nLOGIN_RATE=\"5/1m\"\nMOST_DOGS=\n";
    fs::write(database.directory().join(".env"), env).expect("a file is written");
    fs::write(database.directory().join("mail"), "smtps://ann:canary@mail.example.com:2525\n").expect("a file");
    let set = |program: Program| program.set("HOST", "127.0.0.1").set("MAIL_URL_FILE", "mail").unset("MAIL_URL");
    let ended = check(set(Program::on(database).unset("PORT").unset("LOGIN_RATE")));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let names: Vec<_> = VARIABLES.iter().map(|variable| variable.name).collect();
    assert_eq!(rows(&ended).iter().map(|row| row.0).collect::<Vec<_>>(), names);
    says(&ended, "HOST", "environment", "127.0.0.1");
    says(&ended, "PORT", ".env", "9000");
    says(&ended, "LOGIN_RATE", ".env", "5/1m");
    says(&ended, "MOST_DOGS", "default", "10000");
    says(&ended, "MAIL_URL", "file", "an SMTP server at mail.example.com:2525");
    says(&ended, "MAIL_URL_FILE", "environment", "mail");
    says(&ended, "LOG_FILE", "default", "-");
    says(&ended, "LOG", "environment", "off");
    says(&ended, "WORKERS", "environment", "2");
    let ended = check(Program::on(database).unset("WORKERS").unset("LOGIN_RATE").unset("IP_RATE").args(&["--dev"]));
    let cores = std::thread::available_parallelism().expect("a number of cores").to_string();
    says(&ended, "WORKERS", "default", &cores);
    says(&ended, "DEV", "dev", "true");
    says(&ended, "IP_RATE", "dev", "10000/2s");
    says(&ended, "LOGIN_RATE", ".env", "5/1m");
    if database.engine == Engine::Sqlite {
        let ended = check(Program::on(database).unset("DATABASE_URL").unset("JWT_SECRET"));
        let here = database.directory().join("kennel.db");
        says(&ended, "DATABASE_URL", "default", &format!("SQLite, {}", here.display()));
        says(&ended, "JWT_SECRET", "default", "the one in kennel.db.key");
    }
}

fn no_secret_is_shown(database: &Database) {
    let previous = "Zk9wQnV5dE1hR3ZyS2pYc0xkUWZoVGl6Y09nQWVVeDc";
    let urls = [
        "postgres://canary:canary@db1,db2:5432/kennel?password=canary&sslpassword=canary",
        "postgres:///kennel?user=canary&password=canary",
    ];
    for url in urls {
        let secrets = [
            ("DATABASE_URL", url),
            ("JWT_SECRET", SECRET),
            ("JWT_PREVIOUS_SECRETS", previous),
            ("MAIL_URL", "smtp://canary:canary@localhost:2525"),
        ];
        let given =
            check(secrets.iter().fold(Program::on(database), |program, (name, value)| program.set(name, value)));
        let in_files = secrets.iter().fold(Program::on(database), |program, (name, value)| {
            fs::write(database.directory().join(name), value).expect("a file is written");
            program.unset(name).set(&format!("{name}_FILE"), name)
        });
        for (ended, from) in [(given, "environment"), (check(in_files), "file")] {
            assert_eq!(ended.code, Some(0), "{ended:?}");
            says(&ended, "JWT_SECRET", from, "hidden");
            says(&ended, "JWT_PREVIOUS_SECRETS", from, "hidden (1)");
            for secret in ["canary", SECRET, previous] {
                assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
            }
        }
    }
    for (name, value) in [("JWT_SECRET", "canary"), ("DATABASE_URL", "mysql://canary"), ("PORT", "canary")] {
        let ended = check(Program::on(database).set(name, value));
        assert_eq!(ended.code, Some(1));
        says(&ended, name, "environment", "cannot be used");
        assert!(!ended.stdout.contains("canary") && !ended.stderr.contains("canary"), "{ended:?}");
    }
}

fn all_that_cannot_be_used_is_told_at_once(database: &Database) {
    let bad = [
        ("PORT", OsStr::new("eighty")),
        ("SIGNUP", OsStr::new("maybe")),
        ("LOG", OsStr::from_bytes(b"info\xff")),
        ("DRAIN_DELAY", OsStr::new("25s")),
        ("JWT_SECRET", OsStr::new("short")),
        ("MAIL_URL_FILE", OsStr::new("/nowhere")),
    ];
    let program = bad.iter().fold(Program::on(database), |program, (name, value)| program.set_bytes(name, value));
    let ended = check(program);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr.lines().count(), bad.len(), "{ended:?}");
    for (name, _) in bad {
        assert!(ended.stderr.contains(&format!("kennel: {name}: ")), "{name} in {ended:?}");
        says(&ended, name, "environment", "cannot be used");
    }
    says(&ended, "WORKERS", "environment", "2");
}

fn a_variable_that_is_nearly_one_of_ours_is_told_and_is_no_error(database: &Database) {
    let ended = check(Program::on(database).set("JWT_SECRT", "canary").set("KENNEL_COLOUR", "canary"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("kennel: JWT_SECRT is not read: did you mean JWT_SECRET?\n"), "{ended:?}");
    assert!(ended.stderr.contains("KENNEL_COLOUR is not read") && !ended.stderr.contains("canary"), "{ended:?}");
}

fn nothing_is_connected_to_or_made(database: &Database) {
    let program = || Program::on(database).set("LOG_FILE", "kennel.log").set("MAIL_URL", "file:letters");
    let ended = match database.engine {
        Engine::Sqlite => check(program().unset("JWT_SECRET")),
        // Nobody listens there.
        Engine::Postgres => check(program().set("DATABASE_URL", "postgres://kennel@127.0.0.1:1/kennel")),
    };
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert_eq!(fs::read_dir(database.directory()).expect("a folder").count(), 0);
}

fn postgresql_without_a_secret_cannot_be_used(database: &Database) {
    let ended = check(Program::on(database).unset("JWT_SECRET"));
    let demanded = database.engine == Engine::Postgres;
    assert_eq!(ended.code, Some(i32::from(demanded)), "{ended:?}");
    assert_eq!(ended.stderr.contains("kennel: JWT_SECRET: PostgreSQL demands it"), demanded, "{ended:?}");
}
