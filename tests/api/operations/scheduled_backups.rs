//! The backups that a server makes by itself: there is always a good one, and what is in their way is told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{TimeDelta, Utc};
use kennel::db::archive::TIME_FORMAT;

use super::metrics::{ON, Scrape, until};
use super::startup::refused;
use crate::support::client::PATIENCE;
use crate::support::process::Program;
use crate::support::{App, Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_server_backs_itself_up_when_it_starts_and_shows_when_it_did,
        the_next_is_made_when_the_newest_is_old_and_the_newest_are_kept,
        a_server_that_starts_anew_goes_on_where_it_was,
        what_fails_is_told_and_tried_again_while_the_server_goes_on,
        a_backup_that_the_app_does_not_serve_as_it_is_stored_is_told_and_not_kept,
        a_stop_waits_for_no_backup_and_leaves_no_half_one,
        backups_by_hand_at_the_same_time_disturb_nothing,
        without_a_folder_and_on_postgresql_it_is_refused,
    ]
}

/// The names of the files in a folder with this ending, in order; none, if there is no folder.
fn names(folder: &Path, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names
}

/// Waits until something is so.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The path of a backup that is as old as this; what is in it is none.
fn make_old(folder: &Path, seconds: i64) -> PathBuf {
    let time = Utc::now() - TimeDelta::seconds(seconds);
    let path = folder.join(format!("kennel-{}.db", time.format(TIME_FORMAT)));
    fs::create_dir_all(folder).expect("a folder");
    fs::write(&path, "old").expect("it is written");
    path
}

#[track_caller]
fn is_well(database: &Database, folder: &Path, name: &str) {
    let path = folder.join(name).display().to_string();
    let ended = Program::on(database).args(&["check", &path]).run();
    assert!(ended.code == Some(0) && ended.stdout.contains("[ok] it holds what it held"), "{ended:?}");
}

fn serving(database: &Database, every: &str) -> Program {
    let program = Program::on(database).set("BACKUP_DIR", "backups").set("BACKUP_EVERY", every);
    program.set("LOG", "info").set("LOG_FILE", "log")
}

fn log(database: &Database) -> String {
    fs::read_to_string(database.directory().join("log")).unwrap_or_default()
}

fn a_server_backs_itself_up_when_it_starts_and_shows_when_it_did(scene: &Database) {
    if scene.engine == Engine::Postgres {
        return;
    }
    let began = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let folder = scene.directory().join("in/backups");
    let path = folder.to_str().expect("UTF-8");
    let app = App::with(Database::fresh(scene.engine), &[ON, ("BACKUP_DIR", path)]);
    let last = "kennel_backup_last_success_timestamp_seconds";
    let scrape = until(&app, |scrape| scrape.count(last) > 0);
    assert!((began..began + 600).contains(&scrape.count(last)), "{}", scrape.count(last));
    assert_eq!(scrape.count("kennel_backup_interval_seconds"), 24 * 60 * 60);
    assert_eq!(scrape.count("kennel_backup_failures_total"), 0);
    let [name] = &names(&folder, "")[..] else { panic!("{:?}", names(&folder, "")) };
    is_well(scene, &folder, name);
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join(name))), (0o700, 0o600));
    // Where none are made, nothing is shown.
    let app = App::with(Database::fresh(scene.engine), &[ON]);
    assert!(!Scrape::of(&app).has(last));
}

fn the_next_is_made_when_the_newest_is_old_and_the_newest_are_kept(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let folder = database.directory().join("backups");
    let old = [200, 190, 180].map(|seconds| make_old(&folder, seconds));
    let stranger = folder.join("kennel.db");
    fs::write(&stranger, "old").expect("it is written");
    // Due in some seconds.
    let newest = make_old(&folder, 56);
    let server = serving(database, "1m").set("BACKUP_KEEP", "2").serve();
    server.sign_in("alice").owner("Ann");
    wait_until("the oldest are gone", || !old.iter().any(|path| path.exists()));
    assert_eq!(server.stop("TERM").code, Some(0));
    let names = names(&folder, "Z.db");
    assert_eq!((names.len(), folder.join(&names[0])), (2, newest), "{names:?}");
    is_well(database, &folder, &names[1]);
    assert!(stranger.exists());
    assert_eq!(log(database).matches("made a backup").count(), 1, "{}", log(database));
}

fn a_server_that_starts_anew_goes_on_where_it_was(scene: &Database) {
    if scene.engine == Engine::Postgres {
        return;
    }
    let folder = scene.directory().join("backups");
    make_old(&folder, 600);
    let settings = [ON, ("BACKUP_DIR", folder.to_str().expect("UTF-8")), ("BACKUP_EVERY", "1h")];
    let app = App::with(Database::fresh(scene.engine), &settings);
    until(&app, |scrape| scrape.count("kennel_backup_last_success_timestamp_seconds") > 0);
    app.sign_in("alice").owner("Ann");
    assert_eq!(app.stopped(), Ok(()));
    assert_eq!(names(&folder, "").len(), 1);
}

