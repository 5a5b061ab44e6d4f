//! Archives when something is in the way: a server that comes, another version, a full disk, Ctrl-C. One line tells what
//! happened and what stands, and no half of anything is left.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::archives::{digest, good, names, refused, seed};
use crate::support::client::PATIENCE;
use crate::support::process::{Ended, Program, Starting};
use crate::support::{Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_server_that_starts_during_a_move_undoes_it,
        whoever_writes_into_a_database_that_is_moved_waits,
        a_database_of_another_version_is_refused_in_a_line,
        where_sessions_cannot_be_ended_nothing_is_restored,
        a_disk_that_fills_leaves_nothing_of_a_backup,
        a_disk_that_fills_leaves_nothing_of_a_move,
        a_disk_that_fills_leaves_everything_where_something_is_restored,
        a_server_whose_disk_fills_stays_empty,
        a_copy_from_a_server_that_is_told_to_stop_leaves_nothing,
        a_copy_into_a_server_that_is_told_to_stop_leaves_it_empty,
        a_copy_of_a_file_that_is_told_to_stop_leaves_nothing,
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
fn held_at<T>(table: &str, of: &Database, program: Program, meanwhile: impl FnOnce(Starting) -> T) -> T {
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
    held.expect("it was started")
}

fn a_server_that_starts_during_a_move_undoes_it(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    seed(database);
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let there = Database::fresh(engine);
        let program = Program::on(database).args(&["move", "--to", &there.url()]);
        let (server, moving) = held_at("mails", database, program, |moving| (Program::on(database).serve(), moving));
        let ended = moving.ended();
        assert!(told(&ended).contains("a server runs on"), "{ended:?}");
        assert!(engine == Engine::Sqlite || there.count("users") == 0, "{ended:?}");
        assert_eq!(names(&there.directory(), "kennel.db"), [""; 0]);
        assert_eq!(server.stop("TERM").code, Some(0));
    }
}

/// What was acknowledged meanwhile would be missing where it was moved to.
fn whoever_writes_into_a_database_that_is_moved_waits(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    seed(database);
    let there = Database::fresh(Engine::Sqlite);
    let program = Program::on(database).args(&["move", "--to", &there.url()]);
    let (user, moving) = held_at("mails", database, program, |moving| {
        (Program::on(database).args(&["user", "create", "zed", "zed@example.com"]).run(), moving)
    });
    assert_eq!(user.code, Some(1), "nobody is told that it is done: {user:?}");
    assert_eq!(moving.ended().code, Some(0));
    assert_eq!(database.count("users WHERE username = 'zed'"), 0);
    assert_eq!(database.count("users"), there.count("users"));
}

fn a_database_of_another_version_is_refused_in_a_line(database: &Database) {
    const NEWER: &str = "99990101000001";
    seed(database);
    drop(good(database, &["backup", "a.db"]));
    let there = Database::fresh(database.engine.other());
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
        assert_eq!(
            (database.everything(), names(&database.directory(), "")),
            (before.clone(), there.clone()),
            "{said}"
        );
        assert_eq!(names(&elsewhere.directory(), "a.db"), ["a.db"], "{said}");
    });
    assert_eq!(database.count("dogs"), elsewhere.count("dogs"));
}

