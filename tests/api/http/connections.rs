//! Connections have their times and their number: a client that reads nothing, or falls silent, keeps nobody else from
//! being served, and not for ever what it has.

use std::net::{Shutdown, TcpStream};

use serde_json::json;

use crate::support::process::{Program, Running};
use crate::support::wire::Wire;
use crate::support::{App, Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        answers_that_nobody_reads_take_little_memory_and_end,
        a_server_that_stops_does_not_wait_for_those_who_do_not_read,
        a_head_that_does_not_come_is_408_on_any_request_of_a_connection,
        a_connection_on_which_nothing_comes_is_closed,
        a_client_that_reads_slowly_gets_all_of_it,
        one_address_has_so_many_connections_and_the_silent_ones_make_room,
        connections_from_a_trusted_proxy_are_as_many_as_it_likes,
        what_cannot_be_read_is_a_problem_with_a_line_in_the_log,
        a_connection_on_which_nothing_is_asked_ends_with_the_server,
    ]
}

/// Requests for the longest answer that there is without a login, one after the other.
const MANY: usize = 45;
const UNREAD: &[u8] = b"GET /openapi.yaml HTTP/1.1\r\nHost: kennel\r\n\r\n";

/// So many who ask and do not read.
fn who_do_not_read(server: &Running, count: usize) -> Vec<TcpStream> {
    let open = || TcpStream::connect(server.address).expect("the server listens");
    let clients: Vec<_> = (0..count).map(|_| open()).collect();
    for client in &clients {
        std::io::Write::write_all(&mut &*client, &UNREAD.repeat(MANY)).expect("a few requests fit");
    }
    clients
}

/// Asks something else until it is so.
fn serve_until(server: &Running, is_so: impl Fn() -> bool) {
    assert!((0..1_000_000).any(|_| server.anon().get("/health/live").expect(200).status == 200 && is_so()));
}

fn answers_that_nobody_reads_take_little_memory_and_end(database: &Database) {
    let server = Program::on(database).set("WRITE_TIMEOUT", "1s").serve();
    server.anon().get("/openapi.yaml").expect(200);
    let (sockets, memory) = (server.sockets(), server.peak_memory());
    let clients = who_do_not_read(&server, 200);
    serve_until(&server, || server.sockets() >= sockets + 200);
    serve_until(&server, || server.sockets() <= sockets);
    // 36 MB were asked for on each five of them, and 1.5 GB on all.
    let more = server.peak_memory() - memory;
    assert!(more < 32, "{more} MiB");
    drop(clients);
    assert_eq!(server.stop("TERM").code, Some(0));
}

/// A test waits for a minute, and this server would for ten.
fn a_server_that_stops_does_not_wait_for_those_who_do_not_read(database: &Database) {
    let server = Program::on(database).set("WRITE_TIMEOUT", "10m").set("SHUTDOWN_TIMEOUT", "10m").serve();
    server.anon().get("/openapi.yaml").expect(200);
    let sockets = server.sockets();
    let clients = who_do_not_read(&server, 50);
    serve_until(&server, || server.sockets() >= sockets + 50);
    assert_eq!(server.stop("TERM").code, Some(0));
    drop(clients);
}

fn quick(database: &Database, settings: &[(&str, &str)]) -> App {
    App::with(Database::fresh(database.engine), settings)
}

fn a_head_that_does_not_come_is_408_on_any_request_of_a_connection(database: &Database) {
    let app = quick(database, &[("HEADER_TIMEOUT", "1s")]);
    for begun in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: kennel\r\nX-Long: ", "\r\n\r\nGET"] {
        let mut first = Wire::open(&app);
        let mut later = Wire::open(&app);
        later.send(b"GET /health/live HTTP/1.1\r\nHost: kennel\r\n\r\n");
        later.answer().expect(200);
        for wire in [&mut first, &mut later] {
            wire.send(begun.as_bytes());
            let answer = wire.answer().expect(408).problem("request-timeout");
            assert_eq!(answer.header("connection"), "close");
            assert!(wire.is_over(), "{begun:?}");
        }
    }
}

fn a_connection_on_which_nothing_comes_is_closed(database: &Database) {
    let app = quick(database, &[("HEADER_TIMEOUT", "1s"), ("KEEP_ALIVE", "1s")]);
    let mut silent = Wire::open(&app);
    let mut served = Wire::open(&app);
    served.send(b"POST /auth/login HTTP/1.1\r\nHost: kennel\r\nContent-Length: 0\r\n\r\n");
    served.answer().expect(415);
    // An empty line is the beginning of nothing.
    served.send(b"\r\n");
    assert!(silent.is_over() && served.is_over());
}

