//! A cursor is good for the list that gave it, sorted and filtered as it was, and for nothing else; nobody can
//! make one up.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::lists::paging::follow;
use crate::lists::search::encoded;
use crate::support::contract::contract;
use crate::support::walk::make_everything;
use crate::support::{Actor, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_cursor_is_good_for_its_own_sort_only,
        a_cursor_is_good_for_its_own_filters_only,
        limit_count_and_expand_may_change_from_page_to_page,
        the_link_keeps_every_parameter_as_it_was_given,
        a_cursor_with_one_bit_changed_is_refused,
        a_cursor_in_another_spelling_is_refused,
        a_strangers_cursor_shows_nothing_of_a_strangers,
        a_cursor_goes_on_where_its_row_was_even_if_that_is_gone_or_changed,
        rows_with_the_longest_names_can_be_paged,
        the_head_of_a_page_stays_short_whatever_is_searched_and_found,
        a_cursor_after_the_last_row_is_an_empty_page,
    ]
}

/// The cursor to the second page of a list.
fn cursor(actor: &Actor<'_>, list: &str) -> String {
    let next = actor.get(list).expect(200).next_page().expect("there is more");
    next.split_once("cursor=").expect("a cursor").1.to_owned()
}

/// Three of everything, about one dog and its owner; their ids.
fn fill(alice: &Actor<'_>) -> (i64, i64) {
    let (owner, other) = (alice.owner("Ann"), alice.owner("Mia"));
    let dog = alice.dog("Rex", owner);
    for name in ["Rexy", "Rexa"] {
        alice.dog(name, owner);
        alice.share(dog, alice.owner(name));
    }
    alice.share(dog, other);
    for name in ["Walk", "Feed", "Brush"] {
        alice.post("/dogowner/tasks", &json!({"name": name, "dog_id": dog, "due_on": "2026-12-01"})).expect(201);
    }
    (owner, dog)
}

fn a_cursor_is_good_for_its_own_sort_only(app: &App) {
    let alice = app.sign_in("alice");
    make_everything(&alice);
    for list in contract().lists().filter(|list| !list.sort_keys().is_empty()).map(|list| &list.path) {
        let sorts =
            ["-id", "name", "-name", "created_at", "name,id", "name,-id", "-name,created_at", "created_at,name"];
        for sort in sorts {
            let cursor = cursor(&alice, &format!("{list}?sort={sort}&limit=1"));
            alice.get(&format!("{list}?sort={sort}&cursor={cursor}")).expect(200);
            alice.get(&format!("{list}?cursor={cursor}")).parameter_error("cursor", "invalid_cursor");
            for other in sorts.into_iter().filter(|other| *other != sort) {
                // Ties are broken by id anyway, so these two are the same.
                if ["name", "name,id"].contains(&sort) && ["name", "name,id"].contains(&other) {
                    continue;
                }
                let answer = alice.get(&format!("{list}?sort={other}&cursor={cursor}"));
                answer.parameter_error("cursor", "invalid_cursor");
            }
        }
    }
}

fn a_cursor_is_good_for_its_own_filters_only(app: &App) {
    let alice = app.sign_in("alice");
    let (owner, dog) = fill(&alice);
    for (list, filter, others) in [
        ("/dogowner/owners".to_owned(), "q=e".to_owned(), vec!["", "q=", "q=x", "q=e%20"]),
        ("/dogowner/dogs".to_owned(), "q=e".to_owned(), vec!["", "q=r", "q=ex"]),
        ("/dogowner/dogs".to_owned(), format!("owner_id={owner}"), vec!["", "owner_id=4711", "q=e"]),
        ("/dogowner/tasks".to_owned(), format!("dog_id={dog}"), vec!["", "dog_id=4711", "completed=false"]),
        ("/dogowner/tasks".to_owned(), "completed=false".to_owned(), vec!["", "completed=true"]),
        ("/dogowner/tasks".to_owned(), "due_before=2027-01-01".to_owned(), vec!["", "due_before=2027-01-02"]),
        (format!("/dogowner/owners/{owner}/dogs"), "role=primary".to_owned(), vec!["", "role=co"]),
    ] {
        for sort in ["", "sort=-name&"] {
            if list.ends_with("/dogs") && list.contains("owners/") && !sort.is_empty() {
                continue;
            }
            let cursor = cursor(&alice, &format!("{list}?{sort}{filter}&limit=1"));
            alice.get(&format!("{list}?{sort}{filter}&cursor={cursor}")).expect(200);
            for other in &others {
                let answer = alice.get(&format!("{list}?{sort}{other}&cursor={cursor}"));
                answer.parameter_error("cursor", "invalid_cursor");
            }
        }
    }
}

