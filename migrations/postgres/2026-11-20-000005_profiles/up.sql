-- A profile is a user's public page: at most one each, and with it the user's dogs are public.
CREATE TABLE profiles (
    user_id     BIGINT PRIMARY KEY,
    description TEXT COLLATE "C" NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL,
    version     BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT profiles_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT profiles_description_length CHECK (char_length(description) BETWEEN 1 AND 2000)
);

-- Whether there is a profile is known of each dog too, so that the list of all public dogs skips no hidden ones.
-- The foreign key keeps it true: it follows the user's, and a dog that is written down meanwhile cannot miss it.
ALTER TABLE users ADD COLUMN is_public BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD CONSTRAINT users_id_is_public_unique UNIQUE (id, is_public);

ALTER TABLE dogs ADD COLUMN is_public BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE dogs DROP CONSTRAINT dogs_user_fkey;
ALTER TABLE dogs ADD CONSTRAINT dogs_user_fkey FOREIGN KEY (user_id, is_public)
    REFERENCES users (id, is_public) ON DELETE CASCADE ON UPDATE CASCADE;

CREATE INDEX dogs_public ON dogs (id) WHERE is_public;
