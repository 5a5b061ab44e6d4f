DROP TABLE dog_co_owners;
