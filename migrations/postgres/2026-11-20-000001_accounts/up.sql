-- `*_key` is the trimmed, NFKC-normalised, lower-cased spelling that makes `Ann` and `ann` one account.
-- Text sorts by code point (COLLATE "C"), as it does in SQLite.
CREATE TABLE users (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username      TEXT COLLATE "C" NOT NULL,
    username_key  TEXT COLLATE "C" NOT NULL,
    email         TEXT COLLATE "C" NOT NULL,
    email_key     TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C" NOT NULL,
    verified_at   TIMESTAMPTZ,
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL,
    version       BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT users_username_key_unique UNIQUE (username_key),
    CONSTRAINT users_email_key_unique UNIQUE (email_key),
    CONSTRAINT users_username_length CHECK (char_length(username) BETWEEN 3 AND 30),
    CONSTRAINT users_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
    CONSTRAINT users_password_hash_phc CHECK (password_hash LIKE '$argon2id$%')
);

-- One row per login. `refresh_counter`, `refresh_salt` and `rotated_at` are what a refresh token is derived from.
CREATE TABLE sessions (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id         BIGINT NOT NULL,
    refresh_counter BIGINT NOT NULL DEFAULT 0,
    refresh_salt    BYTEA NOT NULL,
    rotated_at      TIMESTAMPTZ,
    user_agent      TEXT COLLATE "C",
    created_at      TIMESTAMPTZ NOT NULL,
    last_seen_at    TIMESTAMPTZ NOT NULL,
    expires_at      TIMESTAMPTZ NOT NULL,
    revoked_at      TIMESTAMPTZ,
    CONSTRAINT sessions_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_refresh_salt_length CHECK (octet_length(refresh_salt) = 16),
    CONSTRAINT sessions_user_agent_length CHECK (char_length(user_agent) <= 255)
);

CREATE INDEX sessions_by_user ON sessions (user_id, id);
