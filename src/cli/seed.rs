//! `kennel seed`: makes accounts with owners, dogs and tasks, to try things out with. The same arguments make the same
//! rows.

use actix_web::rt::System;
use chrono::{Days, NaiveDate};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use fastrand::Rng;
use serde_json::Value;

use crate::{
    accounts::LoginKey,
    app::StartError,
    auth::passwords::{hasher::Hasher, password::Password},
    config::Config,
    db::{BookEntry, Conn, Db, PIECE},
    dogs::{DogIn, Dogs},
    ids::{DogId, OwnerId, UserId},
    owners::{OwnerIn, Owners},
    problem::Problem,
    profiles::{ProfileIn, Profiles},
    tasks::{TaskIn, Tasks},
    users::{Email, NewUser, Username, Users},
    wire::Preconditions,
};

use super::user::in_words;

const USERS: &str = "users";
const DOGS: &str = "dogs";
const SEED: &str = "seed";
const ADD: &str = "add";

/// The characters of a password.
const PASSWORD_LENGTH: usize = 20;
/// The dogs of a book for each owner in it.
const DOGS_AN_OWNER: usize = 4;

/// Names that no example has: whoever tries those finds them free.
const USERNAMES: [&str; 12] =
    ["mia", "noah", "olga", "pavel", "quinn", "rosa", "sven", "tara", "umar", "vera", "wanda", "yara"];
const PEOPLE: [&str; 16] = [
    "Ann",
    "Bo",
    "Chris O’Neill",
    "Dana",
    "Emre",
    "Fatou",
    "Giulia",
    "Håkon",
    "Ines",
    "Jürgen",
    "Kim",
    "Łucja",
    "Maya",
    "Nuno",
    "Olga",
    "Zoë",
];
const NAMES: [&str; 24] = [
    "Ace", "Bella", "Coco", "Daisy", "Élan", "Fido", "Ginger", "Hank", "Ivy", "Juno", "Kira", "Luna", "Max", "Nala",
    "Otis", "Pepper", "Quinn", "Rex", "Skye", "Toffee", "Uma", "Vito", "Woody", "Zorro",
];
const ERRANDS: [&str; 8] =
    ["Walk", "Vaccinate", "Brush", "Weigh", "Buy food", "Cut the claws", "Call the vet", "Train to sit"];

/// The definition of `kennel seed` and its arguments, for clap.
pub fn command() -> Command {
    let number = |id: &'static str, default, range: std::ops::RangeInclusive<u64>, help| {
        let arg = Arg::new(id).long(id).value_name("N").default_value(default).help(help);
        arg.value_parser(value_parser!(u64).range(range))
    };
    Command::new("seed").about("Make accounts with a book each, to try things out with, and print their logins").args([
        number(USERS, "3", 1..=1_000, "Accounts"),
        number(DOGS, "200", 0..=100_000, "Dogs in all books together; owners and tasks come with them"),
        number(SEED, "42", 0..=u64::MAX, "The same seed makes the same rows, and the same passwords"),
        Arg::new(ADD).long(ADD).action(ArgAction::SetTrue).help("Add them to a database that has users already"),
    ])
}

/// Runs `kennel seed`: makes accounts, each with owners, dogs and tasks, in transactions of some hundred rows. The same
/// arguments make the same rows.
///
/// # Errors
/// [`StartError::Database`], when the database cannot be opened; [`StartError::Run`], in one line for people, when it
/// has users already, or a write fails.
pub fn run(matches: &ArgMatches, config: &Config) -> Result<(), StartError> {
    let db = Db::open(&config.database_url, 1).map_err(StartError::Database)?;
    let done = System::new().block_on(make_all(matches, &db));
    db.close();
    done.map_err(|problem| StartError::Run(in_words(&problem)))
}

async fn make_all(matches: &ArgMatches, db: &Db) -> Result<(), Problem> {
    let number = |id| usize::try_from(matches.get_one::<u64>(id).copied().unwrap_or_default()).unwrap_or(usize::MAX);
    let (users, dogs) = (number(USERS), number(DOGS));
    if !matches.get_flag(ADD) && db.read(Users::are_there).await? {
        return Err(Problem::internal("the database has users already. Say --add to add to them, or set DATABASE_URL"));
    }
    let mut rng = Rng::with_seed(matches.get_one::<u64>(SEED).copied().unwrap_or_default());
    let hasher = Hasher::start(1, PASSWORD_LENGTH)?;
    for index in 0..users {
        let user = make_user(index, &mut rng, &hasher, db).await?;
        // The first books have the dogs that are left over.
        let share = dogs / users + usize::from(index < dogs % users);
        fill_book(user, share, &mut rng, db).await?;
    }
    println!("These passwords follow from the seed: for trying things out only.");
    Ok(())
}

