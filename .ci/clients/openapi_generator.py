"""The tutorial, with what openapi-generator has made."""

import os
from datetime import date

from openapi_client import ApiClient, ApiException, AuthApi, Configuration, DogsApi, MeApi, OwnersApi
from openapi_client.models import DogIn, DogPatch, LoginIn, OwnerIn, Problem, RefreshIn, SignupIn

PASSWORD = "two dogs, one sofa"


def did(step, is_right, seen):
    assert is_right, f"{step}: {seen}"
    print(f"did: {step}")


def problem(ask):
    try:
        return ask()
    except ApiException as error:
        return Problem.from_json(error.body)


configuration = Configuration(host=os.environ["KENNEL_URL"])
client = ApiClient(configuration)
auth, dogs, owners = AuthApi(client), DogsApi(client), OwnersApi(client)
user = auth.signup(SignupIn(username="alice", email="alice@example.com", password=PASSWORD))
did("sign up", user.username == "alice", user)
tokens = auth.login(LoginIn(username="alice", password=PASSWORD))
did("log in", tokens.user.id == user.id, tokens)
tokens = auth.refresh(RefreshIn(refresh_token=tokens.refresh_token))
did("refresh", tokens.token_type == "Bearer", tokens)

configuration.access_token = tokens.access_token
owner = owners.create_owner(OwnerIn(name="Ann"))
dog = dogs.create_dog(DogIn(name="Rex", owner_id=owner.id, born_on=date(2024, 5, 1)))
did("create", dog.born_on == date(2024, 5, 1), dog)
listed = dogs.list_dogs(sort=["-born_on", "name"], expand=["owner", "co_owners"])
did("list", listed[0].owner.name == "Ann" and listed[0].co_owners == [], listed)
dog = dogs.update_dog(dog.id, DogPatch(born_on=None))
did("patch with null", dog.born_on is None, dog)
dogs.delete_dog(dog.id)
did("delete", dogs.list_dogs() == [], dog)
refused = problem(lambda: owners.create_owner(OwnerIn.model_construct(name=" ")))
did("read an error", refused.type == "/problems/validation-failed" and refused.errors[0].pointer == "/name", refused)
auth.logout()
outside = problem(lambda: MeApi(client).show_me())
did("log out", outside.type == "/problems/revoked-token", outside)
