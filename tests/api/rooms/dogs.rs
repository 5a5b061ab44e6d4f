//! The dogs in somebody's book, each with one of its owners.

use serde_json::{Value, json};

use crate::support::walk::NEVER;
use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        what_i_create_is_what_i_read,
        a_dog_needs_a_name_and_an_owner,
        a_dog_can_only_have_an_owner_of_mine,
        my_dog_cannot_be_given_to_a_strangers_owner,
        a_stranger_cannot_see_change_or_delete_my_dog,
        a_dog_can_be_given_to_another_owner_of_mine,
        a_patch_keeps_what_it_does_not_name_and_clears_what_is_null,
        a_patch_that_changes_nothing_leaves_the_row_as_it_is,
        a_put_replaces_everything,
        the_dogs_of_an_owner_are_that_owners_dogs,
        dogs_can_be_listed_by_their_owner,
        a_deleted_dog_is_gone,
        a_date_of_birth_is_a_real_day,
        what_i_got_i_can_send_back,
        the_tutorials_singular_path_is_the_same_collection,
        my_dog_with_your_owner_cannot_even_be_stored,
    ]
}

fn what_i_create_is_what_i_read(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let body = json!({"name": "Rex", "owner_id": owner, "born_on": "2024-05-01"});
    let created = alice.post("/dogowner/dogs", &body).expect(201);
    assert_eq!(created.header("location"), format!("/dogowner/dogs/{}", created.id()));
    for field in ["name", "owner_id", "born_on"] {
        assert_eq!(created.json[field], body[field]);
    }
    assert_eq!(created.json["user_id"], alice.id());
    assert_eq!(alice.get(created.header("location")).expect(200).json, created.json);
    assert_eq!(alice.get("/dogowner/dogs").expect(200).rows(), [created.json]);
}

fn a_dog_needs_a_name_and_an_owner(app: &App) {
    let alice = app.sign_in("alice");
    let nothing = alice.post("/dogowner/dogs", &json!({}));
    assert_eq!(nothing.error("/name", "required").error("/owner_id", "required").error_count(), 2);
    let both_bad = alice.post("/dogowner/dogs", &json!({"name": "", "owner_id": 0}));
    assert_eq!(both_bad.error("/name", "too_short").error("/owner_id", "too_small").error_count(), 2);
}

fn a_dog_can_only_have_an_owner_of_mine(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let hers = alice.owner("Ann");
    let refused = |owner_id: Value, code: &str| {
        bob.post("/dogowner/dogs", &json!({"name": "Rex", "owner_id": owner_id})).error("/owner_id", code)
    };
    let somebody_elses = refused(json!(hers), "not_found");
    refused(json!(4711), "not_found").same_as(&somebody_elses);
    refused(json!(i64::MAX), "not_found").same_as(&somebody_elses);
    for (not_an_id, code) in [
        (json!(0), "too_small"),
        (json!(-1), "too_small"),
        (json!(hers.to_string()), "type"),
        (json!(null), "type"),
        (json!([hers]), "type"),
        (json!(1.5), "type"),
        (json!(u64::MAX), "out_of_range"),
    ] {
        refused(not_an_id, code);
    }
    bob.post("/dogowner/dogs", &json!({"name": "Rex"})).error("/owner_id", "required");
    assert_eq!(app.database.count("dogs"), 0);
}

fn my_dog_cannot_be_given_to_a_strangers_owner(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let hers = alice.owner("Ann");
    let path = format!("/dogowner/dogs/{}", bob.dog("Rex", bob.owner("Ben")));
    let before = app.database.rows();
    let refused = bob.patch(&path, &json!({ "owner_id": hers })).error("/owner_id", "not_found");
    bob.patch(&path, &json!({"owner_id": 4711})).same_as(&refused);
    bob.patch(&path, &json!({"owner_id": null})).error("/owner_id", "not_nullable");
    assert_eq!(app.database.rows(), before);
}

fn a_stranger_cannot_see_change_or_delete_my_dog(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let path = format!("/dogowner/dogs/{}", alice.dog("Rex", alice.owner("Ann")));
    let before = alice.get(&path).expect(200);
    bob.get(&path).expect(404).problem("not-found");
    bob.patch(&path, &json!({"name": "Bob's"})).expect(404).problem("not-found");
    bob.delete(&path).expect(404).problem("not-found");
    assert_eq!(bob.get("/dogowner/dogs").json, json!([]));
    alice.get(&path).same_as(&before);
}

