//! The schema on its way: up, down, up again, by eight at once, and never by a program that does not know it.

use crate::support::process::{Program, Running, Starting};
use crate::support::{Database, Engine, Sentence, schema, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        eight_instances_start_at_once_on_an_empty_database,
        what_is_taken_back_and_run_again_is_the_same_schema,
        each_single_step_can_be_taken_back_and_run_again,
        an_old_book_is_found_again_in_every_new_way,
        an_address_that_waited_for_no_session_is_called_off,
        names_beyond_ascii_are_found_in_every_new_way_after_an_upgrade,
        whoever_begins_with_no_change_is_told_after_an_upgrade_that_there_are_rows,
        showing_the_migrations_tells_which_are_applied,
        a_schema_that_is_newer_than_the_program_is_refused,
    ]
}

fn migrate(database: &Database, verb: &str) -> String {
    // The schema needs no secret, on either database.
    let ended = Program::on(database).unset("JWT_SECRET").args(&["migrate", verb]).run();
    assert_eq!(ended.code, Some(0), "{verb}: {ended:?}");
    ended.stdout
}

fn applied(database: &Database) -> i64 {
    database.count("__diesel_schema_migrations")
}

fn eight_instances_start_at_once_on_an_empty_database(database: &Database) {
    let program = || {
        let program = Program::on(database);
        // With SQLite they must also agree on the secret that one of them makes.
        if database.engine == Engine::Sqlite { program.unset("JWT_SECRET") } else { program }
    };
    let starting: Vec<_> = (0..8).map(|_| program().spawn()).collect();
    let running: Vec<Running> = starting.into_iter().map(Starting::wait_until_it_listens).collect();
    let token = running[0].sign_in("alice").token().to_owned();
    for server in &running {
        server.anon().get("/health/ready").expect(200);
        server.anon().with_token(&token).get("/me").expect(200);
    }
    for server in running {
        assert_eq!(server.stop("TERM").code, Some(0));
    }
}

fn what_is_taken_back_and_run_again_is_the_same_schema(database: &Database) {
    migrate(database, "run");
    let (up, steps) = (schema::shape(database), applied(database));
    assert!(!up.is_empty() && steps > 0);
    for _ in 0..steps {
        migrate(database, "revert");
    }
    assert_eq!(schema::shape(database), [""; 0]);
    assert_eq!(applied(database), 0);
    migrate(database, "revert");
    migrate(database, "run");
    assert_eq!(schema::shape(database), up);
    migrate(database, "run");
    assert_eq!(schema::shape(database), up);
}

fn each_single_step_can_be_taken_back_and_run_again(database: &Database) {
    migrate(database, "run");
    let up = schema::shape(database);
    for steps in 1..=applied(database) {
        for _ in 0..steps {
            migrate(database, "revert");
        }
        migrate(database, "run");
        assert_eq!(schema::shape(database), up, "after {steps} steps back");
    }
}

/// The book as it was when it had owners and dogs, and nothing could be searched or sorted.
fn an_old_book_is_found_again_in_every_new_way(database: &Database) {
    let server = Program::on(database).serve();
    server.sign_up("alice");
    drop(server);
    while applied(database) > 3 {
        migrate(database, "revert");
    }
    for (number, name) in ["Zoe", "Élan", "ann", "Straße", "Bea", "the last"].into_iter().enumerate() {
        let times = "created_at, updated_at FROM users";
        for statement in [
            format!("INSERT INTO owners (user_id, name, created_at, updated_at) SELECT id, '{name}', {times}"),
            format!(
                "INSERT INTO dogs (user_id, owner_id, name, born_on, created_at, updated_at) \
                 SELECT user_id, id, name, '202{number}-05-01', created_at, updated_at FROM owners WHERE name = '{name}'"
            ),
        ] {
            database.execute(&statement).expect("it fits the old tables");
        }
    }
    let old = |rows: &[serde_json::Value]| -> Vec<_> {
        rows.iter().map(|row| (row["id"].clone(), row["name"].clone(), row["born_on"].clone())).collect()
    };
    let mut seen = Vec::new();
    for round in 0..2 {
        let server = Program::on(database).serve();
        // The database's id went with its migration, and with it every token.
        let alice = server.log_in("alice");
        for list in ["/dogowner/owners", "/dogowner/dogs"] {
            let names = |query: &str| alice.get(&format!("{list}?{query}")).expect(200).all("name");
            assert_eq!(names("q=%C3%A9LAN"), ["Élan"]);
            assert_eq!(names("q=STRASS"), ["Straße"]);
            let sorted = names("sort=name");
            assert_eq!(
                sorted.iter().filter(|name| *name != "Élan").collect::<Vec<_>>(),
                ["ann", "Bea", "Straße", "the last", "Zoe"]
            );
            assert_eq!(sorted.len(), 6);
        }
        assert_eq!(alice.get("/dogowner/dogs?sort=-born_on").all("name")[0], "the last");
        let dogs = alice.get("/dogowner/dogs").expect(200);
        assert!(dogs.rows().iter().all(|dog| dog["co_owner_ids"] == serde_json::json!([])), "{dogs}");
        server.anon().get("/users/alice").expect(404);
        alice.go_public();
        assert_eq!(server.anon().get("/dogs").expect(200).ids(), dogs.ids());
        if round == 0 {
            // The id of a deleted row never comes back, not even from a table that was made anew.
            let newest = alice.dog("Gone", dogs.rows()[0]["owner_id"].as_i64().expect("an id"));
            alice.delete(&format!("/dogowner/dogs/{newest}")).expect(204);
            alice.share(dogs.ids()[0], dogs.rows()[1]["owner_id"].as_i64().expect("an id"));
            seen = old(dogs.rows());
            drop(server);
            while applied(database) > 3 {
                migrate(database, "revert");
            }
            assert_eq!((database.count("owners"), database.count("dogs")), (6, 6));
        } else {
            assert_eq!(old(dogs.rows()), seen);
            let owner = dogs.rows()[0]["owner_id"].as_i64().expect("an id");
            assert!(alice.dog("New", owner) > dogs.ids()[5] + 1, "the id of the dog that is gone is another's");
        }
    }
}

