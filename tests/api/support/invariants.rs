//! What holds for the rows of the database, whoever wrote what and when.

use super::{App, Engine};

/// What the database must never hold, as `FROM` with conditions.
const NEVER: [&str; 13] = [
    "dog_co_owners c JOIN dogs d ON d.id = c.dog_id WHERE c.owner_id = d.owner_id",
    "dog_co_owners c JOIN dogs d ON d.id = c.dog_id WHERE c.user_id <> d.user_id",
    "dog_co_owners c JOIN owners o ON o.id = c.owner_id WHERE c.user_id <> o.user_id",
    "dogs d JOIN owners o ON o.id = d.owner_id WHERE o.user_id <> d.user_id",
    "tasks t JOIN dogs d ON d.id = t.dog_id WHERE t.user_id <> d.user_id",
    "tasks WHERE completed <> (completed_at IS NOT NULL)",
    "users u WHERE u.is_public <> EXISTS (SELECT 1 FROM profiles p WHERE p.user_id = u.id)",
    "users WHERE deleted_at IS NOT NULL",
    // The changes of a book are numbered without gaps, and a row has the version that its newest change says.
    "books b WHERE b.last - b.floor <> (SELECT count(*) FROM changes c WHERE c.user_id = b.user_id)",
    "changes c JOIN books b ON b.user_id = c.user_id WHERE c.seq NOT BETWEEN b.floor + 1 AND b.last",
    "owners r JOIN changes c ON c.user_id = r.user_id AND c.resource = 'owner' AND c.row_id = r.id \
     WHERE c.version > r.version",
    "dogs r JOIN changes c ON c.user_id = r.user_id AND c.resource = 'dog' AND c.row_id = r.id \
     WHERE c.version > r.version",
    "tasks r JOIN changes c ON c.user_id = r.user_id AND c.resource = 'task' AND c.row_id = r.id \
     WHERE c.version > r.version",
];

/// Fails if the database holds what it must not, or was kept waiting.
#[track_caller]
pub fn hold(app: &App) {
    for never in NEVER {
        assert_eq!(app.database.count(never), 0, "{never}");
    }
    if app.engine == Engine::Sqlite {
        assert_eq!(app.database.texts("SELECT \"table\" AS value FROM pragma_foreign_key_check"), [""; 0]);
        assert_eq!(app.database.texts("SELECT integrity_check AS value FROM pragma_integrity_check"), ["ok"]);
    } else {
        // PostgreSQL notices a deadlock after a second, in which both wait; so writes take their locks in one order.
        let deadlocked = "pg_stat_database WHERE datname = current_database() AND deadlocks > 0";
        assert_eq!(app.database.count(deadlocked), 0, "two writes waited for each other");
    }
}
