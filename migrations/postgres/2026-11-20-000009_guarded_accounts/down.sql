DROP TABLE login_failures;
ALTER TABLE users DROP COLUMN new_email;
ALTER TABLE users DROP COLUMN disabled_at;
ALTER TABLE sessions DROP COLUMN source;
