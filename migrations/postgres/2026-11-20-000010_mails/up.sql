-- Mails to be sent, and those of the last day. What a mail says is made when it is sent: no token is stored.
-- `user_id` is unknown while only the address is (a forgotten password).
CREATE TABLE mails (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id         BIGINT,
    kind            TEXT COLLATE "C" NOT NULL,
    address         TEXT COLLATE "C" NOT NULL,
    address_key     TEXT COLLATE "C" NOT NULL,
    attempts        BIGINT NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMPTZ NOT NULL,
    sent_at         TIMESTAMPTZ,
    created_at      TIMESTAMPTZ NOT NULL,
    CONSTRAINT mails_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT mails_address_length CHECK (char_length(address) BETWEEN 3 AND 254)
);

CREATE INDEX mails_by_user ON mails (user_id);
CREATE INDEX mails_by_address ON mails (address_key, created_at);
CREATE INDEX mails_by_creation ON mails (created_at);
CREATE INDEX mails_to_send ON mails (next_attempt_at, id) WHERE sent_at IS NULL;
CREATE INDEX mails_not_tried ON mails (next_attempt_at, id) WHERE sent_at IS NULL AND attempts = 0;
