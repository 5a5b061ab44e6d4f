-- The owner's key includes the user, so "my dog, your owner" cannot be stored.
-- NO ACTION is checked at the end of the statement, so deleting a user cascades in any order.
CREATE TABLE dogs (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    BIGINT NOT NULL,
    owner_id   BIGINT NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    born_on    DATE,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version    BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT dogs_user_id_id_unique UNIQUE (user_id, id),
    CONSTRAINT dogs_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT dogs_owner_fkey FOREIGN KEY (user_id, owner_id) REFERENCES owners (user_id, id) ON DELETE NO ACTION,
    CONSTRAINT dogs_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
    CONSTRAINT dogs_born_on_date CHECK (born_on BETWEEN DATE '0001-01-01' AND DATE '9999-12-31')
);

CREATE INDEX dogs_by_owner ON dogs (user_id, owner_id, id);
