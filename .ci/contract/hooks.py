"""What schemathesis has to know about Kennel, and the contract cannot say.

Most of it makes the examples of the contract true: schemathesis builds on them, and a request for a dog that is not
there, or with an owner that is not there, tests little. So the rows of the examples are made first, and stay.
"""

import functools
import itertools
import os

import requests
import schemathesis

URL = os.environ["KENNEL_URL"]
PASSWORD = "seven brown sofas at dawn"  # as in the contract
numbers = itertools.count(1)


def call(method, path, token=None, **body):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.request(method, URL + path, headers=headers, json=body or None, timeout=10)
    answer.raise_for_status()
    return answer


def log_in():
    return call("POST", "/auth/login", username="alice", password=PASSWORD).json()["access_token"]


for name in ("alice", "bob"):
    call("POST", "/auth/signup", username=name, email=f"{name}@example.com", password=PASSWORD)
alice = log_in()
for path, bodies in {
    "/dogowner/owners": [{"name": "Ann"}, {"name": "Ben"}],
    "/dogowner/dogs": [{"name": "Rex", "owner_id": 1}, {"name": "Lex", "owner_id": 1}],
}.items():
    ids = [call("POST", path, alice, **body).json()["id"] for body in bodies]
    assert ids == [1, 2], f"{path} is not the first of a fresh database"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Send read-only fields too.

    The contract promises that they are accepted and ignored, whatever is in them. Schemathesis sends no field
    that is `readOnly`, so the promise would go untested.
    """
    del raw_schema["components"]["schemas"]["Ignored"]["readOnly"]


# The rows that chains of requests have made.
made_in_chains = set()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keep the examples true, and let chains of requests go the same way whenever they are tried.

    Schemathesis gives up on chains as soon as one does not, as when a row has gone that it remembers from before.
    """
    if case.meta is None:
        return
    operation = case.operation.definition.raw["operationId"]
    path, query, body = case.path_parameters or {}, case.query or {}, case.body
    is_chain = case.meta.phase.name.value == "stateful"

    # A logout ends a session of its own, so that the session of all the others lives on.
    if operation == "logout" and "Authorization" in case.headers:
        case.headers["Authorization"] = f"Bearer {log_in()}"

    # Half of the wrong credentials are sent as tokens, or nobody would look into them.
    credentials = case.headers.get("Authorization", "Bearer ")
    if not credentials.startswith("Bearer ") and next(numbers) % 2:
        case.headers["Authorization"] = f"Bearer {credentials}"

    # Whoever signs up as alice would find her there. In chains everybody is new.
    if operation == "signup" and isinstance(body, dict):
        for key, value, new in (
            ("username", "alice", f"alice-{next(numbers)}"),
            ("email", "alice@example.com", f"alice-{next(numbers)}@example.com"),
        ):
            if body.get(key) == value or is_chain and case.meta.generation.mode.is_positive:
                body = {**body, key: new}
        case.body = body

    # The rows of the examples stay, and chains remove only what chains have made; a new row goes instead.
    for name, make in (
        ("owner_id", lambda: call("POST", "/dogowner/owners", alice, name="Ann")),
        ("dog_id", lambda: call("POST", "/dogowner/dogs", alice, name="Rex", owner_id=1)),
    ):
        row = path.get(name)
        if case.method == "DELETE" and (row in (1, 2) or is_chain and (name, row) not in made_in_chains):
            if isinstance(row, int):
                case.path_parameters = {name: make().json()["id"]}

    # A cursor is whatever the server gave, for the very list; of the dogs of another owner, take the first page.
    if query.get("cursor") == "b3Bh":
        case.query = {name: value for name, value in query.items() if name != "cursor"}
        if path.get("owner_id", 1) == 1:
            case.query["cursor"] = cursor_of(case.operation.path.replace("{owner_id}", "1"))


@schemathesis.hook
def after_call(context, case, response):
    if case.meta is not None and case.meta.phase.name.value == "stateful" and response.status_code == 201:
        for name, area in (("owner_id", "/dogowner/owner"), ("dog_id", "/dogowner/dog")):
            if case.operation.path.startswith(area):
                made_in_chains.add((name, response.json()["id"]))


@functools.cache
def cursor_of(path):
    return call("GET", f"{path}?limit=1", alice).links["next"]["url"].partition("cursor=")[2]


@schemathesis.check
def every_answer_has_what_all_have(ctx, response, case):
    """The rules of the contract's guide that belong to no single operation."""
    headers = {name: values[0] for name, values in response.headers.items()}
    path = case.operation.path
    area = "/" + path.split("/")[1]
    error = response.status_code >= 400
    caching = {"/auth": "no-store", "/me": "no-store", "/dogowner": "private, no-cache"}
    expected = {
        "cache-control": caching.get(area, "no-store" if error else "no-cache"),
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    found = {name: headers.get(name) for name in expected}
    assert found == expected, f"headers: {found}"
    if not error:
        return
    problem = response.json()
    assert problem["status"] == response.status_code, "the problem has another status than the answer"
    assert problem["request_id"] == headers["x-request-id"], "the problem has another id than the answer"
    assert ("instance" in problem) == (response.status_code != 404), "only a 404 has no instance"
    if response.status_code == 422:
        assert problem["errors"], "a 422 names what is wrong"
    if response.status_code == 401:
        bare = problem["type"] in ("/problems/missing-token", "/problems/invalid-credentials")
        assert bare == (headers["www-authenticate"] == "Bearer"), "the challenge does not fit the problem"


# A request can obey the schema and still be refused, but only for these reasons, and only where
# schemathesis.toml expects a 422.
BEYOND_THE_SCHEMA = {
    ("cursor", "invalid_cursor"),
    ("/owner_id", "not_found"),
    ("/password", "too_guessable"),
    ("/username", "reserved"),
}


@schemathesis.check
def refused_for_a_reason_beyond_the_schema(ctx, response, case):
    """Keeps the 422s that schemathesis.toml expects from hiding others."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 422:
        return
    for error in response.json()["errors"]:
        reason = (error.get("pointer", error.get("parameter")), error["code"])
        assert reason in BEYOND_THE_SCHEMA, f"a request that obeys the schema was refused: {error}"
