//! Many who write into one book at once: each gets a plain answer, and what must never be there never is.

use std::thread;

use serde_json::{Value, json};

use crate::support::invariants::hold;
use crate::support::{Actor, Answer, App, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        whatever_many_write_at_once_each_gets_an_answer_and_nothing_is_torn,
        whoever_becomes_owner_and_co_owner_at_once_is_one_of_them,
        a_dog_that_comes_while_its_owner_goes_goes_too_or_keeps_the_owner,
        of_many_who_want_one_username_one_gets_it,
    ]
}

/// A number that looks like any other; the next one follows from it (Knuth's multiplier).
fn next(seed: &mut u64, below: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap_or(0) % below
}

/// Does one thing or another to one of a few rows, which may be gone.
fn write(alice: &Actor<'_>, seed: &mut u64, owners: &[i64], dogs: &[i64]) -> Answer {
    let (owner, other) = (owners[next(seed, owners.len())], owners[next(seed, owners.len())]);
    let dog = dogs[next(seed, dogs.len())];
    let path = format!("/dogowner/dogs/{dog}");
    let link = format!("{path}/co-owners/{owner}");
    match next(seed, 14) {
        0 | 1 => alice.send("PUT", &link, &[], None),
        2 => alice.delete(&link),
        3 => alice.patch(&path, &json!({ "owner_id": owner })),
        4 => alice.patch(&path, &json!({"co_owner_ids": [owner]})),
        5 => alice.patch(&path, &json!({"owner_id": owner, "co_owner_ids": null})),
        6 => alice.put(&path, &json!({"name": "Rex", "owner_id": owner, "co_owner_ids": [other]})),
        7 => alice.post("/dogowner/dogs", &json!({"name": "New", "owner_id": owner, "co_owner_ids": [other]})),
        8 => alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog, "completed": true})),
        9 => alice.put("/me/profile", &json!({"description": "Here."})),
        10 => alice.delete("/me/profile"),
        11 => alice.patch(&format!("/dogowner/owners/{owner}"), &json!({"name": "Anna"})),
        12 if next(seed, 4) == 0 => alice.delete(&format!("/dogowner/owners/{owner}?force=true")),
        13 if next(seed, 3) == 0 => alice.delete(&path),
        _ => alice.delete(&format!("/dogowner/owners/{owner}")),
    }
}

fn whatever_many_write_at_once_each_gets_an_answer_and_nothing_is_torn(app: &App) {
    let alice = app.sign_in("alice");
    for round in 0..3 {
        let owners: Vec<_> = (0..4).map(|number| alice.owner(&number.to_string())).collect();
        let dogs: Vec<_> = (0..4).map(|number| alice.dog("Rex", owners[number % 2])).collect();
        thread::scope(|scope| {
            for writer in 0..6 {
                let (alice, owners, dogs) = (&alice, &owners, &dogs);
                scope.spawn(move || {
                    let mut seed = round * 100 + writer;
                    for _ in 0..25 {
                        let answer = write(alice, &mut seed, owners, dogs);
                        assert!([200, 201, 204, 404, 409, 422].contains(&answer.status), "{answer}");
                    }
                });
            }
        });
        hold(app);
    }
}

fn whoever_becomes_owner_and_co_owner_at_once_is_one_of_them(app: &App) {
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    for round in 0..15 {
        let dog = alice.dog("Rex", ann);
        let path = format!("/dogowner/dogs/{dog}");
        let (alice, path) = (&alice, &path);
        thread::scope(|scope| {
            scope.spawn(move || alice.patch(path, &json!({ "owner_id": mia })).expect(200));
            scope.spawn(move || {
                let added = match round % 2 {
                    0 => alice.send("PUT", &format!("{path}/co-owners/{mia}"), &[], None),
                    _ => alice.patch(path, &json!({"co_owner_ids": [mia]})),
                };
                assert!([200, 204, 409, 422].contains(&added.status), "{added}");
            });
        });
        let dog = alice.get(path).expect(200);
        assert_eq!((&dog.json["owner_id"], &dog.json["co_owner_ids"]), (&json!(mia), &json!([])));
    }
    hold(app);
}

fn a_dog_that_comes_while_its_owner_goes_goes_too_or_keeps_the_owner(app: &App) {
    let alice = app.sign_in("alice");
    for force in [true, false].into_iter().cycle().take(16) {
        let owner = alice.owner("Ann");
        let alice = &alice;
        let (gone, come) = thread::scope(|scope| {
            let gone = scope.spawn(move || alice.delete(&format!("/dogowner/owners/{owner}?force={force}")));
            let come = scope.spawn(move || alice.post("/dogowner/dogs", &json!({"name": "Rex", "owner_id": owner})));
            (gone.join().expect("an answer"), come.join().expect("an answer"))
        });
        let left = alice.get(&format!("/dogowner/owners/{owner}"));
        match (gone.status, come.status) {
            (204, 201) if force => drop(left.expect(404)),
            (204, 422) => drop((left.expect(404), come.error("/owner_id", "not_found"))),
            (409, 201) => drop((left.expect(200), gone.clone().problem("owner-has-dogs"))),
            _ => panic!("{gone}\nand {come}"),
        }
        let stayed = i64::from(gone.status == 409);
        assert_eq!(app.database.count(&format!("dogs WHERE owner_id = {owner}")), stayed, "the dogs of {owner}");
    }
    hold(app);
}

fn of_many_who_want_one_username_one_gets_it(app: &App) {
    let people: Vec<_> = (0..4).map(|number| app.sign_in(&format!("person-{number}"))).collect();
    for round in 0..4 {
        let wanted = format!("Wanted-{round}");
        let wanted = &wanted;
        let statuses: Vec<_> = thread::scope(|scope| {
            let patches = people.iter().map(|person| {
                scope.spawn(move || person.patch("/me", &json!({ "username": wanted.to_uppercase() })).status)
            });
            let signups = (0..2).map(|number| {
                let email = format!("new-{round}-{number}@example.com");
                let body = json!({"username": wanted, "email": email, "password": PASSWORD});
                scope.spawn(move || app.anon().post("/auth/signup", &body).status)
            });
            let all: Vec<_> = patches.chain(signups).collect();
            all.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status / 100 == 2).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 5, "{statuses:?}");
    }
    let names: Vec<Value> = people.iter().map(|person| person.get("/me").json["username"].clone()).collect();
    assert!(names.iter().all(Value::is_string), "{names:?}");
}
