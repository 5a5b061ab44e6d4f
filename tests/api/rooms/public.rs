//! What the public sees: the pages of those who have a profile, their dogs, and nothing else.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Datelike, NaiveDate};
use serde_json::{Value, json};

use crate::lists::paging::follow;
use crate::support::walk::NEVER;
use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_profile_is_a_public_page,
        a_public_page_is_found_in_any_letter_case,
        nobody_and_somebody_without_a_profile_look_the_same,
        a_dog_is_public_exactly_while_its_users_profile_exists,
        nothing_private_is_public,
        the_public_needs_no_token_and_none_is_looked_at,
        the_age_of_a_dog_is_counted_in_whole_years,
        all_public_dogs_are_listed_in_the_order_of_their_ids,
    ]
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

fn a_profile_is_a_public_page(app: &App) {
    let alice = app.sign_in("Alice");
    let owner = alice.owner("Ann");
    let profile = alice.go_public();
    assert_eq!(app.anon().get("/users/Alice").expect(200).json["dogs_count"], 0);
    assert_eq!(app.anon().get("/users/Alice/dogs").expect(200).json, json!([]));
    alice.dog("Rex", owner);
    let page = app.anon().get("/users/Alice").expect(200);
    assert_eq!(page.text("username"), "Alice");
    assert_eq!(page.json["description"], profile.json["description"]);
    assert_eq!(page.json["created_at"], profile.json["created_at"]);
    assert_eq!(page.json["dogs_count"], 1);
    alice.dog("Ivy", owner);
    assert_eq!(app.anon().get("/users/Alice").json["dogs_count"], 2);
    alice.put("/me/profile", &json!({"description": "Changed."})).expect(200);
    assert_eq!(app.anon().get("/users/Alice").text("description"), "Changed.");
    alice.patch("/me", &json!({"username": "Alicia"})).expect(200);
    assert_eq!(app.anon().get("/users/alicia").text("username"), "Alicia");
    app.anon().get("/users/alice").expect(404);
}

fn a_public_page_is_found_in_any_letter_case(app: &App) {
    let alice = app.sign_in("Alice-1");
    alice.dog("Rex", alice.owner("Ann"));
    alice.go_public();
    let page = app.anon().get("/users/Alice-1").expect(200);
    let dogs = app.anon().get("/users/Alice-1/dogs").expect(200);
    assert_eq!(dogs.rows().len(), 1);
    for spelling in ["alice-1", "ALICE-1", "aLiCe-1", "%61lice-1", "alice%2d1"] {
        assert_eq!(app.anon().get(&format!("/users/{spelling}")).expect(200).json, page.json);
        assert_eq!(app.anon().get(&format!("/users/{spelling}/dogs")).expect(200).json, dogs.json);
    }
}

fn nobody_and_somebody_without_a_profile_look_the_same(app: &App) {
    let alice = app.sign_in("alice");
    alice.dog("Rex", alice.owner("Ann"));
    for page in ["", "/dogs"] {
        let hidden = app.anon().get(&format!("/users/alice{page}")).expect(404).problem("not-found");
        let long = "a".repeat(5000);
        for nobody in
            ["bob", "1", "me", "admin", "a", &long, "%20alice", "alice%20", "%C3%A9", "alice%00", "%27--", "_"]
        {
            app.anon().get(&format!("/users/{nobody}{page}")).expect(404).same_as(&hidden);
        }
    }
}

fn a_dog_is_public_exactly_while_its_users_profile_exists(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let before = alice.dog("Rex", owner);
    let (list, hers) = ("/dogs", "/users/alice/dogs");
    let shown = |id: i64| app.anon().get(&format!("/dogs/{id}"));
    shown(before).expect(404).same_as(&shown(NEVER));
    assert_eq!(app.anon().get(list).expect(200).json, json!([]));

    alice.go_public();
    let after = alice.dog("Ivy", owner);
    for path in [list, hers] {
        let dogs = app.anon().get(path).expect(200);
        assert_eq!(dogs.ids(), [before, after]);
        assert_eq!(dogs.rows(), [shown(before).expect(200).json, shown(after).expect(200).json]);
    }
    alice.patch(&format!("/dogowner/dogs/{after}"), &json!({"name": "Ivy II"})).expect(200);
    assert_eq!(shown(after).text("name"), "Ivy II");

    alice.delete("/me/profile").expect(204);
    shown(after).expect(404).same_as(&shown(NEVER));
    app.anon().get(hers).expect(404);
    assert_eq!(app.anon().get(list).expect(200).json, json!([]));

    alice.go_public();
    assert_eq!(app.anon().get(hers).ids(), [before, after]);
    alice.delete(&format!("/dogowner/dogs/{before}")).expect(204);
    assert_eq!(app.anon().get(list).ids(), [after]);
    alice.delete("/me").expect(204);
    assert_eq!(app.anon().get(list).json, json!([]));
    shown(after).expect(404);
    app.anon().get("/users/alice").expect(404);
}

