//! What a line of the log may hold: the beginning of whatever a caller sends and nothing that steers a terminal, the
//! address that it came from, and the route's name in the place of a path that may be a secret.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::thread;

use serde_json::{Value, json};

use crate::support::client::PATIENCE;
use crate::support::postgres::free_port;
use crate::support::process::{Ended, Program, Running};
use crate::support::{Database, Engine, PASSWORD, Sentence, contract, sentences, walk};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        no_line_is_long_whatever_a_caller_sends,
        no_line_has_a_character_that_steers_a_terminal,
        each_request_is_logged_with_its_id_and_where_it_came_from,
        an_event_at_a_level_of_its_own_tells_its_source_too,
        a_path_is_logged_by_its_route_and_never_as_it_was_written,
        streams_that_nobody_reads_stop_no_request_and_not_the_end,
        lines_that_a_stalled_reader_loses_are_told_of_when_it_goes_on,
    ]
}

/// The requests that are sent at once, and answered one after the other.
const REQUESTS_AT_ONCE: usize = 1_000;
/// The requests whose lines a pipe and the server's queue do not hold.
const MORE_LINES_THAN_FIT: usize = 24_000;

/// The most bytes of a line: a dozen fields, each with its end.
const LONGEST_LINE: usize = 8_192;

fn serve(database: &Database, level: &str, format: &str) -> Running {
    Program::on(database).set("LOG", level).set("LOG_FORMAT", format).set("SIGNUP_RATE", "1/1h").serve()
}

fn stop(server: Running) -> Ended {
    let ended = server.stop("TERM");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

fn json_lines(ended: &Ended) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    ended.stderr.lines().map(parse).collect()
}

fn no_line_is_long_whatever_a_caller_sends(database: &Database) {
    for format in ["text", "json"] {
        let server = serve(database, "trace", format);
        let (long, too_long) = ("X".repeat(6_000), "Y".repeat(100_000));
        let path = "p".repeat(8_000);
        let header = "h".repeat(12_000);
        for method in [&long, &too_long] {
            server.wire(format!("{method} / HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\n\r\n"));
        }
        server.wire(format!("GET /{path} HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\n\r\n"));
        for name in ["Host", "User-Agent", "Origin", "X-Forwarded-For", "Cookie", "X-Request-Id", "Authorization"] {
            let host = if name == "Host" { "" } else { "Host: kennel\r\n" };
            server.wire(format!("GET /me HTTP/1.1\r\n{host}{name}: {header}\r\nConnection: close\r\n\r\n"));
        }
        let body = json!({"username": "nobody", "email": format!("{header}@example.com"), "password": header});
        server.anon().post("/auth/signup", &body).expect(422);
        let ended = stop(server);
        assert!(ended.stderr.contains("XXX"), "the method is logged: {ended:?}");
        let longest = ended.stderr.lines().max_by_key(|line| line.len()).expect("a line");
        assert!(longest.len() <= LONGEST_LINE, "{} bytes: {longest:.300}", longest.len());
    }
}

fn no_line_has_a_character_that_steers_a_terminal(database: &Database) {
    for format in ["text", "json"] {
        let server = serve(database, "trace", format);
        let agent = "a\u{9b}31m\u{202e}b\u{2028}c";
        for header in ["User-Agent", "Origin", "Referer", "X-Forwarded-For"] {
            server.wire(format!("GET / HTTP/1.1\r\nHost: kennel\r\n{header}: {agent}\r\nConnection: close\r\n\r\n"));
        }
        let ended = stop(server);
        assert!(ended.stderr.lines().count() > 4, "{ended:?}");
        let steers = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{2028}".contains(c));
        assert_eq!(ended.stderr.lines().find(|line| line.contains(steers)), None);
    }
}

fn each_request_is_logged_with_its_id_and_where_it_came_from(database: &Database) {
    let server = serve(database, "info", "json");
    let elsewhere = server.from(7);
    let anon = elsewhere.anon();
    let name = |name: &str| json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
    anon.post("/auth/signup", &name("alice")).expect(201);
    anon.post("/auth/signup", &name("bob")).expect(429);
    let alice = elsewhere.log_in("alice");
    elsewhere.try_log_in("alice", "not the password").expect(401);
    let next = alice.refresh();
    next.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    let other = elsewhere.log_in("alice");
    next.delete("/me/sessions").expect(204);
    other.get("/me").expect(401);
    next.send("POST", "/auth/logout", &[], None).expect(200);
    elsewhere.log_in("alice").delete("/me").expect(204);
    anon.get("/nowhere").expect(404);
    let ended = stop(server);
    let lines = json_lines(&ended);
    let of = |target: &str| lines.iter().filter(|line| line["target"] == target).collect::<Vec<_>>();
    let (access, security) = (of("kennel::access"), of("kennel::security"));
    assert!(access.len() >= 12 && security.len() >= 10, "{ended:?}");
    for line in access.iter().chain(&security) {
        assert_eq!(line["source"], "127.1.0.7", "{line}");
        let id = line["request_id"].as_str().unwrap_or_default();
        assert!(access.iter().any(|access| access["request_id"] == id), "{line}");
    }
}

