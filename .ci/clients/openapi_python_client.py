"""The tutorial, with what openapi-python-client has made."""

import os
from datetime import date

from made.openapi_python_client import AuthenticatedClient, Client
from made.openapi_python_client.api.auth import login, logout, refresh, signup
from made.openapi_python_client.api.dogs import create_dog, delete_dog, list_dogs, update_dog
from made.openapi_python_client.api.me import show_me
from made.openapi_python_client.api.owners import create_owner
from made.openapi_python_client.models import (
    DogIn, DogPatch, ListDogsExpandItem, ListDogsSortItem, LoginIn, OwnerIn, RefreshIn, SignupIn,
)

PASSWORD = "two dogs, one sofa"


def did(step, is_right, seen):
    assert is_right, f"{step}: {seen}"
    print(f"did: {step}")


anybody = Client(base_url=os.environ["KENNEL_URL"])
user = signup.sync(client=anybody, body=SignupIn(username="alice", email="alice@example.com", password=PASSWORD))
did("sign up", user.username == "alice", user)
tokens = login.sync(client=anybody, body=LoginIn(username="alice", password=PASSWORD))
did("log in", tokens.user.id == user.id, tokens)
tokens = refresh.sync(client=anybody, body=RefreshIn(refresh_token=tokens.refresh_token))
did("refresh", tokens.token_type == "Bearer", tokens)

me = AuthenticatedClient(base_url=os.environ["KENNEL_URL"], token=tokens.access_token)
owner = create_owner.sync(client=me, body=OwnerIn(name="Ann"))
dog = create_dog.sync(client=me, body=DogIn(name="Rex", owner_id=owner.id, born_on=date(2024, 5, 1)))
did("create", dog.born_on == date(2024, 5, 1), dog)
both = [ListDogsExpandItem.OWNER, ListDogsExpandItem.CO_OWNERS]
dogs = list_dogs.sync(client=me, sort=[ListDogsSortItem("-born_on"), ListDogsSortItem.NAME], expand=both)
did("list", dogs[0].owner.name == "Ann" and dogs[0].co_owners == [], dogs)
dog = update_dog.sync(dog.id, client=me, body=DogPatch(born_on=None))
did("patch with null", dog.born_on is None, dog)
gone = delete_dog.sync_detailed(dog.id, client=me)
did("delete", gone.status_code == 204, gone)
refused = create_owner.sync(client=me, body=OwnerIn(name=" "))
did("read an error", refused.type_ == "/problems/validation-failed" and refused.errors[0].pointer == "/name", refused)
logout.sync(client=me)
outside = show_me.sync(client=me)
did("log out", outside.type_ == "/problems/revoked-token", outside)
