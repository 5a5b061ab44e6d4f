//! Laws that walk the contract, so that the tenth resource is as safe as the first without a new line of test:
//! the gate, the neighbours, and that the router and the contract are one. (The law of shape is in
//! `every_method.rs` and `every_body.rs`, the law of edits in `every_edit.rs` and `preconditions.rs`, of filters in
//! `every_filter.rs`, of plans in `query_plans.rs`, of coverage in `main.rs`.)

use std::collections::BTreeSet;

use kennel::problem::Kind;
use serde_json::{Value, json};

use super::every_edit::row_for;
use crate::support::contract::{Operation, contract, fields};
use crate::support::walk::{NEVER, body, call, is_private, make_everything, path, row, rows};
use crate::support::{Actor, App, Book, Repository, Sentence, schema, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        behind_the_gate_everything_asks_for_a_token,
        a_neighbours_row_answers_the_very_bytes_of_a_row_that_never_was,
        a_neighbours_id_in_a_body_is_an_id_that_never_was,
        a_neighbours_id_in_a_query_finds_nothing,
        a_list_of_mine_holds_no_row_of_a_neighbours,
        whoever_leaves_takes_everything_along_and_nothing_else,
        the_aliases_answer_as_the_plural_paths_do,
        the_aliases_know_the_methods_of_the_plural_paths_and_link_to_them,
        the_router_and_the_contract_have_the_same_operations,
        the_contract_and_the_server_know_the_same_problems,
        the_examples_of_the_contract_are_as_it_says,
        what_needs_a_token_is_what_is_private,
    ]
}

/// Whose rows are anywhere in this.
fn users_in(value: &Value) -> Vec<&Value> {
    let inner = value.as_array().into_iter().flatten().chain(fields(value).map(|(_, value)| value));
    value.get("user_id").into_iter().chain(inner.flat_map(users_in)).collect()
}

fn behind_the_gate_everything_asks_for_a_token(app: &App) {
    let alice = app.sign_in("alice");
    let hers = rows(&alice);
    for operation in contract().operations.iter().filter(|operation| is_private(operation)) {
        let (path, body) = (path(operation, &hers), body(operation, &hers));
        let before = app.database.rows();
        let answer = call(&app.anon(), operation, &path, body.as_ref()).expect(401).problem("missing-token");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert_eq!(app.database.rows(), before);
    }
}

fn a_neighbours_row_answers_the_very_bytes_of_a_row_that_never_was(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    for operation in &contract().operations {
        of_a_neighbours_row_nothing_is_told(app, operation, &alice, &bob, &bob);
    }
}

/// Whatever the operation's path names is `alice`'s, one after the other, and `caller` asks for it, who is `bob` or a
/// program of his.
pub fn of_a_neighbours_row_nothing_is_told(
    app: &App,
    operation: &Operation,
    alice: &Actor<'_>,
    bob: &Actor<'_>,
    caller: &Actor<'_>,
) {
    // A kind of problem is nobody's, and so is a file; and the changes of every book have the same numbers.
    let is_nobodys = |name: &&str| ["problem", "asset", "version", "file", "seq"].contains(name);
    for stolen in operation.path_parameters().into_iter().filter(|name| !is_nobodys(name)) {
        let his = rows(bob);
        let with = |id: Value| path(operation, |name| if name == stolen { id.clone() } else { his(name) });
        let (hers, never) = (with(row(alice, stolen)), with(json!(NEVER)));
        let body = body(operation, |name| row(bob, name));
        let rows = app.database.rows();
        let answer = call(caller, operation, &hers, body.as_ref()).expect(404).problem("not-found");
        answer.same_as(&call(caller, operation, &never, body.as_ref()));
        assert_eq!(app.database.rows(), rows, "{answer} changed something");
    }
}

/// In a list at its place among others; and whatever else is wrong with the body.
fn a_neighbours_id_in_a_body_is_an_id_that_never_was(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let book = Book::of(&bob);
    for operation in &contract().operations {
        for field in operation.id_fields() {
            let path =
                if operation.knows_header("If-Match") { row_for(&book, operation) } else { book.path(operation) };
            let is_list = field.ends_with("_ids");
            let (good, [one, other]) = (book.body(operation, 0), [1, 2].map(|number| book.id(&field, number)));
            let pointers =
                if is_list { vec![format!("/{field}/1"), format!("/{field}/3")] } else { vec![format!("/{field}")] };
            let refusal = |ids: [&Value; 2], also_wrong: bool| {
                let mut body = good.clone();
                body[&field] = if is_list { json!([one, ids[0], other, ids[1]]) } else { ids[0].clone() };
                if also_wrong {
                    body["colour"] = json!("red");
                }
                let answer = call(&bob, operation, &path, Some(&body));
                let errors = pointers.iter().map(|pointer| (pointer.as_str(), "not_found"));
                let errors = errors.chain(also_wrong.then_some(("/colour", "unknown_field")));
                let expected: BTreeSet<_> =
                    errors.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())).collect();
                assert_eq!(
                    answer.errors(),
                    expected,
                    "{} of {body} is to be refused so; it is\n{answer}",
                    operation.id
                );
                answer
            };
            let hers = [row(&alice, &field), row(&alice, &field)];
            let rows = app.database.rows();
            for also_wrong in [false, true] {
                let refused = refusal([&hers[0], &hers[1]], also_wrong);
                refused.same_as(&refusal([&json!(NEVER), &json!(NEVER - 1)], also_wrong));
            }
            assert_eq!(app.database.rows(), rows, "{} changed something", operation.id);
        }
    }
}