/// Makes an account, every other one with a public page, and prints its login.
async fn make_user(index: usize, rng: &mut Rng, hasher: &Hasher, db: &Db) -> Result<UserId, Problem> {
    let name = free_name(index, db).await?;
    let text: String = std::iter::repeat_with(|| rng.alphanumeric()).take(PASSWORD_LENGTH).collect();
    let password = Password::new(&Value::from(text.as_str())).map_err(|fault| fault.at("password"))?;
    let username = Username::read(&Value::from(name.as_str())).map_err(|fault| fault.at("username"))?;
    let email = Email::stored(format!("{name}@example.com"));
    let password = hasher.judge(password, vec![name.clone()], "password").await?;
    let new = NewUser::new(&username, &email, &hasher.hash(password).await?);
    let page = index.is_multiple_of(2).then(|| ProfileIn { description: format!("The dogs that {name} looks after.") });
    let make = move |conn: &mut Conn| {
        let user = Users::create(conn, &new)?;
        if let Some(page) = &page {
            let _new = Profiles::of(user.id).replace(conn, &Preconditions::default(), page)?;
        }
        Ok(user.id)
    };
    let user = db.write(make).await?;
    println!("{name:<12} {text}");
    Ok(user)
}

/// The name of an account, with a number behind it where another has it already.
async fn free_name(index: usize, db: &Db) -> Result<String, Problem> {
    let name = word(&USERNAMES, index);
    for number in 1.. {
        let candidate = if number == 1 { name.clone() } else { format!("{name}{number}") };
        let key = LoginKey::of(&candidate);
        if db.read(move |conn| Users::find(conn, &key)).await?.is_none() {
            return Ok(candidate);
        }
    }
    Err(Problem::internal(format!("every name such as {name} is taken")))
}

/// Fills a book: owners, dogs, of which some have co-owners, and a task for every other dog.
async fn fill_book(user: UserId, dogs: usize, rng: &mut Rng, db: &Db) -> Result<(), Problem> {
    let owners: Vec<_> = (0..dogs.div_ceil(DOGS_AN_OWNER)).map(|at| OwnerIn { name: word(&PEOPLE, at) }).collect();
    let owners: Vec<OwnerId> =
        create_all(owners, user, db, move |entry, new| Ok(Owners::of(user).create(entry, new)?.id)).await?;
    let dogs: Vec<_> = (0..dogs).filter_map(|_| dog(&owners, rng)).collect();
    let dogs: Vec<DogId> =
        create_all(dogs, user, db, move |entry, new| Ok(Dogs::of(user).create(entry, new)?.id)).await?;
    let tasks: Vec<_> = dogs.iter().step_by(2).map(|dog| task(*dog, rng)).collect();
    let _tasks = create_all(tasks, user, db, move |entry, new| Tasks::of(user).create(entry, new).map(drop)).await?;
    Ok(())
}

/// A dog of one of these owners; none, if there is no owner.
fn dog(owners: &[OwnerId], rng: &mut Rng) -> Option<DogIn> {
    let (owner_id, other) = (*rng.choice(owners)?, *rng.choice(owners)?);
    Some(DogIn {
        owner_id,
        name: any(&NAMES, rng),
        born_on: (rng.u8(..5) > 0).then(|| day(2012, 14 * 365, rng)),
        co_owner_ids: if rng.u8(..5) == 0 && other != owner_id { vec![other] } else { Vec::new() },
    })
}

fn task(dog: DogId, rng: &mut Rng) -> TaskIn {
    TaskIn {
        dog_id: (rng.u8(..10) > 0).then_some(dog),
        name: any(&ERRANDS, rng),
        completed: rng.u8(..3) == 0,
        due_on: rng.bool().then(|| day(2026, 2 * 365, rng)),
    }
}

/// Makes rows of `news` in their order, [`PIECE`] of them in a transaction, and gives what `create` tells of each.
async fn create_all<New, Made>(
    news: Vec<New>,
    user: UserId,
    db: &Db,
    create: impl Fn(BookEntry<'_>, &New) -> Result<Made, Problem> + Copy + Send + 'static,
) -> Result<Vec<Made>, Problem>
where
    New: Send + 'static,
    Made: Send + 'static,
{
    let (mut news, mut made) = (news.into_iter(), Vec::new());
    while news.len() > 0 {
        let piece: Vec<_> = news.by_ref().take(PIECE).collect();
        let make = move |conn: &mut Conn| piece.iter().map(|new| create(BookEntry::on(conn, user), new)).collect();
        let rows: Vec<Made> = db.write(make).await?;
        made.extend(rows);
    }
    Ok(made)
}

/// The text with this number, counted round and round.
fn word(from: &[&str], number: usize) -> String {
    from.iter().copied().cycle().nth(number).unwrap_or_default().to_owned()
}

/// A random one of these texts.
fn any(of: &[&str], rng: &mut Rng) -> String {
    rng.choice(of).copied().unwrap_or_default().to_owned()
}

/// A day in the `days` after the beginning of a year.
fn day(year: i32, days: u64, rng: &mut Rng) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default();
    first.checked_add_days(Days::new(rng.u64(..days))).unwrap_or(first)
}
