//! The entrances: what this is, whether it is well, and its contract.

use std::io::Read;

use serde_json::{Value, json};

use crate::support::contract::contract;
use crate::support::{App, Book, Database, Engine, Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        the_root_says_what_this_is_and_where_to_go,
        every_link_of_the_root_leads_somewhere,
        a_running_server_is_alive_and_ready,
        a_server_without_its_tables_is_alive_but_not_ready,
        a_server_whose_file_was_moved_is_not_ready,
        the_contract_that_is_served_is_the_one_in_the_repository,
        the_contract_is_served_as_json_too,
        the_collection_for_postman_is_the_one_in_the_repository,
        the_contract_names_the_server_that_hands_it_out,
        the_contract_is_compressed_for_those_who_take_it_so,
        a_contract_that_is_known_is_304,
        the_contract_has_a_quota_and_health_has_none,
        the_version_is_the_same_everywhere,
        a_read_writes_nothing,
    ]
}

/// Where the contract is, in its two formats and as a collection for Postman.
const CONTRACTS: [&str; 3] = ["/openapi.yaml", "/openapi.json", "/postman.json"];

fn the_root_says_what_this_is_and_where_to_go(app: &App) {
    let answer = app.anon().get("/").expect(200);
    assert_eq!(answer.text("name"), "Kennel");
    for (name, path) in [("contract", "/openapi.yaml"), ("tasks", "/dogowner/tasks"), ("public_dogs", "/dogs")] {
        assert_eq!(answer.json["links"][name], path);
    }
}

fn every_link_of_the_root_leads_somewhere(app: &App) {
    let root = app.anon().get("/");
    for link in root.json["links"].as_object().expect("links").values().filter_map(Value::as_str) {
        let status = app.anon().get(link).status;
        assert!([200, 401, 405].contains(&status), "{link}: {status}");
    }
}

fn a_running_server_is_alive_and_ready(app: &App) {
    assert_eq!(app.anon().get("/health/live").expect(200).json, json!({"status": "ok"}));
    assert_eq!(app.anon().get("/health/ready").expect(200).json, json!({"status": "ready"}));
}

fn a_server_without_its_tables_is_alive_but_not_ready(app: &App) {
    let whatever_refers_to_it = if app.engine == Engine::Postgres { "CASCADE" } else { "" };
    for table in app.database.tables() {
        app.database.execute(&format!("DROP TABLE {table} {whatever_refers_to_it}")).expect("a table goes");
    }
    app.anon().get("/health/live").expect(200);
    app.anon().get("/health/ready").expect(503).problem("unavailable");
}

/// SQLite would go on writing into a file that has no name any more.
fn a_server_whose_file_was_moved_is_not_ready(app: &App) {
    if app.engine == Engine::Postgres {
        return;
    }
    let file = app.database.file();
    let elsewhere = app.database.directory().join("elsewhere.db");
    std::fs::rename(&file, &elsewhere).expect("it is moved");
    app.anon().get("/health/ready").expect(503).problem("unavailable");
    std::fs::rename(&elsewhere, &file).expect("it is moved back");
    app.anon().get("/health/ready").expect(200);
}

fn the_contract_that_is_served_is_the_one_in_the_repository(app: &App) {
    let answer = app.anon().get("/openapi.yaml").expect(200);
    assert!(answer.header("content-type").starts_with("application/yaml"), "{}", answer.header("content-type"));
    // But for the first server, which is this one: what is made of it calls nobody else's.
    let here = format!("http://{}", app.address);
    let meant = Repository::here().read("openapi.yaml").replacen("http://127.0.0.1:8000", &here, 1);
    assert_eq!(String::from_utf8_lossy(&answer.body), meant);
}

fn the_collection_for_postman_is_the_one_in_the_repository(app: &App) {
    let answer = app.anon().get("/postman.json").expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    // But for its `baseUrl`, which is this server: a run calls nobody else's.
    let here = format!("http://{}", app.address);
    assert_eq!(answer.json["variable"][0], json!({"key": "baseUrl", "value": here}));
    let file = Repository::here().read("docs/postman/kennel.postman_collection.json");
    assert_eq!(String::from_utf8_lossy(&answer.body), file.replacen("http://127.0.0.1:8000", &here, 1));
}

fn the_contract_names_the_server_that_hands_it_out(scene: &Database) {
    let url = "https://kennel.example.com";
    let app = App::with(Database::fresh(scene.engine), &[("PUBLIC_URL", url)]);
    assert_eq!(app.anon().get("/openapi.json").expect(200).json["servers"][0]["url"], url);
    let collection = app.anon().get("/postman.json").expect(200).json;
    assert_eq!(collection["variable"][0], json!({"key": "baseUrl", "value": url}));
    let yaml = app.anon().get("/openapi.yaml").expect(200);
    assert!(String::from_utf8_lossy(&yaml.body).contains(&format!("- url: {url}\n")), "{url}");
    let usual = app.anon().send("GET", "/openapi.yaml", &[("Accept-Encoding", "gzip")], None).expect(200);
    assert_ne!(usual.etag(), yaml.etag());
}

