-- What is to be done, for one of the user's dogs or for none in particular.
CREATE TABLE tasks (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      BIGINT NOT NULL,
    dog_id       BIGINT,
    name         TEXT COLLATE "C" NOT NULL,
    name_key     TEXT COLLATE "C" NOT NULL,
    completed    BOOLEAN NOT NULL,
    completed_at TIMESTAMPTZ,
    due_on       DATE,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    version      BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT tasks_user_id_id_unique UNIQUE (user_id, id),
    CONSTRAINT tasks_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT tasks_dog_fkey FOREIGN KEY (user_id, dog_id) REFERENCES dogs (user_id, id) ON DELETE CASCADE,
    CONSTRAINT tasks_name_length CHECK (char_length(name) BETWEEN 1 AND 120),
    CONSTRAINT tasks_due_on_date CHECK (due_on BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'),
    CONSTRAINT tasks_completed_at_when_completed CHECK (completed = (completed_at IS NOT NULL))
);

CREATE INDEX tasks_by_name ON tasks (user_id, name_key, id);
CREATE INDEX tasks_by_creation ON tasks (user_id, created_at, id);
-- What has no due date comes last.
CREATE INDEX tasks_by_due_date ON tasks (user_id, COALESCE(due_on, DATE '9999-12-31'), name_key, id);
CREATE INDEX tasks_by_completed ON tasks (user_id, completed, id);
CREATE INDEX tasks_by_completed_and_due_date ON tasks (user_id, completed, COALESCE(due_on, DATE '9999-12-31'), name_key, id);
CREATE INDEX tasks_by_dog ON tasks (user_id, dog_id, id);
