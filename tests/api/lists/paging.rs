//! Lists come in pages that nobody gets lost in: all of one's own rows, once, whatever happens meanwhile.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use crate::lists::search::encoded;
use crate::support::{Actor, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        who_takes_the_cursor_only_may_repeat_the_query,
        a_page_has_fifty_rows_unless_asked_otherwise,
        a_page_has_two_hundred_rows_at_most,
        a_list_that_just_fits_has_one_page,
        a_limit_is_a_whole_number_from_one,
        following_the_links_shows_each_of_my_rows_once_while_others_write,
        rows_deleted_meanwhile_leave_no_gap,
        the_singular_path_links_to_the_plural_one,
        a_cursor_belongs_to_its_list_and_cannot_be_made_up,
        a_strangers_cursor_never_shows_a_strangers_rows,
        parameters_that_a_list_does_not_know_or_that_come_twice_are_refused,
        the_dogs_of_an_owner_come_in_pages_too,
    ]
}

/// Makes the owners of everybody as many as `doublings` times doubled, evenly mixed.
fn double_owners(app: &App, doublings: u32) {
    for _ in 0..doublings {
        let double = "INSERT INTO owners (user_id, name, name_key, created_at, updated_at) \
                      SELECT user_id, name, name_key, created_at, updated_at FROM owners ORDER BY id";
        app.database.execute(double).expect("they are doubled");
    }
}

/// Follows the links from `first` to the end; the ids of each page.
pub fn follow(actor: &Actor<'_>, first: &str) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        let page = actor.get(&path).expect(200);
        pages.push(page.ids());
        next = page.next_page();
    }
    pages
}

pub fn sizes(pages: &[Vec<i64>]) -> Vec<usize> {
    pages.iter().map(Vec::len).collect()
}

fn a_page_has_fifty_rows_unless_asked_otherwise(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    double_owners(app, 7);
    assert_eq!(sizes(&follow(&alice, "/dogowner/owners")), [50, 50, 28]);
    assert_eq!(sizes(&follow(&alice, "/dogowner/owners?limit=100")), [100, 28]);
    assert_eq!(sizes(&follow(&alice, "/dogowner/owners?limit=127")), [127, 1]);
}

fn a_page_has_two_hundred_rows_at_most(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    double_owners(app, 8);
    for limit in ["200", "201", "1000", "9223372036854775807", "99999999999999999999999"] {
        assert_eq!(sizes(&follow(&alice, &format!("/dogowner/owners?limit={limit}"))), [200, 56], "{limit}");
    }
}

fn a_list_that_just_fits_has_one_page(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    double_owners(app, 3);
    assert_eq!(sizes(&follow(&alice, "/dogowner/owners?limit=8")), [8]);
    assert_eq!(sizes(&follow(&alice, "/dogowner/owners?limit=4")), [4, 4]);
}

fn a_limit_is_a_whole_number_from_one(app: &App) {
    let alice = app.sign_in("alice");
    for (limit, code) in [("0", "too_small"), ("-1", "too_small"), ("-99999999999999999999999", "too_small")] {
        alice.get(&format!("/dogowner/owners?limit={limit}")).parameter_error("limit", code);
    }
    for limit in ["", "ten", "1.5", "1e1", "0x10", "%2B5", "%201", "1%00", "%E2%91%A0", "null"] {
        alice.get(&format!("/dogowner/owners?limit={limit}")).parameter_error("limit", "type");
    }
}

fn following_the_links_shows_each_of_my_rows_once_while_others_write(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    alice.owner("Ann");
    bob.owner("Ben");
    double_owners(app, 8);
    let mine = |actor: &Actor<'_>| {
        let query = format!("SELECT CAST(id AS TEXT) AS value FROM owners WHERE user_id = {}", actor.id());
        app.database.texts(&query).iter().filter_map(|id| id.parse().ok()).collect::<BTreeSet<i64>>()
    };
    let before = [mine(&alice), mine(&bob)];
    assert!(before.iter().all(|ids| ids.len() >= 250));

    let done = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        for writer in 0..5 {
            let (done, actor) = (&done, if writer % 2 == 0 { alice.clone() } else { bob.clone() });
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    actor.owner("One more");
                }
            });
        }
        let seen = [
            (&alice, "limit=7"),
            (&bob, "limit=7"),
            (&alice, "sort=name&limit=31"),
            (&bob, "sort=-created_at,name&limit=31"),
            (&alice, "sort=name,-created_at&q=N&count=true&limit=31"),
        ]
        .map(|(actor, query)| (actor, query, follow(actor, &format!("/dogowner/owners?{query}")).concat()));
        done.store(true, Ordering::Relaxed);
        seen
    });

    let after = [mine(&alice), mine(&bob)];
    for (actor, query, seen) in seen {
        let whose = usize::from(actor.token != alice.token);
        assert!(query.contains("sort") || seen.is_sorted(), "in the order of their ids");
        let once: BTreeSet<_> = seen.iter().copied().collect();
        assert_eq!(once.len(), seen.len(), "{query}: none comes twice");
        let (all_before, all_after) = (&before[whose], &after[whose]);
        assert!(
            once.is_superset(all_before) && once.is_subset(all_after),
            "{query}: all of one's own, and nothing else"
        );
    }
}

fn rows_deleted_meanwhile_leave_no_gap(app: &App) {
    let alice = app.sign_in("alice");
    let ids = ["a", "b", "c", "d", "e"].map(|name| alice.owner(name));
    let first = alice.get("/dogowner/owners?limit=2").expect(200);
    for id in &ids[..3] {
        alice.delete(&format!("/dogowner/owners/{id}")).expect(204);
    }
    let next = first.next_page().expect("there is more");
    assert_eq!(follow(&alice, &next).concat(), ids[3..]);
}

