-- Where a session began: an HMAC of its user and of the network it came from, so that a place that somebody has
-- logged in from is known again, and no address is stored.
ALTER TABLE sessions ADD COLUMN source BLOB CONSTRAINT sessions_source_length CHECK (length(source) = 16);

ALTER TABLE users ADD COLUMN disabled_at INTEGER;
-- An address that was asked for and is not confirmed yet.
ALTER TABLE users ADD COLUMN new_email TEXT CONSTRAINT users_new_email_length CHECK (length(new_email) BETWEEN 3 AND 254);

-- Failed logins of one day (UTC), for names that have no account too. `account_key` is an HMAC of whose they are.
CREATE TABLE login_failures (
    account_key  BLOB    NOT NULL PRIMARY KEY,
    count        INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    day          TEXT    NOT NULL,
    CONSTRAINT login_failures_account_key_length CHECK (length(account_key) = 16),
    CONSTRAINT login_failures_day_date CHECK (day IS date(day, '+0 days'))
) STRICT, WITHOUT ROWID;

CREATE INDEX login_failures_by_day ON login_failures (day, account_key);
