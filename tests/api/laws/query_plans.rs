//! Every list is served by an index, and a page costs a constant number of queries: the queries that the server
//! runs are listened to, and the database is asked how it runs them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::lists::sorting::sorts;
use crate::support::contract::{Operation, contract};
use crate::support::recorder::Recorder;
use crate::support::walk::{body, is_private, make_everything, path, row};
use crate::support::{Actor, App, Database, Engine, Sentence, schema, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_query_of_every_list_is_served_by_an_index,
        whatever_is_read_or_written_is_found_by_an_index,
        a_page_takes_as_many_queries_whatever_is_on_it,
    ]
}

/// A server whose queries are listened to.
pub fn watched(engine: Engine) -> (App, Recorder) {
    let database = Database::fresh(engine);
    let recorder = Recorder::on(&database);
    (App::on(database), recorder)
}

/// What PostgreSQL is told, so that it takes an index wherever it can, for a table of any size.
const SETTINGS: [&str; 4] = [
    "SET plan_cache_mode = force_generic_plan",
    "SET enable_seqscan = off",
    "SET enable_bitmapscan = off",
    "SET enable_sort = off",
];

/// Indexes of which a part from the beginning is the answer, without a key: everybody who is public, accounts that are
/// deleted, and the mails that are to be sent.
const WHOLE: [&str; 3] = ["users_public", "users_deleted", "mails_to_send"];

/// Subqueries that are short, whatever they are read from: what is counted up to a limit, and a user's next few dogs.
const SHORT: [&str; 2] = ["counted", "upcoming"];

/// Fails if the database would read a whole table for one of the queries, or sort what an index could have sorted.
#[track_caller]
pub fn hold(app: &App, asked: &str, queries: &[String], sorted_by_an_index: bool) {
    let tables = app.database.tables();
    let is_about_rows = |query: &&String| {
        ["SELECT", "UPDATE", "DELETE", "WITH"].iter().any(|verb| query.starts_with(verb))
            && tables.iter().any(|table| query.contains(table))
    };
    for query in queries.iter().filter(is_about_rows) {
        let plan = app.database.plan(query);
        let words = |what: &str| format!("{what} for {asked}\n{query}\n{}", plan.join("\n"));
        for (step, next) in plan.iter().zip(plan.iter().skip(1).map(String::as_str).chain([""])) {
            let step = step.trim().trim_start_matches("->").trim();
            let reads_all = match app.engine {
                Engine::Sqlite => {
                    let scanned = step.strip_prefix("SCAN ");
                    scanned.is_some_and(|what| {
                        !what.starts_with("json_each") && !what.contains("CONSTANT ROW") && !SHORT.contains(&what)
                    })
                }
                Engine::Postgres => {
                    let by_index = step.starts_with("Index ") && step.contains(" using ");
                    step.starts_with("Seq Scan") || by_index && !next.contains("Index Cond:")
                }
            };
            assert!(
                !reads_all || WHOLE.iter().any(|index| step.contains(index)),
                "{}",
                words("a table is read from end to end")
            );
            let sorts = step.contains("TEMP B-TREE") || step.starts_with("Sort ");
            let is_the_page = query.contains(" LIMIT ");
            assert!(!(sorts && is_the_page && sorted_by_an_index), "{}", words("rows are sorted"));
        }
    }
}

/// Some of everything in the books of two; an owner, a dog and a task of alice's.
fn fill(app: &App, alice: &Actor<'_>) -> (i64, i64, i64) {
    let bob = app.sign_in("bob");
    let mut last = (0, 0, 0);
    for actor in [&bob, alice] {
        actor.go_public();
        for number in 0..3 {
            let owner = actor.owner(&format!("Ann {number}"));
            let dog = actor.dog(&format!("Rex {number}"), owner);
            let body = json!({"name": "Walk", "dog_id": dog, "due_on": "2026-12-01"});
            let task = actor.post("/dogowner/tasks", &body).expect(201).id();
            if last.0 > 0 && number > 0 {
                actor.share(dog, last.0);
            }
            last = (owner, dog, task);
        }
        make_everything(actor);
    }
    last
}