fn a_neighbours_id_in_a_query_finds_nothing(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    for operation in &contract().operations {
        for parameter in operation.parameters("query").into_iter().filter(|name| name.ends_with("_id")) {
            let path = path(operation, |name| row(&bob, name));
            let found = |id: &Value| call(&bob, operation, &format!("{path}?{parameter}={id}"), None).expect(200);
            let answer = found(&row(&alice, parameter));
            assert_eq!(answer.json, json!([]));
            answer.same_as(&found(&json!(NEVER)));
        }
    }
}

fn a_list_of_mine_holds_no_row_of_a_neighbours(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    make_everything(&alice);
    make_everything(&bob);
    let me = json!(bob.id());
    for operation in contract().operations.iter().filter(|operation| is_private(operation) && operation.method == "GET")
    {
        let path = path(operation, |name| row(&bob, name));
        let can_be_counted = operation.parameters("query").contains(&"count");
        let answer = bob.get(&format!("{path}{}", if can_be_counted { "?count=true" } else { "" })).expect(200);
        assert!(users_in(&answer.json).iter().all(|user| **user == me), "{answer}");
        if can_be_counted {
            assert_eq!(answer.header("x-total-count"), answer.rows().len().to_string(), "{answer}");
            assert!(!answer.rows().is_empty() || operation.path.contains('{'), "{answer}");
        }
    }
}

fn whoever_leaves_takes_everything_along_and_nothing_else(app: &App) {
    make_everything(&app.sign_in("bob"));
    let without_her = app.database.everything();
    let alice = app.sign_in("alice");
    make_everything(&alice);
    let (id, columns) = (alice.id(), schema::columns(&app.database));
    let tables: Vec<_> = columns.iter().filter_map(|column| Some(column.split_once(".user_id ")?.0)).collect();
    let hers = || tables.iter().filter(|table| app.database.count(&format!("{table} WHERE user_id = {id}")) > 0);
    assert_eq!(hers().collect::<Vec<_>>(), tables.iter().collect::<Vec<_>>(), "she has some of everything");
    let deleted = alice.delete("/me");
    let left: Vec<_> = hers().collect();
    let keys = schema::shape(&app.database).into_iter();
    let keys = keys.filter(|line| left.iter().any(|table| line.starts_with(&format!("foreign key {table} ("))));
    let keys: Vec<_> = keys.collect();
    assert!(left.is_empty(), "rows are left in {left:?}, which have these keys: {keys:#?}; and here is {deleted}");
    deleted.expect(204);
    assert_eq!(app.database.everything(), without_her);
}

fn the_aliases_answer_as_the_plural_paths_do(app: &App) {
    let alice = app.sign_in("alice");
    row(&alice, "dog_id");
    row(&alice, "dog_id");
    let aliases = contract().operations.iter().filter_map(|alias| Some((alias, alias.id.strip_suffix("_singular")?)));
    for (alias, plural) in aliases {
        let plural = contract().operation(plural);
        assert_eq!(alias.definition["responses"], plural.definition["responses"], "{}", alias.id);
        assert_eq!(alias.definition["requestBody"], plural.definition["requestBody"], "{}", alias.id);
        let (singular_path, plural_path) = (&alias.path, &plural.path);
        for query in [
            "",
            "?limit=1",
            "?limit=0&colour=red",
            "?sort=name",
            "?sort=-created_at,name&limit=1",
            "?q=%20&count=true&limit=1",
            "?sort=colour&q=%00",
        ] {
            let answers = [singular_path, plural_path].map(|path| {
                let body = plural.body_schema().map(|_| json!({"name": "", "owner_id": 0}));
                let answer = call(&alice, plural, &format!("{path}{query}"), body.as_ref());
                let headers = ["link", "x-total-count"].map(|name| answer.header_if_any(name).map(str::to_owned));
                (answer.status, headers, answer.body_but_for_the_request_id().replace(path.as_str(), "…"))
            });
            assert_eq!(answers[0], answers[1]);
        }
    }
}

