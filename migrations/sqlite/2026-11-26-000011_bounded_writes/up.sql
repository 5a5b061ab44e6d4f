-- Whether a dog is public is its user's matter alone: a profile that comes or goes changes the user's row and no dog's.
-- SQLite cannot change a foreign key; the table is made anew. What points at dogs would be deleted with the old table,
-- so it is put aside meanwhile. The counter of ids goes on where it was.
CREATE TABLE kept_tasks AS SELECT * FROM tasks;
CREATE TABLE kept_co_owners AS SELECT * FROM dog_co_owners;
DELETE FROM tasks;
DELETE FROM dog_co_owners;

CREATE TABLE new_dogs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id    INTEGER NOT NULL,
    owner_id   INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    born_on    TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL DEFAULT 1,
    name_key   TEXT    NOT NULL DEFAULT '',
    CONSTRAINT dogs_user_id_id_unique UNIQUE (user_id, id),
    CONSTRAINT dogs_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT dogs_owner_fkey FOREIGN KEY (user_id, owner_id) REFERENCES owners (user_id, id) ON DELETE NO ACTION,
    CONSTRAINT dogs_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT dogs_born_on_date CHECK (born_on IS date(born_on, '+0 days'))
) STRICT;
INSERT INTO new_dogs (id, user_id, owner_id, name, born_on, created_at, updated_at, version, name_key)
    SELECT id, user_id, owner_id, name, born_on, created_at, updated_at, version, name_key FROM dogs;
DELETE FROM sqlite_sequence WHERE name = 'new_dogs';
INSERT INTO sqlite_sequence (name, seq) SELECT 'new_dogs', seq FROM sqlite_sequence WHERE name = 'dogs';
DROP TABLE dogs;
ALTER TABLE new_dogs RENAME TO dogs;

CREATE INDEX dogs_by_owner ON dogs (user_id, owner_id, id);
CREATE INDEX dogs_by_name ON dogs (user_id, name_key, id);
CREATE INDEX dogs_by_creation ON dogs (user_id, created_at, id, owner_id);
CREATE INDEX dogs_by_birth ON dogs (user_id, COALESCE(born_on, '9999-12-31'), name_key, id, owner_id);
CREATE INDEX dogs_by_owner_and_name ON dogs (user_id, owner_id, name_key, id);

INSERT INTO tasks (id, user_id, dog_id, name, name_key, completed, completed_at, due_on, created_at, updated_at, version)
    SELECT id, user_id, dog_id, name, name_key, completed, completed_at, due_on, created_at, updated_at, version
    FROM kept_tasks;
INSERT INTO dog_co_owners (dog_id, owner_id, user_id) SELECT dog_id, owner_id, user_id FROM kept_co_owners;
DROP TABLE kept_tasks;
DROP TABLE kept_co_owners;

DROP INDEX users_id_is_public_unique;
CREATE INDEX users_public ON users (id) WHERE is_public;

-- A deleted account is nobody's from the moment on that this says; its rows go bit by bit, and the user's own last.
ALTER TABLE users ADD COLUMN deleted_at INTEGER
    CONSTRAINT users_deleted_at_when_disabled CHECK (deleted_at IS NULL OR disabled_at IS NOT NULL);
CREATE INDEX users_deleted ON users (id) WHERE deleted_at IS NOT NULL;

-- How many keys a user has is counted here, without their answers.
CREATE INDEX idempotency_keys_by_user ON idempotency_keys (user_id, created_at);
