//! Two databases that have the same secret: what is signed for the one is good for nothing on the other. And none is
//! made but by what is there to make one.

use std::fs;

use serde_json::json;

use crate::operations::startup::refused;
use crate::support::forge::Forge;
use crate::support::letter::Purpose;
use crate::support::outbox::Outbox;
use crate::support::process::Program;
use crate::support::{Actor, App, Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_token_names_the_database_that_it_is_good_for,
        no_token_of_one_database_is_good_on_another,
        a_database_keeps_its_name,
        nothing_but_a_server_and_migrate_run_makes_a_database,
    ]
}

fn a_token_names_the_database_that_it_is_good_for(app: &App) {
    let alice = app.sign_in("alice");
    let id = app.database.texts("SELECT id AS value FROM database_identity").remove(0);
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(Forge::of(alice.token()).claims["iss"], format!("kennel/{id}"));
    assert_ne!(id, {
        let other = App::on(Database::fresh(app.engine));
        other.database.texts("SELECT id AS value FROM database_identity").remove(0)
    });
}

/// The token of the first mail for this purpose.
fn mailed(app: &App, purpose: Purpose) -> String {
    let outbox = Outbox::at(app.database.directory().join("outbox"));
    let mut count = 1;
    loop {
        let letters = outbox.until_there_are(count, app);
        count = letters.len() + 1;
        if let Some(letter) = letters.iter().find(|letter| letter.purpose() == purpose) {
            return letter.token().to_owned();
        }
    }
}

/// The cursor that leads to alice's second owner.
fn cursor(alice: &Actor<'_>) -> String {
    let link = alice.get("/dogowner/owners?limit=1").header("link").to_owned();
    let (_, cursor) = link.split_once("cursor=").expect("a cursor");
    cursor.split(['&', '>']).next().expect("a cursor").to_owned()
}

fn no_token_of_one_database_is_good_on_another(here: &App) {
    let there = App::on(Database::fresh(here.engine));
    // The same ids, names and rows on both, as in a test's copy of what is live.
    let [alice, double] = [here, &there].map(|app| {
        let alice = app.sign_in("alice");
        for name in ["Ann", "Ben"] {
            alice.owner(name);
        }
        alice
    });
    assert_eq!((alice.id(), alice.session()), (double.id(), double.session()));
    let verification = mailed(here, Purpose::Verify);
    here.anon().post("/auth/password/forgot", &json!({"email": "alice@example.com"})).expect(202);
    let reset = mailed(here, Purpose::Reset);

    double.with_token(alice.token()).get("/me").expect(401).problem("invalid-token");
    let body = json!({"refresh_token": alice.refresh_token()});
    there.anon().post("/auth/refresh", &body).expect(401).problem("invalid-refresh-token");
    there.anon().post("/auth/email/verify", &json!({"token": verification})).expect(422);
    let body = json!({"token": reset, "password": "four dry cats on two chairs"});
    there.anon().post("/auth/password/reset", &body).expect(422);
    let page = format!("/dogowner/owners?limit=1&cursor={}", cursor(&alice));
    double.get(&page).parameter_error("cursor", "invalid_cursor");

    // Where they belong they are good, every one.
    alice.get(&page).expect(200);
    alice.get("/me").expect(200);
    here.anon().post("/auth/email/verify", &json!({"token": verification})).expect(204);
    alice.refresh();
    here.anon().post("/auth/password/reset", &body).expect(204);
}

fn a_database_keeps_its_name(database: &Database) {
    let name = |database: &Database| database.texts("SELECT id AS value FROM database_identity").remove(0);
    let server = Program::on(database).serve();
    let token = server.sign_in("alice").token().to_owned();
    let before = name(database);
    drop(server);
    let server = Program::on(database).serve();
    server.anon().with_token(&token).get("/me").expect(200);
    assert_eq!(name(database), before);
    assert!(database.execute("INSERT INTO database_identity (number, id) VALUES (2, 'another')").is_err());
    if database.engine == Engine::Sqlite {
        // A backup is the same database.
        let restored = Database::fresh(Engine::Sqlite);
        database.execute(&format!("VACUUM INTO '{}'", restored.file().display())).expect("a backup");
        let app = App::with(restored, &[]);
        app.anon().with_token(&token).get("/me").expect(200);
    }
}

fn nothing_but_a_server_and_migrate_run_makes_a_database(database: &Database) {
    let where_to = match database.engine {
        Engine::Sqlite => database.file().display().to_string(),
        Engine::Postgres => {
            database.url().rsplit('/').next().expect("a name").split('?').next().expect("a name").to_owned()
        }
    };
    let commands: [&[&str]; 8] = [
        &["user", "list"],
        &["user", "create", "alice", "alice@example.com"],
        &["user", "disable", "alice"],
        &["user", "enable", "alice"],
        &["user", "reset-password", "alice"],
        &["user", "end-sessions", "alice"],
        &["migrate", "show"],
        &["migrate", "revert"],
    ];
    let files = || fs::read_dir(database.directory()).expect("a folder").count();
    let tables = || match database.engine {
        Engine::Sqlite => 0,
        Engine::Postgres => database.count("information_schema.tables WHERE table_schema = 'public'"),
    };
    let before = files();
    for args in commands {
        let ended = Program::on(database).unset("JWT_SECRET").args(args).run();
        refused(&ended, &["DATABASE_URL", "no Kennel database", &where_to]);
        assert_eq!((files(), tables()), (before, 0), "{args:?}");
    }
    let ended = Program::on(database).unset("JWT_SECRET").args(&["migrate", "run"]).run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for args in [&["user", "list"][..], &["migrate", "show"]] {
        let ended = Program::on(database).unset("JWT_SECRET").args(args).run();
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
    }
    if database.engine == Engine::Sqlite {
        // Somebody else's file is not ours to work on, and is left as it is.
        let other = Database::fresh(Engine::Sqlite);
        other.execute("CREATE TABLE notes (text TEXT)").expect("another program's table");
        let bytes = fs::read(other.file()).expect("the file");
        refused(&Program::on(&other).args(&["user", "list"]).run(), &["no Kennel database"]);
        assert_eq!(fs::read(other.file()).expect("the file"), bytes);
        assert_eq!(fs::read_dir(other.directory()).expect("a folder").count(), 1);
    }
}
