//! Some rows of a list: by id, and by when they were made or changed.

use serde_json::json;

use crate::support::contract::{Operation, contract};
use crate::support::walk::{NEVER, is_private};
use crate::support::{Actor, App, Book, Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_list_can_be_asked_for_some_ids,
        a_neighbours_ids_are_not_found,
        what_is_no_list_of_ids_is_refused,
        a_hundred_ids_come_on_one_page_unless_limit_says_otherwise,
        ids_that_are_too_long_for_a_link_are_refused_with_what_to_do,
        a_list_of_ids_goes_on_in_whatever_way_it_is_written,
        moments_count_as_they_are_shown,
        every_list_can_be_asked_for_when_its_rows_were_made,
        what_is_no_moment_is_refused,
        tasks_can_be_asked_for_that_are_due_after_a_day,
        filters_of_all_kinds_must_all_be_met,
    ]
}

/// Two rows in each list: the paths of all lists, the contract's operation of each, and the two ids.
fn two_in_each<'a>(alice: &Actor<'_>) -> Vec<(&'a Operation, String, [i64; 2])> {
    alice.go_public();
    let book = Book::of(alice);
    for list in contract().lists() {
        book.fill(list, 0..2);
    }
    let two = |operation: &'a Operation| {
        let path = book.path(operation);
        let ids = alice.get(&path).expect(200).ids();
        let [first, .., last] = ids[..] else { panic!("{path} has too few rows") };
        (operation, path, [first, last])
    };
    contract().lists().map(two).collect()
}

fn every_list_can_be_asked_for_some_ids(app: &App) {
    let alice = app.sign_in("alice");
    let lists = two_in_each(&alice);
    assert!(lists.len() > 7, "{} lists", lists.len());
    for (operation, path, [first, last]) in lists {
        let ids = |query: &str| alice.get(&format!("{path}?{query}")).expect(200).ids();
        assert_eq!(ids(&format!("id={first}")), [first]);
        for both in [
            format!("id={last},{first},{NEVER}"),
            format!("id={first}%2C{last}"),
            format!("id={last}&id={first},{last}&id={first}"),
        ] {
            assert_eq!(ids(&both), [first, last], "{path}?{both}");
        }
        assert_eq!(ids(&format!("id={NEVER}")), [0; 0]);
        if operation.parameters("query").contains(&"sort") {
            assert_eq!(ids(&format!("id={first},{last}&sort=-id")), [last, first]);
        }
        if operation.parameters("query").contains(&"count") {
            let counted = alice.get(&format!("{path}?id={first},{last},{NEVER}&count=true&limit=1")).expect(200);
            assert_eq!((counted.ids(), counted.header("x-total-count")), (vec![first], "2"));
            let next = counted.next_page().expect("there is more");
            assert_eq!(alice.get(&next).expect(200).ids(), [last]);
        }
    }
}

fn a_neighbours_ids_are_not_found(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let hers = two_in_each(&alice);
    for ((operation, path, _), (_, _, [first, last])) in two_in_each(&bob).into_iter().zip(hers) {
        if is_private(operation) {
            let answer = bob.get(&format!("{path}?id={first},{last}")).expect(200);
            answer.same_as(&bob.get(&format!("{path}?id={NEVER}")).expect(200));
            assert_eq!(answer.json, json!([]));
        }
    }
}

fn what_is_no_list_of_ids_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    for (_, path, _) in two_in_each(&alice) {
        for wrong in [
            "",
            "x",
            "0",
            "01",
            "-1",
            "1.0",
            "1,",
            ",1",
            "1,,2",
            "1;2",
            "1,%202",
            "[1]",
            "9223372036854775808",
            "1&id=",
        ] {
            alice.get(&format!("{path}?id={wrong}")).parameter_error("id", "type");
        }
        let many = |count: i64| (1..=count).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
        alice.get(&format!("{path}?id={}", many(101))).parameter_error("id", "too_long");
        alice.get(&format!("{path}?id={}&id=1&id=100", many(100))).expect(200);
    }
}

