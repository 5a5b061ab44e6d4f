//! The law of shape, part one: every path with every method, HEAD and OPTIONS, what the caller accepts, and
//! queries that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::contract::{Operation, contract, fields};
use crate::support::walk::{body, call, is_private, path, row, rows};
use crate::support::{Actor, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_method_that_a_path_does_not_know_is_405_and_allow_lists_those_it_does,
        options_lists_the_methods_and_needs_no_token,
        head_answers_the_headers_of_get_and_no_body,
        an_answer_that_the_caller_does_not_accept_is_406_and_nothing_is_done,
        a_write_that_is_406_changes_no_row,
        what_succeeds_without_a_body_suits_whatever_is_accepted,
        what_admits_the_answers_type_or_cannot_be_read_refuses_nothing,
        a_query_parameter_that_an_operation_does_not_know_is_refused,
        a_path_that_does_not_exist_is_404_with_every_method,
        with_its_quota_used_up_every_operation_that_is_counted_is_429,
    ]
}

/// The paths of the contract, with ids of alice's rows, and the methods that each knows.
fn paths(alice: &Actor<'_>) -> BTreeMap<String, BTreeSet<&'static str>> {
    alice.go_public();
    let hers = rows(alice);
    let mut paths: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for operation in &contract().operations {
        let path = path(operation, &hers);
        let methods = paths.entry(path).or_insert_with(|| BTreeSet::from(["OPTIONS"]));
        methods.insert(operation.method.as_str());
        if operation.method == "GET" {
            methods.insert("HEAD");
        }
    }
    paths
}

fn allowed(allow: &str) -> BTreeSet<&str> {
    allow.split(", ").collect()
}

fn a_method_that_a_path_does_not_know_is_405_and_allow_lists_those_it_does(app: &App) {
    let alice = app.sign_in("alice");
    for (path, methods) in paths(&alice) {
        let rows = app.database.rows();
        for method in
            ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", "Post", "FOO", "QUERY"]
        {
            if methods.contains(method) {
                continue;
            }
            let answer = alice.send(method, &path, &[], None).expect(405);
            assert_eq!(allowed(answer.header("allow")), methods, "{answer}");
            assert!(method == "HEAD" || answer.json["type"] == "/problems/method-not-allowed", "{answer}");
        }
        assert_eq!(app.database.rows(), rows);
    }
}

fn options_lists_the_methods_and_needs_no_token(app: &App) {
    let alice = app.sign_in("alice");
    for (path, methods) in paths(&alice) {
        let answer = app.anon().send("OPTIONS", &path, &[], None).expect(204);
        assert_eq!(allowed(answer.header("allow")), methods, "{answer}");
    }
}

fn head_answers_the_headers_of_get_and_no_body(app: &App) {
    let alice = app.sign_in("alice");
    let more = [alice.owner("Mia"), alice.owner("Zoe")];
    let mut paths: Vec<_> =
        paths(&alice).into_iter().filter(|(_, known)| known.contains("GET")).map(|(path, _)| path).collect();
    paths.extend(["/dogowner/owners?limit=1", "/dogowner/owners?limit=0", "/nowhere"].map(str::to_owned));
    paths.push(format!("/dogowner/owners/{}", more[0] + 4711));
    for actor in [&alice, &app.anon()] {
        for path in &paths {
            let (get, head) = (actor.get(path), actor.send("HEAD", path, &[], None));
            assert_eq!(head.status, get.status, "{head}");
            assert!(head.body.is_empty(), "{head}");
            let (get, head) = (get.headers_but_for_the_request_id(), head.headers_but_for_the_request_id());
            assert_eq!(head, get, "HEAD {path}, and GET");
        }
    }
}

/// Calls each of these operations with each of these values of `Accept`, as somebody who can do it; the statuses.
fn with_accept(app: &App, of: impl Fn(&Operation) -> bool, accepts: &[&str], statuses: impl Fn(&Operation, &str, u16)) {
    for (number, operation) in contract().operations.iter().filter(|operation| of(operation)).enumerate() {
        // Nobody has as many sessions as all of this takes.
        let alice = app.sign_in(&format!("caller-{number}"));
        for accept in accepts {
            alice.go_public();
            let path = path(operation, |name| row(&alice, name));
            let body = body(operation, |name| row(&alice, name)).map(|body| body.to_string());
            let headers = [("Accept", *accept), ("Content-Type", "application/json")];
            let headers = if body.is_some() { &headers[..] } else { &headers[..1] };
            // Whoever ends a session, or an account, ends one that nobody needs.
            let actor = match operation.id.as_str() {
                "logout" => app.anon(),
                "delete_me" => app.sign_in("zoe"),
                _ => alice.clone(),
            };
            let answer = actor.send(&operation.method, &path, headers, body.as_deref().map(str::as_bytes));
            statuses(operation, accept, answer.status);
        }
    }
}

/// Values of `Accept` that admit nothing of ours.
const UNACCEPTABLE: [&str; 5] = [
    "text/html",
    "application/xml",
    "image/*, text/plain",
    "application/json;q=0, application/yaml;q=0.000",
    "application/problem+json",
];

/// Whether one of these ranges, of which none has a weight but 0, admits what the operation answers.
fn admits(accept: &str, operation: &Operation) -> bool {
    let media_types = operation.media_types();
    accept.split(", ").any(|range| {
        let is_it = |made: &String| range.strip_suffix('*').map_or(range == made, |kind| made.starts_with(kind));
        media_types.iter().any(is_it)
    })
}

fn an_answer_that_the_caller_does_not_accept_is_406_and_nothing_is_done(app: &App) {
    let has_a_body = |operation: &Operation| !operation.media_types().is_empty();
    with_accept(app, has_a_body, &UNACCEPTABLE, |operation, accept, status| {
        // There are pages, and a picture.
        let expected = if admits(accept, operation) { 200 } else { 406 };
        assert_eq!(status, expected, "{} with Accept: {accept}", operation.id);
        assert!(operation.statuses().contains(&"406".to_owned()), "{}", operation.id);
    });
    app.anon().send("GET", "/openapi.yaml", &[("Accept", "application/json")], None).expect(406);
    app.anon().send("GET", "/openapi.json", &[("Accept", "application/yaml")], None).expect(406);
    app.anon().send("GET", "/", &[("Accept", "application/yaml")], None).expect(406);
}

fn a_write_that_is_406_changes_no_row(app: &App) {
    let alice = app.sign_in("alice");
    alice.go_public();
    let hers = rows(&alice);
    let writes = contract().operations.iter().filter(|one| one.method != "GET" && !one.media_types().is_empty());
    let mut tried = 0;
    for operation in writes {
        let (path, body) = (path(operation, &hers), body(operation, &hers).map(|body| body.to_string()));
        let before = app.database.everything();
        for accept in UNACCEPTABLE {
            let headers = [("Accept", accept), ("Content-Type", "application/json")];
            alice.send(&operation.method, &path, &headers, body.as_deref().map(str::as_bytes)).expect(406);
            tried += 1;
        }
        assert_eq!(app.database.everything(), before, "{} changed something", operation.id);
    }
    assert!(tried > 20, "only {tried} writes were tried");
}

fn what_succeeds_without_a_body_suits_whatever_is_accepted(app: &App) {
    let has_none = |operation: &Operation| operation.media_types().is_empty();
    with_accept(app, has_none, &UNACCEPTABLE, |operation, accept, status| {
        // The tokens of the examples are from nowhere.
        let takes_a_token = ["reset_password", "verify_email", "cancel_email"].contains(&operation.id.as_str());
        assert_eq!(status / 100, if takes_a_token { 4 } else { 2 }, "{} with Accept: {accept}", operation.id);
        assert_ne!(status, 406, "{} with Accept: {accept}", operation.id);
        assert!(!operation.statuses().contains(&"406".to_owned()), "{} promises a 406", operation.id);
    });
    let alice = app.sign_in("alice");
    for accept in UNACCEPTABLE {
        let dog = format!("/dogowner/dogs/{}", alice.dog("Rex", alice.owner("Ann")));
        let tag = alice.get(&dog).expect(200).etag().to_owned();
        alice.send("GET", &dog, &[("Accept", accept), ("If-None-Match", &tag)], None).expect(304);
        alice.send("OPTIONS", &dog, &[("Accept", accept)], None).expect(204);
        alice.send("DELETE", &dog, &[("Accept", accept)], None).expect(204);
        // What would not succeed says why, whatever is accepted.
        alice.send("GET", &dog, &[("Accept", accept)], None).expect(404).problem("not-found");
        alice.send("DELETE", &dog, &[("Accept", accept)], None).expect(404).problem("not-found");
        alice.send("POST", &dog, &[("Accept", accept)], None).expect(405).problem("method-not-allowed");
        alice.send("POST", "/dogowner/nowhere", &[("Accept", accept)], None).expect(404).problem("not-found");
        app.anon().send("DELETE", &dog, &[("Accept", accept)], None).expect(401).problem("missing-token");
    }
}

fn what_admits_the_answers_type_or_cannot_be_read_refuses_nothing(app: &App) {
    let accepted = [
        "*/*",
        "application/*",
        "text/html, */*;q=0.1",
        "APPLICATION/JSON, application/yaml;q=0.5",
        "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
        "application/json;q=0.5555, application/yaml;q=1.5",
        "foo",
        "*",
        "application/json;q=abc",
        "text/html, é",
        "text/html, text/plain;q=-1",
    ];
    // What is for people alone is neither JSON nor YAML.
    let for_people = |operation: &Operation| {
        ["show_docs", "show_asset", "show_console", "show_console_file"].contains(&operation.id.as_str())
    };
    with_accept(
        app,
        |operation| !for_people(operation),
        &accepted,
        |operation, accept, status| {
            assert_ne!(status, 406, "{} with Accept: {accept}", operation.id);
        },
    );
}

fn a_query_parameter_that_an_operation_does_not_know_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    for operation in &contract().operations {
        let path = path(operation, |name| row(&alice, name));
        let body = body(operation, |name| row(&alice, name));
        let rows = app.database.rows();
        for query in ["colour=red", "access_token=x", "colour=red&colour=blue"] {
            let answer = call(&alice, operation, &format!("{path}?{query}"), body.as_ref());
            let name = query.split('=').next().unwrap_or_default();
            let refused = answer.parameter_error(name, "unknown_parameter");
            let told = refused.json["errors"][0]["detail"].as_str().expect("a detail").trim_end_matches('.');
            let told: BTreeSet<_> = told.split([' ', ',']).collect();
            let known = operation.parameters("query");
            assert!(known.iter().all(|known| told.contains(known)), "{refused}");
            assert_eq!(known.is_empty(), told.contains("none"), "{refused}");
        }
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
    }
    let known = fields(&contract().document["components"]["parameters"]).count();
    assert!(known > 0, "some operations know parameters");
}

