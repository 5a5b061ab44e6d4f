-- `name_key` is the spelling that names are searched and sorted by. SQL cannot make it as Rust does: the empty
-- ones of rows that are here already are filled in right after the migrations.
ALTER TABLE owners ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
ALTER TABLE dogs ADD COLUMN name_key TEXT NOT NULL DEFAULT '';

-- A list is sorted by an index: the user, the sort key, and what breaks ties, the id last. With the owner behind it
-- the dogs of one owner are told from others in the index, and only they are read.
CREATE INDEX owners_by_name ON owners (user_id, name_key, id);
CREATE INDEX owners_by_creation ON owners (user_id, created_at, id);
CREATE INDEX dogs_by_name ON dogs (user_id, name_key, id);
CREATE INDEX dogs_by_creation ON dogs (user_id, created_at, id, owner_id);
-- Whose birthday nobody knows comes last.
CREATE INDEX dogs_by_birth ON dogs (user_id, COALESCE(born_on, '9999-12-31'), name_key, id, owner_id);
CREATE INDEX dogs_by_owner_and_name ON dogs (user_id, owner_id, name_key, id);
