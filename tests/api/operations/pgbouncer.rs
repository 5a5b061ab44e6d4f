//! PostgreSQL behind PgBouncer, which lends a session for one transaction at a time: whatever a session remembers,
//! somebody else finds.

use std::collections::BTreeSet;
use std::thread;

use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::support::pgbouncer::{PgBouncer, SESSIONS};
use crate::support::process::{Program, Running};
use crate::support::{Database, Sentence, postgres, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        through_pgbouncer_many_are_served_by_two_instances_and_every_row_is_there_once,
        a_pgbouncer_that_drops_what_it_does_not_know_is_recognized_all_the_same,
        nothing_is_left_in_the_sessions_that_pgbouncer_lends,
        through_pgbouncer_a_write_that_waits_for_a_lock_gives_up,
    ]
}

/// As `DATABASE_POOL_SIZE` has it for each instance, which is more than there are sessions.
const CONNECTIONS: usize = 2 * SESSIONS;
const PEOPLE: usize = 6;
const ROWS: usize = 8;

fn serve(database: &Database, pooler: &PgBouncer) -> Running {
    let program = Program::on(database).set("DATABASE_URL", &pooler.url());
    program.set("DATABASE_POOL_SIZE", &CONNECTIONS.to_string()).serve()
}

/// Somebody who signs up here, logs in there, and writes and reads on both by turns.
fn tell(number: usize, here: &Running, there: &Running) {
    let name = format!("person{number}");
    here.sign_up(&name);
    let somebody = there.log_in(&name);
    for row in 0..ROWS {
        let (one, other) = if row % 2 == 0 { (here, there) } else { (there, here) };
        let owner = somebody.by(one).owner(&format!("{name} {row}"));
        somebody.by(other).dog(&format!("{name} {row}"), owner);
        assert_eq!(somebody.by(one).get("/dogowner/owners").ids().len(), row + 1);
        assert_eq!(somebody.by(other).get("/dogowner/dogs?expand=owner").ids().len(), row + 1);
    }
    somebody.go_public();
    somebody.get("/me/export").expect(200);
}

/// Two instances that start at once, and many who use both of them at once.
fn tell_of_many(database: &Database, pooler: &PgBouncer) {
    let instances = thread::scope(|scope| {
        let both = [0, 1].map(|_| scope.spawn(|| serve(database, pooler)));
        both.map(|instance| instance.join().expect("an instance starts"))
    });
    let [first, second] = &instances;
    thread::scope(|scope| {
        for number in 0..PEOPLE {
            scope
                .spawn(move || if number % 2 == 0 { tell(number, first, second) } else { tell(number, second, first) });
        }
    });
    for table in ["owners", "dogs"] {
        let names = database.texts(&format!("SELECT name AS value FROM {table}"));
        let each: BTreeSet<_> = names.iter().collect();
        assert_eq!((names.len(), each.len()), (PEOPLE * ROWS, PEOPLE * ROWS), "{table}");
    }
    assert_eq!(database.count("users WHERE is_public"), i64::try_from(PEOPLE).expect("few"));
    for instance in instances {
        assert_eq!(instance.stop("TERM").code, Some(0));
    }
}

fn through_pgbouncer_many_are_served_by_two_instances_and_every_row_is_there_once(database: &Database) {
    let Some(pooler) = PgBouncer::before(database, "") else { return };
    tell_of_many(database, &pooler);
}

fn a_pgbouncer_that_drops_what_it_does_not_know_is_recognized_all_the_same(database: &Database) {
    let Some(pooler) = PgBouncer::before(database, "ignore_startup_parameters = options") else { return };
    tell_of_many(database, &pooler);
}

fn nothing_is_left_in_the_sessions_that_pgbouncer_lends(database: &Database) {
    let Some(pooler) = PgBouncer::before(database, "") else { return };
    let server = serve(database, &pooler);
    server.sign_in("alice").owner("Ann");
    assert_eq!(server.stop("TERM").code, Some(0));
    let ours = "database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(database.count(&format!("pg_locks WHERE locktype = 'advisory' AND {ours}")), 0);
    let mut anybody = postgres::connect(&pooler.url());
    for _session in 0..SESSIONS {
        let nothing = "DO $$ BEGIN
            ASSERT (SELECT count(*) FROM pg_prepared_statements) = 0;
            ASSERT current_setting('statement_timeout') = '0' AND current_setting('lock_timeout') = '0';
            ASSERT current_setting('idle_in_transaction_session_timeout') = '0';
        END $$";
        anybody.batch_execute(nothing).expect("a session as it was");
    }
}

fn through_pgbouncer_a_write_that_waits_for_a_lock_gives_up(database: &Database) {
    let Some(pooler) = PgBouncer::before(database, "") else { return };
    let server = serve(database, &pooler);
    let alice = server.sign_in("alice");
    let mut somebody = postgres::connect(&database.url());
    somebody.batch_execute("BEGIN; LOCK TABLE owners IN EXCLUSIVE MODE").expect("the lock is taken");
    alice.post("/dogowner/owners", &json!({"name": "Ann"})).expect(503).problem("overloaded");
    somebody.batch_execute("COMMIT").expect("the lock is given back");
    alice.owner("Ann");
    assert_eq!(database.count("owners"), 1);
}
