//! What a request may cost. `cargo bench --bench http -- --count` compares, and prints this table anew.

use super::database::Engine::{self, Postgres, Sqlite};

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

/// The login's instructions are those besides the hash.
#[rustfmt::skip]
pub const BUDGETS: &[Budget] = &[
    of(Sqlite, "me", 183_300, 162, 2, 0),
    of(Sqlite, "owners", 352_400, 215, 2, 0),
    of(Sqlite, "dogs", 947_000, 377, 2, 0),
    of(Sqlite, "dogs_by_name", 559_400, 307, 2, 0),
    of(Sqlite, "next_dogs_by_name", 650_700, 408, 5, 2),
    of(Sqlite, "show_dog", 236_200, 205, 2, 0),
    of(Sqlite, "public_dogs", 685_300, 237, 1, 0),
    of(Sqlite, "create_owner", 330_600, 234, 6, 4),
    of(Sqlite, "create_dog", 492_300, 386, 6, 4),
    of(Sqlite, "login", 759_900, 698, 22, 10),
    of(Postgres, "me", 188_200, 181, 2, 0),
    of(Postgres, "owners", 337_300, 237, 2, 0),
    of(Postgres, "dogs", 765_900, 404, 2, 0),
    of(Postgres, "dogs_by_name", 477_600, 329, 2, 0),
    of(Postgres, "next_dogs_by_name", 576_500, 445, 5, 0),
    of(Postgres, "show_dog", 240_700, 226, 2, 0),
    of(Postgres, "public_dogs", 576_000, 249, 1, 0),
    of(Postgres, "create_owner", 257_000, 243, 4, 0),
    of(Postgres, "create_dog", 371_100, 388, 4, 0),
    of(Postgres, "login", 596_400, 793, 18, 0),
];
