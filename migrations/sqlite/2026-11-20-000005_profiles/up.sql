-- A profile is a user's public page: at most one each, and with it the user's dogs are public.
CREATE TABLE profiles (
    user_id     INTEGER PRIMARY KEY NOT NULL,
    description TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT profiles_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT profiles_description_length CHECK (length(description) BETWEEN 1 AND 2000)
) STRICT;

-- Whether there is a profile is known of each dog too, so that the list of all public dogs skips no hidden ones.
-- The foreign key keeps it true: it follows the user's, and a dog that is written down meanwhile cannot miss it.
ALTER TABLE users ADD COLUMN is_public INTEGER NOT NULL DEFAULT 0 CHECK (is_public IN (0, 1));
CREATE UNIQUE INDEX users_id_is_public_unique ON users (id, is_public);

-- SQLite cannot change a foreign key; the table is made anew. The counter of ids goes on where it was.
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
    is_public  INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT dogs_user_id_id_unique UNIQUE (user_id, id),
    CONSTRAINT dogs_user_fkey FOREIGN KEY (user_id, is_public) REFERENCES users (id, is_public)
        ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT dogs_owner_fkey FOREIGN KEY (user_id, owner_id) REFERENCES owners (user_id, id) ON DELETE NO ACTION,
    CONSTRAINT dogs_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT dogs_born_on_date CHECK (born_on IS date(born_on, '+0 days')),
    CONSTRAINT dogs_is_public_boolean CHECK (is_public IN (0, 1))
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
CREATE INDEX dogs_public ON dogs (id) WHERE is_public;