fn limit_count_and_expand_may_change_from_page_to_page(app: &App) {
    let alice = app.sign_in("alice");
    let (owner, _) = fill(&alice);
    for list in ["/dogowner/dogs?sort=-name&".to_owned(), format!("/dogowner/owners/{owner}/dogs?")] {
        let all = alice.get(&list).expect(200).ids();
        let cursor = cursor(&alice, &format!("{list}limit=1&count=true&expand=owner"));
        for changed in
            ["", "limit=7", "count=true", "count=false", "expand=co_owners", "expand=owner,co_owners&limit=2"]
        {
            let rest = alice.get(&format!("{list}{changed}&cursor={cursor}")).expect(200);
            assert_eq!(rest.ids(), all[1..], "{changed}");
        }
    }
}

fn the_link_keeps_every_parameter_as_it_was_given(app: &App) {
    let alice = app.sign_in("alice");
    fill(&alice);
    for query in [
        "sort=-name&q=e",
        "q=e&sort=-name",
        "q=%45&expand=owner,co_owners&count=true",
        "expand=owner%2Cco_owners&q=r%45x",
        "count=false&sort=-created_at,name",
    ] {
        for page in [format!("/dogowner/dogs?{query}&limit=1"), format!("/dogowner/dogs?limit=1&{query}")] {
            let next = alice.get(&page).expect(200).next_page().expect("there is more");
            let (kept, cursor) = next.split_once("&limit=1&cursor=").unwrap_or_else(|| panic!("{next}"));
            let given = form_urlencoded::parse(query.as_bytes()).into_owned().collect::<Vec<_>>();
            let kept = kept.strip_prefix("/dogowner/dogs?").expect("the list's own path");
            assert_eq!(form_urlencoded::parse(kept.as_bytes()).into_owned().collect::<Vec<_>>(), given);
            assert!(!cursor.contains('&'), "{next}");
            let after = alice.get(&next).expect(200).next_page().expect("there is even more");
            assert!(after.starts_with(&next[..next.len() - cursor.len()]), "{after} after {next}");
        }
    }
    for text in ["Ann & Söhne = 100%, <\"Rex\">; x", "a+b c", "#?/&=%26>", "Émile,-\u{1f415}"] {
        let ids = [0, 1, 2].map(|number| alice.owner(&format!("{text} {number}")));
        let first = format!("/dogowner/owners?q={}&sort=name&limit=1", encoded(text));
        assert_eq!(follow(&alice, &first).concat(), ids, "{text}");
    }
}

fn a_cursor_with_one_bit_changed_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    fill(&alice);
    for list in ["/dogowner/owners?", "/dogowner/dogs?sort=-name,created_at&q=e&", "/dogowner/tasks?sort=due_on&"] {
        let cursor = cursor(&alice, &format!("{list}limit=1"));
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("base64url");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            let answer = alice.get(&format!("{list}cursor={}", URL_SAFE_NO_PAD.encode(&changed)));
            answer.parameter_error("cursor", "invalid_cursor");
        }
        for length in 0..bytes.len() {
            let answer = alice.get(&format!("{list}cursor={}", URL_SAFE_NO_PAD.encode(&bytes[..length])));
            answer.parameter_error("cursor", "invalid_cursor");
        }
        for longer in [vec![bytes.clone(), vec![0]], vec![vec![0], bytes.clone()], vec![bytes.clone(), bytes.clone()]] {
            let answer = alice.get(&format!("{list}cursor={}", URL_SAFE_NO_PAD.encode(longer.concat())));
            answer.parameter_error("cursor", "invalid_cursor");
        }
    }
}

fn a_cursor_in_another_spelling_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    fill(&alice);
    let list = "/dogowner/dogs?sort=name&";
    let cursor = cursor(&alice, &format!("{list}limit=1"));
    let bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("base64url");
    let padded = [URL_SAFE.encode(&bytes), STANDARD.encode(&bytes), format!("{cursor}=")];
    let others = [
        cursor.to_lowercase(),
        cursor.to_uppercase(),
        format!(" {cursor}"),
        format!("{cursor}\n"),
        format!("{cursor}\0"),
        format!("{cursor}."),
        format!("{cursor}{cursor}"),
        "A".repeat(7000),
        "e30".to_owned(),
        "MQ".to_owned(),
        "é".to_owned(),
        format!("{cursor},{cursor}"),
    ];
    for other in padded.iter().chain(&others).filter(|other| **other != cursor) {
        let answer = alice.get(&format!("{list}cursor={}", encoded(other)));
        answer.parameter_error("cursor", "invalid_cursor");
    }
    let twice = alice.get(&format!("{list}cursor={cursor}&cursor={cursor}"));
    twice.parameter_error("cursor", "repeated_parameter");
}

fn a_strangers_cursor_shows_nothing_of_a_strangers(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    fill(&alice);
    fill(&bob);
    let me = bob.id();
    for list in
        ["/dogowner/owners?sort=name", "/dogowner/dogs?sort=-name&expand=owner", "/dogowner/tasks?completed=false"]
    {
        let answer = bob.get(&format!("{list}&cursor={}", cursor(&alice, &format!("{list}&limit=1"))));
        if answer.status == 200 {
            assert!(answer.rows().iter().all(|row| row["user_id"] == me), "{answer}");
        } else {
            answer.parameter_error("cursor", "invalid_cursor");
        }
    }
}

