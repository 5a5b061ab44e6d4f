//! What a request may cost: the gate is one read, and whoever is turned away costs no hash.

use serde_json::json;

use crate::operations::overload::{flood_hashers_now, with_floods};
use crate::support::recorder::Recorder;
use crate::support::{App, Database, Engine, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        the_gate_is_one_read,
        a_create_is_one_statement_and_with_a_key_one_transaction,
        a_login_a_refresh_and_a_logout_take_a_few_statements_whoever_asks,
        who_is_turned_away_costs_no_hash,
    ]
}

/// How many queries a request takes.
fn cost(recorder: &Recorder, request: impl FnOnce()) -> usize {
    drop(recorder.take());
    request();
    recorder.count()
}

fn the_gate_is_one_read(scene: &Database) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    let app = App::on(database);
    let alice = app.sign_in("alice");
    for _ in 0..3 {
        app.log_in("alice");
    }
    let cost_of = |path: &str, status: u16| cost(&recorder, || drop(alice.get(path).expect(status)));
    // What no route takes is asked for by nobody but the gate.
    assert_eq!(cost_of("/dogowner/nowhere", 404), 1);
    assert_eq!(cost_of("/me/nowhere", 404), 1);
    for path in ["/me", "/dogowner/owners", "/dogowner/tasks", "/me/sessions"] {
        assert_eq!(cost_of(path, 200), 2, "{path}: the gate and the row or the list");
    }
    assert_eq!(cost(&recorder, || drop(app.anon().get("/me").expect(401))), 0);
    assert_eq!(cost(&recorder, || drop(app.anon().with_token("nonsense").get("/me").expect(401))), 0);
    drop(recorder.take());
    alice.get("/dogowner/nowhere").expect(404);
    let gate = recorder.take().into_iter().find(|query| query.contains("sessions")).expect("a query");
    assert!(gate.starts_with("SELECT ") && gate.contains("users"), "{gate}");
}

/// The gate asks a moment before, so that the one connection is known to be there.
fn a_create_is_one_statement_and_with_a_key_one_transaction(scene: &Database) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    let app = App::with(database, &[("DATABASE_POOL_SIZE", "1")]);
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let dog = alice.dog("Rex", owner);
    let plain = match app.engine {
        // The number of the change, the row, and the change.
        Engine::Sqlite => vec!["SELECT", "BEGIN", "INSERT", "INSERT", "INSERT", "COMMIT"],
        // All three in one statement.
        Engine::Postgres => vec!["SELECT", "WITH"],
    };
    // Whether there is an answer already, then the same, and its answer.
    let first = match app.engine {
        Engine::Sqlite => vec!["SELECT", "BEGIN", "SELECT", "INSERT", "INSERT", "INSERT", "INSERT", "COMMIT"],
        Engine::Postgres => vec!["SELECT", "BEGIN", "SELECT", "WITH", "INSERT", "COMMIT"],
    };
    let again = vec!["SELECT", "BEGIN", "SELECT", "COMMIT"];
    let expected = [plain, first, again];
    for (path, body) in [
        ("/dogowner/owners", json!({"name": "Ann"})),
        ("/dogowner/dogs", json!({"name": "Rex", "owner_id": owner})),
        ("/dogowner/tasks", json!({"name": "Walk", "dog_id": dog})),
    ] {
        let create = |headers: &[(&str, &str)]| {
            drop(recorder.take());
            alice.ask("POST", path, headers, Some(&body)).expect(201);
            recorder.verbs()
        };
        let costs = |number: usize| {
            let key = format!("{path}-{number}");
            let key = [("Idempotency-Key", key.as_str())];
            [create(&[]), create(&key), create(&key)]
        };
        // Now and then the server has work of its own, or a whole second has gone by since the gate.
        assert!((0..10).any(|number| costs(number) == expected), "{path}: {:?}", costs(10));
    }
}

fn a_login_a_refresh_and_a_logout_take_a_few_statements_whoever_asks(scene: &Database) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    let app = App::on(database);
    app.sign_up("alice");
    let log_in = || cost(&recorder, || drop(app.log_in("alice")));
    let first = log_in();
    assert!((1..=16).contains(&first), "{first} statements for a login");
    for _ in 0..5 {
        app.log_in("alice");
    }
    let again = log_in();
    assert!(again <= first + 1, "{again} statements for a login, and {first} for the first");

    let [known, unknown] = ["alice", "nobody"].map(|name| {
        app.database.put_back_the_locks();
        cost(&recorder, || drop(app.try_log_in(name, "not the password").expect(401)))
    });
    assert_eq!(known, unknown, "a wrong login costs the same whether there is such an account or not");
    app.database.put_back_the_locks();
    let alice = app.log_in("alice");
    let refresh = cost(&recorder, || drop(alice.try_refresh().expect(200)));
    assert!((1..=6).contains(&refresh), "{refresh} statements for a refresh");
    let wrong = json!({"refresh_token": "x"});
    assert_eq!(cost(&recorder, || drop(app.anon().post("/auth/refresh", &wrong).expect(401))), 0);
    let logout = cost(&recorder, || drop(alice.send("POST", "/auth/logout", &[], None).expect(200)));
    assert!((1..=5).contains(&logout), "{logout} statements for a logout");
}

/// With every thread that hashes at work, whoever needs one is told that the server is busy.
fn who_is_turned_away_costs_no_hash(scene: &Database) {
    let settings = [("LOGIN_RATE", "3/1h"), ("SIGNUP_RATE", "1/1h")];
    let (app, _park) = with_floods(scene, &settings);
    let (limited, locked) = (app.from(1), app.from(2));
    for number in 0..3 {
        limited.try_log_in(&format!("user-{number}"), "not the password").expect(401);
    }
    limited.sign_up("alice");
    let alice = app.from(3).log_in("alice").by(&app).token().to_owned();
    locked.try_log_in("alice", "not the password").expect(401);
    app.database.execute("UPDATE login_failures SET count = 99").expect("it can be said");
    app.database.put_back_the_locks();
    locked.try_log_in("alice", "not the password").expect(401);

    flood_hashers_now(&app);
    app.try_log_in("alice", PASSWORD).expect(429).problem("too-many-attempts");
    app.try_log_in("somebody-else", PASSWORD).expect(503).problem("overloaded");
    locked.try_log_in("alice", PASSWORD).expect(429).problem("too-many-attempts");
    limited.try_log_in("bob", PASSWORD).expect(429).problem("too-many-requests");
    let body = |password: &str| json!({"username": "bob", "email": "bob@example.com", "password": password});
    app.anon().post("/auth/signup", &body("short")).expect(422);
    app.anon().post("/auth/signup", &body(PASSWORD)).expect(503);
    let me = app.anon().with_token(&alice);
    me.get("/me").expect(200);
    app.anon().post("/auth/refresh", &json!({"refresh_token": "x"})).expect(401);
}