/// From the time when an address that was asked for stood in no session's row.
fn an_address_that_waited_for_no_session_is_called_off(database: &Database) {
    let server = Program::on(database).serve();
    server.sign_in("alice");
    drop(server);
    while applied(database) > 10 {
        migrate(database, "revert");
    }
    let asked = "UPDATE users SET new_email = 'alicia@example.com'";
    assert_eq!(database.execute(asked), Ok(1));
    for _ in 0..2 {
        // Going back so far, the database has lost its id, and the tokens are none of the new one's.
        let server = Program::on(database).serve();
        let alice = server.log_in("alice");
        let export = alice.get("/me/export").expect(200);
        assert_eq!(export.json["new_email"], serde_json::Value::Null);
        assert_eq!(export.json["user"]["email"], "alice@example.com");
        alice.patch("/me", &serde_json::json!({"email": "alicia@example.com"})).expect(200);
        drop(server);
        while applied(database) > 10 {
            migrate(database, "revert");
        }
        assert_eq!(database.count("users WHERE new_email IS NOT NULL"), 0);
    }
}

/// The keys as they were made before: with accents, and the capital ẞ as itself.
fn names_beyond_ascii_are_found_in_every_new_way_after_an_upgrade(database: &Database) {
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    let token = alice.token().to_owned();
    for (name, old_key) in [("Zoë", "zoë"), ("GROẞ", "groß"), ("O’Malley", "o’malley"), ("Rex", "rex")] {
        let owner = alice.owner(name);
        alice.dog(name, owner);
        alice.task(name);
        for table in ["owners", "dogs", "tasks"] {
            let statement = format!("UPDATE {table} SET name_key = '{old_key}' WHERE name = '{name}'");
            database.execute(&statement).expect("an old key");
        }
    }
    drop(server);
    let forget = "DELETE FROM __diesel_schema_migrations WHERE version = '20261126000016'";
    assert_eq!(database.execute(forget).expect("it was applied"), 1);
    let server = Program::on(database).serve();
    let alice = server.anon().with_token(&token);
    for list in ["/dogowner/owners", "/dogowner/dogs", "/dogowner/tasks"] {
        for (q, name) in [("zoe", "Zoë"), ("zo%C3%AB", "Zoë"), ("gross", "GROẞ"), ("o'm", "O’Malley"), ("REX", "Rex")]
        {
            assert_eq!(alice.get(&format!("{list}?q={q}")).expect(200).all("name"), [name], "{q}");
        }
        assert_eq!(alice.get(&format!("{list}?sort=name")).all("name"), ["GROẞ", "O’Malley", "Rex", "Zoë"]);
    }
}

fn whoever_begins_with_no_change_is_told_after_an_upgrade_that_there_are_rows(database: &Database) {
    let server = Program::on(database).serve();
    let (alice, bob, cleo) = (server.sign_in("alice"), server.sign_in("bob"), server.sign_in("cleo"));
    alice.owner("Ann");
    bob.task("Walk");
    let tokens = [&alice, &bob, &cleo].map(|person| person.token().to_owned());
    drop(server);
    migrate(database, "revert");
    migrate(database, "run");
    let server = Program::on(database).serve();
    let [alice, bob, cleo] = tokens.each_ref().map(|token| server.anon().with_token(token));
    for person in [&alice, &bob] {
        person.get("/dogowner/changes?after=0").problem("changes-expired");
        person.task("Feed");
        assert_eq!(person.get("/dogowner/changes?after=1").expect(200).all("seq"), [2]);
    }
    assert_eq!(cleo.get("/dogowner/changes?after=0").expect(200).rows().len(), 0);
}

fn showing_the_migrations_tells_which_are_applied(database: &Database) {
    migrate(database, "run");
    migrate(database, "revert");
    let before = migrate(database, "show");
    migrate(database, "run");
    let after = migrate(database, "show");
    let names = crate::support::Repository::here().names_in(&format!("migrations/{}", database.engine));
    for name in &names {
        assert!(before.contains(name) && after.contains(name), "{name} in\n{before}\nand\n{after}");
    }
    assert_eq!(before.lines().count(), after.lines().count());
    assert_ne!(before, after);
}

fn a_schema_that_is_newer_than_the_program_is_refused(database: &Database) {
    migrate(database, "run");
    let newer = "INSERT INTO __diesel_schema_migrations (version, run_on) \
                 SELECT '99991231235959', max(run_on) FROM __diesel_schema_migrations";
    database.execute(newer).expect("it is recorded");
    let before = schema::shape(database);
    for args in [&[][..], &["migrate", "run"], &["migrate", "revert"]] {
        let ended = Program::on(database).args(args).run();
        assert_eq!(ended.code, Some(1), "{args:?}: {ended:?}");
        assert!(ended.stderr.starts_with("kennel: ") && ended.stderr.contains("99991231235959"), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
    assert_eq!(schema::shape(database), before);
}
