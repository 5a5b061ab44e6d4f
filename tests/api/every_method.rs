//! The law of shape, part one: every path with every method, HEAD and OPTIONS, what the caller accepts, and
//! queries that nobody asked for.

use std::collections::{BTreeMap, BTreeSet};

use kennel::app::nothing_extra;

use crate::support::contract::{Operation, contract, fields};
use crate::support::walk::{body, call, is_private, path, row, rows};
use crate::support::{Actor, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_method_that_a_path_does_not_know_is_405_and_allow_lists_those_it_does,
        options_lists_the_methods_and_needs_no_token,
        head_answers_the_headers_of_get_and_no_body,
        an_answer_that_the_caller_does_not_accept_is_406,
        whatever_admits_the_answers_type_is_accepted,
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

/// Calls each operation with each of these values of `Accept`, which admit the answer or not; the statuses.
fn with_accept(app: &App, accepts: &[&str], admitted: bool, statuses: impl Fn(&Operation, &str, u16)) {
    let alice = app.sign_in("alice");
    alice.go_public();
    for operation in &contract().operations {
        for accept in accepts {
            let path = path(operation, |name| row(&alice, name));
            let body = body(operation, |name| row(&alice, name)).map(|body| body.to_string());
            let headers = [("Accept", *accept), ("Content-Type", "application/json")];
            let headers = if body.is_some() { &headers[..] } else { &headers[..1] };
            // Whoever ends a session ends one that nobody needs.
            let actor = match operation.id.as_str() {
                "logout" => app.anon(),
                "delete_me" if admitted => app.sign_in("zoe"),
                _ => alice.clone(),
            };
            let answer = actor.send(&operation.method, &path, headers, body.as_deref().map(str::as_bytes));
            statuses(operation, accept, answer.status);
        }
    }
}

fn an_answer_that_the_caller_does_not_accept_is_406(app: &App) {
    let unacceptable =
        ["text/html", "application/xml", "image/*, text/plain", "application/json;q=0, application/yaml;q=0"];
    with_accept(app, &unacceptable, false, |operation, accept, status| {
        assert_eq!(status, 406, "{} with Accept: {accept}", operation.id);
    });
    assert_eq!(app.database.count("users"), 1, "nothing was done");
    app.anon().send("GET", "/openapi.yaml", &[("Accept", "application/json")], None).expect(406);
    app.anon().send("GET", "/openapi.json", &[("Accept", "application/yaml")], None).expect(406);
    app.anon().send("GET", "/", &[("Accept", "application/yaml")], None).expect(406);
}

fn whatever_admits_the_answers_type_is_accepted(app: &App) {
    let acceptable = ["*/*", "application/*", "text/html, */*;q=0.1", "APPLICATION/JSON, application/yaml;q=0.5"];
    with_accept(app, &acceptable, true, |operation, accept, status| {
        assert_ne!(status, 406, "{} with Accept: {accept}", operation.id);
    });
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
            answer.parameter_error(name, "unknown_parameter");
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
    let rates = [("USER_RATE", "300/1h"), ("IP_RATE", "300/1h")];
    let app = App::with(Database::fresh(scene.engine), &rates, nothing_extra);
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
