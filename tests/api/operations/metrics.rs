//! What is shown for Prometheus: counts that are right, under labels that nobody who calls can add to, from a listener
//! of its own that answers whatever the rest is at.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::overload::{flood_now, with_floods};
use super::startup::refused;
use crate::support::client::PATIENCE;
use crate::support::passage::Passage;
use crate::support::process::Program;
use crate::support::smtp::free_address;
use crate::support::wire::Wire;
use crate::support::{App, Database, Engine, Repository, Sentence, postgres, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        without_an_address_nothing_listens_and_nothing_is_shown,
        a_request_is_counted_by_the_pattern_of_its_route_and_never_by_its_path,
        what_reaches_no_route_is_counted_without_one,
        ten_thousand_paths_and_odd_methods_add_nothing_to_what_is_kept,
        a_request_that_is_being_served_counts_as_such,
        problems_are_counted_by_their_type,
        writes_hashes_connections_and_rounds_of_sweeping_are_counted,
        mails_that_wait_are_counted,
        a_scrape_has_an_answer_while_the_database_has_none,
        a_scrape_has_an_answer_while_the_database_says_nothing,
        the_process_is_shown_as_the_system_sees_it,
        there_is_one_page_and_it_can_only_be_read,
        those_who_only_hold_connections_keep_no_scrape_out,
        an_address_that_is_none_or_is_taken_is_one_line_that_names_the_variable,
        the_program_says_where_its_metrics_are,
        metrics_are_shown_until_the_server_has_stopped,
        every_metric_is_explained_and_what_is_drawn_or_alerted_on_is_there,
    ]
}

pub const ON: (&str, &str) = ("METRICS_ADDR", "127.0.0.1:0");
const COUNT: &str = "http_server_request_duration_seconds_count";

/// What a scrape has shown.
pub struct Scrape {
    text: String,
    /// The values by name and labels, as they are written.
    values: BTreeMap<String, String>,
}

impl Scrape {
    pub fn of(app: &App) -> Self {
        Self::at(app.metrics.expect("a listener"))
    }

    fn at(address: SocketAddr) -> Self {
        Self::try_at(address).unwrap_or_else(|error| panic!("no scrape: {error}"))
    }

    fn try_at(address: SocketAddr) -> Result<Self, String> {
        let (head, text) = ask(address, "GET", "/metrics").map_err(|error| error.to_string())?;
        if !head.starts_with("HTTP/1.1 200 ") || !head.contains("content-type: text/plain; version=0.0.4") {
            return Err(head);
        }
        let values = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.to_owned())
        });
        let values = values.collect();
        Ok(Self { text, values })
    }

    fn value(&self, name: &str) -> f64 {
        self.text_of(name).parse().expect("a number")
    }

    /// Whether a metric without labels has a value.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A value that is a whole number.
    pub fn count(&self, name: &str) -> u64 {
        self.text_of(name).parse().expect("a whole number")
    }

    fn text_of(&self, name: &str) -> &str {
        self.values.get(name).unwrap_or_else(|| panic!("no {name} in\n{}", self.text))
    }

    /// How many requests with these labels were answered.
    fn requests(&self, method: &str, route: &str, status: u16) -> u64 {
        let labels =
            format!(r#"http_request_method="{method}",http_route="{route}",http_response_status_code="{status}""#);
        let name = format!("{COUNT}{{{labels}}}");
        if self.values.contains_key(&name) { self.count(&name) } else { 0 }
    }

    /// The metrics by name, with their types.
    fn types(&self) -> BTreeMap<&str, &str> {
        self.text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
    }
}

/// Asks on a connection of its own; gives the head and the body of the answer.
fn ask(address: SocketAddr, method: &str, path: &str) -> std::io::Result<(String, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.to_owned(), body.to_owned()))
}

/// Scrapes until it shows what is waited for.
pub fn until(app: &App, is_shown: impl Fn(&Scrape) -> bool) -> Scrape {
    let end = Instant::now() + PATIENCE;
    loop {
        let scrape = Scrape::of(app);
        if is_shown(&scrape) {
            return scrape;
        }
        assert!(Instant::now() < end, "it is never shown:\n{}", scrape.text);
        thread::sleep(Duration::from_millis(20));
    }
}

fn watched(scene: &Database) -> App {
    App::with(Database::fresh(scene.engine), &[ON])
}