fn a_server_whose_disk_fills_stays_empty(database: &Database) {
    const FULL: &str = "could not extend file: No space left on device";
    if !Engine::at_hand().contains(&Engine::Postgres) {
        return;
    }
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

/// Tells a command to stop while it stands still there. Its connections are gone then, too.
fn stopped_at(table: &str, of: &Database, program: Program, signal: &str) -> Ended {
    let (aside, name) = (Database::fresh(Engine::Postgres), of.own_part_of_the_url());
    let ended = held_at(table, of, program, |running| running.stop(signal));
    let connections = format!("pg_stat_activity WHERE application_name = 'kennel' AND datname = '{name}'");
    until("the end of its connections", || aside.count(&connections) == 0);
    ended
}

fn a_copy_from_a_server_that_is_told_to_stop_leaves_nothing(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    seed(database);
    let (before, directory) = (database.everything(), database.directory());
    let there = [Database::fresh(Engine::Sqlite), Database::fresh(Engine::Postgres)];
    let [file, server] = there.each_ref().map(Database::url);
    for (args, signal, nothing) in [
        (["backup", "a.db"].as_slice(), "INT", "no backup was made"),
        (&["backup", "a.db"], "TERM", "no backup was made"),
        (&["move", "--to", &file], "INT", "nothing was moved"),
        (&["move", "--to", &server], "TERM", "nothing was moved"),
    ] {
        let ended = stopped_at("mails", database, Program::on(database).args(args), signal);
        assert!(told(&ended).contains(nothing) && told(&ended).contains("told to stop"), "{ended:?}");
        assert_eq!((names(&directory, "a.db"), names(&there[0].directory(), "kennel.db")), (vec![], vec![]));
    }
    assert_eq!(database.everything(), before);
    drop(good(database, &["backup", "a.db"]));
    for there in &there {
        drop(good(database, &["move", "--to", &there.url()]));
    }
}

fn a_copy_into_a_server_that_is_told_to_stop_leaves_it_empty(database: &Database) {
    if !Engine::at_hand().contains(&Engine::Postgres) {
        return;
    }
    seed(database);
    drop(good(database, &["backup", "a.db"]));
    let (there, directory) = (Database::fresh(Engine::Postgres), database.directory());
    drop(good(&there, &["migrate", "run"]));
    let (before, empty, url) = (database.everything(), there.everything(), there.url());
    let backup = directory.join("a.db").display().to_string();
    for (program, signal, nothing) in [
        (Program::on(database).args(&["move", "--to", &url]), "TERM", "nothing was moved"),
        (Program::on(&there).args(&["restore", &backup]), "INT", "is not restored"),
    ] {
        let ended = stopped_at("mails", &there, program, signal);
        assert!(told(&ended).contains(nothing) && told(&ended).contains("told to stop"), "{ended:?}");
        assert_eq!((database.everything(), names(&directory, "a.db")), (before.clone(), vec!["a.db".to_owned()]));
    }
    assert_eq!(there.everything(), empty);
    drop(good(&there, &["restore", &backup]));
}

/// Tells a command to end once there is a file in the folder whose name begins so, its draft; again, where it was
/// faster.
fn stopped_at_its_draft(start: impl Fn() -> Starting, signal: &str, folder: &Path, name: &str) -> Ended {
    for _ in 0..20 {
        let running = start();
        until("a draft", || !names(folder, name).is_empty());
        running.signal("STOP");
        running.signal(signal);
        running.signal("CONT");
        let ended = running.ended();
        if ended.code != Some(0) {
            return ended;
        }
        for name in names(folder, name) {
            fs::remove_file(folder.join(name)).expect("it is removed");
        }
    }
    panic!("it is always faster");
}

fn a_copy_of_a_file_that_is_told_to_stop_leaves_nothing(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    seed(database);
    let many = "INSERT INTO tasks (user_id, name, name_key, completed, created_at, updated_at, version) \
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
                SELECT 1, 'Walk', 'walk', 0, 0, 0, 1 FROM n";
    assert_eq!(database.execute(many), Ok(100_000));
    let before = digest(&good(database, &["backup", "good.db"]));
    let (there, here) = (Database::fresh(Engine::Sqlite), database.directory());
    let to = there.directory();
    let url = there.url();
    for (args, signal, folder, name, nothing) in [
        (["backup", "a.db"].as_slice(), "INT", &here, "a.db", "no backup was made"),
        (&["move", "--to", &url], "TERM", &to, "kennel.db", "nothing was moved"),
        (&["restore", "good.db"], "INT", &here, "kennel.db.", "is not restored"),
    ] {
        let ended = stopped_at_its_draft(|| Program::on(database).args(args).spawn(), signal, folder, name);
        assert!(told(&ended).contains(nothing) && told(&ended).contains("told to stop"), "{ended:?}");
        assert_eq!(names(folder, name), [""; 0]);
        assert_eq!(digest(&good(database, &["check"])), before);
    }
    drop(good(database, &["move", "--to", &url]));
    drop(good(database, &["restore", "good.db"]));
}