/// More than the system keeps for it, in pieces with pauses between them.
fn a_client_that_reads_slowly_gets_all_of_it(app: &App) {
    let alice = app.sign_in("alice");
    let name = "🐕".repeat(255);
    for _ in 0..400 {
        alice.owner(&name);
    }
    let mut wire = Wire::open(app);
    let token = alice.token();
    let request = format!("GET /me/export HTTP/1.1\r\nHost: kennel\r\nAuthorization: Bearer {token}\r\n\r\n");
    wire.send(request.as_bytes());
    for _ in 0..20 {
        app.anon().get("/health/live").expect(200);
    }
    let export = wire.answer().expect(200);
    assert_eq!(export.json["owners"].as_array().map(Vec::len), Some(400));
}

fn is_served(app: &App) -> bool {
    let mut wire = Wire::open(app);
    wire.send(b"GET /health/live HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\n\r\n");
    wire.try_answer().is_some()
}

fn one_address_has_so_many_connections_and_the_silent_ones_make_room(database: &Database) {
    let app = quick(database, &[("IP_CONNECTIONS", "3"), ("HEADER_TIMEOUT", "60s")]);
    let mut silent: Vec<_> = (0..3).map(|_| Wire::open(&app)).collect();
    // Each of them is served, so they are all in before anybody else comes.
    for wire in &mut silent {
        wire.send(b"GET /health/live HTTP/1.1\r\nHost: kennel\r\n\r\n");
        wire.answer().expect(200);
        wire.send(b"GET / HTTP/1.1\r\n");
    }
    let neighbour = app.from(2);
    neighbour.anon().get("/health/live").expect(200);
    assert!((0..1_000_000).any(|_| is_served(&app)), "nobody makes room");
    let goes_on = silent.iter_mut().map(|wire| {
        wire.send(b"Host: kennel\r\n\r\n");
        // One that came with its request in the last moment is answered, and told that this was all.
        wire.try_answer().is_some_and(|answer| answer.header_if_any("connection").is_none())
    });
    assert_eq!(goes_on.filter(|goes_on| *goes_on).count(), 2, "one of three was in the way");
}

fn connections_from_a_trusted_proxy_are_as_many_as_it_likes(database: &Database) {
    let app = quick(database, &[("IP_CONNECTIONS", "1"), ("TRUSTED_PROXIES", "127.0.0.1")]);
    let mut wires: Vec<_> = (0..20).map(|_| Wire::open(&app)).collect();
    for wire in &mut wires {
        wire.send(b"GET /health/live HTTP/1.1\r\nHost: kennel\r\n\r\n");
    }
    for wire in &mut wires {
        wire.answer().expect(200);
    }
}

fn what_cannot_be_read_is_a_problem_with_a_line_in_the_log(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let server = Program::on(database).set("LOG", "info").set("LOG_FORMAT", "json").serve();
    let long = "x".repeat(1 << 20);
    for (bytes, status, slug) in [
        ("hello\r\n\r\n".to_owned(), 400, "malformed-request"),
        ("GET /a b HTTP/1.1\r\nHost: kennel\r\n\r\n".to_owned(), 400, "malformed-request"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400, "malformed-request"),
        (format!("GET / HTTP/1.1\r\nHost: kennel\r\nX-Long: {long}"), 431, "header-fields-too-large"),
        (format!("GET /{long}"), 414, "uri-too-long"),
        (long.clone(), 414, "uri-too-long"),
    ] {
        let mut wire = Wire::open(&server);
        wire.send(bytes.as_bytes());
        let answer = wire.answer().expect(status).problem(slug);
        assert_eq!((answer.header("connection"), &answer.json["instance"]), ("close", &json!(null)));
    }
    let log = server.stop("TERM").stderr;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let refused: Vec<_> = lines.filter(|line| line["target"] == "kennel::access" && line["method"] == "-").collect();
    let statuses: Vec<_> = refused.iter().map(|line| line["status"].as_u64().unwrap_or_default()).collect();
    assert_eq!(statuses, [400, 400, 400, 431, 414, 414], "{log}");
    assert!(refused.iter().all(|line| line["source"] == "127.0.0.1" && line["request_id"].is_string()), "{log}");
}

fn a_connection_on_which_nothing_is_asked_ends_with_the_server(database: &Database) {
    let app = quick(database, &[("KEEP_ALIVE", "10m"), ("SHUTDOWN_TIMEOUT", "10m")]);
    let mut idle = Wire::open(&app);
    idle.send(b"GET /health/live HTTP/1.1\r\nHost: kennel\r\n\r\n");
    idle.answer().expect(200);
    // Half closed: it has nothing more to ask, and gets its answer.
    let mut half = Wire::open(&app);
    half.send(b"GET /health/live HTTP/1.1\r\nHost: kennel\r\n\r\n");
    half.finish();
    half.answer().expect(200);
    let fresh = TcpStream::connect(app.address).expect("the server listens");
    app.begin_stop();
    assert!(idle.is_over());
    let _it_may_be_gone = fresh.shutdown(Shutdown::Both);
    assert_eq!(app.stopped(), Ok(()));
}