/// Each filter of a list by itself, with each of its values or one that fits, and all together in all ways.
fn filters(list: &Operation, id: impl Fn(&str) -> Value) -> Vec<String> {
    let all = list.definition["parameters"].as_array().into_iter().flatten();
    let own = all.filter(|parameter| parameter["in"] == "query");
    let own =
        own.filter(|parameter| !["sort", "limit", "cursor", "count"].iter().any(|name| parameter["name"] == *name));
    let values = own.map(|parameter| {
        let name = parameter["name"].as_str().expect("a name");
        let schema = contract().resolve(&parameter["schema"]);
        let values = match (&schema["enum"], schema["type"].as_str(), schema["format"].as_str()) {
            _ if name.ends_with("_id") => vec![id(name)],
            _ if name == "id" => vec![json!((1..=100).map(|id| id.to_string()).collect::<Vec<_>>())],
            // Such that there is something to be found.
            _ if name == "due_after" => vec![json!("2000-01-01")],
            _ if name == "due_before" => vec![json!("2100-01-01")],
            _ if name.ends_with("_after") || name.ends_with("_since") => vec![json!("2000-01-01T00:00:00Z")],
            _ if name.ends_with("_before") => vec![json!("2100-01-01T00:00:00Z")],
            (Value::Array(values), ..) => values.clone(),
            (_, Some("boolean"), _) => vec![json!(true), json!(false)],
            (_, Some("array"), _) => vec![schema["items"]["enum"].clone()],
            (_, Some("string"), None) => vec![json!("ex")],
            _ => panic!("what {name} of {} can be must be said here", list.id),
        };
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            other => other.to_string(),
        };
        values.iter().map(|value| format!("{name}={}", text(value))).collect::<Vec<_>>()
    });
    let values: Vec<_> = values.collect();
    let together = values.iter().fold(vec![String::new()], |begun, values| {
        begun.iter().flat_map(|begun| values.iter().map(move |value| format!("{begun}&{value}"))).collect()
    });
    let all = values.concat().into_iter().chain(together.into_iter().filter(|filters| !filters.is_empty()));
    all.map(|filters| filters.trim_start_matches('&').to_owned()).collect()
}

pub fn set(app: &App) {
    if app.engine == Engine::Postgres {
        for setting in SETTINGS {
            app.database.execute(setting).expect("it can be set");
        }
    }
}

fn every_query_of_every_list_is_served_by_an_index(database: &Database) {
    let (app, recorder) = watched(database.engine);
    let alice = app.sign_in("alice");
    let (owner, dog, _) = fill(&app, &alice);
    let id = |name: &str| match name {
        "owner_id" => json!(owner),
        "dog_id" => json!(dog),
        other => row(&alice, other),
    };
    for column in schema::columns(&app.database) {
        if let Some((table, _)) = column.split_once(".name_key ") {
            app.database.execute(&format!("UPDATE {table} SET name_key = 'rex'")).expect("a search finds it");
        }
    }
    set(&app);
    let mut held = BTreeSet::new();
    for operation in contract().lists() {
        let (list, filters) = (path(operation, id), filters(operation, id));
        let can_be_counted = operation.parameters("query").contains(&"count");
        let (mut pages, mut seen) = (0, 0);
        let mut look = |query: &str, sorted_by_an_index: bool| {
            let mut next = Some(format!("{list}?limit=1&{query}").trim_end_matches('&').to_owned());
            // The first page, and one that a cursor leads to.
            for _ in 0..2 {
                let Some(page) = next else { break };
                drop(recorder.take());
                next = alice.get(&page).expect(200).next_page();
                let mut queries = recorder.take();
                seen += queries.iter().filter(|query| query.contains(" LIMIT ")).count();
                pages += 1;
                queries.retain(|query| held.insert((query.clone(), sorted_by_an_index)));
                hold(&app, &page, &queries, sorted_by_an_index);
            }
        };
        look("", true);
        if can_be_counted {
            look("count=true", true);
        }
        for filter in &filters {
            look(filter, false);
            if can_be_counted {
                look(&format!("{filter}&count=true"), false);
            }
        }
        for sort in sorts(&operation.sort_keys()).iter().filter(|sort| sort.matches(',').count() < 2) {
            look(&format!("sort={sort}"), !sort.contains(','));
            for filter in filters.iter().filter(|_| !sort.contains(',')) {
                look(&format!("sort={sort}&{filter}"), false);
            }
        }
        assert!(seen >= pages, "{list}: {seen} queries of {pages} pages were heard");
    }
    assert!(held.len() > 100, "only {} queries were heard", held.len());
}

