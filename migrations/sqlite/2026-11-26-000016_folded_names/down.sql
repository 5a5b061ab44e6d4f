-- The keys stay as they are: an older program finds the names by them, too.
SELECT 1;