fn the_singular_path_links_to_the_plural_one(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    alice.owner("Mia");
    let singular = alice.get("/dogowner/owner?limit=1").expect(200);
    singular.same_as(&alice.get("/dogowner/owners?limit=1"));
    assert!(singular.next_page().is_some_and(|next| next.starts_with("/dogowner/owners?")), "{singular}");
}

fn a_cursor_belongs_to_its_list_and_cannot_be_made_up(app: &App) {
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    alice.dog("Rex", ann);
    alice.dog("Ivy", ann);
    let next = alice.get("/dogowner/owners?limit=1").next_page().expect("there is more");
    let cursor = next.split("cursor=").nth(1).expect("a cursor").split('&').next().unwrap_or_default().to_owned();
    let lists = [
        "/dogowner/dogs".to_owned(),
        "/dogowner/dog".to_owned(),
        format!("/dogowner/owners/{ann}/dogs"),
        format!("/dogowner/owners/{mia}/dogs"),
    ];
    for list in lists {
        alice.get(&format!("{list}?cursor={cursor}")).parameter_error("cursor", "invalid_cursor");
    }
    let flipped = if cursor.starts_with('A') { cursor.replacen('A', "B", 1) } else { format!("A{}", &cursor[1..]) };
    let longer = format!("{cursor}A");
    let shorter = &cursor[..cursor.len() - 1];
    for made_up in ["", "1", "2", "AAAA", "b3Bh", "%00", "'", "....", &flipped, &longer, shorter, &"A".repeat(4000)] {
        let answer = alice.get(&format!("/dogowner/owners?cursor={made_up}"));
        answer.parameter_error("cursor", "invalid_cursor");
    }
    alice.get(&format!("/dogowner/owners?cursor={cursor}")).expect(200);
}

fn a_strangers_cursor_never_shows_a_strangers_rows(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    alice.owner("Ann");
    bob.owner("Ben");
    alice.owner("Mia");
    bob.owner("Bea");
    let next = alice.get("/dogowner/owners?limit=1").next_page().expect("there is more");
    let answer = bob.get(&next);
    if answer.status == 200 {
        let me = bob.id();
        assert!(answer.rows().iter().all(|row| row["user_id"] == me), "{answer}");
    } else {
        answer.parameter_error("cursor", "invalid_cursor");
    }
}

fn parameters_that_a_list_does_not_know_or_that_come_twice_are_refused(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let bobs = bob.owner("Ben");
    for unknown in
        ["user_id", "ids", "name", "completed", "role", "offset", "page", "Q", "Sort", "Limit", "limit[]", ""]
    {
        for list in ["/dogowner/owners", "/dogowner/dogs", "/dogowner/owner", "/dogowner/dog"] {
            let answer = alice.get(&format!("{list}?{unknown}={bobs}"));
            answer.parameter_error(unknown, "unknown_parameter");
        }
    }
    alice.get("/dogowner/owners?limit=1&limit=2").parameter_error("limit", "repeated_parameter");
    alice.get("/dogowner/owners?limit=1&limit=1").parameter_error("limit", "repeated_parameter");
    let all = alice.get("/dogowner/owners?limit=0&cursor=x&colour=red");
    let all = all.parameter_error("limit", "too_small").parameter_error("cursor", "invalid_cursor");
    assert_eq!(all.parameter_error("colour", "unknown_parameter").error_count(), 3);
}

fn the_dogs_of_an_owner_come_in_pages_too(app: &App) {
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let dogs: Vec<_> = (0..5).map(|number| alice.dog(&number.to_string(), ann)).collect();
    alice.post("/dogowner/dogs", &json!({"name": "Ivy", "owner_id": mia})).expect(201);
    let list = format!("/dogowner/owners/{ann}/dogs");
    let pages = follow(&alice, &format!("{list}?limit=2"));
    assert_eq!(sizes(&pages), [2, 2, 1]);
    assert_eq!(pages.concat(), dogs);
    let next = alice.get(&format!("{list}?limit=2")).next_page().expect("there is more");
    assert!(next.starts_with(&format!("{list}?")), "{next}");
}

/// A part of a long query is in the cursor, to keep heads short; a client that builds its own pages says all of it again.
fn who_takes_the_cursor_only_may_repeat_the_query(app: &App) {
    let alice = app.sign_in("alice");
    let name = "\u{1f415}".repeat(100);
    for _ in 0..3 {
        alice.owner(&name);
    }
    let ids: Vec<_> = alice.get("/dogowner/owners").expect(200).ids().iter().map(i64::to_string).collect();
    let many =
        format!("{},{}", ids.join(","), (1_000_000..1_000_060).map(|id| id.to_string()).collect::<Vec<_>>().join(","));
    for query in [
        format!("q={}&limit=1", encoded(&name)),
        format!("id={many}&limit=1"),
        format!("q={}&limit=1", encoded("\u{1f415}")),
    ] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = alice.get(&format!("/dogowner/owners?{query}{cursor}")).expect(200);
            seen.extend(page.ids());
            let Some(next) = page.next_page() else { break };
            let value =
                next.split_once("cursor=").expect("a cursor").1.split('&').next().expect("its value").to_owned();
            cursor = format!("&cursor={value}");
        }
        assert_eq!(seen.len(), 3, "{query}");
    }
    // Another one than it carries is another list.
    let first = alice.get(&format!("/dogowner/owners?q={}&limit=1", encoded(&name))).expect(200);
    let next = first.next_page().expect("there is more");
    let cursor = next.split_once("cursor=").expect("a cursor").1;
    alice.get(&format!("/dogowner/owners?q=x&limit=1&cursor={cursor}")).expect(422);
}
