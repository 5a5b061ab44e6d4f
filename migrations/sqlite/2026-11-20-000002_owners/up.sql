-- (user_id, id) is what a list pages by, and what a dog's composite foreign key points at.
CREATE TABLE owners (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id    INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version    INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT owners_user_id_id_unique UNIQUE (user_id, id),
    CONSTRAINT owners_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT owners_name_length CHECK (length(name) BETWEEN 1 AND 255)
) STRICT;