fn a_hundred_ids_come_on_one_page_unless_limit_says_otherwise(app: &App) {
    let alice = app.sign_in("alice");
    let ids: Vec<_> = (0..100).map(|number| alice.owner(&format!("Ann {number}"))).collect();
    let text = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    let all = alice.get(&format!("/dogowner/owners?id={text}")).expect(200);
    assert_eq!((all.ids(), all.next_page()), (ids.clone(), None));
    let mut page = alice.get(&format!("/dogowner/owners?limit=30&sort=-name&id={text}")).expect(200);
    let mut found = page.ids();
    assert_eq!(found.len(), 30);
    while let Some(next) = page.next_page() {
        assert!(!next.contains("&id="), "what is long is in the cursor: {next}");
        page = alice.get(&next).expect(200);
        found.extend(page.ids());
    }
    found.sort_unstable();
    assert_eq!(found, ids);
}

/// A head has 4 KiB at most, which each answer is held to.
fn ids_that_are_too_long_for_a_link_are_refused_with_what_to_do(app: &App) {
    let alice = app.sign_in("alice");
    let name = "\u{10ffff}".repeat(255);
    let (one, other) = (alice.owner(&name), alice.owner(&name));
    let ids: Vec<_> = (0..98).map(|number| (NEVER + number).to_string()).collect();
    let query = format!("id={},{one},{other}&q={}&sort=name", ids.join(","), "%F4%8F%BF%BF".repeat(255));
    alice.get(&format!("/dogowner/owners?limit=1&{query}")).parameter_error("id", "too_long");
    assert_eq!(alice.get(&format!("/dogowner/owners?{query}")).expect(200).ids(), [one, other]);
}

fn a_list_of_ids_goes_on_in_whatever_way_it_is_written(app: &App) {
    let alice = app.sign_in("alice");
    let [a, b, c] = ["a", "b", "c"].map(|name| alice.owner(name));
    let spellings = [
        format!("id={a},{b},{c}&sort=name,-created_at"),
        format!("id={c}&sort=name&id={a}&sort=-created_at&id={b}"),
        format!("sort=name&sort=-created_at&id={b},{a}&id={c},{c}"),
    ];
    let mut links = Vec::new();
    for first in &spellings {
        let page = alice.get(&format!("/dogowner/owners?limit=1&{first}")).expect(200);
        assert_eq!(page.ids(), [a]);
        let next = page.next_page().expect("there is more");
        assert_eq!((next.matches("id=").count(), next.matches("sort=").count()), (1, 1), "{next}");
        let cursor = next.split("cursor=").nth(1).expect("a cursor");
        for second in &spellings {
            let page = alice.get(&format!("/dogowner/owners?limit=1&{second}&cursor={cursor}")).expect(200);
            assert_eq!(page.ids(), [b]);
            links.push(page.next_page().expect("there is more"));
        }
        let other = spellings[0].replace("name,-created_at", "-created_at,name");
        alice.get(&format!("/dogowner/owners?{other}&cursor={cursor}")).parameter_error("cursor", "invalid_cursor");
        alice
            .get(&format!("/dogowner/owners?id={a},{b}&sort=name,-created_at&cursor={cursor}"))
            .parameter_error("cursor", "invalid_cursor");
    }
    for link in links {
        assert_eq!(alice.get(&link).expect(200).ids(), [c]);
    }
    // Of the keys of a sort the order is all.
    let swapped = alice.get("/dogowner/owners?limit=1&sort=-created_at&sort=name").expect(200);
    assert_eq!(swapped.ids(), [c]);
}

