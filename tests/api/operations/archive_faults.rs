//! Archives when something is in the way: a server that comes, another version, a full disk, Ctrl-C. One line tells what
//! happened and what stands, and no half of anything is left.

use std::thread;
use std::time::{Duration, Instant};

use super::archives::{good, names, other, refused, seed};
use crate::support::client::PATIENCE;
use crate::support::process::{Ended, Program, Starting};
use crate::support::{Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_server_that_starts_during_a_move_undoes_it,
        a_database_of_another_version_is_refused_in_a_line,
        where_sessions_cannot_be_ended_nothing_is_restored,
        a_disk_that_fills_leaves_nothing_of_a_backup,
        a_disk_that_fills_leaves_nothing_of_a_move,
        a_disk_that_fills_leaves_everything_where_something_is_restored,
        a_server_whose_disk_fills_stays_empty,
    ]
}

/// The line that says why a command ended.
#[track_caller]
fn told(ended: &Ended) -> &str {
    let told: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("kennel: ")).collect();
    assert_eq!((ended.code, told.len()), (Some(1), 1), "{ended:?}");
    told[0]
}

#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} has not come to be");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Starts a command, which comes to stand still at this table of a PostgreSQL database, and does something meanwhile.
fn held_at(table: &str, of: &Database, program: Program, meanwhile: impl FnOnce(Starting) -> Starting) -> Ended {
    let (aside, mut held) = (Database::fresh(Engine::Postgres), None);
    let waits = format!(
        "pg_locks l JOIN pg_database d ON d.oid = l.database WHERE NOT l.granted AND d.datname = '{}'",
        of.own_part_of_the_url()
    );
    of.execute_while(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"), || {
        let starting = program.spawn();
        until("the wait for a lock", || aside.count(&waits) > 0);
        held = Some(meanwhile(starting));
    });
    held.expect("it was started").ended()
}

fn a_server_that_starts_during_a_move_undoes_it(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    seed(database);
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let (there, mut server) = (Database::fresh(engine), None);
        let program = Program::on(database).args(&["move", "--to", &there.url()]);
        let ended = held_at("mails", database, program, |moving| {
            server = Some(Program::on(database).serve());
            moving
        });
        assert!(told(&ended).contains("a server runs on"), "{ended:?}");
        assert!(engine == Engine::Sqlite || there.count("users") == 0, "{ended:?}");
        assert_eq!(names(&there.directory(), "kennel.db"), [""; 0]);
        assert_eq!(server.expect("it was started").stop("TERM").code, Some(0));
    }
}

fn a_database_of_another_version_is_refused_in_a_line(database: &Database) {
    const NEWER: &str = "99990101000001";
    seed(database);
    drop(good(database, &["backup", "a.db"]));
    let there = Database::fresh(other(database.engine));
    let (is_postgres, url) = (database.engine == Engine::Postgres, there.url());
    let (back_up, go, check, restore) =
        (&["backup", "b.db"][..], &["move", "--to", &url][..], &["check"][..], &["restore", "a.db"][..]);
    let refuses = |all: &[&[&str]], why: &str| {
        let before = (database.everything(), database.count("__diesel_schema_migrations"));
        for args in all {
            let said = refused(database, args);
            assert!(said.contains(why), "{said}");
            assert_eq!((database.everything(), database.count("__diesel_schema_migrations")), before, "{said}");
        }
        assert_eq!((names(&database.directory(), "b.db"), names(&there.directory(), "kennel.db")), (vec![], vec![]));
    };
    // A file is put in the place of a file, whatever that is; the rows of a server's tables have to fit them.
    let of_postgres = |args| if is_postgres { args } else { check };

    let newer = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{NEWER}')");
    assert_eq!(database.execute(&newer), Ok(1));
    refuses(&[back_up, go, check, of_postgres(restore)], NEWER);

    let not_newer = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{NEWER}'");
    assert_eq!(database.execute(&not_newer), Ok(1));
    drop(good(database, &["migrate", "revert"]));
    refuses(&[go], "older version");
    if is_postgres {
        refuses(&[back_up, restore], "older version");
    }
    let said = good(database, check);
    assert!(said.contains("older version") && said.contains("[ok] foreign keys"), "{said}");
}

/// Makes the database fail like this when anything is done to a table.
fn fail_at(act: &str, table: &str, how: &str, database: &Database) {
    for statement in [
        format!(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING {}; END'",
            how.replace('\'', "''")
        ),
        format!("CREATE TRIGGER fail BEFORE {act} ON {table} EXECUTE FUNCTION fail()"),
    ] {
        database.execute(&statement).expect("it is made");
    }
}

