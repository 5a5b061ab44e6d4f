DROP INDEX idempotency_keys_by_user;
DELETE FROM users WHERE deleted_at IS NOT NULL;
DROP INDEX users_deleted;
ALTER TABLE users DROP COLUMN deleted_at;

DROP INDEX users_public;
CREATE UNIQUE INDEX users_id_is_public_unique ON users (id, is_public);

CREATE TABLE kept_tasks AS SELECT * FROM tasks;
CREATE TABLE kept_co_owners AS SELECT * FROM dog_co_owners;
DELETE FROM tasks;
DELETE FROM dog_co_owners;

CREATE TABLE old_dogs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id    INTEGER NOT NULL,
    owner_id   INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    born_on    TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL DEFAULT 1,
    name_key   TEXT    NOT NULL DEFAULT '',
    is_public  INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT dogs_user_id_id_unique UNIQUE (user_id, id),
    CONSTRAINT dogs_user_fkey FOREIGN KEY (user_id, is_public) REFERENCES users (id, is_public)
        ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT dogs_owner_fkey FOREIGN KEY (user_id, owner_id) REFERENCES owners (user_id, id) ON DELETE NO ACTION,
    CONSTRAINT dogs_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT dogs_born_on_date CHECK (born_on IS date(born_on, '+0 days')),
    CONSTRAINT dogs_is_public_boolean CHECK (is_public IN (0, 1))
) STRICT;
INSERT INTO old_dogs (id, user_id, owner_id, name, born_on, created_at, updated_at, version, name_key, is_public)
    SELECT dogs.id, user_id, owner_id, name, born_on, dogs.created_at, dogs.updated_at, dogs.version, name_key, is_public
    FROM dogs JOIN users ON users.id = dogs.user_id;
DELETE FROM sqlite_sequence WHERE name = 'old_dogs';
INSERT INTO sqlite_sequence (name, seq) SELECT 'old_dogs', seq FROM sqlite_sequence WHERE name = 'dogs';
DROP TABLE dogs;
ALTER TABLE old_dogs RENAME TO dogs;

CREATE INDEX dogs_by_owner ON dogs (user_id, owner_id, id);
CREATE INDEX dogs_by_name ON dogs (user_id, name_key, id);
CREATE INDEX dogs_by_creation ON dogs (user_id, created_at, id, owner_id);
CREATE INDEX dogs_by_birth ON dogs (user_id, COALESCE(born_on, '9999-12-31'), name_key, id, owner_id);
CREATE INDEX dogs_by_owner_and_name ON dogs (user_id, owner_id, name_key, id);
CREATE INDEX dogs_public ON dogs (id) WHERE is_public;

INSERT INTO tasks (id, user_id, dog_id, name, name_key, completed, completed_at, due_on, created_at, updated_at, version)
    SELECT id, user_id, dog_id, name, name_key, completed, completed_at, due_on, created_at, updated_at, version
    FROM kept_tasks;
INSERT INTO dog_co_owners (dog_id, owner_id, user_id) SELECT dog_id, owner_id, user_id FROM kept_co_owners;
DROP TABLE kept_tasks;
DROP TABLE kept_co_owners;