fn the_aliases_know_the_methods_of_the_plural_paths_and_link_to_them(app: &App) {
    let alice = app.sign_in("alice");
    for _ in 0..3 {
        row(&alice, "dog_id");
    }
    let lists: Vec<_> = {
        let is_list = |list: &&Operation| list.method == "GET" && list.id.ends_with("_singular");
        contract().operations.iter().filter(is_list).collect()
    };
    assert!(!lists.is_empty(), "there are aliases");
    for list in lists {
        let singular = list.path.as_str();
        let plural = contract().operation(list.id.trim_end_matches("_singular")).path.as_str();
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "FOO"] {
            for actor in [&alice, &app.anon()] {
                let [ours, theirs] = [singular, plural].map(|path| {
                    let answer = actor.send(method, path, &[], None);
                    let mut headers = answer.headers_but_for_the_request_id();
                    // The path is in what is said of an error, and is shorter.
                    headers.retain(|(name, _)| name != "content-length");
                    (answer.status, headers, answer.body_but_for_the_request_id().replace(path, "…"))
                });
                assert_eq!(ours, theirs, "{method} {singular}");
            }
        }
        for query in ["?limit=1", "?limit=1&sort=-name&count=true"] {
            let [ours, theirs] = [singular, plural].map(|path| alice.get(&format!("{path}{query}")).expect(200));
            let (ours, theirs) = (ours.next_page(), theirs.next_page().expect("there is more"));
            assert_eq!(ours.as_ref(), Some(&theirs), "{singular}{query}");
            assert!(theirs.starts_with(&format!("{plural}?")), "{theirs}");
            let by_the_alias = alice.get(&theirs.replacen(plural, singular, 1)).expect(200);
            by_the_alias.same_as(&alice.get(&theirs).expect(200));
        }
    }
}

fn the_router_and_the_contract_have_the_same_operations(_: &Repository) {
    let mut routed: Vec<_> =
        kennel::routes::all_routes().into_iter().map(|(method, path)| format!("{method} {path}")).collect();
    let mut promised: Vec<_> =
        contract().operations.iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    routed.sort();
    promised.sort();
    assert_eq!(routed, promised, "the routes, and the contract's");
}

fn the_contract_and_the_server_know_the_same_problems(_: &Repository) {
    let types = contract().at("/components/schemas/Problem/allOf/1/properties/type").1;
    let promised: Vec<_> =
        types["enum"].as_array().expect("a list of types").iter().filter_map(Value::as_str).collect();
    let known: Vec<_> = Kind::ALL.iter().map(|kind| format!("/problems/{}", kind.slug())).collect();
    assert_eq!(promised, known);
    let statuses = contract().at("/components/schemas/Problem/allOf/1/properties/status").1;
    let mut known: Vec<_> = Kind::ALL.iter().map(|kind| json!(kind.status().as_u16())).collect();
    known.dedup();
    assert_eq!(statuses["enum"], Value::Array(known));
}

fn the_examples_of_the_contract_are_as_it_says(_: &Repository) {
    let mut checked = 0;
    check_examples("", &contract().document, &mut checked);
    assert!(checked > 20, "only {checked} examples were found");
}

/// Checks the examples beside each schema, and that problems in them have the titles that they have in truth.
fn check_examples(pointer: &str, value: &Value, checked: &mut usize) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(object) => {
            object.iter().map(|(key, child)| (crate::support::contract::escape(key), child)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        _ => return,
    };
    if value.get("schema").is_some() {
        let named = fields(&value["examples"]).map(|(_, example)| &contract().resolve(example)["value"]);
        for example in named.chain(value.get("example")) {
            *checked += 1;
            let checked = contract().validate(&format!("{pointer}/schema"), example);
            assert_eq!(checked, Ok(()), "the example at {pointer}: {example}");
            let kind = Kind::ALL.iter().find(|kind| example["type"] == format!("/problems/{}", kind.slug()));
            assert!(kind.is_none_or(|kind| example["title"] == kind.title()), "the title in {example}");
        }
    }
    for (key, child) in children {
        check_examples(&format!("{pointer}/{key}"), child, checked);
    }
}

fn what_needs_a_token_is_what_is_private(_: &Repository) {
    let usual = &contract().document["security"];
    for operation in &contract().operations {
        let security = operation.definition.get("security").unwrap_or(usual);
        let needs_a_token = *security == json!([{"bearer": []}]);
        assert_eq!(needs_a_token, is_private(operation), "{}", operation.id);
    }
}
