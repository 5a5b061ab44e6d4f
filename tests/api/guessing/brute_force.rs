//! Thousands of guesses: whatever is fired at one account, from however many places and however fast, no more
//! than a hundred a day are compared with the password.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Barrier;
use std::thread;

use crate::support::client::Client;
use crate::support::process::{Program, Running};
use crate::support::{Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        of_five_thousand_guesses_from_everywhere_a_hundred_are_looked_at,
        of_as_many_at_once_no_more_are_looked_at,
        of_many_at_once_the_last_one_of_a_day_is_one,
        four_hundred_logins_at_once_are_answered_in_little_memory,
    ]
}

/// Answers by their status.
type Statuses = BTreeMap<u16, usize>;

/// A server with the quotas that it has if nobody says otherwise.
fn serve(database: &Database) -> Running {
    ["LOGIN_RATE", "SIGNUP_RATE", "USER_RATE", "IP_RATE"]
        .iter()
        .fold(Program::on(database), |program, rate| program.unset(rate))
        .serve()
}

/// Guesses of so many from each of these sources; those that were looked at are 401. Nobody waits for a lock: all but
/// the last one of the day are over before the next guess.
fn guess(database: &Database, server: &Client, sources: Range<u16>, each: usize) -> Statuses {
    let mut statuses = Statuses::new();
    for source in sources {
        let place = server.from(source);
        for number in 0..each {
            database.put_back("locked_until", "login_failures WHERE count < 100", 86_400);
            let status = place.try_log_in("alice", &format!("guess {number} of {source}")).status;
            *statuses.entry(status).or_default() += 1;
        }
    }
    statuses
}

fn total(parts: impl IntoIterator<Item = Statuses>) -> Statuses {
    parts.into_iter().flatten().fold(Statuses::new(), |mut total, (status, count)| {
        *total.entry(status).or_default() += count;
        total
    })
}

#[track_caller]
fn hold(statuses: &Statuses, guesses: usize) {
    let looked_at = statuses.get(&401).copied().unwrap_or(0);
    assert!(looked_at <= 100, "{looked_at} guesses were looked at: {statuses:?}");
    assert_eq!(statuses.values().sum::<usize>(), guesses);
    assert!(statuses.keys().all(|status| [401, 429, 503].contains(status)), "{statuses:?}");
}

fn of_five_thousand_guesses_from_everywhere_a_hundred_are_looked_at(database: &Database) {
    let server = serve(database);
    server.sign_up("alice");
    let before = guess(database, &server, 0..5, 20);
    server.kill();
    drop(server);
    let server = serve(database);
    let after = guess(database, &server, 5..250, 20);
    let looked_at = [&before, &after].map(|statuses| statuses.get(&401).copied().unwrap_or(0));
    hold(&total([before, after]), 5000);
    assert!(looked_at[0] >= 50, "each source had its ten: {looked_at:?}");
    assert_eq!(looked_at[0] + looked_at[1], 100, "{looked_at:?}");
    // Not even the right one, from anywhere.
    server.from(251).try_log_in("alice", PASSWORD).expect(429).problem("too-many-attempts");
}

fn of_as_many_at_once_no_more_are_looked_at(database: &Database) {
    let servers = [serve(database), serve(database)];
    servers[0].sign_up("alice");
    let all = thread::scope(|scope| {
        let guessers: Vec<_> = (0..40_u16)
            .map(|guesser| {
                let server = &servers[usize::from(guesser % 2)];
                scope.spawn(move || guess(database, server, guesser * 10..guesser * 10 + 10, 5))
            })
            .collect();
        total(guessers.into_iter().map(|guesser| guesser.join().expect("it ends")))
    });
    hold(&all, 2000);
    assert_eq!(database.count("login_failures WHERE count > 100"), 0);
}

fn of_many_at_once_the_last_one_of_a_day_is_one(database: &Database) {
    let servers = [serve(database), serve(database)];
    servers[0].sign_up("alice");
    servers[0].try_log_in("alice", "not the password").expect(401);
    for round in 0..10_u16 {
        assert_eq!(database.execute("UPDATE login_failures SET count = 99"), Ok(1));
        database.put_back_the_locks();
        let places: Vec<_> = (0..16).map(|place| servers[usize::from(place % 2)].from(round * 16 + place)).collect();
        let start = Barrier::new(places.len());
        let statuses = thread::scope(|scope| {
            let guessers: Vec<_> = places
                .iter()
                .map(|place| {
                    let start = &start;
                    scope.spawn(move || {
                        place.anon().get("/health/live").expect(200);
                        start.wait();
                        Statuses::from([(place.try_log_in("alice", "not the password").status, 1)])
                    })
                })
                .collect();
            total(guessers.into_iter().map(|guesser| guesser.join().expect("it ends")))
        });
        assert_eq!(statuses.get(&401), Some(&1), "in round {round}: {statuses:?}");
    }
}

fn four_hundred_logins_at_once_are_answered_in_little_memory(database: &Database) {
    let server = Program::on(database).serve();
    for number in 0..20 {
        server.sign_up(&format!("user-{number}"));
    }
    let places: Vec<_> = (0..400).map(|number| server.from(number)).collect();
    for place in &places {
        place.anon().get("/health/live").expect(200);
    }
    let start = Barrier::new(places.len());
    let statuses = thread::scope(|scope| {
        let logins: Vec<_> = (0..20)
            .cycle()
            .zip(&places)
            .map(|(number, place)| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    let status = place.try_log_in(&format!("user-{number}"), PASSWORD).status;
                    Statuses::from([(status, 1)])
                })
            })
            .collect();
        total(logins.into_iter().map(|login| login.join().expect("an answer")))
    });
    assert!(statuses.keys().all(|status| [200, 429, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains_key(&200), "{statuses:?}");
    let peak = server.peak_memory();
    assert!(peak <= 256, "{peak} MiB for {statuses:?}");
    server.anon().get("/health/ready").expect(200);
}
