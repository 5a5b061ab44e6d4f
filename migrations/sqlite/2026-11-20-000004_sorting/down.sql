DROP INDEX dogs_by_owner_and_name;
DROP INDEX dogs_by_birth;
DROP INDEX dogs_by_creation;
DROP INDEX dogs_by_name;
DROP INDEX owners_by_creation;
DROP INDEX owners_by_name;
ALTER TABLE dogs DROP COLUMN name_key;
ALTER TABLE owners DROP COLUMN name_key;
