-- Whether a dog is public is its user's matter alone: a profile that comes or goes changes the user's row and no dog's.
ALTER TABLE dogs DROP CONSTRAINT dogs_user_fkey;
ALTER TABLE dogs ADD CONSTRAINT dogs_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
DROP INDEX dogs_public;
ALTER TABLE dogs DROP COLUMN is_public;
ALTER TABLE users DROP CONSTRAINT users_id_is_public_unique;
CREATE INDEX users_public ON users (id) WHERE is_public;

-- A deleted account is nobody's from the moment on that this says; its rows go bit by bit, and the user's own last.
ALTER TABLE users ADD COLUMN deleted_at TIMESTAMPTZ
    CONSTRAINT users_deleted_at_when_disabled CHECK (deleted_at IS NULL OR disabled_at IS NOT NULL);
CREATE INDEX users_deleted ON users (id) WHERE deleted_at IS NOT NULL;

-- How many keys a user has is counted here, without their answers.
CREATE INDEX idempotency_keys_by_user ON idempotency_keys (user_id, created_at);
