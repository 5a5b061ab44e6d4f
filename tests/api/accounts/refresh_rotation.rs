//! One refresh token after the other: tabs that race and answers that got lost do no harm, and a thief who comes
//! with an old token ends the session.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use crate::accounts::refresh_tokens::dead;
use crate::support::{Actor, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_hundred_refreshes_in_a_chain_all_succeed_and_all_differ,
        three_tabs_with_one_token_all_go_on,
        a_lost_answer_is_given_again_for_ten_seconds,
        a_token_that_comes_back_after_its_grace_ends_the_session,
        a_token_of_two_refreshes_ago_ends_the_session_at_once,
        an_old_token_ends_its_own_session_only,
        of_twenty_refreshes_at_once_each_gets_the_same_successor,
        a_refresh_and_a_logout_at_once_leave_nothing_alive,
    ]
}

/// Lets the ten seconds after the last rotation pass.
fn let_the_grace_pass(app: &App) {
    app.database.put_back("rotated_at", "sessions", 11);
}

fn a_hundred_refreshes_in_a_chain_all_succeed_and_all_differ(app: &App) {
    let mut alice = app.sign_in("alice");
    let session = alice.session();
    let mut seen = BTreeSet::from([alice.token().to_owned(), alice.refresh_token().to_owned()]);
    for _ in 0..100 {
        alice = alice.refresh();
        seen.extend([alice.token().to_owned(), alice.refresh_token().to_owned()]);
    }
    assert_eq!(seen.len(), 202);
    assert_eq!(alice.session(), session);
    alice.get("/me").expect(200);
}

fn three_tabs_with_one_token_all_go_on(app: &App) {
    let mut tabs = vec![app.sign_in("alice"); 3];
    for _ in 0..5 {
        tabs = tabs.iter().map(Actor::refresh).collect();
        assert!(tabs.iter().all(|tab| tab.refresh_token() == tabs[0].refresh_token()), "one successor for all");
        for tab in &tabs {
            tab.get("/me").expect(200);
        }
    }
}

fn a_lost_answer_is_given_again_for_ten_seconds(app: &App) {
    let alice = app.sign_in("alice");
    let successor = alice.refresh();
    for _ in 0..3 {
        app.database.put_back("rotated_at", "sessions", 2);
        assert_eq!(alice.refresh().refresh_token(), successor.refresh_token());
    }
    successor.refresh().get("/me").expect(200);
}

fn a_token_that_comes_back_after_its_grace_ends_the_session(app: &App) {
    let elsewhere = app.sign_in("alice");
    let first = app.log_in("alice");
    let second = first.refresh();
    let third = second.refresh();
    let_the_grace_pass(app);
    first.try_refresh().expect(401).problem("invalid-refresh-token");
    for actor in [&third, &second, &first] {
        dead(actor);
    }
    elsewhere.get("/me").expect(200);
    elsewhere.refresh().get("/me").expect(200);

    let first = app.log_in("alice");
    let second = first.refresh();
    let_the_grace_pass(app);
    dead(&{
        first.try_refresh().expect(401);
        second
    });
}

fn a_token_of_two_refreshes_ago_ends_the_session_at_once(app: &App) {
    let first = app.sign_in("alice");
    let third = first.refresh().refresh();
    first.try_refresh().expect(401).problem("invalid-refresh-token");
    dead(&third);
}

fn an_old_token_ends_its_own_session_only(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let (old, there) = (app.log_in("alice"), app.log_in("alice"));
    old.refresh().refresh();
    old.try_refresh().expect(401);
    dead(&old);
    for other in [alice, bob, there] {
        other.refresh().get("/me").expect(200);
    }
}

fn of_twenty_refreshes_at_once_each_gets_the_same_successor(app: &App) {
    let mut alice = app.sign_in("alice");
    for round in 0..50 {
        let start = Barrier::new(20);
        let answers: Vec<_> = thread::scope(|scope| {
            let tabs: Vec<_> = (0..20)
                .map(|_| {
                    let (start, alice) = (&start, &alice);
                    scope.spawn(move || {
                        start.wait();
                        alice.try_refresh()
                    })
                })
                .collect();
            tabs.into_iter().map(|tab| tab.join().expect("each gets its answer")).collect()
        });
        let successors: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert!(answers.iter().all(|answer| [200, 503].contains(&answer.status)), "in round {round}");
        let first = successors.first().expect("somebody succeeds");
        for answer in &successors {
            assert_eq!(answer.text("refresh_token"), first.text("refresh_token"), "in round {round}");
        }
        alice = Actor::logged_in(app, first);
        alice.get("/me").expect(200);
    }
    assert_eq!(app.database.count("sessions WHERE revoked_at IS NULL"), 1);
}

fn a_refresh_and_a_logout_at_once_leave_nothing_alive(app: &App) {
    app.sign_up("alice");
    for _ in 0..10 {
        let alice = app.log_in("alice");
        let refreshed = thread::scope(|scope| {
            let refreshed = scope.spawn(|| alice.try_refresh());
            alice.send("POST", "/auth/logout", &[], None).expect(200);
            refreshed.join().expect("an answer")
        });
        if refreshed.status == 200 {
            dead(&Actor::logged_in(app, &refreshed));
        }
        dead(&alice);
    }
}
