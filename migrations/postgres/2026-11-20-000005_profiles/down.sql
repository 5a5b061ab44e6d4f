DROP INDEX dogs_public;
ALTER TABLE dogs DROP CONSTRAINT dogs_user_fkey;
ALTER TABLE dogs ADD CONSTRAINT dogs_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE dogs DROP COLUMN is_public;
ALTER TABLE users DROP CONSTRAINT users_id_is_public_unique;
ALTER TABLE users DROP COLUMN is_public;
DROP TABLE profiles;