/// Sets when all rows of a table were made and changed, to the microsecond.
fn set_times(app: &App, table: &str, of_day: &str) {
    let time = match app.engine {
        Engine::Sqlite => format!("unixepoch('2026-11-20') * 1000000 + {}", micros(of_day)),
        Engine::Postgres => format!("timestamptz '2026-11-20T{of_day}Z'"),
    };
    let changes = if table == "sessions" { "" } else { ", updated_at = created_at" };
    app.database.execute(&format!("UPDATE {table} SET created_at = {time}")).expect("a time");
    if !changes.is_empty() {
        app.database.execute(&format!("UPDATE {table} SET updated_at = created_at")).expect("a time");
    }
}

/// `09:30:00.123456` in microseconds.
fn micros(of_day: &str) -> i64 {
    let digits = of_day.replace([':', '.'], "").parse::<i64>().expect("a time");
    let (time, micros) = (digits / 1_000_000, digits % 1_000_000);
    (time / 10_000 * 3_600 + time / 100 % 100 * 60 + time % 100) * 1_000_000 + micros
}

fn moments_count_as_they_are_shown(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    for stored in ["09:30:00.123456", "09:30:00.123000", "09:30:00.123999"] {
        set_times(app, "owners", stored);
        let shown = alice.get(&format!("/dogowner/owners/{owner}")).expect(200);
        assert_eq!(shown.text("updated_at"), "2026-11-20T09:30:00.123Z");
        for (moment, [after, before, since]) in [
            // What is shown.
            ("09:30:00.123Z", [false, false, true]),
            ("09:30:00.122Z", [true, false, true]),
            ("09:30:00.124Z", [false, true, false]),
            // What is finer does not count.
            ("09:30:00.1230001Z", [false, false, true]),
            ("09:30:00.123999999Z", [false, false, true]),
            ("09:30:00.122999Z", [true, false, true]),
            ("09:30:00Z", [true, false, true]),
            ("09:30:01Z", [false, true, false]),
            // The same elsewhere, with a sign that is encoded or not.
            ("10:30:00.123%2B01:00", [false, false, true]),
            ("10:30:00.122+01:00", [true, false, true]),
            ("10:30:00.124%2001:00", [false, true, false]),
            ("04:00:00.124-05:30", [false, true, false]),
            ("09:30:00.123z", [false, false, true]),
        ] {
            for (parameter, is_found) in
                [("created_after", after), ("created_before", before), ("updated_since", since)]
            {
                let list = format!("/dogowner/owners?{parameter}=2026-11-20T{moment}");
                let found = alice.get(&list).expect(200).ids();
                assert_eq!(found.contains(&owner), is_found, "{list}, stored at {stored}");
            }
        }
    }
}

fn every_list_can_be_asked_for_when_its_rows_were_made(app: &App) {
    let alice = app.sign_in("alice");
    for (operation, path, [first, last]) in two_in_each(&alice) {
        let known = operation.parameters("query");
        let shows_changes = alice.get(&path).expect(200).rows()[0].get("updated_at").is_some();
        assert_eq!(known.contains(&"updated_since"), shows_changes, "{path}");
        let all = alice.get(&path).expect(200);
        let found = |query: &str| alice.get(&format!("{path}?{query}")).expect(200);
        for (parameter, is_found) in [
            ("created_after=2000-01-01T00:00:00Z", true),
            ("created_after=2100-01-01T00:00:00Z", false),
            ("created_before=2100-01-01T00:00:00Z", true),
            ("created_before=2000-01-01T00:00:00Z", false),
            ("created_after=2000-01-01T00:00:00Z&created_before=2100-01-01T00:00:00Z", true),
            ("updated_since=2000-01-01T00:00:00Z", true),
            ("updated_since=2100-01-01T00:00:00Z", false),
        ] {
            if parameter.starts_with("updated") && !shows_changes {
                alice.get(&format!("{path}?{parameter}")).parameter_error("updated_since", "unknown_parameter");
                continue;
            }
            assert_eq!(
                found(parameter).json,
                if is_found { all.json.clone() } else { json!([]) },
                "{path}?{parameter}"
            );
            if is_found {
                let page = found(&format!("{parameter}&limit=1"));
                let ids = [page.ids(), alice.get(&page.next_page().expect("there is more")).expect(200).ids()].concat();
                assert_eq!((ids.len(), ids[0]), (2, first), "{path}?{parameter}");
            }
            if known.contains(&"count") {
                let counted = found(&format!("{parameter}&count=true"));
                assert_eq!(counted.header("x-total-count"), counted.rows().len().to_string());
            }
        }
        let newest = found(&format!("id={last}")).rows()[0]["created_at"].as_str().expect("a moment").to_owned();
        assert!(!found(&format!("created_after={newest}")).ids().contains(&last), "{path}");
    }
}