fn nothing_private_is_public(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann, who is nobody's business");
    let dog = alice.dog("Rex", owner);
    alice.share(dog, alice.owner("Mia, who is nobody's business"));
    alice.post("/dogowner/tasks", &json!({"name": "Nobody's business", "dog_id": dog})).expect(201);
    alice.go_public();
    let page = app.anon().get("/users/alice").expect(200);
    assert_eq!(keys(&page.json), BTreeSet::from(["username", "description", "dogs_count", "created_at"]));
    let shown = app.anon().get(&format!("/dogs/{dog}")).expect(200);
    assert_eq!(keys(&shown.json), BTreeSet::from(["id", "name", "age", "adopted_by", "created_at"]));
    assert_eq!((shown.text("adopted_by"), shown.text("name")), ("alice", "Rex"));
    for answer in [page, shown, app.anon().get("/dogs"), app.anon().get("/users/alice/dogs")] {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        for private in ["business", "example.com", "user_id", "owner", "born_on"] {
            assert!(!body.contains(private), "{private} in {answer}");
        }
    }
}

fn the_public_needs_no_token_and_none_is_looked_at(app: &App) {
    let alice = app.sign_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    alice.go_public();
    let paths = ["/dogs".to_owned(), format!("/dogs/{dog}"), "/users/alice".to_owned(), "/users/alice/dogs".to_owned()];
    for path in paths {
        let seen = app.anon().get(&path).expect(200);
        alice.get(&path).same_as(&seen);
        app.anon().with_token("no.good.token").get(&path).same_as(&seen);
        for authorization in ["Basic YTpi", "Bearer", "nonsense"] {
            app.anon().send("GET", &path, &[("Authorization", authorization)], None).same_as(&seen);
        }
    }
}

fn today() -> NaiveDate {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    DateTime::from_timestamp(seconds.cast_signed(), 0).expect("a time").date_naive()
}

/// Whole years, as people count them: one more on each birthday, on 1 March after none on 29 February.
fn age(born: NaiveDate, today: NaiveDate) -> i32 {
    let had_no_birthday = (today.month(), today.day()) < (born.month(), born.day());
    (today.year() - born.year() - i32::from(had_no_birthday)).max(0)
}

fn the_age_of_a_dog_is_counted_in_whole_years(app: &App) {
    let alice = app.sign_in("alice");
    let owner_id = alice.owner("Ann");
    alice.go_public();
    let start = today();
    let nearly = [-1, 0, 1].into_iter().filter_map(|days| start.checked_add_signed(chrono::TimeDelta::days(days)));
    let years_ago = nearly.flat_map(|day| [0, 1, 2, 10].map(|years| day.with_year(day.year() - years)));
    let days = ["0001-01-01", "1900-02-28", "2000-02-29", "2024-02-29", "2020-12-31", "2021-01-01", "9999-12-31"];
    let fixed = days.into_iter().map(|day| day.parse::<NaiveDate>().ok());
    let born: Vec<_> = years_ago.chain(fixed).flatten().collect();
    let dogs: Vec<_> = born
        .iter()
        .map(|day| {
            let body = json!({"name": "Rex", "owner_id": owner_id, "born_on": day.to_string()});
            alice.post("/dogowner/dogs", &body).expect(201).id()
        })
        .collect();
    alice.dog("Nobody knows when", owner_id);
    // Once more if midnight came between.
    for _ in 0..2 {
        let day = today();
        let list = app.anon().get("/dogs").expect(200);
        let alone = dogs.iter().map(|id| app.anon().get(&format!("/dogs/{id}")).expect(200).json["age"].clone());
        let alone: Vec<_> = alone.collect();
        if day != today() {
            continue;
        }
        let expected: Vec<_> = born.iter().map(|born| json!(age(*born, day))).collect();
        assert_eq!(alone, expected, "on {day}, of {born:?}");
        assert_eq!(list.all("age"), [expected, vec![Value::Null]].concat());
        return;
    }
}

fn all_public_dogs_are_listed_in_the_order_of_their_ids(app: &App) {
    let (alice, bob, carol) = (app.sign_in("alice"), app.sign_in("bob"), app.sign_in("carol"));
    let owners = [&alice, &bob, &carol].map(|actor| actor.owner("Ann"));
    alice.go_public();
    carol.go_public();
    let mut public = Vec::new();
    for number in 0..4 {
        public.push(alice.dog(&format!("Z{number}"), owners[0]));
        bob.dog("Hidden", owners[1]);
        public.push(carol.dog(&format!("A{number}"), owners[2]));
    }
    let all = app.anon().get("/dogs").expect(200);
    assert_eq!(all.ids(), public);
    assert_eq!(all.all("adopted_by")[..2], [json!("alice"), json!("carol")]);
    for limit in [1, 3, 7] {
        assert_eq!(follow(&app.anon(), &format!("/dogs?limit={limit}")).concat(), public);
    }
}