fn a_path_that_does_not_exist_is_404_with_every_method(app: &App) {
    let alice = app.sign_in("alice");
    for path in [
        "/nowhere",
        "/users",
        "/users/alice/nowhere",
        "/dogs/1/co-owners",
        "/favicon.ico",
        "/auth",
        "/.env",
        "/dogowner/nowhere",
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO"] {
            let answer = alice.send(method, path, &[], None).expect(404);
            assert!(method == "HEAD" || answer.json["type"] == "/problems/not-found", "{answer}");
        }
    }
}

/// An address and a user that have nothing left; the address is another one than that of whoever gets things ready.
fn with_its_quota_used_up_every_operation_that_is_counted_is_429(scene: &Database) {
    let rates = [("USER_RATE", "300/24h"), ("IP_RATE", "300/24h")];
    let app = App::with(Database::fresh(scene.engine), &rates);
    let alice = app.sign_in("alice");
    alice.go_public();
    let hers = rows(&alice);
    let requests: Vec<_> = contract().operations.iter().map(|one| (one, path(one, &hers), body(one, &hers))).collect();
    let elsewhere = app.from(1);
    let anybody = elsewhere.anon();
    while alice.get("/me").status == 200 || anybody.get("/dogs").status == 200 {}
    let before = app.database.rows();
    for (operation, path, body) in requests {
        let actor = if is_private(operation) { &alice } else { &anybody };
        let answer = call(actor, operation, &path, body.as_ref());
        let is_counted = operation.statuses().iter().any(|status| status == "429");
        assert_eq!(answer.status == 429, is_counted, "{answer}");
    }
    assert_eq!(app.database.rows(), before);
}
