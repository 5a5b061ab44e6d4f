//! A dog with its owner and its co-owners in one answer, where that is asked for.

use serde_json::{Value, json};

use crate::support::{Actor, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        nothing_is_expanded_unless_it_is_asked_for,
        a_dog_can_be_shown_with_its_owner_and_its_co_owners,
        every_list_of_dogs_can_be_expanded,
        an_expanded_dog_has_no_version_and_is_never_the_same,
        only_what_can_be_expanded_is_and_once,
        a_page_of_what_is_expanded_has_fifty_dogs_at_most,
        what_is_expanded_is_always_mine,
    ]
}

/// Two owners, and two dogs that they share.
fn family(alice: &Actor<'_>) -> ([i64; 2], [i64; 2]) {
    let owners = ["Ann", "Mia"].map(|name| alice.owner(name));
    let dogs = [alice.dog("Rex", owners[0]), alice.dog("Ivy", owners[1])];
    alice.share(dogs[0], owners[1]);
    (owners, dogs)
}

fn owner(alice: &Actor<'_>, id: i64) -> Value {
    alice.get(&format!("/dogowner/owners/{id}")).expect(200).json
}

fn nothing_is_expanded_unless_it_is_asked_for(app: &App) {
    let alice = app.sign_in("alice");
    let (_, [rex, _]) = family(&alice);
    let path = format!("/dogowner/dogs/{rex}");
    for plain in [alice.get(&path), alice.patch(&path, &json!({})), alice.put(&path, &alice.get(&path).json)] {
        let dog = plain.expect(200).json;
        assert!(dog.get("owner").is_none() && dog.get("co_owners").is_none(), "{dog}");
    }
    assert!(alice.get("/dogowner/dogs").all("owner").iter().all(Value::is_null));
}

fn a_dog_can_be_shown_with_its_owner_and_its_co_owners(app: &App) {
    let alice = app.sign_in("alice");
    let ([ann, mia], [rex, ivy]) = family(&alice);
    let path = format!("/dogowner/dogs/{rex}");
    let plain = alice.get(&path).json;
    let with = |what: &str| {
        let mut dog = plain.clone();
        for part in what.split(',') {
            dog[part] = if part == "owner" { owner(&alice, ann) } else { json!([owner(&alice, mia)]) };
        }
        dog
    };
    for what in ["owner", "co_owners", "owner,co_owners", "co_owners,owner"] {
        assert_eq!(alice.get(&format!("{path}?expand={what}")).expect(200).json, with(what), "{what}");
    }
    let alone = alice.get(&format!("/dogowner/dogs/{ivy}?expand=co_owners")).expect(200);
    assert_eq!(alone.json["co_owners"], json!([]));
}

fn every_list_of_dogs_can_be_expanded(app: &App) {
    let alice = app.sign_in("alice");
    let ([ann, mia], dogs) = family(&alice);
    let expanded = dogs.map(|dog| alice.get(&format!("/dogowner/dogs/{dog}?expand=owner,co_owners")).expect(200).json);
    let lists = ["/dogowner/dogs".to_owned(), "/dogowner/dog".to_owned(), format!("/dogowner/owners/{mia}/dogs")];
    for list in lists {
        assert_eq!(alice.get(&format!("{list}?expand=owner,co_owners")).expect(200).rows(), expanded, "{list}");
        let first = alice.get(&format!("{list}?expand=owner,co_owners&limit=1")).expect(200);
        assert_eq!(first.rows(), &expanded[..1]);
        let next = alice.get(&first.next_page().expect("there is more")).expect(200);
        assert_eq!(next.rows(), &expanded[1..], "the link keeps the expansion");
    }
    let anns = alice.get(&format!("/dogowner/owners/{ann}/dogs?expand=owner&role=primary")).expect(200);
    assert_eq!(anns.all("owner"), [owner(&alice, ann)]);
}

/// Its parts change without it.
fn an_expanded_dog_has_no_version_and_is_never_the_same(app: &App) {
    let alice = app.sign_in("alice");
    let (_, [rex, _]) = family(&alice);
    let path = format!("/dogowner/dogs/{rex}");
    let etag = alice.get(&path).etag().to_owned();
    for expand in ["owner", "co_owners"] {
        for tag in [etag.as_str(), "*"] {
            let answer = alice.send("GET", &format!("{path}?expand={expand}"), &[("If-None-Match", tag)], None);
            assert!(answer.clone().expect(200).header_if_any("etag").is_none(), "{answer}");
        }
    }
    alice.send("GET", &path, &[("If-None-Match", &etag)], None).expect(304);
}

fn a_page_of_what_is_expanded_has_fifty_dogs_at_most(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    for number in 0..51 {
        alice.dog(&format!("Dog {number}"), owner);
    }
    for list in ["/dogowner/dogs".to_owned(), format!("/dogowner/owners/{owner}/dogs")] {
        for limit in ["&limit=51", "&limit=200", "&limit=99999", ""] {
            let page = alice.get(&format!("{list}?expand=owner{limit}")).expect(200);
            assert_eq!(page.ids().len(), 50, "{page}");
            assert_eq!(alice.get(&page.next_page().expect("there is more")).expect(200).ids().len(), 1);
        }
        assert_eq!(alice.get(&format!("{list}?limit=51")).expect(200).ids().len(), 51);
        assert_eq!(alice.get(&format!("{list}?limit=7&expand=owner")).expect(200).ids().len(), 7);
    }
}

fn only_what_can_be_expanded_is_and_once(app: &App) {
    let alice = app.sign_in("alice");
    let ([ann, _], [rex, _]) = family(&alice);
    for path in [format!("/dogowner/dogs/{rex}"), "/dogowner/dogs".to_owned(), format!("/dogowner/owners/{ann}/dogs")] {
        for unknown in [
            "",
            "user",
            "Owner",
            "owners",
            "owner,",
            ",owner",
            "owner,,co_owners",
            "co_owner_ids",
            "owner.user",
            "*",
            "owner%00",
        ] {
            alice.get(&format!("{path}?expand={unknown}")).parameter_error("expand", "unknown_value");
        }
        alice.get(&format!("{path}?expand=owner,owner")).parameter_error("expand", "repeated");
        alice.get(&format!("{path}?expand=co_owners,owner,co_owners")).parameter_error("expand", "repeated");
        alice.get(&format!("{path}?expand=owner&expand=owner")).parameter_error("expand", "repeated");
        alice.get(&format!("{path}?expand=owner&expand=user")).parameter_error("expand", "unknown_value");
    }
    for list in ["/dogowner/owners", "/dogowner/tasks", "/dogs"] {
        alice.get(&format!("{list}?expand=owner")).parameter_error("expand", "unknown_parameter");
    }
}

fn what_is_expanded_is_always_mine(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    family(&alice);
    family(&bob);
    for actor in [&alice, &bob] {
        let me = actor.id();
        for dog in actor.get("/dogowner/dogs?expand=owner,co_owners").expect(200).rows() {
            assert_eq!(dog["owner"]["user_id"], me);
            assert!(dog["co_owners"].as_array().expect("a list").iter().all(|owner| owner["user_id"] == me));
        }
    }
}
