-- Answers that were given under a caller's key, so that a retry gets the same one. `headers` is a JSON object.
CREATE TABLE idempotency_keys (
    user_id     BIGINT NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    status      BIGINT NOT NULL,
    headers     TEXT COLLATE "C" NOT NULL,
    body        BYTEA NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    CONSTRAINT idempotency_keys_user_id_key_unique PRIMARY KEY (user_id, key),
    CONSTRAINT idempotency_keys_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT idempotency_keys_key_length CHECK (char_length(key) BETWEEN 1 AND 255)
);

CREATE INDEX idempotency_keys_by_creation ON idempotency_keys (created_at);
