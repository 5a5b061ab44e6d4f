//! Lists in the order that somebody asks for, by one key or several, whatever is equal or missing.

use std::cmp::Ordering;

use serde_json::{Value, json};

use crate::lists::paging::follow;
use crate::support::contract::contract;
use crate::support::walk::{body, rows};
use crate::support::{Actor, App, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        without_a_wish_a_list_is_in_the_order_of_its_ids,
        any_keys_in_any_directions_sort_as_they_say_on_every_page,
        names_are_sorted_without_regard_to_letter_case,
        what_has_no_date_comes_last_and_first_the_other_way_round,
        what_is_of_one_day_is_sorted_by_name,
        what_is_equal_is_in_the_order_of_ids_in_the_direction_of_the_last_key,
        a_row_that_changes_moves_to_its_new_place,
        unknown_keys_are_refused,
        a_key_comes_once,
        some_lists_are_in_the_order_of_their_ids_only,
    ]
}

/// Each list that can be sorted, with its keys.
fn lists() -> Vec<(&'static str, Vec<&'static str>)> {
    let all = contract().lists().map(|list| (list.path.as_str(), list.sort_keys()));
    all.filter(|(_, keys)| !keys.is_empty()).collect()
}

/// A new row for a list, with this name and day.
fn new(list: &str, name: &str, day: &Value, hers: impl Fn(&str) -> Value) -> Value {
    let mut new = body(contract().find("POST", list).expect("a row can be added"), hers).expect("a body");
    new["name"] = json!(name);
    for (_, keys) in lists().iter().filter(|(path, _)| *path == list) {
        keys.iter().filter(|key| key.ends_with("_on")).for_each(|key| new[*key] = day.clone());
    }
    new
}

/// Some of everything, with much that is equal, made at three times.
fn fill(app: &App, alice: &Actor<'_>) {
    let names = ["b", "A", "a", "B", "Zoe", "zoE", "10", "9", "_x", "a b", "a", "Rex", "rex", "REX"];
    let days = [json!(null), json!("2024-02-29"), json!("9999-12-31"), json!("0001-01-01"), json!("2024-02-29")];
    let hers = rows(alice);
    for (list, _) in lists() {
        for (number, name) in names.iter().enumerate() {
            alice.post(list, &new(list, name, &days[number * 7 % days.len()], &hers)).expect(201);
        }
    }
    for (list, _) in lists() {
        let table = list.rsplit('/').next().expect("a name");
        let times = format!(
            "UPDATE {table} SET created_at = CASE id % 3 WHEN 0 THEN (SELECT min(created_at) FROM sessions) \
             WHEN 1 THEN (SELECT min(created_at) FROM users) ELSE (SELECT max(created_at) FROM owners) END"
        );
        app.database.execute(&times).expect("they were made at three times");
    }
}

/// What a row is sorted by: a text that is compared code point by code point.
fn key(row: &Value, key: &str) -> String {
    match key {
        "id" => format!("{:020}", row["id"].as_i64().expect("an id")),
        day if day.ends_with("_on") => row[key].as_str().unwrap_or("9999-12-31").to_owned(),
        _ => row[key].as_str().expect("text").to_lowercase(),
    }
}

