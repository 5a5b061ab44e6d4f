//! What a request may cost. `cargo bench --bench http -- --count` compares, and prints this table anew.

use crate::database::Engine::{self, Postgres, Sqlite};

/// Instructions and allocations are the most that one request may take. The counts of statements are exact: those
/// that run (with BEGIN and COMMIT), and those of them whose text is read anew.
pub struct Budget {
    pub engine: Engine,
    pub route: &'static str,
    pub instructions: u64,
    pub allocations: u64,
    pub statements: u64,
    pub preparations: u64,
}

const fn of(
    engine: Engine,
    route: &'static str,
    instructions: u64,
    allocations: u64,
    statements: u64,
    preparations: u64,
) -> Budget {
    Budget { engine, route, instructions, allocations, statements, preparations }
}

/// The login's instructions are those besides the hash. By an API key a list may take 5 % more instructions than the
/// same list by a token was measured with. A create also counts and logs the change: on SQLite two statements more, on
/// PostgreSQL two more parts of the one statement.
#[rustfmt::skip]
pub const BUDGETS: &[Budget] = &[
    of(Sqlite, "me", 59_400, 41, 2, 0),
    of(Sqlite, "poll_book", 64_500, 37, 2, 0),
    of(Sqlite, "owners", 187_800, 83, 2, 0),
    of(Sqlite, "owners_by_key", 191_800, 84, 2, 0),
    of(Sqlite, "dogs", 710_100, 234, 2, 0),
    of(Sqlite, "dogs_by_name", 376_400, 165, 2, 0),
    of(Sqlite, "next_dogs_by_name", 438_800, 206, 5, 2),
    of(Sqlite, "show_dog", 93_000, 71, 2, 0),
    of(Sqlite, "public_dogs", 615_100, 176, 1, 0),
    of(Sqlite, "create_owner", 223_700, 142, 6, 2),
    of(Sqlite, "create_dog", 277_300, 176, 6, 2),
    of(Sqlite, "update_owner", 276_900, 175, 7, 3),
    of(Sqlite, "login", 477_600, 242, 18, 6),
    of(Sqlite, "me_observed", 66_400, 44, 2, 0),
    of(Postgres, "me", 72_100, 61, 2, 0),
    of(Postgres, "poll_book", 79_800, 60, 2, 0),
    of(Postgres, "owners", 190_100, 109, 2, 0),
    of(Postgres, "owners_by_key", 196_300, 105, 2, 0),
    of(Postgres, "dogs", 576_900, 263, 2, 0),
    of(Postgres, "dogs_by_name", 325_100, 191, 2, 0),
    of(Postgres, "next_dogs_by_name", 368_300, 201, 2, 0),
    of(Postgres, "show_dog", 104_700, 95, 2, 0),
    of(Postgres, "public_dogs", 527_700, 190, 1, 0),
    of(Postgres, "create_owner", 126_600, 120, 2, 0),
    of(Postgres, "create_dog", 138_900, 144, 2, 0),
    of(Postgres, "update_owner", 169_100, 186, 7, 0),
    of(Postgres, "login", 356_800, 343, 18, 0),
    of(Postgres, "me_observed", 78_300, 63, 2, 0),
];
