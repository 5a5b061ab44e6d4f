//! The owners that a dog has beside its own: many to many, seen from both ends.

use std::thread;

use serde_json::json;

use crate::support::walk::NEVER;
use crate::support::{Actor, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_dog_is_seen_with_its_co_owners_and_they_with_their_dog,
        adding_and_removing_a_co_owner_twice_is_as_good_as_once,
        the_dogs_version_tells_that_its_co_owners_changed,
        the_owner_of_a_dog_is_not_its_co_owner_too,
        a_dog_has_twenty_co_owners_at_most,
        many_who_come_at_once_are_still_twenty_at_most,
        a_deleted_owner_is_no_co_owner_any_more_and_the_dog_stays,
        a_deleted_dog_has_no_co_owners,
        only_owners_of_mine_can_be_co_owners_of_dogs_of_mine,
        somebody_elses_co_owner_cannot_even_be_stored,
        the_co_owners_of_a_dog_come_in_pages,
        the_dogs_of_an_owner_can_be_told_apart_by_role,
    ]
}

/// A dog of the first of three owners.
pub fn family(alice: &Actor<'_>) -> (i64, [i64; 3]) {
    let owners = ["Ann", "Mia", "Zoe"].map(|name| alice.owner(name));
    (alice.dog("Rex", owners[0]), owners)
}

pub fn dog_path(dog: i64) -> String {
    format!("/dogowner/dogs/{dog}")
}

fn link(dog: i64, owner: i64) -> String {
    format!("/dogowner/dogs/{dog}/co-owners/{owner}")
}

fn put(actor: &Actor<'_>, dog: i64, owner: i64) -> crate::support::Answer {
    actor.send("PUT", &link(dog, owner), &[], None)
}

fn a_dog_is_seen_with_its_co_owners_and_they_with_their_dog(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, [ann, mia, zoe]) = family(&alice);
    alice.share(dog, zoe);
    alice.share(dog, mia);
    let shown = alice.get(&dog_path(dog)).expect(200);
    assert_eq!((&shown.json["owner_id"], &shown.json["co_owner_ids"]), (&json!(ann), &json!([mia, zoe])));
    assert_eq!(alice.get("/dogowner/dogs").rows(), std::slice::from_ref(&shown.json));
    let co_owners = alice.get(&format!("{}/co-owners", dog_path(dog))).expect(200);
    assert_eq!(co_owners.ids(), [mia, zoe]);
    assert_eq!(co_owners.rows()[0], alice.get(&format!("/dogowner/owners/{mia}")).json);
    for owner in [ann, mia, zoe] {
        assert_eq!(
            alice.get(&format!("/dogowner/owners/{owner}/dogs")).expect(200).rows(),
            std::slice::from_ref(&shown.json)
        );
    }
}

fn adding_and_removing_a_co_owner_twice_is_as_good_as_once(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, [_, mia, _]) = family(&alice);
    put(&alice, dog, mia).expect(204);
    let rows = app.database.rows();
    put(&alice, dog, mia).expect(204);
    assert_eq!(app.database.rows(), rows);
    alice.delete(&link(dog, mia)).expect(204);
    let rows = app.database.rows();
    alice.delete(&link(dog, mia)).expect(204);
    assert_eq!(app.database.rows(), rows);
    assert_eq!(alice.get(&dog_path(dog)).json["co_owner_ids"], json!([]));
}

fn the_dogs_version_tells_that_its_co_owners_changed(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, [_, mia, zoe]) = family(&alice);
    let mut last = alice.get(&dog_path(dog)).expect(200);
    let mut changed = |what: &str| {
        let now = alice.get(&dog_path(dog)).expect(200);
        assert_ne!(now.etag(), last.etag(), "{what}");
        assert!(now.text("updated_at") >= last.text("updated_at"), "{what}");
        last = now;
    };
    alice.share(dog, mia);
    changed("somebody was added");
    alice.patch(&dog_path(dog), &json!({"co_owner_ids": [mia, zoe]})).expect(200);
    changed("all were replaced");
    alice.delete(&link(dog, mia)).expect(204);
    changed("somebody was removed");
    alice.delete(&format!("/dogowner/owners/{zoe}")).expect(204);
    changed("an owner was deleted");
}

fn the_owner_of_a_dog_is_not_its_co_owner_too(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, [ann, mia, _]) = family(&alice);
    let rows = app.database.rows();
    put(&alice, dog, ann).expect(409).problem("already-primary-owner");
    let both = json!({"name": "Ivy", "owner_id": ann, "co_owner_ids": [mia, ann]});
    alice.post("/dogowner/dogs", &both).error("/co_owner_ids/1", "already_primary");
    alice.put(&dog_path(dog), &both).error("/co_owner_ids/1", "already_primary");
    alice.patch(&dog_path(dog), &json!({"co_owner_ids": [ann]})).error("/co_owner_ids/0", "already_primary");
    let swapped = json!({"owner_id": mia, "co_owner_ids": [ann, mia]});
    alice.patch(&dog_path(dog), &swapped).error("/co_owner_ids/1", "already_primary");
    assert_eq!(app.database.rows(), rows);
    alice.delete(&link(dog, ann)).expect(204);
    assert_eq!(alice.get(&dog_path(dog)).json["owner_id"], ann);
}

