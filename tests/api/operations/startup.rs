//! The program from its start to its end: what it needs, what it says, and how it says no.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::support::process::{Ended, Program};
use crate::support::{Database, Engine, Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        it_says_where_it_listens_and_serves_there,
        it_stops_when_it_is_asked_to_and_keeps_what_it_was_told,
        a_bad_variable_is_named_with_what_it_accepts,
        a_secret_that_is_no_good_is_named_and_never_shown,
        postgresql_demands_a_secret,
        with_sqlite_a_secret_is_made_beside_the_database_and_kept,
        a_secret_may_come_from_a_file,
        a_sqlite_file_may_be_named_in_three_ways,
        variables_may_come_from_a_dotenv_file,
        a_line_of_a_dotenv_file_that_cannot_be_read_is_not_shown,
        a_password_in_a_database_url_is_never_shown,
        a_port_that_is_taken_is_one_line_with_a_remedy,
        a_database_that_cannot_be_opened_is_one_line_with_a_remedy,
        help_and_version_are_told_and_nonsense_is_not,
        it_serves_and_stops_when_nobody_reads_its_log_any_more,
        a_low_limit_on_open_files_is_raised_as_far_as_all_connections_need,
    ]
}

/// Fails unless the program refused to start with one line that holds these words.
#[track_caller]
pub fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.starts_with("kennel: ") && ended.stderr.ends_with('\n'), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(words.iter().all(|word| ended.stderr.contains(word)), "{words:?} in {ended:?}");
    assert!(!ended.stdout.contains("http://"), "{ended:?}");
}

fn it_says_where_it_listens_and_serves_there(database: &Database) {
    let server = Program::on(database).serve();
    assert!(server.line.contains(&format!("http://{}", server.address)), "{}", server.line);
    server.anon().get("/health/ready").expect(200);
    server.sign_in("alice").owner("Ann");
    let name = if database.engine == Engine::Sqlite { "SQLite" } else { "PostgreSQL" };
    let at = format!("http://{}", server.address);
    let ended = server.stop("TERM");
    for said in [name, &format!("{at}/app in a browser"), &format!("{at}/docs"), &format!("curl {at}/")] {
        assert!(ended.stdout.contains(said), "{said}: {ended:?}");
    }
}

fn it_stops_when_it_is_asked_to_and_keeps_what_it_was_told(database: &Database) {
    for (round, signal) in ["TERM", "INT"].into_iter().enumerate() {
        let server = Program::on(database).serve();
        let alice = if round == 0 { server.sign_in("alice") } else { server.log_in("alice") };
        alice.owner("Ann");
        assert_eq!(alice.get("/dogowner/owners").ids().len(), round + 1);
        let ended = server.stop(signal);
        assert_eq!(ended.code, Some(0), "{signal}: {ended:?}");
    }
}

fn a_bad_variable_is_named_with_what_it_accepts(database: &Database) {
    for (variable, value) in [
        ("DATABASE_URL", "mysql://dogs"),
        ("DATABASE_URL", "mysql:dogs"),
        ("DATABASE_URL", "file:dogs.db"),
        ("DATABASE_POOL_SIZE", "none"),
        ("HOST", "not a host"),
        ("PORT", "eighty"),
        ("PORT", "65536"),
        ("WORKERS", "0"),
        ("LOG", "verbose"),
        ("ACCESS_TOKEN_TTL", "2h"),
        ("ACCESS_TOKEN_TTL", "15"),
        ("PASSWORD_MIN_LENGTH", "7"),
        ("PASSWORD_MIN_LENGTH", "65"),
        ("LOG", "loud,,=="),
        ("LOG_FORMAT", "xml"),
        ("SHUTDOWN_TIMEOUT", "soon"),
        ("JWT_SECRET_FILE", "/nowhere/secret"),
    ] {
        let program = Program::on(database).set(variable, value);
        let program = if variable == "JWT_SECRET_FILE" { program.unset("JWT_SECRET") } else { program };
        refused(&program.run(), &[variable]);
    }
}

