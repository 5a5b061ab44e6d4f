//! Files with secrets or data: who else may read them is told, one that every user of the machine may write is refused,
//! and what a process knows is not left behind in a core dump.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::operations::startup::refused;
use crate::support::app::SECRET;
use crate::support::process::Program;
use crate::support::{Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_file_that_others_can_read_is_told,
        a_file_that_everybody_can_write_is_refused,
        a_folder_in_which_everybody_can_replace_files_is_told,
        a_dotenv_file_without_secrets_may_be_read_by_all,
        no_core_is_dumped,
        a_log_beside_another_database_is_refused,
    ]
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the file is there");
}

/// The files that a program on this database reads, with the program that does; each is there.
fn programs(database: &Database) -> Vec<(std::path::PathBuf, Program)> {
    let folder = database.directory();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file is written");
        set_mode(&path, 0o600);
        path
    };
    let program = || Program::on(database).set("LOG", "warn");
    let without_secret = || program().unset("JWT_SECRET");
    let mut programs = vec![
        (write("secret", SECRET), without_secret().set("JWT_SECRET_FILE", "secret")),
        (write("previous", SECRET), program().set("JWT_PREVIOUS_SECRETS_FILE", "previous")),
        (write("mail", "file:outbox"), program().unset("MAIL_URL").set("MAIL_URL_FILE", "mail")),
        (write("url", &database.url()), program().unset("DATABASE_URL").set("DATABASE_URL_FILE", "url")),
    ];
    if database.engine == Engine::Sqlite {
        drop(without_secret().serve());
        programs.push((folder.join("kennel.db.key"), without_secret()));
        programs.push((database.file(), program()));
    }
    programs
}

fn a_file_that_others_can_read_is_told(database: &Database) {
    for (path, program) in programs(database) {
        set_mode(&path, 0o644);
        let ended = program.serve().stop("TERM");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let told = |line: &&str| line.contains("WARN") && line.contains(&name) && line.contains("chmod 600");
        assert!(ended.stderr.lines().any(|line| told(&line)), "{name}: {ended:?}");
        set_mode(&path, 0o600);
    }
    for (_, program) in programs(database) {
        let ended = program.serve().stop("TERM");
        assert!(!ended.stderr.contains("chmod"), "{ended:?}");
    }
    // What the program itself reads first.
    let env = database.directory().join(".env");
    fs::write(&env, format!("JWT_SECRET={SECRET}\n")).expect("a file is written");
    set_mode(&env, 0o640);
    let ended = Program::on(database).unset("JWT_SECRET").set("LOG", "warn").serve().stop("TERM");
    assert!(ended.stderr.contains(".env") && ended.stderr.contains("chmod 600"), "{ended:?}");
}

fn a_file_that_everybody_can_write_is_refused(database: &Database) {
    for (path, program) in programs(database) {
        set_mode(&path, 0o666);
        let ended = program.run();
        refused(&ended, &["chmod 600"]);
        assert!(!ended.stderr.contains(SECRET), "{ended:?}");
        set_mode(&path, 0o600);
    }
    let env = database.directory().join(".env");
    fs::write(&env, "PORT=0\n").expect("a file is written");
    set_mode(&env, 0o666);
    refused(&Program::on(database).run(), &[".env", "chmod 600"]);
}

fn a_folder_in_which_everybody_can_replace_files_is_told(database: &Database) {
    let outbox = database.directory().join("outbox");
    fs::create_dir(&outbox).expect("a folder");
    set_mode(&outbox, 0o777);
    let warned = |program: Program| {
        let ended = program.set("LOG", "warn").serve().stop("TERM");
        ended.stderr.lines().filter(|line| line.contains("chmod 700")).count()
    };
    assert_eq!(warned(Program::on(database)), 1);
    set_mode(&outbox, 0o1777);
    assert_eq!(warned(Program::on(database)), 0);
    if database.engine == Engine::Sqlite {
        set_mode(&database.directory(), 0o777);
        assert!(warned(Program::on(database)) > 0);
    }
}

fn a_dotenv_file_without_secrets_may_be_read_by_all(database: &Database) {
    let env = database.directory().join(".env");
    fs::write(&env, "PORT=0\nJWT_SECRET=\nMAIL_FROM=kennel@example.com\n").expect("a file is written");
    set_mode(&env, 0o644);
    let ended = Program::on(database).set("LOG", "warn").serve().stop("TERM");
    assert!(!ended.stderr.contains("chmod"), "{ended:?}");
}

fn no_core_is_dumped(database: &Database) {
    let limit = Program::on(database).serve().limit("Max core file size");
    assert_eq!(limit, ["0", "0"]);
}

/// What the log of one state of the database is mixed with when another state is put in its place.
fn a_log_beside_another_database_is_refused(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let file = database.file();
    let log = file.with_file_name("kennel.db-wal");
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    let backup = file.with_file_name("backup.db");
    database.execute(&format!("VACUUM INTO '{}'", backup.display())).expect("a backup");
    alice.owner("Ann");
    server.kill();
    drop(server);
    assert!(fs::metadata(&log).expect("a log").len() > 0, "the log was not written back");
    let kept = fs::read(&log).expect("the log");

    // The database and its own log go together.
    let whole = fs::read(&file).expect("the database");
    let restored = fs::read(&backup).expect("the backup");
    for put in [Some(restored.as_slice()), Some(b"".as_slice()), None] {
        match put {
            Some(bytes) => fs::write(&file, bytes).expect("the file is put back"),
            None => fs::remove_file(&file).expect("the file is there"),
        }
        for args in [&[][..], &["migrate", "run"]] {
            refused(&Program::on(database).args(args).run(), &["kennel.db-wal", "move"]);
        }
        assert_eq!(fs::read(&log).expect("the log"), kept, "nothing of it is lost");
    }
    fs::write(&file, &whole).expect("the file is put back");
    set_mode(&file, 0o600);
    let server = Program::on(database).serve();
    assert_eq!(server.log_in("alice").get("/dogowner/owners").all("name"), ["Ann"]);
    assert_eq!(server.stop("TERM").code, Some(0));

    // A whole backup alone is good.
    assert!(!log.exists(), "it stopped, and nothing is left in a log");
    fs::write(&file, &restored).expect("the file is put back");
    let server = Program::on(database).serve();
    assert_eq!(server.log_in("alice").get("/dogowner/owners").all("name"), [""; 0]);
}
