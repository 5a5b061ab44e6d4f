-- Times are microseconds since 1970 (UTC). AUTOINCREMENT, so that the id of a deleted row never comes back.
-- `*_key` is the trimmed, NFKC-normalised, lower-cased spelling that makes `Ann` and `ann` one account.
CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    username      TEXT    NOT NULL,
    username_key  TEXT    NOT NULL,
    email         TEXT    NOT NULL,
    email_key     TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    verified_at   INTEGER,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    version       INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT users_username_key_unique UNIQUE (username_key),
    CONSTRAINT users_email_key_unique UNIQUE (email_key),
    CONSTRAINT users_username_length CHECK (length(username) BETWEEN 3 AND 30),
    CONSTRAINT users_email_length CHECK (length(email) BETWEEN 3 AND 254),
    CONSTRAINT users_password_hash_phc CHECK (password_hash LIKE '$argon2id$%')
) STRICT;

-- One row per login. `refresh_counter`, `refresh_salt` and `rotated_at` are what a refresh token is derived from.
CREATE TABLE sessions (
    id              INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id         INTEGER NOT NULL,
    refresh_counter INTEGER NOT NULL DEFAULT 0,
    refresh_salt    BLOB    NOT NULL,
    rotated_at      INTEGER,
    user_agent      TEXT,
    created_at      INTEGER NOT NULL,
    last_seen_at    INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    revoked_at      INTEGER,
    CONSTRAINT sessions_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_refresh_salt_length CHECK (length(refresh_salt) = 16),
    CONSTRAINT sessions_user_agent_length CHECK (length(user_agent) <= 255)
) STRICT;

CREATE INDEX sessions_by_user ON sessions (user_id, id);