fn a_secret_that_is_no_good_is_named_and_never_shown(database: &Database) {
    let example = Repository::here().read(".env.example");
    let examples = example.lines().filter_map(|line| line.split_once("JWT_SECRET=")).map(|(_, value)| value.trim());
    let weak = [
        "secret",
        "changeme",
        "c2hvcnQ",
        "0123456789abcdef0123456789abcdef",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd",
        "not base64url but long enough to be thirty-two bytes",
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE",
    ];
    for secret in weak.into_iter().chain(examples).filter(|secret| !secret.is_empty()) {
        let ended = Program::on(database).set("JWT_SECRET", secret).run();
        refused(&ended, &["JWT_SECRET"]);
        assert!(!ended.stderr.contains(secret) && !ended.stdout.contains(secret), "{ended:?}");

        let file = database.directory().join("secret");
        fs::write(&file, secret).expect("a file is written");
        let program = Program::on(database).unset("JWT_SECRET");
        let ended = program.set("JWT_SECRET_FILE", file.to_str().expect("UTF-8")).run();
        refused(&ended, &["JWT_SECRET_FILE"]);
        assert!(!ended.stderr.contains(secret), "{ended:?}");
    }
}

fn postgresql_demands_a_secret(database: &Database) {
    if database.engine == Engine::Postgres {
        refused(&Program::on(database).unset("JWT_SECRET").run(), &["JWT_SECRET"]);
        refused(&Program::on(database).set("JWT_SECRET", "").run(), &["JWT_SECRET"]);
    }
}

