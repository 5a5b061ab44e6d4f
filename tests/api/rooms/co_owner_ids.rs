//! The field that names a dog's co-owners all at once.

use serde_json::{Value, json};

use crate::rooms::co_owners::{dog_path, family};
use crate::support::walk::NEVER;
use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_dog_has_no_co_owners_unless_it_is_told_of_some,
        a_dog_can_be_written_down_with_its_co_owners,
        a_co_owner_who_becomes_the_owner_is_no_co_owner_any_more,
        a_patch_replaces_all_co_owners_or_leaves_them_or_clears_them,
        a_put_without_co_owners_takes_them_away,
        each_co_owner_that_cannot_be_is_named_with_its_place,
    ]
}

fn a_dog_has_no_co_owners_unless_it_is_told_of_some(app: &App) {
    let alice = app.sign_in("alice");
    let owner_id = alice.owner("Ann");
    for none in [json!({}), json!({"co_owner_ids": null}), json!({"co_owner_ids": []})] {
        let mut body = none;
        body["name"] = json!("Rex");
        body["owner_id"] = json!(owner_id);
        let created = alice.post("/dogowner/dogs", &body).expect(201);
        assert_eq!(created.json["co_owner_ids"], json!([]));
        assert_eq!(alice.get(&format!("{}/co-owners", created.header("location"))).expect(200).json, json!([]));
    }
}

fn a_dog_can_be_written_down_with_its_co_owners(app: &App) {
    let alice = app.sign_in("alice");
    let (_, [ann, mia, zoe]) = family(&alice);
    let body = json!({"name": "Ivy", "owner_id": mia, "co_owner_ids": [zoe, ann]});
    let created = alice.post("/dogowner/dogs", &body).expect(201);
    assert_eq!(created.json["co_owner_ids"], json!([ann, zoe]), "in the order of their ids");
    assert_eq!(alice.get(created.header("location")).json, created.json);
}

fn a_co_owner_who_becomes_the_owner_is_no_co_owner_any_more(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, [ann, mia, zoe]) = family(&alice);
    alice.patch(&dog_path(dog), &json!({"co_owner_ids": [mia, zoe]})).expect(200);
    let given = alice.patch(&dog_path(dog), &json!({ "owner_id": mia })).expect(200);
    assert_eq!((&given.json["owner_id"], &given.json["co_owner_ids"]), (&json!(mia), &json!([zoe])));
    assert_eq!(alice.get(&dog_path(dog)).json, given.json);
    let swapped = json!({"owner_id": ann, "co_owner_ids": [mia]});
    let swapped = alice.patch(&dog_path(dog), &swapped).expect(200);
    assert_eq!((&swapped.json["owner_id"], &swapped.json["co_owner_ids"]), (&json!(ann), &json!([mia])));
    let replaced = alice.put(&dog_path(dog), &json!({"name": "Rex", "owner_id": mia})).expect(200);
    assert_eq!((&replaced.json["owner_id"], &replaced.json["co_owner_ids"]), (&json!(mia), &json!([])));
}

fn a_patch_replaces_all_co_owners_or_leaves_them_or_clears_them(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, [_, mia, zoe]) = family(&alice);
    let patched = |body: Value| alice.patch(&dog_path(dog), &body).expect(200).json["co_owner_ids"].clone();
    assert_eq!(patched(json!({"co_owner_ids": [mia]})), json!([mia]));
    assert_eq!(patched(json!({"name": "Rexy"})), json!([mia]));
    assert_eq!(patched(json!({"co_owner_ids": [zoe]})), json!([zoe]));
    assert_eq!(patched(json!({"co_owner_ids": [zoe, mia]})), json!([mia, zoe]));
    assert_eq!(patched(json!({"co_owner_ids": [mia, zoe]})), json!([mia, zoe]));
    assert_eq!(patched(json!({"co_owner_ids": null})), json!([]));
}

fn a_put_without_co_owners_takes_them_away(app: &App) {
    let alice = app.sign_in("alice");
    let (dog, [ann, mia, _]) = family(&alice);
    alice.share(dog, mia);
    let full = alice.get(&dog_path(dog)).expect(200);
    let same = alice.put(&dog_path(dog), &full.json).expect(200);
    assert_eq!(same.json["co_owner_ids"], json!([mia]));
    let replaced = alice.put(&dog_path(dog), &json!({"name": "Rex", "owner_id": ann})).expect(200);
    assert_eq!(replaced.json["co_owner_ids"], json!([]));
    assert_ne!(replaced.etag(), full.etag());
}

fn each_co_owner_that_cannot_be_is_named_with_its_place(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let (dog, [ann, mia, zoe]) = family(&alice);
    let bobs = bob.owner("Ben");
    let rows = app.database.rows();
    let check = |ids: Value, pointer: &str, code: &str| {
        let body = json!({"name": "Rex", "owner_id": ann, "co_owner_ids": ids});
        alice.post("/dogowner/dogs", &body).error(pointer, code);
        alice.put(&dog_path(dog), &body).error(pointer, code);
        alice.patch(&dog_path(dog), &json!({"co_owner_ids": ids})).error(pointer, code);
    };
    check(json!([mia, bobs]), "/co_owner_ids/1", "not_found");
    check(json!([NEVER]), "/co_owner_ids/0", "not_found");
    check(json!([mia, zoe, mia]), "/co_owner_ids/2", "repeated");
    check(json!([mia, "2"]), "/co_owner_ids/1", "type");
    check(json!([null]), "/co_owner_ids/0", "type");
    check(json!([1.5]), "/co_owner_ids/0", "type");
    check(json!([[mia]]), "/co_owner_ids/0", "type");
    check(json!([0]), "/co_owner_ids/0", "too_small");
    check(json!([mia, -1]), "/co_owner_ids/1", "too_small");
    check(json!([u64::MAX]), "/co_owner_ids/0", "out_of_range");
    check(json!(mia), "/co_owner_ids", "type");
    check(json!({"0": mia}), "/co_owner_ids", "type");
    check(json!(""), "/co_owner_ids", "type");
    let many: Vec<i64> = (1..=21).map(|number| NEVER + number).collect();
    check(json!(many), "/co_owner_ids", "too_long");
    check(json!(vec![0; 5000]), "/co_owner_ids", "too_long");
    let all = json!({"name": "", "owner_id": ann, "co_owner_ids": [0, "x"]});
    let all = alice.post("/dogowner/dogs", &all).error("/name", "too_short").error("/co_owner_ids/0", "too_small");
    all.error("/co_owner_ids/1", "type");
    assert_eq!(app.database.rows(), rows);
}
