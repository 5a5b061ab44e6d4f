-- The owner's key includes the user, so "my dog, your owner" cannot be stored.
-- NO ACTION is checked at the end of the statement, so deleting a user cascades in any order.
CREATE TABLE dogs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id    INTEGER NOT NULL,
    owner_id   INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    born_on    TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT dogs_user_id_id_unique UNIQUE (user_id, id),
    CONSTRAINT dogs_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT dogs_owner_fkey FOREIGN KEY (user_id, owner_id) REFERENCES owners (user_id, id) ON DELETE NO ACTION,
    CONSTRAINT dogs_name_length CHECK (length(name) BETWEEN 1 AND 255),
    CONSTRAINT dogs_born_on_date CHECK (born_on IS date(born_on, '+0 days'))
) STRICT;

CREATE INDEX dogs_by_owner ON dogs (user_id, owner_id, id);
