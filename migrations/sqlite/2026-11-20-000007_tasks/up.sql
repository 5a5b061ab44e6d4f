-- What is to be done, for one of the user's dogs or for none in particular.
CREATE TABLE tasks (
    id           INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id      INTEGER NOT NULL,
    dog_id       INTEGER,
    name         TEXT NOT NULL,
    name_key     TEXT NOT NULL,
    completed    INTEGER NOT NULL,
    completed_at INTEGER,
    due_on       TEXT,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    version      INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT tasks_user_id_id_unique UNIQUE (user_id, id),
    CONSTRAINT tasks_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT tasks_dog_fkey FOREIGN KEY (user_id, dog_id) REFERENCES dogs (user_id, id) ON DELETE CASCADE,
    CONSTRAINT tasks_name_length CHECK (length(name) BETWEEN 1 AND 120),
    CONSTRAINT tasks_due_on_date CHECK (due_on IS date(due_on, '+0 days')),
    CONSTRAINT tasks_completed_boolean CHECK (completed IN (0, 1)),
    CONSTRAINT tasks_completed_at_when_completed CHECK (completed = (completed_at IS NOT NULL))
) STRICT;

CREATE INDEX tasks_by_name ON tasks (user_id, name_key, id);
CREATE INDEX tasks_by_creation ON tasks (user_id, created_at, id);
-- What has no due date comes last.
CREATE INDEX tasks_by_due_date ON tasks (user_id, COALESCE(due_on, '9999-12-31'), name_key, id);
CREATE INDEX tasks_by_completed ON tasks (user_id, completed, id);
CREATE INDEX tasks_by_completed_and_due_date ON tasks (user_id, completed, COALESCE(due_on, '9999-12-31'), name_key, id);
CREATE INDEX tasks_by_dog ON tasks (user_id, dog_id, id);