fn what_is_no_moment_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    for parameter in ["created_after", "created_before", "updated_since"] {
        for wrong in [
            "",
            "2026-11-20",
            "2026-11-20T09:30:00",
            "2026-11-20T09:30Z",
            "2026-02-30T09:30:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T09:30:00%20%2001:00",
            "1763631000",
            "now",
        ] {
            let list = format!("/dogowner/tasks?{parameter}={wrong}");
            let refused = alice.get(&list).parameter_error(parameter, "format");
            assert!(refused.json["errors"][0]["detail"].as_str().expect("a detail").contains("%2B01:00"), "{refused}");
        }
        let moment = "2026-11-20T09:30:00Z";
        let twice = format!("/dogowner/tasks?{parameter}={moment}&{parameter}={moment}");
        alice.get(&twice).parameter_error(parameter, "repeated_parameter");
    }
}

fn tasks_can_be_asked_for_that_are_due_after_a_day(app: &App) {
    let alice = app.sign_in("alice");
    let due =
        |day: Option<&str>| alice.post("/dogowner/tasks", &json!({"name": "Walk", "due_on": day})).expect(201).id();
    let [first, second, last, never] = [Some("2026-11-30"), Some("2026-12-01"), Some("9999-12-31"), None].map(due);
    let found = |query: &str| alice.get(&format!("/dogowner/tasks?{query}")).expect(200).ids();
    assert_eq!(found("due_after=2026-11-29"), [first, second, last]);
    assert_eq!(found("due_after=2026-11-30"), [second, last]);
    assert_eq!(found("due_after=2026-12-01"), [last]);
    assert_eq!(found("due_after=9999-12-31"), [0; 0]);
    assert_eq!(found("due_after=2026-11-29&due_before=2026-12-01"), [first]);
    assert_eq!(found("due_after=2026-11-30&due_before=2026-12-01"), [0; 0]);
    assert_eq!(found("due_after=0001-01-01&sort=-due_on"), [last, second, first]);
    assert_eq!(found(""), [first, second, last, never]);
    alice.get("/dogowner/tasks?due_after=2026-11-31").parameter_error("due_after", "format");
    alice.get("/dogowner/tasks?due_after=2026-11-20T00:00:00Z").parameter_error("due_after", "format");
}

fn filters_of_all_kinds_must_all_be_met(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[]);
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let [rex, lex, max] = [("Rex", ann), ("Lex", ann), ("Max", mia)].map(|(name, owner)| alice.dog(name, owner));
    let found = |query: &str| alice.get(&format!("/dogowner/dogs?{query}")).expect(200).ids();
    let since = "updated_since=2000-01-01T00:00:00Z&created_before=2100-01-01T00:00:00Z";
    assert_eq!(found(&format!("id={rex},{lex},{max}&q=ex&owner_id={ann}&{since}")), [rex, lex]);
    assert_eq!(found(&format!("id={rex},{max}&q=ex&owner_id={ann}&{since}")), [rex]);
    assert_eq!(found(&format!("id={rex},{max}&q=x&owner_id={mia}&{since}&sort=-name,created_at")), [max]);
    assert_eq!(found(&format!("id={rex},{lex}&q=ex&owner_id={mia}&{since}")), [0; 0]);
}