/// How two rows stand in a list that is sorted so: those of one day by name unless that was asked for already, and
/// what is equal then by id, both in the direction of the last key.
pub fn compare(one: &Value, other: &Value, sort: &str) -> Ordering {
    let directed = |name: &str| match name.strip_prefix('-') {
        Some(name) => key(other, name).cmp(&key(one, name)),
        None => key(one, name).cmp(&key(other, name)),
    };
    let last = sort.rsplit(',').next().unwrap_or_default();
    let (name, id) = if last.starts_with('-') { ("-name", "-id") } else { ("name", "id") };
    let by_name = (last.ends_with("_on") && !sort.contains("name")).then_some(name);
    let mut orders = sort.split(',').chain(by_name).chain([id]).map(directed);
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Every order of one, two and three different keys, each in both directions.
pub fn sorts(keys: &[&str]) -> Vec<String> {
    let mut sorts: Vec<String> = Vec::new();
    let mut longest = vec![String::new()];
    for _ in 0..3 {
        let mut longer = Vec::new();
        for begun in &longest {
            for key in keys.iter().filter(|key| !begun.split(',').any(|used| used.trim_start_matches('-') == **key)) {
                longer.extend(["", "-"].map(|sign| format!("{begun},{sign}{key}").trim_start_matches(',').to_owned()));
            }
        }
        sorts.extend(longer.iter().cloned());
        longest = longer;
    }
    sorts
}

fn without_a_wish_a_list_is_in_the_order_of_its_ids(app: &App) {
    let alice = app.sign_in("alice");
    fill(app, &alice);
    for (list, _) in lists() {
        let ids = alice.get(list).expect(200).ids();
        assert!(ids.is_sorted(), "{list}");
        assert_eq!(alice.get(&format!("{list}?sort=id")).expect(200).ids(), ids);
        let backwards: Vec<_> = ids.into_iter().rev().collect();
        assert_eq!(alice.get(&format!("{list}?sort=-id")).expect(200).ids(), backwards);
    }
}

fn any_keys_in_any_directions_sort_as_they_say_on_every_page(app: &App) {
    let alice = app.sign_in("alice");
    fill(app, &alice);
    for (list, keys) in lists() {
        let mut rows = alice.get(list).expect(200).rows().to_vec();
        for (number, sort) in sorts(&keys).into_iter().enumerate() {
            rows.sort_by(|one, other| compare(one, other, &sort));
            let sorted: Vec<_> = rows.iter().filter_map(|row| row["id"].as_i64()).collect();
            // One list in pages of each size, and some of those with three keys; all of them would take long.
            if number % 3 > 0 && sort.matches(',').count() == 2 {
                continue;
            }
            let limit = [50, 1, 3, 5, 13, 14][number % 6];
            let limit = if limit == 1 && number > 12 { 4 } else { limit };
            let shown = follow(&alice, &format!("{list}?sort={sort}&limit={limit}")).concat();
            assert_eq!(shown, sorted, "{list}?sort={sort}&limit={limit}");
        }
    }
}

fn names_are_sorted_without_regard_to_letter_case(app: &App) {
    let alice = app.sign_in("alice");
    let names = ["b", "Élan", "A", "Z", "éLAN", "a", "e\u{301}lan", "B", "a", "Straße", "STRASSE"];
    let ids = names.map(|name| alice.owner(name));
    let shown = alice.get("/dogowner/owners?sort=name").expect(200).ids();
    let place = |index: usize| shown.iter().position(|id| *id == ids[index]).expect("it is shown");
    let [first, second, third] = [[2, 5, 8], [1, 4, 6], [9, 10, 10]].map(|group| group.map(place));
    assert_eq!(first, [0, 1, 2], "all of them are an a");
    assert_eq!(second, [second[0], second[0] + 1, second[0] + 2], "all of them are an élan");
    assert_eq!(third[1], third[0] + 1, "both are a street");
    assert!(place(0) < place(7) && place(7) < place(3), "b, B, Z");
}

fn what_has_no_date_comes_last_and_first_the_other_way_round(app: &App) {
    let alice = app.sign_in("alice");
    let owner_id = alice.owner("Ann");
    for (list, field) in [("/dogowner/dogs", "born_on"), ("/dogowner/tasks", "due_on")] {
        let [late, none, early, last] = [json!("2024-05-01"), json!(null), json!("0001-01-01"), json!("9999-12-31")]
            .map(|day| {
                let mut body = json!({"name": "Rex", field: day});
                if field == "born_on" {
                    body["owner_id"] = json!(owner_id);
                }
                alice.post(list, &body).expect(201).id()
            });
        for limit in [1, 2, 50] {
            let shown = |sort: &str| follow(&alice, &format!("{list}?sort={sort}{field}&limit={limit}")).concat();
            assert_eq!(shown(""), [early, late, none, last]);
            assert_eq!(shown("-"), [last, none, late, early]);
        }
    }
}

fn what_is_of_one_day_is_sorted_by_name(app: &App) {
    let alice = app.sign_in("alice");
    let owner_id = alice.owner("Ann");
    for (list, field) in [("/dogowner/dogs", "born_on"), ("/dogowner/tasks", "due_on")] {
        let [b, a, c, again] = ["b", "A", "c", "a"].map(|name| {
            let mut body = json!({ "name": name });
            if field == "born_on" {
                body["owner_id"] = json!(owner_id);
            }
            alice.post(list, &body).expect(201).id()
        });
        for limit in [1, 2, 50] {
            let shown = |sort: &str| follow(&alice, &format!("{list}?sort={sort}&limit={limit}")).concat();
            assert_eq!(shown(field), [a, again, b, c]);
            assert_eq!(shown(&format!("-{field}")), [c, b, again, a]);
            assert_eq!(shown(&format!("{field},id")), [b, a, c, again]);
            assert_eq!(shown(&format!("-{field},-id")), [again, c, a, b]);
            assert_eq!(shown(&format!("{field},-name")), [c, b, again, a]);
        }
    }
}

fn what_is_equal_is_in_the_order_of_ids_in_the_direction_of_the_last_key(app: &App) {
    let alice = app.sign_in("alice");
    let ids = ["Rex", "rex", "REX", "Rex"].map(|name| alice.owner(name));
    app.database.execute("UPDATE owners SET created_at = updated_at").expect("it can be said");
    let mut backwards = ids;
    backwards.reverse();
    for limit in [1, 3, 50] {
        let shown = |sort: &str| follow(&alice, &format!("/dogowner/owners?sort={sort}&limit={limit}")).concat();
        assert_eq!(shown("name"), ids);
        assert_eq!(shown("-name"), backwards);
        assert_eq!(shown("-name,id"), ids);
        assert_eq!(shown("name,-id"), backwards);
    }
}

fn a_row_that_changes_moves_to_its_new_place(app: &App) {
    let alice = app.sign_in("alice");
    let hers = rows(&alice);
    for (list, keys) in lists() {
        let new = |name: &str| new(list, name, &Value::Null, &hers);
        let [ann, mia, zoe] = ["Ann", "Mia", "Zoe"].map(|name| alice.post(list, &new(name)).expect(201).id());
        let shown = |sort: &str| {
            let all = alice.get(&format!("{list}?sort={sort}")).expect(200).ids();
            all.into_iter().filter(|id| [ann, mia, zoe].contains(id)).collect::<Vec<_>>()
        };
        alice.patch(&format!("{list}/{ann}"), &json!({"name": "Ynez"})).expect(200);
        assert_eq!(shown("name"), [mia, ann, zoe]);
        alice.put(&format!("{list}/{mia}"), &new("zz")).expect(200);
        assert_eq!(shown("name"), [ann, zoe, mia]);
        for day in keys.iter().filter(|key| key.ends_with("_on")) {
            alice.patch(&format!("{list}/{zoe}"), &json!({ *day: "2024-05-01" })).expect(200);
            assert_eq!(shown(day), [zoe, ann, mia]);
        }
    }
}

fn unknown_keys_are_refused(app: &App) {
    let alice = app.sign_in("alice");
    for (list, _) in lists() {
        for unknown in [
            "",
            "-",
            ",",
            "name,",
            ",name",
            "name,,id",
            "Name",
            "NAME",
            "--name",
            "+name",
            "%2Bname",
            "name-",
            "name%20",
            "%20name",
            "user_id",
            "owner_id",
            "updated_at",
            "version",
            "name_key",
            "colour",
            "name;id",
            "name%00",
            "*",
            "1",
            "random()",
            "name%20DESC",
            "id,colour",
            "n%C3%A4me",
            "null",
            "password_hash",
            "(SELECT%201)",
        ] {
            alice.get(&format!("{list}?sort={unknown}")).parameter_error("sort", "unknown_value");
        }
        alice.get(&format!("{list}?sort={}", "name,".repeat(1000))).expect(422);
        alice.get(&format!("{list}?sort=name&sort=colour")).parameter_error("sort", "unknown_value");
        alice.get(&format!("{list}?sort=&sort=name")).parameter_error("sort", "unknown_value");
    }
    alice.get("/dogowner/owners?sort=born_on").parameter_error("sort", "unknown_value");
    alice.get("/dogowner/dogs?sort=due_on").parameter_error("sort", "unknown_value");
    alice.get("/dogowner/tasks?sort=born_on").parameter_error("sort", "unknown_value");
    alice.get("/dogowner/tasks?sort=completed").parameter_error("sort", "unknown_value");
}

fn a_key_comes_once(app: &App) {
    let alice = app.sign_in("alice");
    for (list, _) in lists() {
        for twice in
            ["name,name", "name,-name", "-id,id", "id,name,id", "-created_at,name,created_at", "name&sort=-name"]
        {
            alice.get(&format!("{list}?sort={twice}")).parameter_error("sort", "repeated");
        }
    }
}

fn some_lists_are_in_the_order_of_their_ids_only(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let dog = alice.dog("Rex", owner);
    for list in
        [format!("/dogowner/owners/{owner}/dogs"), format!("/dogowner/dogs/{dog}/co-owners"), "/dogs".to_owned()]
    {
        for parameter in ["sort", "q"] {
            alice.get(&format!("{list}?{parameter}=name")).parameter_error(parameter, "unknown_parameter");
        }
    }
    // Both databases sort by code point; a server that sorted by its locale would not.
    if app.engine == Engine::Postgres {
        assert_eq!(
            app.database.texts("SELECT min(v) AS value FROM (VALUES ('a' COLLATE \"C\"), ('B')) AS t (v)"),
            ["B"]
        );
    }
}