fn the_contract_is_served_as_json_too(app: &App) {
    let answer = app.anon().get("/openapi.json").expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    let mut meant = contract().document.clone();
    meant["servers"][0]["url"] = format!("http://{}", app.address).into();
    assert!(answer.json == meant, "it says the same");
    // Tools show the operations in the order of the document.
    let (json, yaml) = (String::from_utf8_lossy(&answer.body).into_owned(), Repository::here().read("openapi.yaml"));
    let ids = |text: &str, before: &str| -> Vec<String> {
        let parts = text.split(before).skip(1);
        parts.filter_map(|part| part.split(['"', '\n']).next()).map(str::to_owned).collect()
    };
    assert_eq!(ids(&json, r#""operationId":""#), ids(&yaml, "operationId: "));
}

fn the_contract_is_compressed_for_those_who_take_it_so(app: &App) {
    for path in CONTRACTS {
        is_compressed_for_those_who_take_it_so(app, path);
    }
}

fn is_compressed_for_those_who_take_it_so(app: &App, path: &str) {
    let plain = app.anon().get(path).expect(200);
    for taken in ["gzip", "br, gzip;q=0.5", "*"] {
        for method in ["GET", "HEAD"] {
            let packed = app.anon().send(method, path, &[("Accept-Encoding", taken)], None).expect(200);
            assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding"));
            assert_ne!(packed.etag(), plain.etag());
            let length: usize = packed.header("content-length").parse().expect("a number");
            assert!(6 * length < plain.body.len(), "{length} of {} bytes", plain.body.len());
            if method == "GET" {
                let mut unpacked = Vec::new();
                flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).expect("gzip");
                assert!(unpacked == plain.body, "it is the same");
            }
        }
    }
    for refused in ["", "identity", "br", "gzip;q=0", "identity, gzip;q=0.9"] {
        let answer = app.anon().send("GET", path, &[("Accept-Encoding", refused)], None).expect(200);
        assert_eq!((answer.header_if_any("content-encoding"), answer.header("vary")), (None, "accept-encoding"));
        assert_eq!(answer.etag(), plain.etag());
    }
}

fn a_contract_that_is_known_is_304(app: &App) {
    for path in CONTRACTS {
        is_304_if_known(app, path);
    }
}

fn is_304_if_known(app: &App, path: &str) {
    let tag =
        |encoding| app.anon().send("GET", path, &[("Accept-Encoding", encoding)], None).expect(200).etag().to_owned();
    let (plain, packed) = (tag("identity"), tag("gzip"));
    for (encoding, own, other) in [("identity", &plain, &packed), ("gzip", &packed, &plain)] {
        for method in ["GET", "HEAD"] {
            let ask = |known: &str| {
                let headers = [("Accept-Encoding", encoding), ("If-None-Match", known)];
                app.anon().send(method, path, &headers, None)
            };
            for known in [own, &format!("W/{own}"), &format!("\"0\", {own}"), "*"] {
                assert_eq!(ask(known).expect(304).etag(), own);
            }
            for unknown in [other, "\"0\"", "nonsense"] {
                ask(unknown).expect(200);
            }
        }
    }
}

fn the_contract_has_a_quota_and_health_has_none(database: &Database) {
    let app = App::with(Database::fresh(database.engine), &[("IP_RATE", "3/24h")]);
    for (path, left) in CONTRACTS.into_iter().zip(["\"ip\";r=2", "\"ip\";r=1", "\"ip\";r=0"]) {
        let answer = app.anon().get(path).expect(200);
        assert!(answer.header("ratelimit").starts_with(left), "{answer}");
    }
    for path in CONTRACTS {
        app.anon().get(path).expect(429).problem("too-many-requests");
    }
    app.anon().send("HEAD", "/openapi.yaml", &[("If-None-Match", "*")], None).expect(429);
    for path in ["/", "/health/live", "/health/ready"] {
        app.anon().get(path).expect(200);
    }
    app.from(2).anon().get("/openapi.yaml").expect(200);
}

fn the_version_is_the_same_everywhere(app: &App) {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(app.anon().get("/").text("version"), version);
    assert_eq!(contract().document["info"]["version"], version);
    assert!(Repository::here().read("CHANGELOG.md").contains(version), "CHANGELOG.md knows the version {version}");
}

/// No GET issues a write: nothing in the database changes, not even a session's time.
fn a_read_writes_nothing(app: &App) {
    let alice = app.sign_in("alice");
    let book = Book::of(&alice);
    alice.go_public();
    contract().lists().for_each(|list| drop(book.fill(list, 0..2)));
    let reads = contract().operations.iter().filter(|operation| operation.method == "GET");
    let mut paths: Vec<_> = reads.map(|operation| book.path(operation)).collect();
    paths.push("/dogowner/dog?expand=owner,co_owners&q=r&sort=-name&count=true".to_owned());
    let all = || (app.database.rows(), app.database.rows_of("sessions"));
    let before = all();
    for path in paths {
        alice.get(&path).expect(200);
        alice.send("HEAD", &path, &[], None).expect(200);
    }
    assert_eq!(all(), before);
}
