//! `--dev`, or `DEV=true`: what makes work on one's own machine easy, and where it is refused.

use serde_json::json;

use crate::accounts::refresh_cookie::cookie;
use crate::operations::startup::refused;
use crate::support::process::Program;
use crate::support::{App, Database, Engine, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        pages_of_this_machine_may_call_whatever_their_port,
        quotas_are_generous_unless_they_are_set,
        the_server_says_that_it_is_on_and_what_it_is_called,
        what_others_can_reach_is_not_for_it,
    ]
}

fn dev(scene: &Database, more: &[(&str, &str)]) -> App {
    App::with(Database::fresh(scene.engine), &[&[("DEV", "true")], more].concat())
}

fn pages_of_this_machine_may_call_whatever_their_port(scene: &Database) {
    let app = dev(scene, &[("CORS_ORIGINS", "https://app.example.com")]);
    app.sign_up("alice");
    for origin in [
        "http://localhost:5173",
        "http://localhost",
        "https://localhost:3000",
        "http://127.0.0.1:8080",
        "http://[::1]:5173",
        "http://kennel.localhost:5173",
        "https://app.example.com",
    ] {
        let preflight = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        let answer = app.anon().send("OPTIONS", "/auth/login", &preflight, None).expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), origin, "{answer}");
        let body = json!({"username": "alice", "password": PASSWORD, "cookie": true});
        // A page calls the server by the name that it has itself.
        let page = origin.split_once("://").map_or("", |(_, page)| page.trim_end_matches(|c: char| c.is_ascii_digit()));
        let host = format!("{}:{}", page.trim_end_matches(':'), app.address.port());
        let headers = [("Origin", origin), ("Sec-Fetch-Site", "same-site"), ("Host", host.as_str())];
        let answer = app.anon().ask("POST", "/auth/login", &headers, Some(&body)).expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), origin, "{answer}");
        let pair = cookie(&answer).0;
        let again = [headers[0], headers[1], headers[2], ("Cookie", pair.as_str())];
        app.anon().send("POST", "/auth/refresh", &again, None).expect(200);
    }
    for origin in [
        "https://evil.example",
        "null",
        "file://",
        "http://localhost.evil.example",
        "http://evil-localhost:5173",
        "http://127.0.0.1.evil.example",
        "http://192.168.1.7:5173",
        "capacitor://localhost",
    ] {
        let answer = app.anon().send("GET", "/dogs", &[("Origin", origin)], None).expect(200);
        assert!(answer.header_if_any("access-control-allow-origin").is_none(), "{origin}: {answer}");
        assert!(answer.header("vary").to_ascii_lowercase().contains("origin"), "{answer}");
    }
}

fn quotas_are_generous_unless_they_are_set(scene: &Database) {
    let app = dev(scene, &["LOGIN_RATE", "SIGNUP_RATE", "USER_RATE", "IP_RATE"].map(|name| (name, "")));
    for number in 0..30 {
        app.sign_up(&format!("user{number}"));
        let body = json!({"username": "nobody", "password": PASSWORD, "colour": 1});
        app.anon().post("/auth/login", &body).expect(422);
    }
    let alice = app.sign_in("alice");
    assert_eq!(alice.get("/me").expect(200).header("ratelimit-policy"), r#""user";q=10000;w=2"#);
    let app = dev(scene, &[("IP_RATE", "1/1h")]);
    app.anon().get("/dogs").expect(200);
    app.anon().get("/dogs").expect(429);
}

fn the_server_says_that_it_is_on_and_what_it_is_called(database: &Database) {
    let usual = |server: Program| server.unset("HOST").set("PORT", "0");
    for server in [
        usual(Program::on(database)).args(&["--dev"]),
        usual(Program::on(database)).args(&["serve", "--dev"]),
        usual(Program::on(database)).set("DEV", "1"),
    ] {
        let server = server.serve();
        assert!(server.line.contains("http://localhost:"), "{}", server.line);
        server.anon().get("/").expect(200);
        let ended = server.stop("TERM");
        assert!(ended.stdout.contains("DEV is on"), "{ended:?}");
    }
    let server = usual(Program::on(database)).serve();
    assert!(server.line.contains("http://127.0.0.1:"), "{}", server.line);
    assert!(!server.stop("TERM").stdout.contains("DEV"));
}

fn what_others_can_reach_is_not_for_it(database: &Database) {
    for host in ["0.0.0.0", "::", "192.0.2.7", "kennel.example"] {
        refused(&Program::on(database).set("HOST", host).args(&["--dev"]).run(), &["DEV", "HOST"]);
    }
    if database.engine == Engine::Postgres {
        let url = "postgres://kennel:canary@db.example.com/kennel";
        let ended = Program::on(database).set("DATABASE_URL", url).args(&["--dev"]).run();
        refused(&ended, &["DEV", "database"]);
        assert!(!ended.stderr.contains("canary"), "{ended:?}");
    }
}
