//! Signals are heard at any time, whatever the server waits for.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use serde_json::json;

use crate::support::client::PATIENCE;
use crate::support::passage::Passage;
use crate::support::postgres::cluster;
use crate::support::process::{Program, Running};
use crate::support::{Database, Engine, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_signal_at_start_up_ends_it_at_once,
        a_second_signal_ends_it_while_the_database_hangs,
        whatever_hangs_it_is_gone_when_its_time_is_over,
        a_terminal_that_hangs_up_does_not_end_it,
        the_file_of_the_log_is_opened_again_when_a_signal_says_so,
        a_write_beyond_the_limit_on_file_sizes_does_not_end_it,
    ]
}

/// Waits until this holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::yield_now();
    }
}

fn a_signal_at_start_up_ends_it_at_once(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    // It takes connections and says nothing on them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("postgres://kennel@{}/kennel", silent.local_addr().expect("an address"));
    for signal in ["TERM", "INT"] {
        let starting = Program::on(database).set("DATABASE_URL", &url).spawn();
        let (_connection, _) = silent.accept().expect("it asks for its database");
        let ended = starting.stop(signal);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "it has not waited in vain");
    }
}

/// A server whose database stops to respond, with a write of the database under way.
fn hanging(passage: &Passage, database: &Database, settings: &[(&str, &str)]) -> (Running, TcpStream) {
    let part = database.url();
    let url = part.replacen(&format!(":{}/", cluster().port()), &format!(":{}/", passage.port), 1);
    assert_ne!(url, part, "the passage is on the way");
    let program = Program::on(database).set("DATABASE_URL", &url);
    let server = settings.iter().fold(program, |program, (name, value)| program.set(name, value)).serve();
    let alice = server.sign_in("alice");
    let request =
        format!("GET /dogowner/owners HTTP/1.1\r\nHost: kennel\r\nAuthorization: Bearer {}\r\n\r\n", alice.token());
    drop(alice);
    server.hang_up();
    passage.go_silent();
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    stream.write_all(request.as_bytes()).expect("it reads");
    (server, stream)
}

fn a_second_signal_ends_it_while_the_database_hangs(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let passage = Passage::to(cluster().port());
    let (server, mut stream) = hanging(&passage, database, &[("SHUTDOWN_TIMEOUT", "10m")]);
    server.signal("TERM");
    until("it listens no more", || TcpStream::connect(server.address).is_err());
    // When the last request has been given up, the database is about to be closed.
    stream.read_to_end(&mut Vec::new()).expect("an answer");
    assert!(server.stop("TERM").code.is_some(), "it ends by itself");
}

fn whatever_hangs_it_is_gone_when_its_time_is_over(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let passage = Passage::to(cluster().port());
    let (server, _stream) = hanging(&passage, database, &[("SHUTDOWN_TIMEOUT", "1s")]);
    let ended = server.stop("TERM");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("SHUTDOWN_TIMEOUT"), "{ended:?}");
}

fn a_terminal_that_hangs_up_does_not_end_it(database: &Database) {
    let server = Program::on(database).set("LOG", "info").serve();
    server.signal("HUP");
    server.anon().get("/health/live").expect(200);
    let ended = server.stop("TERM");
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("SIGHUP changes nothing"), "{ended:?}");
}

fn the_file_of_the_log_is_opened_again_when_a_signal_says_so(database: &Database) {
    let path = database.directory().join("kennel.log");
    let old = database.directory().join("kennel.log.1");
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let lines = |path, route: &str| read(path).lines().filter(|line| line.contains(route)).count();
    let program = || Program::on(database).set("LOG", "info").set("LOG_FILE", "kennel.log");

    let server = program().serve();
    server.anon().get("/health/live").expect(200);
    until("a line", || lines(&path, "route=/health/live") == 1);
    fs::rename(&path, &old).expect("it is ours");
    server.anon().get("/dogs").expect(200);
    until("a line in the file that was moved", || lines(&old, "route=/dogs") == 1);
    server.signal("HUP");
    until("a new file", || path.exists());
    server.anon().get("/problems").expect(200);
    let ended = server.stop("TERM");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!((lines(&path, "route=/problems"), lines(&old, "route=/problems")), (1, 0));
    assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);

    assert_eq!(program().serve().stop("TERM").code, Some(0));
    assert_eq!(lines(&path, "route=/problems"), 1, "what was there stays");
    let ended = Program::on(database).set("LOG_FILE", "nowhere/kennel.log").run();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.starts_with("kennel: LOG_FILE:"), "{ended:?}");
}

fn a_write_beyond_the_limit_on_file_sizes_does_not_end_it(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let server = Program::on(database).serve();
    let body = json!({"username": "bob", "email": "bob@example.com", "password": PASSWORD}).to_string();
    let request = format!(
        "POST /auth/signup HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    server.limit_files("0");
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 5"), "{answer}");
    server.anon().get("/health/live").expect(200);
    server.limit_files("unlimited");
    server.sign_up("alice");
    assert_eq!(server.stop("TERM").code, Some(0));
}
