-- The database's own name, random and in one row: what is signed for one database is good for no other, whatever
-- secret they share. A backup keeps it.
CREATE TABLE database_identity (
    number INTEGER NOT NULL PRIMARY KEY,
    id     TEXT    NOT NULL,
    CONSTRAINT database_identity_single CHECK (number = 1),
    CONSTRAINT database_identity_id_length CHECK (length(id) = 32)
) STRICT;

INSERT INTO database_identity (number, id) VALUES (1, lower(hex(randomblob(16))));