fn a_dog_can_be_given_to_another_owner_of_mine(app: &App) {
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let dog = alice.dog("Rex", ann);
    let given = alice.patch(&format!("/dogowner/dogs/{dog}"), &json!({ "owner_id": mia })).expect(200);
    assert_eq!(given.json["owner_id"], mia);
    assert_eq!(alice.get(&format!("/dogowner/owners/{ann}/dogs")).json, json!([]));
    assert_eq!(alice.get(&format!("/dogowner/owners/{mia}/dogs")).ids(), [dog]);
}

fn a_patch_keeps_what_it_does_not_name_and_clears_what_is_null(app: &App) {
    let alice = app.sign_in("alice");
    let body = json!({"name": "Rex", "owner_id": alice.owner("Ann"), "born_on": "2024-05-01"});
    let created = alice.post("/dogowner/dogs", &body).expect(201);
    let path = created.header("location");
    let renamed = alice.patch(path, &json!({"name": "Rexy"})).expect(200);
    assert_eq!((renamed.text("name"), renamed.text("born_on")), ("Rexy", "2024-05-01"));
    assert_eq!(renamed.json["owner_id"], created.json["owner_id"]);
    let forgotten = alice.patch(path, &json!({"born_on": null})).expect(200);
    assert_eq!((forgotten.text("name"), &forgotten.json["born_on"]), ("Rexy", &Value::Null));
}

fn a_patch_that_changes_nothing_leaves_the_row_as_it_is(app: &App) {
    let alice = app.sign_in("alice");
    let path = format!("/dogowner/dogs/{}", alice.dog("Rex", alice.owner("Ann")));
    let (before, rows) = (alice.get(&path), app.database.rows());
    assert_eq!(alice.patch(&path, &json!({})).expect(200).json, before.json);
    assert_eq!(app.database.rows(), rows);
}

fn a_put_replaces_everything(app: &App) {
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let body = json!({"name": "Rex", "owner_id": ann, "born_on": "2024-05-01"});
    let created = alice.post("/dogowner/dogs", &body).expect(201);
    let path = created.header("location");
    let replaced = alice.put(path, &json!({"name": "Rexy", "owner_id": mia})).expect(200);
    assert_eq!((replaced.text("name"), &replaced.json["owner_id"]), ("Rexy", &json!(mia)));
    assert_eq!(replaced.json["born_on"], Value::Null);
    assert_eq!(replaced.json["created_at"], created.json["created_at"]);
    assert_ne!(replaced.etag(), created.etag());
    let rows = app.database.rows();
    let nothing = alice.put(path, &json!({})).error("/name", "required").error("/owner_id", "required");
    assert_eq!(nothing.error_count(), 2);
    alice.put(path, &json!({"name": "Rexy", "owner_id": null})).error("/owner_id", "type");
    alice.put("/dogowner/dogs/4711", &body).expect(404);
    assert_eq!(app.database.rows(), rows);
}

fn the_dogs_of_an_owner_are_that_owners_dogs(app: &App) {
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let (rex, ivy, pip) = (alice.dog("Rex", ann), alice.dog("Ivy", mia), alice.dog("Pip", ann));
    assert_eq!(alice.get(&format!("/dogowner/owners/{ann}/dogs")).expect(200).ids(), [rex, pip]);
    assert_eq!(alice.get(&format!("/dogowner/owners/{mia}/dogs")).expect(200).ids(), [ivy]);
    assert_eq!(alice.get("/dogowner/dogs").expect(200).ids(), [rex, ivy, pip]);
}

fn dogs_can_be_listed_by_their_owner(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let (rex, ivy, pip) = (alice.dog("Rex", ann), alice.dog("Ivy", mia), alice.dog("Pip", ann));
    alice.share(ivy, ann);
    let shown = |query: &str| alice.get(&format!("/dogowner/dogs?{query}")).expect(200).ids();
    assert_eq!(shown(&format!("owner_id={ann}")), [rex, pip], "co-owners do not count");
    assert_eq!(shown(&format!("sort=name&owner_id={ann}")), [pip, rex]);
    assert_eq!(shown(&format!("q=E&owner_id={ann}")), [rex]);
    for not_mine in [bob.owner("Ben"), NEVER, i64::MAX] {
        assert_eq!(shown(&format!("owner_id={not_mine}")), [0; 0]);
    }
    for no_id in ["", "0", "-1", "01", "1.0", "x", "9223372036854775808", "1%00", "%2B1", "1,2"] {
        alice.get(&format!("/dogowner/dogs?owner_id={no_id}")).parameter_error("owner_id", "type");
    }
    let twice = alice.get(&format!("/dogowner/dogs?owner_id={ann}&owner_id={mia}"));
    twice.parameter_error("owner_id", "repeated_parameter");
}

