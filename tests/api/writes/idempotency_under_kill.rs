//! What a key is worth when the server dies: processes that are killed in the middle of their work, and what
//! those find who ask again.

use std::collections::BTreeMap;
use std::sync::{Mutex, mpsc};
use std::thread;

use serde_json::json;

use crate::support::process::{Program, Running};
use crate::support::{Actor, Answer, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        whatever_was_asked_for_under_a_key_happened_once_however_often_the_server_was_killed,
        old_keys_are_swept_when_the_server_starts_and_new_ones_stay,
    ]
}

const WRITERS: usize = 6;

fn post(actor: &Actor<'_>, key: &str) -> Result<Answer, String> {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    let body = json!({ "name": key }).to_string();
    actor.try_send("POST", "/dogowner/owners", &headers, Some(body.as_bytes()))
}

/// Writes until the server is killed, which is after so many answers. Each key that was sent, with the answer's
/// body if there was one.
fn storm(server: &Running, token: &str, round: usize) -> BTreeMap<String, Option<Vec<u8>>> {
    let sent = Mutex::new(BTreeMap::new());
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (tell, sent) = (tell.clone(), &sent);
            scope.spawn(move || {
                let actor = server.anon().with_token(token);
                for number in 0.. {
                    let key = format!("{round}-{writer}-{number}");
                    let answer = post(&actor, &key).ok();
                    let died = answer.is_none();
                    let body = answer.map(|answer| answer.expect(201).body);
                    sent.lock().expect("nobody failed").insert(key, body);
                    if died {
                        return;
                    }
                    let _the_killer_has_heard_enough = tell.send(());
                }
            });
        }
        assert_eq!(told.iter().take(20 + 7 * round).count(), 20 + 7 * round);
        server.kill();
    });
    sent.into_inner().expect("nobody failed")
}

fn whatever_was_asked_for_under_a_key_happened_once_however_often_the_server_was_killed(database: &Database) {
    let first = Program::on(database).serve();
    let token = first.sign_in("alice").token().to_owned();
    drop(first);
    let mut sent = BTreeMap::new();
    for round in 0..3 {
        let server = Program::on(database).serve();
        sent.extend(storm(&server, &token, round));
    }
    let server = Program::on(database).serve();
    let alice = server.anon().with_token(&token);
    let unanswered = sent.values().filter(|answer| answer.is_none()).count();
    assert!(unanswered > 0, "nobody was interrupted");
    for (key, answer) in &sent {
        let again = post(&alice, key).expect("an answer").expect(201);
        assert_eq!(again.text("name"), key);
        if let Some(answer) = answer {
            assert_eq!(again.header("idempotency-replayed"), "true", "{key} was acknowledged");
            assert_eq!(&again.body, answer, "{key}");
        }
    }
    let mut names = database.texts("SELECT name AS value FROM owners");
    names.sort();
    assert_eq!(names, sent.into_keys().collect::<Vec<_>>());
}

fn old_keys_are_swept_when_the_server_starts_and_new_ones_stay(database: &Database) {
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    for key in ["old-1", "old-2"] {
        post(&alice, key).expect("an answer").expect(201);
    }
    for doubling in 0..10 {
        let columns = "fingerprint, status, headers, body, created_at";
        let double = format!(
            "INSERT INTO idempotency_keys (user_id, key, {columns}) \
             SELECT user_id, key || '-{doubling}', {columns} FROM idempotency_keys"
        );
        database.execute(&double).expect("they are doubled");
    }
    database.put_back("created_at", "idempotency_keys", 24 * 60 * 60 + 1);
    post(&alice, "new").expect("an answer").expect(201);
    drop(server);
    let server = Program::on(database).serve();
    // Each question waits its turn, and the sweeping comes before most of them.
    let left = || database.texts("SELECT key AS value FROM idempotency_keys ORDER BY key");
    let swept = (0..10_000).any(|_| {
        server.anon().get("/health/ready").expect(200);
        left() == ["new"]
    });
    assert!(swept, "{:?}", left());
    assert_eq!(database.count("owners"), 3, "the rows stay");
}
