DROP TABLE mail_counts;
DROP INDEX sessions_asking_by_end;
DROP INDEX sessions_new_email;
ALTER TABLE sessions DROP COLUMN new_email_asked_at;
ALTER TABLE sessions DROP COLUMN new_email;
ALTER TABLE users ADD COLUMN new_email TEXT CONSTRAINT users_new_email_length CHECK (length(new_email) BETWEEN 3 AND 254);