fn without_an_address_nothing_listens_and_nothing_is_shown(app: &App) {
    assert_eq!(app.metrics, None);
    app.anon().get("/metrics").expect(404);
}

fn a_request_is_counted_by_the_pattern_of_its_route_and_never_by_its_path(scene: &Database) {
    let app = watched(scene);
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    for _ in 0..3 {
        alice.get(&format!("/dogowner/owners/{owner}")).expect(200);
    }
    alice.get("/dogowner/owner").expect(200);
    alice.get("/dogowner/owners/987654321").expect(404);
    alice.send("HEAD", &format!("/dogowner/owners/{owner}"), &[], None).expect(200);
    alice.delete(&format!("/dogowner/owners/{owner}")).expect(204);
    app.anon().get("/users/canary-of-a-user").expect(404);
    let scrape = Scrape::of(&app);
    let route = "/dogowner/owners/{owner_id}";
    assert_eq!(scrape.requests("GET", route, 200), 3);
    assert_eq!(scrape.requests("GET", route, 404), 1);
    assert_eq!(scrape.requests("HEAD", route, 200), 1);
    assert_eq!(scrape.requests("DELETE", route, 204), 1);
    assert_eq!(scrape.requests("POST", "/dogowner/owners", 201), 1);
    assert_eq!(scrape.requests("GET", "/dogowner/owner", 200), 1);
    assert_eq!(scrape.requests("POST", "/auth/login", 200), 1);
    assert_eq!(scrape.requests("GET", "/users/{username}", 404), 1);
    for secret in ["987654321", "canary", "alice"] {
        assert!(!scrape.text.contains(secret), "{secret} in\n{}", scrape.text);
    }
    // The buckets of a histogram end with all of its values.
    let labels = format!(r#"http_request_method="GET",http_route="{route}",http_response_status_code="200",le="+Inf""#);
    assert_eq!(scrape.count(&format!("http_server_request_duration_seconds_bucket{{{labels}}}")), 3);
}

fn what_reaches_no_route_is_counted_without_one(scene: &Database) {
    let app = watched(scene);
    let alice = app.sign_in("alice");
    app.anon().get("/nowhere/canary").expect(404);
    app.anon().get("/dogowner/canary").expect(401);
    alice.get("/me/canary").expect(404);
    app.anon().send("DELETE", "/docs", &[], None).expect(405);
    app.wire("no request at all\r\n\r\n").expect(400);
    app.anon().get(&format!("/{}", "x".repeat(9_000))).expect(414);
    let preflight = [("Origin", "https://page.example"), ("Access-Control-Request-Method", "GET")];
    app.anon().send("OPTIONS", "/me", &preflight, None);
    let scrape = Scrape::of(&app);
    assert_eq!(scrape.requests("GET", "", 404), 2);
    assert_eq!(scrape.requests("GET", "", 401), 1);
    assert_eq!(scrape.requests("DELETE", "/docs", 405), 1);
    assert_eq!(scrape.requests("_OTHER", "", 400), 1);
    assert_eq!(scrape.requests("GET", "", 414), 1);
    assert!(scrape.text.contains(r#"http_request_method="OPTIONS",http_route="/me""#), "{}", scrape.text);
    assert!(!scrape.text.contains("canary"), "{}", scrape.text);
}

fn ten_thousand_paths_and_odd_methods_add_nothing_to_what_is_kept(scene: &Database) {
    // Neither end is hurried.
    let settings = [ON, ("HEADER_TIMEOUT", "60s"), ("KEEP_ALIVE", "10m"), ("WRITE_TIMEOUT", "10m")];
    let app = App::with(Database::fresh(scene.engine), &settings);
    let ask = |numbers: std::ops::Range<usize>| {
        let mut stream = TcpStream::connect(app.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let request = |number: usize| {
            let method = if number.is_multiple_of(2) { "GET".to_owned() } else { format!("ODD{number}") };
            let path = ["", "/dogs", "/dogowner/owners", "/users/anna"][number % 4];
            format!("{method} {path}/canary{number} HTTP/1.1\r\nHost: {}\r\n\r\n", app.address)
        };
        let asked: Vec<_> = numbers.clone().map(request).collect();
        let mut writer = stream.try_clone().expect("a socket has two ends");
        let writing = thread::spawn(move || writer.write_all(asked.concat().as_bytes()));
        let (mut answers, mut tail, mut piece) = (0, Vec::new(), [0; 8192]);
        while answers < numbers.len() {
            let count = stream.read(&mut piece).expect("answers come");
            assert!(count > 0, "the server hung up after {answers} answers");
            tail.extend_from_slice(&piece[..count]);
            let head = b"HTTP/1.1 ";
            answers += tail.windows(head.len()).filter(|bytes| bytes == head).count();
            // The next head may have begun.
            let kept = tail.len().saturating_sub(head.len() - 1);
            tail.drain(..kept);
        }
        writing.join().expect("it writes").expect("all is sent");
    };
    // Without labels there are some that have no value until something has happened.
    let has_labels = |name: &&String| name.contains('{');
    let names = |scrape: &Scrape| scrape.values.keys().filter(has_labels).cloned().collect::<BTreeSet<_>>();
    ask(0..16);
    let before = Scrape::of(&app);
    ask(16..10_016);
    let after = Scrape::of(&app);
    assert_eq!(names(&after).difference(&names(&before)).collect::<Vec<_>>(), [""; 0]);
    assert!(!after.text.contains("canary") && !after.text.contains("ODD"), "{}", after.text);
    let all = after.values.keys().filter(|name| name.starts_with(COUNT)).map(|name| after.count(name));
    assert_eq!(all.sum::<u64>(), 10_016);
}

fn a_request_that_is_being_served_counts_as_such(scene: &Database) {
    let app = watched(scene);
    let active = r#"http_server_active_requests{http_request_method="POST"}"#;
    assert_eq!(Scrape::of(&app).count(active), 0);
    let mut wire = Wire::open(&app);
    let body = json!({"username": "alice", "password": "wrong"}).to_string();
    let head = "Content-Type: application/json\r\nContent-Length";
    wire.send(format!("POST /auth/login HTTP/1.1\r\nHost: a\r\n{head}: {}\r\n\r\n", body.len()).as_bytes());
    until(&app, |scrape| scrape.count(active) == 1);
    wire.send(body.as_bytes());
    wire.answer().expect(401);
    let scrape = until(&app, |scrape| scrape.count(active) == 0);
    assert_eq!(scrape.requests("POST", "/auth/login", 401), 1);
}

fn problems_are_counted_by_their_type(scene: &Database) {
    let app = watched(scene);
    app.anon().get("/nowhere").expect(404);
    app.anon().get("/nowhere").expect(404);
    app.anon().get("/me").expect(401).problem("missing-token");
    app.anon().with_token("nonsense").get("/me").expect(401).problem("invalid-token");
    app.wire("no request at all\r\n\r\n").expect(400);
    let scrape = Scrape::of(&app);
    for (kind, count) in
        [("not-found", 2), ("missing-token", 1), ("invalid-token", 1), ("malformed-request", 1), ("overloaded", 0)]
    {
        assert_eq!(scrape.count(&format!("kennel_problems_total{{type=\"{kind}\"}}")), count, "{kind}");
    }
}

fn writes_hashes_connections_and_rounds_of_sweeping_are_counted(scene: &Database) {
    // Connections stay as they are meanwhile.
    let settings = [ON, ("HEADER_TIMEOUT", "60s"), ("KEEP_ALIVE", "10m")];
    let app = App::with(Database::fresh(scene.engine), &settings);
    app.sign_in("alice");
    let scrape = until(&app, |scrape| scrape.count("kennel_sweeps_total") == 1);
    // One for the sign-up, one for the login.
    assert_eq!(scrape.count("kennel_password_hash_duration_seconds_count"), 2);
    assert!(scrape.value("kennel_password_hash_duration_seconds_sum") > 0.0);
    assert_eq!(scrape.count("kennel_sweep_failures_total"), 0);
    assert!(scrape.value("kennel_sweep_last_timestamp_seconds") > 1.7e9);
    let pools: &[_] = match app.engine {
        Engine::Sqlite => {
            let groups = scrape.count("kennel_database_group_size_count");
            assert!(groups >= 2 && scrape.value("kennel_database_group_size_sum") >= 2.0, "{}", scrape.text);
            &["sqlite-reader", "sqlite-writer"]
        }
        Engine::Postgres => {
            assert!(!scrape.values.contains_key("kennel_database_group_size_count"), "{}", scrape.text);
            &["postgres"]
        }
    };
    for pool in pools {
        let most = scrape.count(&format!("kennel_database_connections_max{{pool=\"{pool}\"}}"));
        until(&app, |scrape| {
            let open = ["idle", "used"].map(|state| format!("{{pool=\"{pool}\",state=\"{state}\"}}"));
            open.iter().map(|labels| scrape.count(&format!("kennel_database_connections{labels}"))).sum::<u64>() == most
        });
    }
    let before = Scrape::of(&app).count("kennel_http_connections");
    let wires: Vec<_> = (0..5).map(|_| Wire::open(&app)).collect();
    until(&app, |scrape| scrape.count("kennel_http_connections") >= before + 5);
    drop(wires);
    until(&app, |scrape| scrape.count("kennel_http_connections") <= before);
}

fn mails_that_wait_are_counted(scene: &Database) {
    // Nobody listens there.
    let nowhere = format!("smtp://{}", free_address());
    let app = App::with(Database::fresh(scene.engine), &[ON, ("MAIL_URL", &nowhere)]);
    let until_waiting = |count: &str| {
        until(&app, |scrape| scrape.values.get("kennel_mails_waiting").is_some_and(|waiting| waiting == count))
    };
    until_waiting("0");
    app.sign_up("alice");
    app.sign_up("bob");
    until_waiting("2");
}

/// (A worker of PostgreSQL that hangs is given up after a while, and does not hold up the others for ever.)
fn a_scrape_has_an_answer_while_the_database_has_none(scene: &Database) {
    if scene.engine == Engine::Postgres {
        return;
    }
    let (app, park) = with_floods(scene, &[ON]);
    until(&app, |scrape| scrape.count("kennel_database_up") == 1);
    flood_now(&app, "readers", "many");
    let scrape = Scrape::of(&app);
    assert_eq!(scrape.count("kennel_database_up"), 0);
    assert!(!scrape.values.contains_key("kennel_mails_waiting"), "{}", scrape.text);
    let waiting = "kennel_database_jobs_waiting{pool=\"sqlite-reader\",kind=\"read\"}";
    assert!(scrape.count(waiting) > 1_000, "{}", scrape.text);
    drop(park);
    until(&app, |scrape| scrape.count("kennel_database_up") == 1 && scrape.count(waiting) == 0);
}

fn a_scrape_has_an_answer_while_the_database_says_nothing(scene: &Database) {
    if scene.engine == Engine::Sqlite {
        return;
    }
    let passage = Passage::to(postgres::cluster().port());
    let database = Database::fresh(Engine::Postgres);
    let url = format!("postgres://kennel@127.0.0.1:{}/{}", passage.port, database.own_part_of_the_url());
    let app = App::with(database, &[ON, ("DATABASE_URL", &url)]);
    until(&app, |scrape| scrape.count("kennel_database_up") == 1);
    passage.go_silent();
    assert_eq!(Scrape::of(&app).count("kennel_database_up"), 0);
    passage.speak();
    until(&app, |scrape| scrape.count("kennel_database_up") == 1);
}

fn the_process_is_shown_as_the_system_sees_it(scene: &Database) {
    let app = watched(scene);
    let scrape = Scrape::of(&app);
    assert!(scrape.value("process_cpu_seconds_total") > 0.0);
    assert!(scrape.value("process_resident_memory_bytes") > 1e6);
    assert!(scrape.value("process_open_fds") < scrape.value("process_max_fds"));
    assert!(scrape.value("process_start_time_seconds") > 1.7e9);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(scrape.count(&format!("kennel_build_info{{version=\"{version}\"}}")), 1);
    assert_eq!(scrape.count("kennel_log_lines_lost_total"), 0);
}

fn there_is_one_page_and_it_can_only_be_read(scene: &Database) {
    let app = watched(scene);
    let address = app.metrics.expect("a listener");
    for (method, path, status) in [
        ("GET", "/metrics", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/metrics?name=x", 200),
        ("POST", "/metrics", 405),
        ("BREW", "/metrics", 405),
        ("GET", "/", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/me", 404),
        ("POST", "/auth/login", 404),
    ] {
        let (head, body) = ask(address, method, path).expect("an answer");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {head}");
        assert_eq!(body.is_empty(), status != 200 || method == "HEAD", "{method} {path}: {body}");
        assert_eq!(head.contains("allow: GET, HEAD"), status == 405, "{head}");
    }
    // What is asked there is no request of the service.
    assert!(!Scrape::of(&app).text.contains(COUNT));
}

fn those_who_only_hold_connections_keep_no_scrape_out(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[ON, ("HEADER_TIMEOUT", "60s")]);
    let address = app.metrics.expect("a listener");
    let mut silent: Vec<_> = (0..16).map(|_| TcpStream::connect(address).expect("it listens")).collect();
    for stream in &mut silent {
        // One that was not admitted may be closed already.
        drop(stream.write_all(b"GET /metrics HTTP/1.1\r\n"));
    }
    let end = Instant::now() + PATIENCE / 2;
    while Scrape::try_at(address).is_err() {
        assert!(Instant::now() < end, "no scrape gets through");
        thread::sleep(Duration::from_millis(50));
    }
}

fn an_address_that_is_none_or_is_taken_is_one_line_that_names_the_variable(database: &Database) {
    for no_address in ["9464", "localhost:9464", "127.0.0.1", "127.0.0.1:65536", "http://127.0.0.1:9464"] {
        let ended = Program::on(database).set("METRICS_ADDR", no_address).run();
        refused(&ended, &["METRICS_ADDR", "it accepts", "127.0.0.1:9464"]);
    }
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it listens").to_string();
    // Nobody has this one: it is for documentation (RFC 5737).
    for address in [address.as_str(), "192.0.2.1:9464"] {
        let ended = Program::on(database).set("METRICS_ADDR", address).run();
        refused(&ended, &["METRICS_ADDR", address, "an address of this machine"]);
    }
}

fn the_program_says_where_its_metrics_are(database: &Database) {
    let server = Program::on(database).set("METRICS_ADDR", "127.0.0.1:0").serve();
    let ended = server.stop("TERM");
    let said = ended.stdout.lines().last().unwrap_or_default();
    assert!(said.starts_with("Metrics: http://127.0.0.1:") && said.ends_with("/metrics"), "{ended:?}");
}

fn metrics_are_shown_until_the_server_has_stopped(scene: &Database) {
    let app = watched(scene);
    let address = app.metrics.expect("a listener");
    // It is asked and does not go on, which a stop does not wait for.
    let mut held = TcpStream::connect(address).expect("it listens");
    held.write_all(b"GET /metrics HTTP/1.1\r\n").expect("it is sent");
    app.begin_stop();
    assert_eq!(app.stopped(), Ok(()));
    assert!(TcpStream::connect(address).is_err());
}

fn every_metric_is_explained_and_what_is_drawn_or_alerted_on_is_there(scene: &Database) {
    let app = watched(scene);
    let scrape = Scrape::of(&app);
    let types = scrape.types();
    let repository = Repository::here();
    let page = repository.read("docs/operating.md");
    let section = page.split("\n## ").find(|section| section.starts_with("Metrics\n")).expect("a section");
    let explained: BTreeSet<_> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(explained, types.keys().copied().collect());

    let dashboard: Value = serde_json::from_str(&repository.read("contrib/grafana-dashboard.json")).expect("JSON");
    let mut expressions = Vec::new();
    collect_expressions(&dashboard, &mut expressions);
    assert!(expressions.len() > 10, "the dashboard draws");
    let rules = repository.read("contrib/prometheus-rules.yml");
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert_eq!(alerts.len(), rules.matches("- alert: ").count());
    expressions.extend(alerts.into_iter().map(str::to_owned));
    let words =
        expressions.iter().flat_map(|expression| expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let used: BTreeSet<_> =
        words.filter(|word| ["http_server_", "kennel_", "process_"].iter().any(|own| word.starts_with(own))).collect();
    assert!(used.len() > 15, "{used:?}");
    for name in used {
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let is_there = types.contains_key(name) || histogram.is_some_and(|name| types.get(name) == Some(&"histogram"));
        assert!(is_there, "there is no {name}");
    }
}

/// The queries in a dashboard, wherever they stand.
fn collect_expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect_expressions(value, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| ["expr", "query", "definition"].contains(&name.as_str())) {
                    Some(expression) => found.push(expression.to_owned()),
                    None => collect_expressions(value, found),
                }
            }
        }
        _ => {}
    }
}
