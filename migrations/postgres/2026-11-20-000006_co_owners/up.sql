-- The owners that a dog has beside its own: dog and owner are in one user's book.
CREATE TABLE dog_co_owners (
    dog_id   BIGINT NOT NULL,
    owner_id BIGINT NOT NULL,
    user_id  BIGINT NOT NULL,
    CONSTRAINT dog_co_owners_dog_id_owner_id_unique PRIMARY KEY (dog_id, owner_id),
    CONSTRAINT dog_co_owners_dog_fkey FOREIGN KEY (user_id, dog_id) REFERENCES dogs (user_id, id) ON DELETE CASCADE,
    CONSTRAINT dog_co_owners_owner_fkey FOREIGN KEY (user_id, owner_id) REFERENCES owners (user_id, id) ON DELETE CASCADE
);

CREATE INDEX dog_co_owners_by_owner ON dog_co_owners (user_id, owner_id, dog_id);
-- Without it SQLite would look for a dog's rows among all of the user's, once for each dog of a cascade.
CREATE INDEX dog_co_owners_by_dog ON dog_co_owners (user_id, dog_id, owner_id);