fn a_dog_has_twenty_co_owners_at_most(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, [_, mia, _]) = family(&alice);
    let others: Vec<_> = (0..20).map(|number| alice.owner(&format!("{number}"))).collect();
    alice.patch(&dog_path(dog), &json!({ "co_owner_ids": others })).expect(200);
    put(&alice, dog, mia).expect(409).problem("too-many-co-owners");
    put(&alice, dog, others[19]).expect(204);
    alice.delete(&link(dog, others[0])).expect(204);
    put(&alice, dog, mia).expect(204);
    let full = alice.get(&dog_path(dog)).json;
    let created = alice.post("/dogowner/dogs", &full).expect(201);
    assert_eq!(created.json["co_owner_ids"], full["co_owner_ids"]);
}

fn many_who_come_at_once_are_still_twenty_at_most(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, _) = family(&alice);
    let others: Vec<_> = (0..26).map(|number| alice.owner(&format!("{number}"))).collect();
    let alice = &alice;
    let statuses: Vec<_> = thread::scope(|scope| {
        let all: Vec<_> = others.iter().map(|owner| scope.spawn(move || put(alice, dog, *owner).status)).collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 20, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 6, "{statuses:?}");
    assert_eq!(app.database.count("dog_co_owners"), 20);
}

fn a_deleted_owner_is_no_co_owner_any_more_and_the_dog_stays(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, [_, mia, zoe]) = family(&alice);
    alice.share(dog, mia);
    alice.share(dog, zoe);
    alice.delete(&format!("/dogowner/owners/{mia}")).expect(204);
    alice.delete(&format!("/dogowner/owners/{zoe}?force=true")).expect(204);
    assert_eq!(alice.get(&dog_path(dog)).expect(200).json["co_owner_ids"], json!([]));
}

fn a_deleted_dog_has_no_co_owners(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, [_, mia, _]) = family(&alice);
    alice.share(dog, mia);
    alice.delete(&dog_path(dog)).expect(204);
    assert_eq!(app.database.count("dog_co_owners"), 0);
    alice.get(&format!("{}/co-owners", dog_path(dog))).expect(404);
    put(&alice, dog, mia).expect(404);
    assert_eq!(alice.get(&format!("/dogowner/owners/{mia}/dogs")).expect(200).json, json!([]));
}

fn only_owners_of_mine_can_be_co_owners_of_dogs_of_mine(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let (hers, [_, mia, _]) = family(&alice);
    let (his, [_, ben, _]) = family(&bob);
    alice.share(hers, mia);
    let rows = app.database.rows();
    let never = put(&bob, NEVER, NEVER).expect(404).problem("not-found");
    for (dog, owner) in [(hers, ben), (his, mia), (hers, mia), (NEVER, ben), (his, NEVER)] {
        put(&bob, dog, owner).same_as(&never);
        bob.delete(&link(dog, owner)).expect(404).problem("not-found");
    }
    bob.get(&format!("{}/co-owners", dog_path(hers))).expect(404);
    assert_eq!(app.database.rows(), rows);
}

/// The last line of defence is the schema itself.
fn somebody_elses_co_owner_cannot_even_be_stored(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let (hers, _) = family(&alice);
    let ben = bob.owner("Ben");
    for user in [alice.id(), bob.id()] {
        let link = format!("INSERT INTO dog_co_owners (dog_id, owner_id, user_id) VALUES ({hers}, {ben}, {user})");
        assert!(app.database.execute(&link).is_err(), "{link}");
    }
}

fn the_co_owners_of_a_dog_come_in_pages(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, [_, mia, zoe]) = family(&alice);
    let more: Vec<_> = (0..3).map(|number| alice.owner(&format!("{number}"))).collect();
    let all = [vec![mia, zoe], more].concat();
    alice.patch(&dog_path(dog), &json!({ "co_owner_ids": all })).expect(200);
    let list = format!("{}/co-owners", dog_path(dog));
    let pages = crate::lists::paging::follow(&alice, &format!("{list}?limit=2"));
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(pages.concat(), all);
    assert_eq!(alice.get(&format!("{list}?count=true&limit=1")).header("x-total-count"), "5");
    alice.get(&format!("{list}?sort=name")).parameter_error("sort", "unknown_parameter");
}

fn the_dogs_of_an_owner_can_be_told_apart_by_role(app: &App) {
    let alice = app.sign_in("alice");
    let (rex, [ann, mia, _]) = family(&alice);
    let (ivy, pip) = (alice.dog("Ivy", mia), alice.dog("Pip", ann));
    alice.share(ivy, ann);
    let shown = |query: &str| alice.get(&format!("/dogowner/owners/{ann}/dogs?{query}")).expect(200);
    assert_eq!(shown("").ids(), [rex, ivy, pip]);
    assert_eq!(shown("role=primary").ids(), [rex, pip]);
    assert_eq!(shown("role=co").ids(), [ivy]);
    for (query, count) in [("", "3"), ("role=primary&", "2"), ("role=co&", "1")] {
        assert_eq!(shown(&format!("{query}count=true")).header("x-total-count"), count);
        let first = format!("/dogowner/owners/{ann}/dogs?{query}limit=1");
        assert_eq!(crate::lists::paging::follow(&alice, &first).concat(), shown(query).ids());
    }
    for role in ["", "both", "Primary", "owner", "co,primary"] {
        alice.get(&format!("/dogowner/owners/{ann}/dogs?role={role}")).parameter_error("role", "unknown_value");
    }
    alice.get(&format!("/dogowner/owners/{ann}/dogs?role=co&role=co")).parameter_error("role", "repeated_parameter");
    let next = alice.get(&format!("/dogowner/owners/{ann}/dogs?limit=1")).next_page().expect("there is more");
    alice.get(&next.replace('?', "?role=primary&")).parameter_error("cursor", "invalid_cursor");
}
