//! Connections to PostgreSQL that are cut from outside while nobody uses them: by its administrator, by a restart.
//! Nobody who asks next is told of it, and nothing happens twice.

use std::thread;

use serde_json::json;

use crate::support::{Actor, Answer, App, Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![connections_that_were_cut_while_idle_are_replaced_and_nothing_happens_twice]
}

/// Returns when the server's connections are gone.
pub fn cut_all(database: &Database) {
    let cut = database.texts(
        "SELECT CAST(pg_terminate_backend(pid, 60000) AS TEXT) AS value FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'kennel'",
    );
    assert!(!cut.is_empty() && cut.iter().all(|gone| gone == "true"), "{cut:?}");
}

fn at_once(ask: impl Fn(usize) -> Answer + Sync) {
    thread::scope(|scope| {
        for number in 0..8 {
            let ask = &ask;
            scope.spawn(move || ask(number));
        }
    });
}

/// One of many; the third makes two rows.
fn create(alice: &Actor<'_>, name: &str, number: usize, owner: i64) -> Answer {
    let body = json!({"name": name, "owner_id": owner, "co_owner_ids": []});
    match number % 3 {
        0 => alice.post("/dogowner/dogs", &body),
        1 => alice.ask("POST", "/dogowner/dogs", &[("Idempotency-Key", name)], Some(&body)),
        _ => {
            let co_owner = alice.owner("Mia");
            alice.post("/dogowner/dogs", &json!({"name": name, "owner_id": owner, "co_owner_ids": [co_owner]}))
        }
    }
}

fn connections_that_were_cut_while_idle_are_replaced_and_nothing_happens_twice(app: &App) {
    if app.engine == Engine::Sqlite {
        return;
    }
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let mut names = Vec::new();
    for round in 0..3 {
        // However long ago each connection was heard of, and if it was just now.
        at_once(|number| create(&alice, &format!("{round}-before-{number}"), number, owner).expect(201));
        cut_all(&app.database);
        if round % 2 == 0 {
            drop(create(&alice, &format!("{round}-alone"), 0, owner).expect(201));
            names.push(format!("{round}-alone"));
        }
        at_once(|number| create(&alice, &format!("{round}-after-{number}"), number, owner).expect(201));
        cut_all(&app.database);
        alice.get("/dogowner/dogs").expect(200);
        names.extend(["before", "after"].iter().flat_map(|when| (0..8).map(move |n| format!("{round}-{when}-{n}"))));
    }
    names.sort();
    let mut there = app.database.texts("SELECT name AS value FROM dogs");
    there.sort();
    assert_eq!(there, names);
}
