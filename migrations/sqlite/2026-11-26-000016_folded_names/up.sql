-- Names are found without their accents from now on. The keys of names beyond ASCII are made anew right after the
-- migrations; all others stay as they are.
UPDATE owners SET name_key = '' WHERE length(CAST(name AS BLOB)) <> length(name);
UPDATE dogs SET name_key = '' WHERE length(CAST(name AS BLOB)) <> length(name);
UPDATE tasks SET name_key = '' WHERE length(CAST(name AS BLOB)) <> length(name);