fn where_sessions_cannot_be_ended_nothing_is_restored(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    seed(database);
    drop(good(database, &["backup", "a.db"]));
    let there = Database::fresh(Engine::Postgres);
    drop(good(&there, &["migrate", "run"]));
    fail_at("DELETE", "sessions", "MESSAGE = 'they go on'", &there);
    let backup = database.directory().join("a.db").display().to_string();
    let said = refused(&there, &["restore", &backup]);
    assert!(said.contains("they go on"), "{said}");
    assert_eq!((there.count("users"), there.count("dogs")), (0, 0));
}

/// Runs a command that may write files of so many blocks only: of few at first, and of ever more until it is done. What
/// it says whenever it fails is looked at.
fn with_ever_more_room(database: &Database, args: impl Fn() -> Vec<String>, failed: impl Fn(&str)) {
    let mut failures = 0;
    for power in 3.. {
        let limit = format!("-f {}", 1 << power);
        let args = args();
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let ended = Program::on(database).args(&args).with_limit(&limit).run();
        if ended.code == Some(0) {
            break;
        }
        failed(told(&ended));
        failures += 1;
    }
    assert!(failures > 3, "{failures}");
}

fn a_disk_that_fills_leaves_nothing_of_a_backup(database: &Database) {
    seed(database);
    let before = database.everything();
    let back_up = || vec!["backup".to_owned(), "a.db".to_owned()];
    with_ever_more_room(database, back_up, |said| {
        assert!(said.starts_with("kennel: no backup was made: "), "{said}");
        assert_eq!(names(&database.directory(), "a.db"), [""; 0], "{said}");
    });
    assert_eq!(database.everything(), before);
    drop(good(database, &["check", "a.db"]));
}

fn a_disk_that_fills_leaves_nothing_of_a_move(database: &Database) {
    seed(database);
    let (before, there) = (database.everything(), Database::fresh(Engine::Sqlite));
    let go = || vec!["move".to_owned(), "--to".to_owned(), there.url()];
    with_ever_more_room(database, go, |said| {
        assert!(said.starts_with("kennel: nothing was moved, and both databases hold what they held: "), "{said}");
        assert_eq!(names(&there.directory(), "kennel.db"), [""; 0], "{said}");
    });
    assert_eq!(database.everything(), before);
    assert_eq!(digest(&good(&there, &["check"])), digest(&good(database, &["check"])));
}

fn a_disk_that_fills_leaves_everything_where_something_is_restored(database: &Database) {
    let elsewhere = Database::fresh(Engine::Sqlite);
    seed(&elsewhere);
    let backup = elsewhere.directory().join("a.db").display().to_string();
    drop(good(&elsewhere, &["backup", "a.db"]));
    drop(good(database, &["migrate", "run"]));
    let (before, there) = (database.everything(), names(&database.directory(), ""));
    let restore = || vec!["restore".to_owned(), "--keep-sessions".to_owned(), backup.clone()];
    with_ever_more_room(database, restore, |said| {
        assert!(said.contains("is not restored, and the database holds what it held: "), "{said}");
        assert_eq!((database.everything(), names(&database.directory(), "")), (before.clone(), there.clone()), "{said}");
        assert_eq!(names(&elsewhere.directory(), "a.db"), ["a.db"], "{said}");
    });
    assert_eq!(database.count("dogs"), elsewhere.count("dogs"));
}

fn a_server_whose_disk_fills_stays_empty(database: &Database) {
    if !Engine::at_hand().contains(&Engine::Postgres) {
        return;
    }
    const FULL: &str = "could not extend file: No space left on device";
    seed(database);
    drop(good(database, &["backup", "a.db"]));
    let there = Database::fresh(Engine::Postgres);
    drop(good(&there, &["migrate", "run"]));
    let before = there.everything();
    fail_at("INSERT", "dogs", &format!("ERRCODE = 'disk_full', MESSAGE = '{FULL}'"), &there);
    let backup = database.directory().join("a.db").display().to_string();
    let moved = refused(database, &["move", "--to", &there.url()]);
    let restored = refused(&there, &["restore", &backup]);
    for said in [moved, restored] {
        assert!(said.contains("copying dogs") && said.contains(FULL), "{said}");
    }
    assert_eq!(there.everything(), before);
    assert_eq!(names(&database.directory(), "a.db"), ["a.db"]);
}