fn a_cursor_goes_on_where_its_row_was_even_if_that_is_gone_or_changed(app: &App) {
    let alice = app.sign_in("alice");
    let ids = ["a", "b", "c", "d", "e", "f"].map(|name| alice.owner(name));
    let list = "/dogowner/owners?sort=name&limit=2";
    let next = alice.get(list).expect(200).next_page().expect("there is more");
    alice.delete(&format!("/dogowner/owners/{}", ids[1])).expect(204);
    let between = alice.owner("bb");
    alice.owner("aa");
    let rest = follow(&alice, &next).concat();
    assert_eq!(rest, [between, ids[2], ids[3], ids[4], ids[5]]);
    alice.patch(&format!("/dogowner/owners/{}", ids[0]), &json!({"name": "g"})).expect(200);
    assert_eq!(follow(&alice, &next).concat(), [rest, vec![ids[0]]].concat());
}

fn rows_with_the_longest_names_can_be_paged(app: &App) {
    let alice = app.sign_in("alice");
    for letter in ["🐕", "ΐ", "ß", "ﬃ", "İ", "%", "\"", "\u{1d400}", "\u{1d160}", "\u{fb2c}"] {
        let name = letter.repeat(255);
        let mut ids: Vec<_> = (0..3).map(|_| alice.owner(&name)).collect();
        let q = encoded(&name);
        for sort in ["name", "name,created_at"] {
            let first = format!("/dogowner/owners?q={q}&sort={sort}&limit=1");
            assert_eq!(follow(&alice, &first).concat(), ids, "{letter}");
        }
        ids.reverse();
        let first = format!("/dogowner/owners?q={q}&sort=-name,-created_at&limit=2");
        assert_eq!(follow(&alice, &first).concat(), ids, "{letter}");
    }
}

/// Each answer is held to 4 KiB; these are those with most in their heads.
fn the_head_of_a_page_stays_short_whatever_is_searched_and_found(database: &Database) {
    let origin = "https://a-long-name-of-a-page.somewhere.example.com:8443";
    let settings = [("CORS_ORIGINS", origin), ("TRUSTED_PROXIES", "127.0.0.1"), ("USER_RATE", "1000000/24h")];
    let app = App::with(Database::fresh(database.engine), &settings);
    let alice = app.sign_in("alice");
    let id = "a".repeat(64);
    let headers = [("Origin", origin), ("X-Forwarded-Proto", "https"), ("X-Request-Id", id.as_str())];
    for letter in ["\u{1d160}", "\u{10ffff}", "\""] {
        let name = letter.repeat(255);
        let owner = alice.owner(&name);
        let dogs = [0, 1, 2].map(|_| alice.dog(&name, owner));
        let mut next = Some(format!(
            "/dogowner/dogs?sort=born_on,name,-created_at,-id&q={}&owner_id={owner}&expand=owner,co_owners&count=true&limit=1",
            encoded(&name)
        ));
        let mut found = Vec::new();
        while let Some(path) = next {
            let page = alice.send("GET", &path, &headers, None).expect(200);
            assert_eq!(page.header("x-total-count"), "3");
            found.extend(page.ids());
            next = page.next_page();
        }
        assert_eq!(found, [dogs[2], dogs[1], dogs[0]], "{letter:?}");
    }
    // What travels in a cursor counts as what it is.
    let all = format!("/dogowner/dogs?q={}&limit=1", encoded(&"\"".repeat(255)));
    let next = alice.get(&all).expect(200).next_page().expect("there is more");
    assert!(!next.contains("q="), "{next}");
    alice.get(&format!("{next}&q=x")).parameter_error("cursor", "invalid_cursor");
    alice.get(&next.replace("/dogs?", "/owners?")).parameter_error("cursor", "invalid_cursor");
}

fn a_cursor_after_the_last_row_is_an_empty_page(app: &App) {
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    for sort in ["id", "name", "-created_at,name"] {
        let next = alice.get(&format!("/dogowner/owners?sort={sort}&limit=1")).next_page().expect("there is more");
        let zoe = alice.owner("Zoe");
        alice.get(&next).expect(200);
        alice.delete(&format!("/dogowner/owners/{zoe}")).expect(204);
    }
    let next = alice.get("/dogowner/owners?sort=name&limit=1").next_page().expect("there is more");
    alice.delete(&format!("/dogowner/owners/{mia}")).expect(204);
    let empty = alice.get(&next).expect(200);
    assert_eq!((&empty.json, empty.next_page()), (&json!([]), None));
    assert_eq!(alice.get("/dogowner/owners").ids(), [ann]);
}
