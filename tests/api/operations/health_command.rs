//! `kennel health`: a line and an exit code that say whether the server is ready, for whatever supervises it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::operations::startup::refused;
use crate::support::passage::Passage;
use crate::support::postgres::cluster;
use crate::support::process::{Ended, Program};
use crate::support::{Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_server_that_is_ready_is_well,
        a_server_that_is_not_ready_or_not_there_is_not_well,
        what_is_no_answer_of_a_server_is_not_well,
        it_asks_the_address_of_the_configuration_and_reads_nothing_else,
    ]
}

fn health(database: &Database, args: &[&str]) -> Ended {
    Program::on(database).args(&["health"]).args(args).run()
}

fn a_server_that_is_ready_is_well(database: &Database) {
    let server = Program::on(database).serve();
    let url = format!("http://{}", server.address);
    for url in [url.clone(), format!("{url}/"), format!("http://localhost:{}", server.address.port())] {
        let ended = health(database, &["--url", &url]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
        assert_eq!(ended.stdout, format!("{} is ready\n", url.trim_end_matches('/')));
    }
}

fn a_server_that_is_not_ready_or_not_there_is_not_well(database: &Database) {
    let server = Program::on(database).set("DRAIN_DELAY", "9m").set("SHUTDOWN_TIMEOUT", "10m").serve();
    let url = format!("http://{}", server.address);
    server.signal("TERM");
    // Whoever came first may have been asked before the signal was.
    while health(database, &["--url", &url]).code == Some(0) {}
    refused(&health(database, &["--url", &url]), &[&url, "is not ready", "503"]);
    server.kill();
    server.ended();
    refused(&health(database, &["--url", &url]), &[&url, "is not ready", "refused"]);
    if database.engine == Engine::Postgres {
        let passage = Passage::to(cluster().port());
        let through = database.url().replacen(&format!(":{}/", cluster().port()), &format!(":{}/", passage.port), 1);
        let server = Program::on(database).set("DATABASE_URL", &through).serve();
        passage.go_silent();
        refused(&health(database, &["--url", &format!("http://{}", server.address)]), &["503"]);
    }
}

fn what_is_no_answer_of_a_server_is_not_well(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answering = thread::spawn(move || {
        let said: [&[u8]; 5] =
            [b"", b"HTTP/1.1 200", b"HTTP/1.1 20\xff\n", b"SSH-2.0-x\r\n", b"HTTP/1.1 301 Moved\r\n\r\n"];
        for bytes in said {
            let (mut stream, _) = listener.accept().expect("it asks");
            let mut request = [0; 1024];
            let count = stream.read(&mut request).expect("a request");
            assert!(request[..count].starts_with(b"GET /health/ready HTTP/1.1\r\nHost: "), "{request:?}");
            stream.write_all(bytes).expect("it reads");
        }
        // The last one gets no answer, and a connection that stays open.
        listener.accept().expect("it asks")
    });
    for words in ["no answer of Kennel", "no answer of Kennel", "no answer of Kennel", "no answer of Kennel", "301"] {
        refused(&health(database, &["--url", &url]), &[&url, words]);
    }
    refused(&health(database, &["--url", &url]), &["does not answer within 5 seconds"]);
    drop(answering.join().expect("it was asked six times"));
    for wrong in
        ["https://kennel.example.com", "kennel.example.com", "http://", "http://127.0.0.1/kennel", "file:x", ""]
    {
        refused(&health(database, &["--url", wrong]), &["--url", "http://HOST:PORT"]);
    }
}

fn it_asks_the_address_of_the_configuration_and_reads_nothing_else(database: &Database) {
    // None of those that connections are given, or one takes it before the server does; and another for each engine.
    let mut ports = (20_000 + u16::from(database.engine == Engine::Sqlite)..30_000).step_by(2);
    let port = ports.find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok()).expect("a free port").to_string();
    let at = |host: &str| Program::on(database).set("PORT", &port).set("HOST", host);
    let server = at("0.0.0.0").serve();
    for host in ["0.0.0.0", "127.0.0.1", "localhost", "127.0.0.9"] {
        let ended = at(host).set("JWT_SECRET_FILE", "/nowhere").set("LOG", "loud").args(&["health"]).run();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{host}: {ended:?}");
    }
    drop(server);
    refused(&at("::").args(&["health"]).run(), &[&format!("http://[::1]:{port} is not ready")]);
    refused(&health(database, &[]), &["PORT is 0", "--url"]);
    refused(&at("127.0.0.1").set("PORT", "many").args(&["health"]).run(), &["PORT"]);
    if database.engine == Engine::Sqlite {
        assert!(database.directory().join("kennel.db").exists(), "the server has made it");
    }
}
