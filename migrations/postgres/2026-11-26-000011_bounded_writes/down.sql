DROP INDEX idempotency_keys_by_user;
DELETE FROM users WHERE deleted_at IS NOT NULL;
DROP INDEX users_deleted;
ALTER TABLE users DROP COLUMN deleted_at;

DROP INDEX users_public;
ALTER TABLE users ADD CONSTRAINT users_id_is_public_unique UNIQUE (id, is_public);
ALTER TABLE dogs ADD COLUMN is_public BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE dogs SET is_public = TRUE FROM users WHERE users.id = dogs.user_id AND users.is_public;
ALTER TABLE dogs DROP CONSTRAINT dogs_user_fkey;
ALTER TABLE dogs ADD CONSTRAINT dogs_user_fkey FOREIGN KEY (user_id, is_public)
    REFERENCES users (id, is_public) ON DELETE CASCADE ON UPDATE CASCADE;
CREATE INDEX dogs_public ON dogs (id) WHERE is_public;