fn a_deleted_dog_is_gone(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let path = format!("/dogowner/dogs/{}", alice.dog("Rex", owner));
    alice.delete(&path).expect(204);
    alice.get(&path).expect(404);
    alice.patch(&path, &json!({})).expect(404);
    alice.delete(&path).expect(404);
    assert_eq!(alice.get(&format!("/dogowner/owners/{owner}/dogs")).json, json!([]));
}

fn a_date_of_birth_is_a_real_day(app: &App) {
    let alice = app.sign_in("alice");
    let owner_id = alice.owner("Ann");
    let create = |born_on: Value| {
        alice.post("/dogowner/dogs", &json!({"name": "Rex", "owner_id": owner_id, "born_on": born_on}))
    };
    for day in ["0001-01-01", "1900-01-01", "2000-02-29", "2024-02-29", "2999-12-31", "9999-12-31"] {
        let created = create(json!(day)).expect(201);
        assert_eq!(created.text("born_on"), day);
        assert_eq!(alice.get(created.header("location")).text("born_on"), day);
    }
    assert_eq!(create(Value::Null).expect(201).json["born_on"], Value::Null);
    let no_days = [
        "",
        "2023-02-29",
        "1900-02-29",
        "2024-02-30",
        "2024-13-01",
        "2024-00-01",
        "2024-01-00",
        "2024-1-1",
        "24-01-01",
        "2024/01/01",
        "20240101",
        "2024-01-01T00:00:00Z",
        " 2024-01-01",
        "2024-01-01 ",
        "+2024-01-01",
        "-0001-01-01",
        "10000-01-01",
        "２０２４-01-01",
        "today",
        "2024-01-01\u{0}",
    ];
    for no_day in no_days {
        let answer = create(json!(no_day)).expect(422).problem("validation-failed");
        assert_eq!(answer.json["errors"][0]["pointer"], "/born_on", "{no_day:?}: {answer}");
    }
    create(json!("0000-01-01")).expect(422);
    for not_text in [json!(20_240_101), json!(true), json!(["2024-01-01"])] {
        create(not_text).error("/born_on", "type");
    }
    assert_eq!(app.database.count("dogs"), 7);
}

fn what_i_got_i_can_send_back(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let body = json!({"name": "Rex", "owner_id": alice.owner("Ann"), "born_on": "2024-05-01"});
    let got = alice.post("/dogowner/dogs", &body).expect(201);
    let mut body = got.json.clone();
    body["id"] = json!("4711");
    body["user_id"] = json!(bob.id());
    body["created_at"] = json!(null);
    let changed = alice.patch(got.header("location"), &body).expect(200);
    let copy = alice.post("/dogowner/dogs", &body).expect(201);
    let replaced = alice.put(got.header("location"), &body).expect(200);
    for answer in [changed, copy, replaced] {
        for field in ["user_id", "owner_id", "name", "born_on"] {
            assert_eq!(answer.json[field], got.json[field]);
        }
    }
    assert_eq!(bob.get("/dogowner/dogs").json, json!([]));
}

fn the_tutorials_singular_path_is_the_same_collection(app: &App) {
    let alice = app.sign_in("alice");
    let body = json!({"name": "Rex", "owner_id": alice.owner("Ann")});
    let created = alice.post("/dogowner/dog", &body).expect(201);
    assert_eq!(created.header("location"), format!("/dogowner/dogs/{}", created.id()));
    let singular = alice.get("/dogowner/dog").expect(200);
    singular.same_as(&alice.get("/dogowner/dogs"));
    assert_eq!(singular.rows(), [created.json]);
}

/// The last line of defence is the schema itself.
fn my_dog_with_your_owner_cannot_even_be_stored(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let (ann, ben) = (alice.owner("Ann"), bob.owner("Ben"));
    let rex = alice.dog("Rex", ann);
    let ids = (alice.id(), bob.id());
    for statement in [
        format!("UPDATE dogs SET owner_id = {ben} WHERE id = {rex}"),
        format!("UPDATE dogs SET user_id = {} WHERE id = {rex}", ids.1),
        format!("UPDATE owners SET user_id = {} WHERE id = {ann}", ids.1),
        format!("DELETE FROM owners WHERE id = {ann}"),
        format!(
            "INSERT INTO dogs (user_id, owner_id, name, created_at, updated_at) \
             SELECT {}, {ben}, name, created_at, updated_at FROM dogs",
            ids.0
        ),
    ] {
        assert!(app.database.execute(&statement).is_err(), "{statement}");
    }
    app.database.execute(&format!("DELETE FROM users WHERE id = {}", ids.0)).expect("it cascades");
    assert_eq!((app.database.count("owners"), app.database.count("dogs")), (1, 0));
}
