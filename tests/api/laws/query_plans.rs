//! Every list is served by an index, and a page costs a constant number of queries: the queries that the server
//! runs are listened to, and the database is asked how it runs them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::every_edit::row_for;
use super::every_filter::{relation, text, values_of_schema};
use crate::http::rate_limits::left;
use crate::lists::sorting::sorts;
use crate::support::contract::{Operation, contract};
use crate::support::recorder::Recorder;
use crate::support::walk::{is_private, make_everything, path, row};
use crate::support::{App, Book, Database, Engine, Sentence, schema, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_query_of_every_list_is_served_by_an_index,
        a_filter_that_weighs_nothing_is_found_by_an_index_that_knows_it,
        whatever_is_read_or_written_is_found_by_an_index,
        whatever_is_read_takes_as_many_queries_however_much_there_is,
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

/// Rows in each list of two users; what one sees of the lists.
fn fill<'a>(book: &Book<'_>, neighbour: &Book<'_>) -> Vec<(&'a Operation, Vec<Value>)> {
    for book in [neighbour, book] {
        book.actor.go_public();
        make_everything(book.actor);
    }
    let lists = contract().lists().map(|list| {
        neighbour.fill(list, 0..2);
        (list, book.fill(list, 0..4))
    });
    lists.collect()
}

