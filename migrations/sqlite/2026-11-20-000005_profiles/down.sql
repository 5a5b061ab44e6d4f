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
    CONSTRAINT dogs_user_id_id_unique UNIQUE (user_id, id),
    CONSTRAINT dogs_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT dogs_owner_fkey FOREIGN KEY (user_id, owner_id) REFERENCES owners (user_id, id) ON DELETE NO ACTION,
    CONSTRAINT dogs_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT dogs_born_on_date CHECK (born_on IS date(born_on, '+0 days'))
) STRICT;
INSERT INTO old_dogs (id, user_id, owner_id, name, born_on, created_at, updated_at, version, name_key)
    SELECT id, user_id, owner_id, name, born_on, created_at, updated_at, version, name_key FROM dogs;
DELETE FROM sqlite_sequence WHERE name = 'old_dogs';
INSERT INTO sqlite_sequence (name, seq) SELECT 'old_dogs', seq FROM sqlite_sequence WHERE name = 'dogs';
DROP TABLE dogs;
ALTER TABLE old_dogs RENAME TO dogs;

CREATE INDEX dogs_by_owner ON dogs (user_id, owner_id, id);
CREATE INDEX dogs_by_name ON dogs (user_id, name_key, id);
CREATE INDEX dogs_by_creation ON dogs (user_id, created_at, id, owner_id);
CREATE INDEX dogs_by_birth ON dogs (user_id, COALESCE(born_on, '9999-12-31'), name_key, id, owner_id);
CREATE INDEX dogs_by_owner_and_name ON dogs (user_id, owner_id, name_key, id);

DROP INDEX users_id_is_public_unique;
ALTER TABLE users DROP COLUMN is_public;
DROP TABLE profiles;