fn what_fails_is_told_and_tried_again_while_the_server_goes_on(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let folder = database.directory().join("backups");
    fs::write(&folder, "no folder").expect("it is written");
    let server = serving(database, "1m").serve();
    wait_until("it is told", || log(database).contains("no backup was made"));
    server.sign_in("alice").owner("Ann");
    server.anon().get("/health/ready").expect(200);
    fs::remove_file(&folder).expect("it is removed");
    wait_until("there is a backup", || names(&folder, "Z.db").len() == 1);
    let log = log(database);
    let told: Vec<_> = log.lines().filter(|line| line.contains("no backup was made")).collect();
    assert!(told.iter().all(|line| line.contains("WARN") && line.contains("the folder cannot be used")), "{told:?}");
    // Not again and again: some seconds lie between two tries.
    assert!(told.len() < 20, "{}", told.len());
}

fn a_backup_that_the_app_does_not_serve_as_it_is_stored_is_told_and_not_kept(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let ended = Program::on(database).args(&["seed"]).run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // Rows that go as soon as somebody logs in.
    let thief =
        "CREATE TRIGGER thief AFTER INSERT ON sessions BEGIN DELETE FROM tasks WHERE user_id = NEW.user_id; END";
    database.execute(thief).expect("it is made");
    let server = serving(database, "1m").serve();
    wait_until("it is told", || log(database).contains("0 tasks of user 1"));
    assert_eq!(names(&database.directory().join("backups"), ".db"), [""; 0]);
    assert!(database.count("tasks") > 0, "only the copy has lost them");
    database.execute("DROP TRIGGER thief").expect("it is gone");
    wait_until("there is a backup", || names(&database.directory().join("backups"), "Z.db").len() == 1);
    server.anon().get("/health/ready").expect(200);
}

fn a_stop_waits_for_no_backup_and_leaves_no_half_one(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let ended = Program::on(database).args(&["seed", "--dogs", "3000"]).run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let folder = database.directory().join("backups");
    for round in 0..8 {
        let left = names(&folder, "");
        let server = serving(database, "1m").serve();
        wait_until("one is being made", || names(&folder, "").iter().any(|name| !left.contains(name)));
        thread::sleep(Duration::from_millis(round * 40));
        let ended = server.stop("TERM");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for name in names(&folder, ".db") {
            is_well(database, &folder, &name);
            fs::remove_file(folder.join(name)).expect("it is removed");
        }
    }
    // What was left of those is gone with the next.
    let server = serving(database, "1m").serve();
    wait_until("there is a backup", || log(database).lines().last().is_some_and(|line| line.contains("made a backup")));
    assert_eq!(names(&folder, "").len(), 1, "{:?}", names(&folder, ""));
    assert_eq!(server.stop("TERM").code, Some(0));
}

fn backups_by_hand_at_the_same_time_disturb_nothing(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let ended = Program::on(database).args(&["seed", "--dogs", "1000"]).run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let server = serving(database, "1m").serve();
    for pattern in ["backups/hand-{time}.db", "backups/kennel-{time}.db", "backups/kennel-{time}.db"] {
        let ended = Program::on(database).args(&["backup", pattern, "--verify"]).run();
        // Within a second two may want the same name, which one of them gets.
        let is_taken = ended.stderr.contains("just now") || ended.stderr.contains("is there already");
        assert!(ended.code == Some(0) || is_taken, "{ended:?}");
    }
    let folder = database.directory().join("backups");
    wait_until("there is a backup", || !names(&folder, "Z.db").is_empty() && names(&folder, ".part").is_empty());
    let names = names(&folder, ".db");
    assert!(names.len() >= 2, "{names:?}");
    for name in &names {
        is_well(database, &folder, name);
    }
    assert_eq!(server.stop("TERM").code, Some(0));
}

fn without_a_folder_and_on_postgresql_it_is_refused(database: &Database) {
    for (name, value) in [("BACKUP_EVERY", "24h"), ("BACKUP_KEEP", "7")] {
        refused(&Program::on(database).set(name, value).run(), &[name, "BACKUP_DIR", "Set both, or neither"]);
    }
    let with_folder = || Program::on(database).set("BACKUP_DIR", "backups");
    for (name, value) in [("BACKUP_EVERY", "59s"), ("BACKUP_EVERY", "32d"), ("BACKUP_KEEP", "0")] {
        refused(&with_folder().set(name, value).run(), &[name, "it accepts"]);
    }
    if database.engine == Engine::Postgres {
        refused(&with_folder().run(), &["BACKUP_DIR", "PostgreSQL", "kennel backup FILE --verify"]);
    }
    assert!(!database.directory().join("backups").exists());
}