/// What each filter of a list is asked for by itself, and all together in all ways: each choice that there is, and else
/// something that many rows meet.
fn filters(list: &Operation, rows: &[Value]) -> Vec<String> {
    let values = list.filters().into_iter().map(|name| {
        let choices = values_of_schema(list, name).into_iter();
        let is_until = name.ends_with("_before");
        let values = match name {
            // Such as there is in every name here.
            "q" => vec!["ex".to_owned()],
            "id" => vec![(1..=100).map(|id| id.to_string()).collect::<Vec<_>>().join(",")],
            _ if is_until || name.ends_with("_after") || name.ends_with("_since") => {
                choices.clone().rev().filter(|_| is_until).chain(choices).take(1).collect()
            }
            _ if choices.len() > 0 => choices.collect(),
            _ => rows.iter().filter_map(|row| text(&row[name])).take(1).collect(),
        };
        assert!(!values.is_empty(), "what {name} of {} can be must be said here", list.id);
        values.into_iter().map(|value| format!("{name}={value}")).collect::<Vec<_>>()
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
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let book = Book::of(&alice);
    let lists = fill(&book, &Book::of(&bob));
    for column in schema::columns(&app.database) {
        if let Some((table, _)) = column.split_once(".name_key ") {
            app.database.execute(&format!("UPDATE {table} SET name_key = 'rex'")).expect("a search finds it");
        }
    }
    set(&app);
    let mut held = BTreeSet::new();
    for (operation, rows) in &lists {
        let (list, filters) = (book.path(operation), filters(operation, rows));
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

/// The terms of the conditions by which indexes are searched for a page.
fn terms(app: &App, recorder: &Recorder) -> BTreeSet<String> {
    let pages = recorder.take().into_iter().filter(|query| query.contains(" LIMIT "));
    let steps = pages.flat_map(|query| app.database.plan(&query));
    let conditions = steps.filter_map(|step| match app.engine {
        Engine::Sqlite => Some(step.split_once(" (")?.1.to_owned()),
        Engine::Postgres => Some(step.split_once("Index Cond: ")?.1.to_owned()),
    });
    let terms = conditions.flat_map(|condition| condition.split(" AND ").map(str::to_owned).collect::<Vec<_>>());
    // Which value of the query it is does not matter, nor where its brackets are.
    terms.map(|term| term.chars().filter(|c| !c.is_ascii_digit() && !"()$".contains(*c)).collect()).collect()
}

/// What no index serves takes more of the quota; the rest is to be found without a look at rows that do not meet it, of
/// which a user may have very many.
fn a_filter_that_weighs_nothing_is_found_by_an_index_that_knows_it(database: &Database) {
    let database = Database::fresh(database.engine);
    let recorder = Recorder::on(&database);
    let rates = [("USER_RATE", "20000/24h"), ("IP_RATE", "20000/24h")];
    let app = App::with(database, &rates);
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let book = Book::of(&alice);
    let lists = fill(&book, &Book::of(&bob));
    set(&app);
    if app.engine == Engine::Postgres {
        // What it finds may be sorted.
        app.database.execute("SET enable_sort = on").expect("it can be set");
    }
    let mut held = 0;
    for (operation, rows) in &lists {
        let look = |query: &str| {
            let before = left(&alice.get(&book.path(operation)).expect(200)).1;
            drop(recorder.take());
            let page = alice.get(&format!("{}?{query}", book.path(operation))).expect(200);
            (before - left(&page).1, terms(&app, &recorder))
        };
        let (_, without) = look("limit=2");
        assert!(!without.is_empty(), "no query of {} was heard", operation.id);
        for filter in filters(operation, rows).iter().filter(|filter| !filter.contains('&')) {
            let name = filter.split('=').next().unwrap_or_default();
            // Of ids there are a hundred at most.
            let is_of_a_field = name != "id" && relation(name, &rows[0]).is_some();
            let (weight, with) = look(&format!("limit=2&{filter}"));
            if is_of_a_field && weight < 2 {
                held += 1;
                let knows = with.difference(&without).next().is_some();
                assert!(knows, "{} with {filter} weighs {weight}, and no index knows it: {with:?}", operation.id);
            }
        }
    }
    assert!(held > 5, "only {held} filters weigh nothing");
}

fn whatever_is_read_or_written_is_found_by_an_index(database: &Database) {
    let (app, recorder) = watched(database.engine);
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let book = Book::of(&alice);
    drop(fill(&book, &Book::of(&bob)));
    set(&app);
    hold(&app, "the beginning", &recorder.take(), false);
    let is_of_rows = |operation: &&Operation| is_private(operation) || operation.definition["tags"][0] == "public";
    for operation in contract().operations.iter().filter(is_of_rows).filter(|one| one.id != "delete_me") {
        let key = [("Idempotency-Key", operation.id.as_str())];
        let headers = match operation.method.as_str() {
            "POST" => [&key[..], &key, &[]],
            "PUT" | "PATCH" | "DELETE" => [&[("If-Match", "*")][..], &[], &[]],
            _ => [&[][..]; 3],
        };
        let twice = [String::new(), String::new()].into_iter();
        let queries = twice.chain(expanded(operation)).chain(operation.switches());
        for (number, query) in queries.enumerate() {
            book.actor.go_public();
            let path = match operation.id.as_str() {
                "delete_session" | "delete_key" => path(operation, |name| row(&alice, name)),
                _ if operation.knows_header("If-Match") => {
                    let path = row_for(&book, operation);
                    if let (Some(name), Some(id)) = (operation.path_parameters().last(), path.rsplit('/').next()) {
                        drop(book.hang_on(name, id.parse().expect("an id")));
                    }
                    path
                }
                _ => book.path(operation),
            };
            let body = operation.body_schema().map(|_| match operation.id.as_str() {
                "replace_password" => operation.telling_example(),
                _ => book.body(operation, 0),
            });
            drop(recorder.take());
            let headers = headers[number.min(2)];
            let answer = alice.ask(&operation.method, &format!("{path}{query}"), headers, body.as_ref());
            assert!(answer.status < 500 && ![400, 404].contains(&answer.status), "{answer}");
            hold(&app, &format!("{} {query}", operation.id), &recorder.take(), false);
        }
    }
    alice.delete("/me").expect(204);
    bob.send("POST", "/auth/logout", &[], None).expect(200);
    hold(&app, "the end", &recorder.take(), false);
}

/// The query that puts everything into a row that can be.
fn expanded(operation: &Operation) -> Option<String> {
    operation.parameters("query").contains(&"expand").then(|| {
        let parts = operation.query_schema("expand")["items"]["enum"].as_array().into_iter().flatten();
        format!("?expand={}", parts.filter_map(Value::as_str).collect::<Vec<_>>().join(","))
    })
}

fn whatever_is_read_takes_as_many_queries_however_much_there_is(database: &Database) {
    let (app, recorder) = watched(database.engine);
    let alice = app.sign_in("alice");
    alice.go_public();
    let book = Book::of(&alice);
    let add = |numbers: std::ops::Range<usize>| {
        contract().lists().for_each(|list| drop(book.fill(list, numbers.clone())));
    };
    let reads = || contract().operations.iter().filter(|operation| operation.method == "GET");
    let asked = |operation: &Operation| {
        let counted = operation.parameters("query").contains(&"count").then(|| "?count=true".to_owned());
        [String::new()].into_iter().chain(expanded(operation)).chain(counted).collect::<Vec<_>>()
    };
    let queries = || {
        let each = reads().flat_map(|operation| asked(operation).into_iter().map(move |query| (operation, query)));
        let each = each.map(|(operation, query)| {
            let path = format!("{}{query}", book.path(operation));
            drop(recorder.take());
            alice.get(&path).expect(200);
            (operation.id.clone(), path, recorder.statements())
        });
        each.collect::<Vec<_>>()
    };
    add(0..2);
    let few = queries();
    // A dog has 20 co-owners at most.
    add(2..18);
    for ((id, path, few), (.., many)) in few.iter().zip(queries()) {
        let told = format!("{id} ({path}) asks the database more often when there are more rows");
        let both = || format!("with 2 in each list:\n{}\nand with 18:\n{}", few.join("\n"), many.join("\n"));
        assert!(few.len() == many.len(), "{told}, {}", both());
        // An export asks for each kind of row.
        assert!(few.len() <= 12 || id == "show_export", "{id} asks the database {} times", few.len());
    }
    let heard = few.iter().filter(|(.., queries)| queries.len() > 1).count();
    assert!(heard > 20, "only {heard} reads ask the database");
}