/// Whoever logs the security events alone has all that is to be known of them.
fn an_event_at_a_level_of_its_own_tells_its_source_too(database: &Database) {
    for filter in ["warn", "kennel::security=warn", "kennel::security=info,off"] {
        let server = serve(database, filter, "json");
        database.put_back_the_locks();
        let name = format!("alice{}", filter.len());
        let alice = server.sign_in(&name);
        alice.refresh().refresh();
        alice.try_refresh().expect(401);
        let ended = stop(server);
        let reuse = json_lines(&ended).into_iter().find(|line| line["message"] == "refresh_reuse");
        let reuse = reuse.unwrap_or_else(|| panic!("{filter}: {ended:?}"));
        assert_eq!(reuse["source"], "127.0.0.1", "{filter}: {reuse}");
    }
}

fn a_path_is_logged_by_its_route_and_never_as_it_was_written(database: &Database) {
    let server = serve(database, "trace", "json");
    let alice = server.sign_in("alice");
    let canary = "a-canary-in-a-path";
    let mut asked = 0;
    for operation in &contract::contract().operations {
        let path = walk::path(operation, |_| json!(canary));
        alice.send(&operation.method, &path, &[("X-Request-Id", &operation.id)], None);
        asked += usize::from(path.contains(canary));
    }
    assert!(asked > 10);
    let beside = [
        ("/auth/password/reset/a-canary-in-a-path", "/auth"),
        ("/me/a-canary-in-a-path", "/me"),
        ("/dogowner/a-canary-in-a-path/dogs", "/dogowner"),
        ("/users/alice/a-canary-in-a-path", "/users"),
        ("/a-canary-in-a-path", ""),
        ("//a-canary-in-a-path", ""),
        ("/openapi.yaml/a-canary-in-a-path", ""),
    ];
    for (number, (path, _)) in beside.iter().enumerate() {
        server.anon().send("GET", path, &[("X-Request-Id", &format!("beside-{number}"))], None);
    }
    let ended = stop(server);
    let lines = json_lines(&ended);
    let route = |id: &str| {
        let line = lines.iter().find(|line| line["target"] == "kennel::access" && line["request_id"] == id);
        line.unwrap_or_else(|| panic!("{id} is not logged"))["route"].as_str().unwrap_or_default().to_owned()
    };
    for operation in &contract::contract().operations {
        assert_eq!(route(&operation.id), operation.path);
    }
    for (number, (path, area)) in beside.iter().enumerate() {
        assert_eq!(route(&format!("beside-{number}")), *area, "{path}");
    }
    let ours = lines.iter().find(|line| {
        line["target"].as_str().is_some_and(|target| target.starts_with("kennel")) && line.to_string().contains(canary)
    });
    assert_eq!(ours, None);
}

/// Whoever reads standard error and standard output has stalled before the first line.
fn streams_that_nobody_reads_stop_no_request_and_not_the_end(database: &Database) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().expect("a free port")));
    let program = Program::on(database).set("PORT", &address.port().to_string()).set("LOG", "trace");
    let (program, _unread) = program.with_full_pipes();
    let server = program.spawn().wait_until_it_listens_at(address);
    server.sign_in("alice").owner("Ann");
    server.anon().get("/health/live").expect(200);
    assert_eq!(server.stop("TERM").code, Some(0));

    let (program, _unread) = Program::on(database).set("PORT", "any").with_full_pipes();
    assert_eq!(program.run().code, Some(1), "what it would say keeps it no longer");
}

fn lines_that_a_stalled_reader_loses_are_told_of_when_it_goes_on(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let server = Program::on(database).set("LOG", "trace").set("LOG_FORMAT", "json").log_to(writer).serve();
    let request = "GET /health/live HTTP/1.1\r\nHost: kennel\r\n\r\n".repeat(REQUESTS_AT_ONCE);
    for _ in 0..MORE_LINES_THAN_FIT / REQUESTS_AT_ONCE {
        let mut stream = TcpStream::connect(server.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        stream.write_all(request.as_bytes()).expect("it reads");
        stream.shutdown(Shutdown::Write).expect("it is open");
        std::io::copy(&mut stream, &mut std::io::sink()).expect("it answers");
    }
    let lines = thread::spawn(move || BufReader::new(reader).lines().map_while(Result::ok).collect::<Vec<_>>());
    assert_eq!(server.stop("TERM").code, Some(0));
    let lines = lines.join().expect("they are read");
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
    let lost = lines.filter(|line| line["target"] == "kennel::log" && line["level"] == "WARN");
    let lost: Vec<_> = lost.filter_map(|line| line["lines"].as_u64()).collect();
    assert!(lost.iter().sum::<u64>() > 0, "{lost:?}");
}
