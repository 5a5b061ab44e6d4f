-- The database's own name, random and in one row: what is signed for one database is good for no other, whatever
-- secret they share. A backup keeps it.
CREATE TABLE database_identity (
    number BIGINT PRIMARY KEY,
    id     TEXT COLLATE "C" NOT NULL,
    CONSTRAINT database_identity_single CHECK (number = 1),
    CONSTRAINT database_identity_id_length CHECK (char_length(id) = 32)
);

INSERT INTO database_identity (number, id) VALUES (1, replace(CAST(gen_random_uuid() AS text), '-', ''));
