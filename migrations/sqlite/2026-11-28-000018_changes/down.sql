DROP TABLE changes;
DROP TABLE books;