fn with_sqlite_a_secret_is_made_beside_the_database_and_kept(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let server = Program::on(database).unset("JWT_SECRET").serve();
    let token = server.sign_in("alice").token().to_owned();
    assert_eq!(server.stop("TERM").code, Some(0));

    let key = database.directory().join("kennel.db.key");
    for file in [&key, &database.file()] {
        let mode = fs::metadata(file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let before = fs::read_to_string(&key).expect("it can be read");

    let server = Program::on(database).unset("JWT_SECRET").serve();
    server.anon().with_token(&token).get("/me").expect(200);
    assert_eq!(fs::read_to_string(&key).expect("it can be read"), before);
    assert!(!server.line.contains(before.trim()));
}

fn a_secret_may_come_from_a_file(database: &Database) {
    let secret = crate::support::app::SECRET;
    let file = database.directory().join("secret");
    fs::write(&file, format!("{secret}\n")).expect("a file is written");
    let server = Program::on(database).serve();
    let token = server.sign_in("alice").token().to_owned();
    server.stop("TERM");

    let program = Program::on(database).unset("JWT_SECRET").set("JWT_SECRET_FILE", "secret");
    program.serve().anon().with_token(&token).get("/me").expect(200);
}

fn variables_may_come_from_a_dotenv_file(database: &Database) {
    let settings = crate::support::app::settings(database);
    let lines: Vec<_> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    fs::write(database.directory().join(".env"), lines.join("\n")).expect("a file is written");
    let server = Program::with(database, [].into()).serve();
    server.sign_up("alice");
    drop(server);
    assert_eq!(database.count("users"), 1);
    refused(&Program::with(database, [("PORT".to_owned(), "x".to_owned())].into()).run(), &["PORT"]);
}

fn a_line_of_a_dotenv_file_that_cannot_be_read_is_not_shown(database: &Database) {
    for line in ["JWT_SECRET='canary", "DATABASE_URL=postgres://kennel:canary@localhost/a b"] {
        fs::write(database.directory().join(".env"), line).expect("a file is written");
        let ended = Program::on(database).run();
        refused(&ended, &[".env"]);
        assert!(!ended.stderr.contains("canary"), "{ended:?}");
    }
}

fn a_password_in_a_database_url_is_never_shown(database: &Database) {
    for url in [
        "postgres://kennel:cana/ry@127.0.0.1:1/k",
        "postgres://kennel:cana@ry@127.0.0.1:1/k",
        "postgres://kennel:cana%zzry@127.0.0.1:1/k",
    ] {
        let ended = Program::on(database).set("DATABASE_URL", url).run();
        refused(&ended, &["DATABASE_URL"]);
        assert!(!ended.stderr.contains("cana") && !ended.stderr.contains("ry@"), "{ended:?}");
    }
    if database.engine == Engine::Postgres {
        let url = format!("{}?password=can@ry", database.url());
        let server = Program::on(database).set("DATABASE_URL", &url).serve();
        assert!(!server.line.contains("can") && !server.line.contains("ry)"), "{}", server.line);
    }
}

/// What reads the log went away: each line fails, and says nothing of it.
fn it_serves_and_stops_when_nobody_reads_its_log_any_more(database: &Database) {
    let server = Program::on(database).set("LOG", "trace").log_to_a_broken_pipe().serve();
    server.sign_in("alice").owner("Ann");
    server.anon().get("/nowhere").expect(404);
    assert_eq!(server.stop("TERM").code, Some(0));
}

fn a_sqlite_file_may_be_named_in_three_ways(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    for (url, name) in [("sqlite://kennel.db", "alice"), ("sqlite:kennel.db", "bob"), ("kennel.db", "zoe")] {
        let server = Program::on(database).set("DATABASE_URL", url).serve();
        server.sign_up(name);
        drop(server);
        assert_eq!(database.count(&format!("users WHERE username = '{name}'")), 1);
    }
    assert_eq!(database.count("users"), 3);
}

fn a_port_that_is_taken_is_one_line_with_a_remedy(database: &Database) {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    refused(&Program::on(database).set("PORT", &port).run(), &[&port, "PORT"]);
}

fn a_database_that_cannot_be_opened_is_one_line_with_a_remedy(database: &Database) {
    let bad = match database.engine {
        Engine::Sqlite => "sqlite:///nowhere/at/all/kennel.db".to_owned(),
        Engine::Postgres => format!("{}_that_is_not_there", database.url()),
    };
    refused(&Program::on(database).set("DATABASE_URL", &bad).run(), &["DATABASE_URL"]);
    if database.engine == Engine::Sqlite {
        fs::write(database.file(), "this is no database, and never was one").expect("a file is written");
        refused(&Program::on(database).run(), &["kennel.db"]);
    }
}

fn help_and_version_are_told_and_nonsense_is_not(database: &Database) {
    let help = Program::on(database).args(&["--help"]).run();
    assert_eq!(help.code, Some(0), "{help:?}");
    for word in ["migrate", "DATABASE_URL", "kennel"] {
        assert!(help.stdout.contains(word), "{word} in {help:?}");
    }
    let version = Program::on(database).args(&["--version"]).run();
    assert_eq!((version.code, version.stdout.trim()), (Some(0), concat!("kennel ", env!("CARGO_PKG_VERSION"))));
    for nonsense in [&["dig"][..], &["--loud"], &["migrate", "sideways"], &["migrate"]] {
        let ended = Program::on(database).args(nonsense).run();
        assert_eq!(ended.code, Some(2), "{nonsense:?}: {ended:?}");
        assert!(!ended.stderr.is_empty(), "{ended:?}");
    }
}

fn a_low_limit_on_open_files_is_raised_as_far_as_all_connections_need(database: &Database) {
    let server = Program::on(database).set("LOG", "warn").with_limit("-n 256").serve();
    let limit: usize = server.limit("Max open files")[0].parse().expect("a number");
    assert!(limit > 2 * 4_096, "{limit} for 4,096 connections, as many that are about to close, and other files");
    let ended = server.stop("TERM");
    assert!(!ended.stderr.contains("open files"), "{ended:?}");
}
