-- (user_id, id) is what a list pages by, and what a dog's composite foreign key points at.
CREATE TABLE owners (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    BIGINT NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version    BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT owners_user_id_id_unique UNIQUE (user_id, id),
    CONSTRAINT owners_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT owners_name_length CHECK (char_length(name) BETWEEN 1 AND 255)
);
