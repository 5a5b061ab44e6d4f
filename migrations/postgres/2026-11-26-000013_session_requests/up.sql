-- An address that was asked for and is not confirmed yet stands in the row of the session that asked for it, and so
-- ends with that session. Those that wait already have no session, and are called off.
ALTER TABLE users DROP COLUMN new_email;
ALTER TABLE sessions ADD COLUMN new_email TEXT COLLATE "C"
    CONSTRAINT sessions_new_email_length CHECK (char_length(new_email) BETWEEN 3 AND 254);
ALTER TABLE sessions ADD COLUMN new_email_asked_at TIMESTAMPTZ
    CONSTRAINT sessions_new_email_asked CHECK ((new_email IS NULL) = (new_email_asked_at IS NULL));

CREATE UNIQUE INDEX sessions_new_email ON sessions (user_id) WHERE new_email IS NOT NULL;
CREATE INDEX sessions_asking_by_end ON sessions (expires_at, id) WHERE new_email IS NOT NULL;

-- When the last five mails of a kind were queued for an address, or by a user, the newest first. `subject` is an HMAC
-- of both. It belongs to no account, so that deleting one makes nothing forgotten.
CREATE TABLE mail_counts (
    subject   BYTEA PRIMARY KEY,
    latest_at TIMESTAMPTZ NOT NULL,
    second_at TIMESTAMPTZ,
    third_at  TIMESTAMPTZ,
    fourth_at TIMESTAMPTZ,
    fifth_at  TIMESTAMPTZ,
    CONSTRAINT mail_counts_subject_length CHECK (octet_length(subject) = 16)
);

CREATE INDEX mail_counts_by_time ON mail_counts (latest_at, subject);