fn whatever_is_read_or_written_is_found_by_an_index(database: &Database) {
    let (app, recorder) = watched(database.engine);
    let alice = app.sign_in("alice");
    let rows = fill(&app, &alice);
    set(&app);
    hold(&app, "the beginning", &recorder.take(), false);
    let (owner, dog, task) = rows;
    let about = json!({"name": "Walk", "dog_id": dog});
    let shared = json!({"name": "Rex", "owner_id": owner, "co_owner_ids": [owner - 1]});
    let (link, mine) = (format!("/dogowner/dogs/{dog}/co-owners/{}", owner - 1), [("If-Match", "*")]);
    let requests = [
        ("GET", "/me".to_owned(), None),
        ("PATCH", "/me".to_owned(), Some(json!({"username": "alicia"}))),
        ("PUT", "/me/profile".to_owned(), Some(json!({"description": "Changed."}))),
        ("GET", "/me/profile".to_owned(), None),
        ("GET", "/me/export".to_owned(), None),
        ("GET", "/users/alicia".to_owned(), None),
        ("GET", format!("/dogs/{dog}"), None),
        ("POST", "/dogowner/owners".to_owned(), Some(json!({"name": "Ann"}))),
        ("POST", "/dogowner/dogs".to_owned(), Some(shared.clone())),
        ("POST", "/dogowner/tasks".to_owned(), Some(about.clone())),
        ("GET", format!("/dogowner/owners/{owner}"), None),
        ("GET", format!("/dogowner/dogs/{dog}"), None),
        ("GET", format!("/dogowner/dogs/{dog}?expand=owner,co_owners"), None),
        ("GET", format!("/dogowner/tasks/{task}"), None),
        ("PUT", format!("/dogowner/owners/{owner}"), Some(json!({"name": "Mia"}))),
        ("PATCH", format!("/dogowner/owners/{owner}"), Some(json!({"name": "Zoe"}))),
        ("PUT", format!("/dogowner/dogs/{dog}"), Some(shared)),
        ("PATCH", format!("/dogowner/dogs/{dog}"), Some(json!({"name": "Rexy", "co_owner_ids": []}))),
        ("PUT", link.clone(), None),
        ("DELETE", link, None),
        ("PUT", format!("/dogowner/tasks/{task}"), Some(about)),
        ("PATCH", format!("/dogowner/tasks/{task}"), Some(json!({"completed": true}))),
        ("DELETE", format!("/dogowner/tasks/{task}"), None),
        ("DELETE", format!("/dogowner/owners/{owner}"), None),
        ("DELETE", format!("/dogowner/dogs/{dog}"), None),
        ("DELETE", format!("/dogowner/owners/{}?force=true", owner - 1), None),
        ("DELETE", "/me/profile".to_owned(), None),
        ("DELETE", "/me".to_owned(), None),
    ];
    for (method, path, body) in requests {
        let key = [("Idempotency-Key", path.as_str())];
        let headers = match method {
            "GET" => &[][..],
            "POST" => &key,
            _ => &mine,
        };
        let answer = alice.ask(method, &path, headers, body.as_ref());
        assert!(answer.status < 500 && ![400, 404, 422].contains(&answer.status), "{answer}");
        let queries = recorder.take();
        assert!(!queries.is_empty(), "nothing was heard of {method} {path}");
        hold(&app, &format!("{method} {path}"), &queries, false);
    }
    let bob = app.log_in("bob");
    for operation in contract().operations.iter().filter(|one| is_private(one) && one.id != "delete_me") {
        let (path, body) = (path(operation, |name| row(&bob, name)), body(operation, |name| row(&bob, name)));
        let answer = bob.ask(&operation.method, &path, &[], body.as_ref());
        assert!(answer.status < 500, "{answer}");
        hold(&app, &operation.id, &recorder.take(), false);
    }
    bob.send("POST", "/auth/logout", &[], None).expect(200);
    hold(&app, "the end", &recorder.take(), false);
}

fn a_page_takes_as_many_queries_whatever_is_on_it(database: &Database) {
    let (app, recorder) = watched(database.engine);
    let alice = app.sign_in("alice");
    alice.go_public();
    let owners: Vec<_> = (0..6).map(|number| alice.owner(&number.to_string())).collect();
    let dog = |co_owners: &[i64]| {
        let body = json!({"name": "Rex", "owner_id": owners[0], "co_owner_ids": co_owners});
        alice.post("/dogowner/dogs", &body).expect(201).id()
    };
    let first = dog(&owners[1..2]);
    let paths = [
        "/dogowner/owners".to_owned(),
        "/dogowner/dogs".to_owned(),
        "/dogowner/dogs?expand=owner,co_owners&sort=-name&count=true".to_owned(),
        format!("/dogowner/owners/{}/dogs", owners[1]),
        format!("/dogowner/owners/{}/dogs?expand=owner,co_owners&role=co", owners[1]),
        format!("/dogowner/dogs/{first}?expand=owner,co_owners"),
        format!("/dogowner/dogs/{first}/co-owners"),
        "/dogs".to_owned(),
        "/users/alice/dogs".to_owned(),
        "/users/alice".to_owned(),
        "/me/export".to_owned(),
    ];
    let counts = || {
        paths.each_ref().map(|path| {
            drop(recorder.take());
            alice.get(path).expect(200);
            recorder.count()
        })
    };
    let few = counts();
    for _ in 0..30 {
        dog(&owners[1..]);
    }
    alice.patch(&format!("/dogowner/dogs/{first}"), &json!({"co_owner_ids": owners[1..]})).expect(200);
    let many = counts();
    assert_eq!(many, few, "of {paths:?}");
    assert!(few.iter().all(|count| (1..=12).contains(count)), "{few:?}");
}
