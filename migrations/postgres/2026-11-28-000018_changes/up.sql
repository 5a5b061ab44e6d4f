-- The number of the newest change to a user's rows, and the number up to which changes are forgotten. A row comes with
-- the first change, and is updated with each that follows: room in its page lets PostgreSQL do that in place (HOT).
--
-- Neither table checks its rows, and no foreign key ties a change to its book: one place writes both (`src/db/book.rs`),
-- and `kennel check` reads them all. PostgreSQL reads the text of each `CHECK` anew for each statement: they and the key
-- were a third of its work for a create.
CREATE TABLE books (
    user_id BIGINT PRIMARY KEY,
    last    BIGINT NOT NULL,
    floor   BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT books_user_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) WITH (fillfactor = 50);

-- What was changed, numbered in each book from 1 without gaps. `batch` is the number of the first change of the same
-- operation; `was` is how to take the change back, a JSON object; `undoes` is the batch that this one has taken back. It
-- points at no owner, dog or task: it outlives them.
CREATE TABLE changes (
    user_id  BIGINT NOT NULL,
    seq      BIGINT NOT NULL,
    batch    BIGINT NOT NULL,
    at       TIMESTAMPTZ NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    row_id   BIGINT NOT NULL,
    action   TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL,
    was      TEXT COLLATE "C",
    undoes   BIGINT,
    CONSTRAINT changes_pkey PRIMARY KEY (user_id, seq)
);

-- Of what there is already nothing is logged: a copy that is made of the changes alone would lack it.
INSERT INTO books (user_id, last, floor)
SELECT user_id, 1, 1 FROM owners UNION SELECT user_id, 1, 1 FROM tasks;
