//! What the pieces are tried on: a user with rows of every kind, on either database.

use std::env;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix_web::FromRequest;
use actix_web::dev::Payload;
use actix_web::test::TestRequest;
use actix_web::web::ServiceConfig;
use diesel::Connection as _;
use kennel::app;
use kennel::auth::tokens::access::AccessTokens;
use kennel::config::Config;
use kennel::crypto::PasswordHash;
use kennel::current_user::TokenSubject;
use kennel::db::{self, BookEntry, Conn, DatabaseId, Db, migrate};
use kennel::dogs::Dogs;
use kennel::lists::{List, ListQuery, Order};
use kennel::profiles::Profiles;
use kennel::sessions::{ClientInfo, SessionLifetimes, Sessions};
use kennel::tasks::Tasks;
use kennel::wire::{Fields, FromBody, Preconditions, Query};
use kennel::{ids::OwnerId, owners::Owners};
use kennel::{
    ids::UserId,
    users::{Email, NewUser, Username, Users},
};
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(Clone, Copy, Debug)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

const POSTGRES: &str = "BENCH_POSTGRES_URL";

pub fn engines() -> Vec<Engine> {
    let postgres = env::var_os(POSTGRES).map(|_| Engine::Postgres);
    [Engine::Sqlite].into_iter().chain(postgres).collect()
}

/// A user with 20 owners, 50 dogs that are public and 50 tasks, and a connection.
pub struct Fixture {
    pub config: Config,
    pub conn: Conn,
    pub database: DatabaseId,
    pub user: UserId,
    pub owner: OwnerId,
    pub bearer: TokenSubject,
    _folder: TempDir,
}

impl Fixture {
    pub fn on(engine: Engine) -> Self {
        static USERS: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(engine, &folder);
        let mut conn = db::connect(&config.database_url).expect("the database opens");
        let _ran = migrate::run(&mut conn).expect("a schema");
        let database = DatabaseId::of(&mut conn).expect("an id");
        let name = format!("user{}-{}", std::process::id(), USERS.fetch_add(1, Ordering::Relaxed));
        let (user, bearer, owner) = conn
            .transaction(|conn| {
                let (user, bearer) = sign_up(conn, &name);
                Ok::<_, diesel::result::Error>((user, bearer, fill(conn, user)))
            })
            .expect("rows");
        Self { config, conn, database, user, owner, bearer, _folder: folder }
    }

    pub fn tokens(&self) -> AccessTokens {
        let keys = app::keys(&self.config, &self.database).expect("keys");
        AccessTokens::new(&keys, Duration::from_secs(900)).expect("tokens")
    }

    pub fn db(&self) -> Db {
        Db::open(&self.config.database_url, 4).expect("the database opens")
    }

    /// What handlers share in an app.
    pub fn put_into(&self, config: &mut ServiceConfig) {
        app::AppState::open(&self.config).expect("state").put_into(config);
    }
}

const LIVES: SessionLifetimes =
    SessionLifetimes { idle: Duration::from_secs(3600), absolute: Duration::from_secs(3600) };

fn config(engine: Engine, folder: &TempDir) -> Config {
    let url = match engine {
        Engine::Sqlite => format!("sqlite://{}", folder.path().join("kennel.db").display()),
        Engine::Postgres => env::var(POSTGRES).expect("a URL"),
    };
    let config = Config::from_lookup(|name| match name {
        "DATABASE_URL" => Some(url.clone()),
        "JWT_SECRET" => Some("q3Zt0PfWmJx8y7Vd2nKcLr5GhUeB1sAoT6iYwXvN9Qk".to_owned()),
        "USER_RATE" | "IP_RATE" => Some("off".to_owned()),
        _ => None,
    });
    config.expect("a configuration")
}

fn sign_up(conn: &mut Conn, name: &str) -> (UserId, TokenSubject) {
    let (username, email) = (Username::read(&json!(name)), Email::read(&json!(format!("{name}@example.com"))));
    let (Ok(username), Ok(email)) = (username, email) else { panic!("{name} is a name") };
    let new = NewUser::new(&username, &email, &PasswordHash::stored("$argon2id$none".to_owned()));
    let user = Users::create(conn, &new).expect("a user").id;
    let place = ClientInfo { user_agent: None, source: [0; 16] };
    let session = Sessions::of(user).create(conn, LIVES, &place).expect("a session");
    (user, session.subject())
}

fn fill(conn: &mut Conn, user: UserId) -> OwnerId {
    let mut owners = Vec::new();
    for number in 0..20 {
        let new = body(json!({"name": format!("Charlotte {number}")}));
        owners.push(Owners::of(user).create(BookEntry::on(conn, user), &new).expect("an owner").id);
    }
    for (number, owner) in owners.iter().cycle().take(50).enumerate() {
        let dog = json!({"name": format!("Bella {number}"), "owner_id": owner, "born_on": "2024-05-01"});
        let dog = Dogs::of(user).create(BookEntry::on(conn, user), &body(dog)).expect("a dog").id;
        let task = json!({"name": format!("Brush {number}"), "dog_id": dog, "due_on": "2030-05-01"});
        let _task = Tasks::of(user).create(BookEntry::on(conn, user), &body(task)).expect("a task");
    }
    let profile = body(json!({"description": "Dogs of all sizes."}));
    let request = TestRequest::default().to_http_request();
    let unconditionally = Preconditions::from_request(&request, &mut Payload::None).into_inner().expect("no headers");
    let _profile = Profiles::of(user).replace(conn, &unconditionally, &profile).expect("a profile");
    *owners.first().expect("20 of them")
}

pub fn body<T: FromBody>(json: Value) -> T {
    Fields::read(json).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The first 50 rows; by name those of a page of 20.
pub fn list_query<L: List>(by_name: bool) -> ListQuery<L> {
    let request = TestRequest::default().to_http_request();
    let filter = L::from_query(&mut Query::of(&request));
    let (order, limit) = if by_name {
        (Order::parse(L::SORTS, "name").expect("a key to sort by"), 20)
    } else {
        (Order::usual(L::SORTS), 50)
    };
    ListQuery { filter, order, compares_rows: false, after: None, limit, count: false }
}
