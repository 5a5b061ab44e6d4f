"""What schemathesis has to know about Kennel, and the contract cannot say.

Most of it makes the examples of the contract true: schemathesis builds on them, and a request for a dog that is not
there, or with an owner that is not there, tests little. So the rows of the examples are made first, and stay.
"""

import datetime
import functools
import itertools
import json
import operator
import os
import pathlib
import re
import time
import zlib
from urllib.parse import parse_qsl, urlsplit

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

URL = os.environ["KENNEL_URL"]
OUTBOX = pathlib.Path(os.environ["KENNEL_OUTBOX"])
PASSWORD = "seven brown sofas at dawn"  # as in the contract
numbers = itertools.count(1)
session = requests.Session()
contract = session.get(f"{URL}/openapi.json", timeout=10).json()
# A file of the console, whose version stands on its page.
CONSOLE_FILE = re.search(
    '"/app/(?P<version>[0-9a-f]+)/(?P<file>[a-z.-]+)"', session.get(f"{URL}/app", timeout=10).text
).groupdict()


def resolve(value):
    """A part of the contract, or what it refers to."""
    while "$ref" in value:
        value = functools.reduce(dict.__getitem__, value["$ref"].removeprefix("#/").split("/"), contract)
    return value


def operations():
    """Every operation with its path and its method."""
    for path, item in contract["paths"].items():
        for method, operation in item.items():
            if method in ("get", "put", "post", "patch", "delete"):
                yield path, method.upper(), operation


def body_schema(operation):
    if "requestBody" not in operation:
        return {"properties": {}}
    return resolve(resolve(operation["requestBody"])["content"]["application/json"]["schema"])


# Where the rows of a book are made, by what a parameter calls the id of one: `dog_id` and the path to all dogs.
ROWS = {
    name[1]: path
    for path, method, operation in operations()
    if path.startswith("/dogowner/") and method == "POST" and not operation["operationId"].endswith("_singular")
    for other in contract["paths"]
    if (name := re.fullmatch(re.escape(path) + r"/\{(\w+)\}", other))
}
# The operations that make such rows: also by an alias.
CREATIONS = {
    operation["operationId"]: name
    for path, method, operation in operations()
    for name, collection in ROWS.items()
    if method == "POST" and operation["operationId"].removesuffix("_singular")
    == contract["paths"][collection]["post"]["operationId"]
}


def row_of(field):
    """What a field of a body names, as `co_owner_ids` an owner: a name in ROWS, or none."""
    name = re.sub("_ids$", "_id", field)
    while name not in ROWS and "_" in name:
        name = name.partition("_")[2]
    return name if name in ROWS else None


def id_fields(operation):
    """The fields of a body that name rows, and which."""
    fields = body_schema(operation)["properties"].items()
    written = (name for name, field in fields if not resolve(field).get("readOnly"))
    named = {name: row_of(name) for name in written if re.search("_ids?$", name)}
    return {name: row for name, row in named.items() if row}


def example_of(path, only_required=False):
    """All that a new row can have, as the contract's examples of it say; about the first of other rows, and of several
    the second. What can be true is not."""
    create = contract["paths"][path]["post"]
    media = resolve(create["requestBody"])["content"]["application/json"]
    body = {}
    for example in media["examples"].values():
        body = {**resolve(example)["value"], **body}
    body = {name: False if value is True else value for name, value in body.items()}
    for name, row in id_fields(create).items():
        # The first has no other of its kind.
        body[name] = None if ROWS[row] == path else [2] if name.endswith("_ids") else 1
    required = body_schema(create)["required"]
    return {name: value for name, value in body.items() if not only_required or name in required}


def call(method, path, token=None, **body):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = session.request(method, URL + path, headers=headers, json=body or None, timeout=10)
    answer.raise_for_status()
    return answer


def log_in(name):
    return call("POST", "/auth/login", username=name, password=PASSWORD).json()


def sign_up(name):
    call("POST", "/auth/signup", username=name, email=f"{name}@example.com", password=PASSWORD)


def sign_in(name):
    sign_up(name)
    return log_in(name)["access_token"]


alice, bob = sign_in("alice"), sign_in("bob")
# Somebody whom nobody misses: may be renamed, and shown or not.
zoe = sign_in("zoe")
# Somebody whose sessions come and go. The others begin few, of which none becomes the oldest of too many.
sign_up("guest")


def order_mails():
    """Has mails written to somebody new: to confirm the address, for a forgotten password, about another address."""
    name = f"reader-{next(numbers)}"
    call("PATCH", "/me", sign_in(name), email=f"new-{name}@example.com")
    call("POST", "/auth/password/forgot", email=f"{name}@example.com")


read = set()


def token_in_a_mail(kind):
    """A token that nobody has used yet."""
    order_mails()
    for _ in range(100):
        for mail in OUTBOX.glob(f"[!.]*-{kind}.eml"):
            if mail.name in read:
                continue
            text = mail.read_text()
            token = re.search(r"^    \S+&token=(\S+)$", text, re.MULTILINE)
            if token and "reader-" in text:
                read.add(mail.name)
                return token[1]
        time.sleep(0.1)
    raise AssertionError(f"no mail came: {kind}")


# There is always one more than asked for, so nobody waits for the post.
order_mails()

# The letters that the examples look for.
LETTERS = "ex"


def examples():
    """Two rows at each path, none before those that it is about, and with the letters in their names."""
    rest = dict(ROWS)
    while rest:
        name, path = next(
            (name, path)
            for name, path in rest.items()
            if not set(id_fields(contract["paths"][path]["post"]).values()) & set(rest) - {name}
        )
        del rest[name]
        body = example_of(path)
        single = {field: value for field, value in body.items() if not field.endswith("_ids")}
        yield path, [{**one, "name": f"{one['name']} of {LETTERS.title()}eter"} for one in (body, single)]


EXAMPLES = dict(examples())
for path, bodies in EXAMPLES.items():
    ids = [call("POST", path, alice, **body).json()["id"] for body in bodies]
    assert ids == [1, 2], f"{path} is not the first of a fresh database"


def show(token):
    """Makes somebody's page public."""
    call("PUT", "/me/profile", token, description="Two dogs, one sofa.")


def write_examples_anew():
    """Takes the rows of the examples away from others, with which they would go."""
    for path, bodies in EXAMPLES.items():
        if id_fields(contract["paths"][path]["post"]):
            for number, body in enumerate(bodies, start=1):
                call("PUT", f"{path}/{number}", alice, **body)


show(alice)


# What the optional parameters are tried with. The contract has no examples of them, because consoles send those; and
# so it is with the bodies of links. What filters by a field, or sorts, is below.
PARAMETERS = {
    "Limit": 20,
    "Cursor": "b3Bh",
    "Count": True,
    "Search": LETTERS,
    "Force": True,
    "Ids": [1, 2, 3],
    "CreatedAfter": "2026-11-20T10:30:00+01:00",
    "CreatedBefore": "2036-12-01T00:00:00Z",
    "UpdatedSince": "2026-11-20T09:30:00.000Z",
    "IfMatch": '"3"',
    "IfNoneMatchWriting": '"2"',
    "IfNoneMatch": '"3"',
    "IdempotencyKey": "6fe9e0d3-2c3c-4c51-a3a4-5d0a43a1f7c4",
    "After": 0,
    "Before": 1000,
    "RowId": 1,
    "ChangesSort": "-seq",
    "ChangesLimit": 20,
    "LastEventId": "0",
}
LINKS = {
    "login": {"username": "$request.body#/username", "password": "$request.body#/password"},
    "refresh": {"refresh_token": "$response.body#/refresh_token"},
    "logout": {"refresh_token": "$response.body#/refresh_token"},
}


def value_of(parameter):
    """What a parameter is tried with that is not in PARAMETERS: such as an example row meets."""
    name, schema = parameter["name"], resolve(parameter["schema"])
    if name.endswith("_id"):
        return 1
    if name == "sort":
        # By all keys but the ids, the last of them backwards and first.
        *keys, last = [key for key in schema["items"]["enum"] if key.removeprefix("-") != "id" and key[0] != "-"]
        return [f"-{last}", *reversed(keys)]
    if schema.get("type") == "array":
        return schema["items"]["enum"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "boolean":
        return False
    if schema.get("format") == "date":
        return "9999-12-31" if name.endswith("_before") else "0001-01-01"
    raise AssertionError(f"what {name} is tried with must be said here")


def bodies_of_links():
    """For each link from a new row to making another: what that needs, about the new one."""
    for name, path in ROWS.items():
        links = resolve(contract["paths"][path]["post"]["responses"]["201"]).get("links", {})
        for link in (key for key, value in links.items() if resolve(value)["operationId"] in CREATIONS):
            other = ROWS[CREATIONS[contract["components"]["links"][link]["operationId"]]]
            fields = id_fields(contract["paths"][other]["post"])
            about = {field: "$response.body#/id" for field, row in fields.items() if row == name and field[-1] != "s"}
            yield link, example_of(other, only_required=True) | about


@schemathesis.deserializer("text/html", "text/css", "text/javascript", "text/plain", "image/svg+xml")
def pages_and_what_they_load_are_text(ctx, response):
    return response.content.decode()


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Send read-only fields too.

    The contract promises that they are accepted and ignored, whatever is in them. Schemathesis sends no field
    that is `readOnly`, so the promise would go untested.
    """
    components = raw_schema["components"]
    del components["schemas"]["Ignored"]["readOnly"]
    for name, parameter in components["parameters"].items():
        if not parameter.get("required"):
            parameter["example"] = PARAMETERS[name] if name in PARAMETERS else value_of(parameter)
    for name, body in (LINKS | dict(bodies_of_links())).items():
        components["links"][name]["requestBody"] = body


# The names above and below, and their addresses.
PEOPLE = re.compile(r"(alice|bob|guest|zoe|nobody-[0-9]+)(@example\.com)?", re.IGNORECASE)
# What the refresh token is called in a cookie.
COOKIE = "__Host-kennel_refresh"
# What mails have the tokens for.
MAILS = {"reset_password": "reset", "verify_email": "verify", "cancel_email": "email-changing"}
# The rows that chains of requests have made, and the refresh tokens that they have got.
made_in_chains = set()
given_in_chains = set()
# The access tokens of those who have made API keys.
makers = {}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keep the examples true, and let chains of requests go the same way whenever they are tried.

    Schemathesis gives up on chains as soon as one does not, as when a row has gone that it remembers from before.
    """
    if case.meta is None:
        return
    operation = case.operation.definition.raw["operationId"]
    is_chain = case.meta.phase.name.value == "stateful"
    if case.path_parameters and case.meta.generation.mode.is_positive:
        case.path_parameters = whole(case.path_parameters)
    keep_credentials(case, operation)
    keep_people(case, operation, is_chain)
    keep_tokens(case, operation, is_chain)
    keep_rows(case, operation, is_chain)
    keep_query(case, is_chain)
    keep_headers(case, is_chain)


def keep_credentials(case, operation):
    # A logout ends a session of its own, so that the session of all the others lives on.
    if operation == "logout" and "Authorization" in case.headers:
        case.headers["Authorization"] = f"Bearer {log_in('guest')['access_token']}"

    # Half of the wrong credentials are sent as tokens, or nobody would look into them.
    credentials = case.headers.get("Authorization", "Bearer ")
    if not credentials.startswith("Bearer ") and next(numbers) % 2:
        case.headers["Authorization"] = f"Bearer {credentials}"


def keep_people(case, operation, is_chain):
    body = case.body
    # Whoever signs up as alice would find her there. In chains everybody is new.
    if operation == "signup" and isinstance(body, dict):
        for key, value, new in (
            ("username", "alice", f"alice-{next(numbers)}"),
            ("email", "alice@example.com", f"alice-{next(numbers)}@example.com"),
        ):
            if body.get(key) == value or is_chain and case.meta.generation.mode.is_positive:
                body = {**body, key: new}
        case.body = body

    # Whoever logs in as somebody whom we know is the guest, and whoever only tries to is nobody: a wrong password
    # makes an account wait. Nor is it the same nobody twice: schemathesis repeats what was answered with 401 until it
    # has seen that the operation does so to a fresh token too, and until then looks at the second answer only.
    if operation == "login" and isinstance(body, dict):
        is_right = body.get("password") == PASSWORD
        somebody = "guest" if is_right else f"nobody-{next(numbers)}"
        known = PEOPLE.fullmatch(str(body.get("username")).strip())
        if known:
            case.body = {**body, "username": somebody + (known[2] or "")}
        elif is_chain and case.meta.generation.mode.is_positive:
            case.body = {**body, "username": somebody}

    # Of all names there might be, hardly any has a page.
    if operation in ("show_user", "list_dogs_of_user") and case.meta.generation.mode.is_positive and not is_chain:
        name = case.path_parameters["username"]
        case.path_parameters = {"username": name if is_spared(case, name) else "alice"}

    # Nor do many words name a problem.
    if operation == "show_problem" and case.meta.generation.mode.is_positive and not is_chain:
        word = case.path_parameters["problem"]
        case.path_parameters = {"problem": word if is_spared(case, word) else "not-found"}

    # Nor a file.
    if operation == "show_asset" and case.meta.generation.mode.is_positive and not is_chain:
        word = case.path_parameters["asset"]
        there_is = contract["components"]["parameters"]["AssetName"]["example"]
        case.path_parameters = {"asset": word if is_spared(case, word) else there_is}

    # Nor is the version of the console in the contract.
    if operation == "show_console_file" and case.meta.generation.mode.is_positive and not is_chain:
        given = case.path_parameters
        case.path_parameters = given if is_spared(case, "/".join(given.values())) else CONSOLE_FILE

    # The people of the examples stay, keep their names, passwords, pages and sessions; somebody else goes instead, who
    # has just logged in, since some of this wants a fresh login.
    if case.auth_identity is None or case.headers.get("Authorization", "").count(".") != 2:
        return
    instead = None
    if operation in ("delete_me", "replace_password", "create_key"):
        instead = sign_in(f"mayfly-{next(numbers)}")
    elif operation == "delete_key" and case.meta.generation.mode.is_positive:
        instead = keep_key(case)
    elif operation == "update_me" and isinstance(body, dict) and "email" in body:
        instead = sign_in(f"mayfly-{next(numbers)}")
    elif operation == "update_me" and isinstance(body, dict) and "username" in body:
        instead = zoe
    elif operation == "delete_profile":
        instead = zoe
        show(zoe)
    elif operation in ("delete_other_sessions", "delete_session"):
        instead = log_in("guest")["access_token"]
    if instead:
        case.headers["Authorization"] = f"Bearer {instead}"


def keep_key(case):
    """A key is deleted by whoever has made it, and once; for one that nobody has made there is a new one."""
    row = str(case.path_parameters["key_id"])
    if row not in makers and not is_spared(case, row):
        maker = sign_in(f"mayfly-{next(numbers)}")
        case.path_parameters = {"key_id": call("POST", "/me/keys", maker, name="A program", scope="read").json()["id"]}
        return maker
    return makers.pop(row, None)


def keep_tokens(case, operation, is_chain):
    """Sends what nobody can make up: tokens, and the password that there is. Some are left to be refused."""
    if not case.meta.generation.mode.is_positive:
        return
    body = case.body if isinstance(case.body, dict) else {}
    if operation == "login" and is_chain:
        case.body = {**body, "cookie": False}
    elif operation == "login" and case.meta.phase.name.value == "fuzzing" and not is_spared(case, body["username"]):
        case.body = {**body, "username": "guest", "password": PASSWORD}
    elif operation in ("refresh", "logout"):
        token = body.get("refresh_token")
        if token not in given_in_chains if is_chain else token is not None and not is_spared(case, token):
            # Not in a cookie in chains, where the next request looks for a token in the answer's body.
            case.body = {**body, "refresh_token": log_in("guest")["refresh_token"]}
            case.media_type = "application/json"
        elif token is None and COOKIE not in case.cookies and next(numbers) % 4:
            case.cookies[COOKIE] = log_in("guest")["refresh_token"]
    elif operation in MAILS and not is_spared(case, body):
        case.body = {**body, "token": token_in_a_mail(MAILS[operation])}
    elif operation == "replace_password" and not is_spared(case, body["current_password"]):
        case.body = {**body, "current_password": PASSWORD}


def keep_rows(case, operation, is_chain):
    # Schemathesis would take a read-only `id` that it sent for the id of the new row, and look for that.
    if is_chain and operation.startswith("create_") and isinstance(case.body, dict):
        case.body = {name: value for name, value in case.body.items() if name != "id"}

    # Of many rows at random one would hardly ever be there; mostly those of the examples stand for them, each once.
    fields = id_fields(case.operation.definition.raw) if isinstance(case.body, dict) else {}
    for field in (field for field in fields if field.endswith("_ids")):
        ids = case.body.get(field)
        if ids and case.meta.generation.mode.is_positive and not is_spared(case, ids):
            others = {case.body.get(other) for other, row in fields.items() if row == fields[field] and other != field}
            case.body = {**case.body, field: sorted({1 + int(one) % 2 for one in ids} - others)}

    # A session ends once, and there is mostly one.
    if operation == "delete_session" and case.meta.generation.mode.is_positive:
        row = str(case.path_parameters["session_id"])
        if not is_spared(case, row):
            case.path_parameters = {"session_id": begin_session()}

    # The rows of the examples stay, and chains remove only what chains have made; a new row goes instead.
    for name, path in ROWS.items():
        row = str((case.path_parameters or {}).get(name))
        if case.method != "DELETE" or case.operation.path != f"{path}/{{{name}}}" or not row.isdecimal():
            continue
        if row in ("1", "2") or is_chain and ((name, row) not in made_in_chains or has_more(name, row)):
            new = call("POST", path, alice, **example_of(path, only_required=True))
            case.path_parameters = {name: new.json()["id"]}
        elif any(name in id_fields(contract["paths"][other]["post"]).values() for other in ROWS.values()):
            write_examples_anew()


def begin_session():
    """The id of a new session of the guest's."""
    sessions = call("GET", "/me/sessions", log_in("guest")["access_token"]).json()
    return next(one["id"] for one in sessions if one["current"])


def has_more(name, row):
    """Whether other rows, which a chain may remember, would go with this one: of a list below it or filtered by it."""
    for path, method, operation in operations():
        known = {resolve(parameter)["name"] for parameter in operation.get("parameters", [])}
        if method != "GET" or not path.startswith("/dogowner/") or "cursor" not in known:
            continue
        if f"/{{{name}}}/" in path:
            query = "?limit=1"
        elif name in known:
            query = f"?{name}={row}&limit=1"
        else:
            continue
        url = URL + path.replace(f"{{{name}}}", row) + query
        answer = session.get(url, headers={"Authorization": f"Bearer {alice}"})
        if answer.ok and answer.json() != []:
            return True
    return False


def keep_query(case, is_chain):
    if not case.meta.generation.mode.is_positive:
        # Ids that come twice count once, which no schema can say.
        ids = str((case.query or {}).get("id", "")).split(",")
        if len(ids) > 100 >= len(set(ids)):
            case.query = {**case.query, "id": ",".join(map(str, range(1, 102)))}
        return
    query = whole(case.query)
    # A key that comes twice is refused, and of so few keys many would.
    sort = query.get("sort")
    if sort and not is_spared(case, sort):
        keys = {key.removeprefix("-"): key for key in reversed(sort.split(","))}
        query["sort"] = ",".join(reversed(keys.values()))
    # So it is with what is to be expanded.
    if query.get("expand"):
        query["expand"] = ",".join(dict.fromkeys(query["expand"].split(",")))
    # In a list of ids 7.0 is the text of none, either.
    if query.get("id"):
        query["id"] = re.sub(r"\.0\b", "", str(query["id"]))
    # A cursor is whatever the server gave, for the very list with the very filters. Chains take the first page.
    cursor = query.get("cursor")
    if cursor and not is_spared(case, cursor):
        filters = {name: value for name, value in query.items() if name not in ("limit", "cursor", "count", "expand")}
        query["cursor"] = None if is_chain else cursor_of(case.formatted_path, tuple(sorted(filters.items())))
        query = {name: value for name, value in query.items() if value is not None}
    case.query = query


def whole(values):
    """7.0 is an integer in a body, and remembered from there; in a query or a path it is the text of none."""
    is_whole = lambda value: isinstance(value, float) and value.is_integer()
    return {name: int(value) if is_whole(value) else value for name, value in (values or {}).items()}


@functools.cache
def cursor_of(path, filters):
    headers = {"Authorization": f"Bearer {alice}"}
    answer = session.get(URL + path, params=[("limit", "1"), *filters], headers=headers, timeout=10)
    return answer.links["next"]["url"].partition("cursor=")[2] if "next" in answer.links else None


def keep_headers(case, is_chain):
    headers = case.headers
    # A key stands for one request, and few are ever the same. In chains none is.
    key = headers.get("Idempotency-Key")
    if key is not None and not is_under_test(case, "Idempotency-Key") and not is_spared(case, key):
        headers["Idempotency-Key"] = f"{key[:200]}-{next(numbers)}"

    # What a precondition names is mostly the version that there is, or nearly every write would be in vain.
    held, unwanted = headers.get("If-Match"), headers.get("If-None-Match")
    if case.method in ("PUT", "PATCH", "DELETE"):
        if held is not None and not is_under_test(case, "If-Match") and not (is_tag(held) and is_spared(case, held)):
            headers["If-Match"] = version(case) or '"1"'
        if unwanted is not None and not is_under_test(case, "If-None-Match"):
            headers["If-None-Match"] = unwanted if is_tag(unwanted) and is_spared(case, unwanted) else '"0"'
    elif is_chain and unwanted is not None and not is_under_test(case, "If-None-Match"):
        # Sooner or later a row would have that version.
        headers["If-None-Match"] = '"0"'
    elif unwanted == '"3"' and case.meta.phase.name.value == "examples":
        headers["If-None-Match"] = version(case) or unwanted


def is_under_test(case, header):
    """Whether this header, or any header, is what is wrong with the request."""
    if case.meta.phase.name.value == "coverage":
        return getattr(case.meta.phase.data, "parameter", None) == header
    part = case.meta.components.get(ParameterLocation.HEADER)
    return part is not None and part.mode.is_negative


def is_tag(value):
    # What schemathesis takes for good may have lost its quotes.
    return re.search(contract["components"]["schemas"]["EntityTags"]["pattern"], value) is not None


def is_spared(case, value):
    """Whether a value is left as it is: of those made up at random one in four, and always in the same requests."""
    if case.meta.phase.name.value in ("examples", "stateful"):
        return False
    request = (value, case.path_parameters, case.query, case.body if isinstance(case.body, dict) else None)
    return zlib.crc32(repr(request).encode()) % 4 == 0


def version(case):
    headers = {"Authorization": case.headers["Authorization"]} if "Authorization" in case.headers else {}
    return session.get(URL + case.formatted_path, headers=headers, timeout=10).headers.get("ETag")


@schemathesis.hook
def after_call(context, case, response):
    operation = case.operation.definition.raw["operationId"]
    if response.status_code == 201 and operation == "create_key":
        makers[str(response.json()["id"])] = response.request.headers["Authorization"].removeprefix("Bearer ")
    if case.meta is None or case.meta.phase.name.value != "stateful":
        return
    if response.status_code == 201 and operation in CREATIONS:
        made_in_chains.add((CREATIONS[operation], str(response.json()["id"])))
    if response.status_code == 200 and operation in ("login", "refresh"):
        given_in_chains.add(response.json().get("refresh_token"))


@schemathesis.check
def every_answer_has_what_all_have(ctx, response, case):
    """The rules of the contract's guide that belong to no single operation."""
    headers = {name: values[0] for name, values in response.headers.items()}
    path = case.operation.path
    area = "/" + path.split("/")[1]
    error = response.status_code >= 400
    public = "no-store" if error else "public, max-age=60"
    caching = {"/auth": "no-store", "/me": "no-store", "/dogowner": "private, no-cache"}
    caching |= {"/users": public, "/dogs": public, "/problems": public}
    caching["/assets"] = caching["/app"] = "no-store" if error else "public, max-age=31536000, immutable"
    for open_area in ("/", "/docs", "/health", "/openapi.yaml", "/openapi.json", "/postman.json"):
        caching[open_area] = "no-store" if error else "no-cache"
    # Which pages may do what in a browser, the server's own tests know.
    is_page = not error and (path in ("/docs", "/app") or headers.get("content-type", "").startswith("text/html"))
    policy = "default-src 'none'; frame-ancestors 'none'"
    kept = caching.get("/docs" if path == "/app" else area, "no-store")
    # A proxy that compressed it would weaken the version.
    versioned = "etag" in headers and kept in ("no-store", "private, no-cache")
    expected = {
        "cache-control": kept + ", no-transform" * versioned,
        "content-security-policy": headers.get("content-security-policy") if is_page else policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    found = {name: headers.get(name) for name in expected}
    assert found == expected, f"headers: {found}"
    problem = response.json() if error else {}
    counted = re.match('"([a-z]+)";', headers.get("ratelimit", ""))
    policy = re.match('"([a-z]+)";', headers.get("ratelimit-policy", ""))
    assert (counted and counted[1]) == (policy and policy[1]), "the two headers tell of two quotas"
    quotas = quotas_of(case, response, problem)
    assert (counted[1] if counted else None) in quotas, f"this is to count against another quota: {quotas}"
    if not error:
        return
    assert problem["status"] == response.status_code, "the problem has another status than the answer"
    assert problem["request_id"] == headers["x-request-id"], "the problem has another id than the answer"
    assert ("instance" in problem) == (response.status_code != 404), "only a 404 has no instance"
    assert "etag" not in headers, "an error has no version"
    if response.status_code == 422 and problem["type"] != "/problems/idempotency-key-reused":
        assert problem["errors"], "a 422 names what is wrong"
    if response.status_code == 401:
        challenge, kind = headers["www-authenticate"], problem["type"].removeprefix("/problems/")
        if kind in ("missing-token", "invalid-credentials", "invalid-refresh-token"):
            fits = challenge == "Bearer"
        elif kind == "fresh-login-required":
            fits = challenge.startswith('Bearer error="insufficient_user_authentication", ')
        else:
            fits = challenge.startswith('Bearer error="invalid_token", ')
        assert fits, "the challenge does not fit the problem"
    if response.status_code == 429:
        assert problem["type"] == "/problems/too-many-attempts", "nothing is counted here but wrong passwords"


def quotas_of(case, response, problem):
    """What the guide says that a request is counted against, or counted against last: one of these."""
    path, status = case.operation.path, response.status_code
    # An address that is too long is refused before anybody is asked who sends it.
    if case.method == "OPTIONS" or status == 414:
        return {None}
    if case.method == "PATCH" and path == "/me" and status in (200, 409, 412):
        # Another name or address is counted, since the answer tells whether somebody has it.
        return {"names"} if status == 409 else {"user", "names"}
    if path.startswith(("/me", "/dogowner")):
        is_signed_in = status != 401 or problem["type"] == "/problems/fresh-login-required"
        if status == 401 and problem["type"].endswith("-api-key"):
            return {"ip"}
        return {"user"} if is_signed_in else {None}
    counted = ("/auth", "/users", "/dogs", "/problems", "/openapi", "/postman", "/docs", "/assets", "/app")
    if not path.startswith(counted) or path.startswith("/app/") or status in (405, 406):
        return {None}
    if path == "/auth/refresh":
        return {{200: "refresh", 401: "ip"}.get(status)}
    codes = {error["code"] for error in problem.get("errors", [])}
    if path == "/auth/password/reset" and (status == 204 or "too_guessable" in codes):
        return {"user"}
    if path == "/auth/signup" and status == 422 and problem["errors"][0]["code"] == "too_guessable":
        return {"password"}
    last = {"/auth/login": "login", "/auth/password/forgot": "forgot", "/auth/signup": "signup"}.get(path)
    return {last if last and status in (200, 201, 202, 401, 409, 429) else "ip"}


@schemathesis.check
def headers_answer_headers(ctx, response, case):
    """What is there only because the request asked for it."""
    asked = {name.lower() for name in response.request.headers}
    answered = set(response.headers)
    query = query_of(response)
    if response.status_code == 304:
        assert "if-none-match" in asked, "nobody asked whether it was modified"
    if response.status_code == 412:
        assert asked & {"if-match", "if-none-match"}, "nobody set a condition"
    if "idempotency-replayed" in answered:
        assert "idempotency-key" in asked, "nobody gave a key"
    if response.status_code == 200 and case.method == "GET":
        assert ("x-total-count" in answered) == (query.get("count") == "true"), "it is counted if and only if asked for"


@schemathesis.check
def a_refresh_token_comes_one_way(ctx, response, case):
    """In the body, or in the cookie for whoever asked for that."""
    operation = case.operation.definition.raw["operationId"]
    in_cookie = "set-cookie" in response.headers
    if response.status_code != 200 or operation not in ("login", "refresh", "logout"):
        assert not in_cookie, "there is no cookie to set"
        return
    asked = json.loads(response.request.body or "{}")
    if operation == "logout":
        came = "kennel_refresh=" in response.request.headers.get("Cookie", "")
        assert in_cookie == (came and "refresh_token" not in asked), "only what was used is cleared"
    else:
        assert in_cookie != ("refresh_token" in response.json()), "it comes in the body or in the cookie"
        wanted = asked.get("cookie", False) if operation == "login" else "refresh_token" not in asked
        assert in_cookie == wanted, "it comes in another way than asked for"


DOGS = ("/dogowner/dogs", "/dogowner/dog", "/dogowner/dogs/{dog_id}", "/dogowner/owners/{owner_id}/dogs")


@schemathesis.check
def dogs_are_expanded_as_asked(ctx, response, case):
    """`expand` adds the very rows that the ids mean, and nothing else."""
    if response.status_code != 200 or case.method != "GET" or case.operation.path not in DOGS:
        return
    wanted = set(filter(None, query_of(response).get("expand", "").split(",")))
    body = response.json()
    for dog in body if isinstance(body, list) else [body]:
        assert {"owner", "co_owners"} & set(dog) == wanted, "it is expanded in another way than asked for"
        assert dog.get("owner", {"id": dog["owner_id"]})["id"] == dog["owner_id"], "this is not the owner"
        ids = [owner["id"] for owner in dog["co_owners"]] if "co_owners" in dog else dog["co_owner_ids"]
        assert ids == dog["co_owner_ids"] == sorted(set(ids)), "these are not the co-owners"
    if isinstance(body, dict):
        assert ("etag" in response.headers) == (not wanted), "a dog has a version unless it is expanded"


@schemathesis.check
def rows_are_as_asked(ctx, response, case):
    """Lists have the rows that the filters name, in the order that `sort` names, and no more than `limit`."""
    if response.status_code != 200 or not case.operation.definition.raw["operationId"].startswith("list_"):
        return
    rows, query = response.json(), query_of(response)
    usual = 100 if "id" in query else 50
    assert len(rows) <= min(int(query.get("limit", usual)), 200), "these are more rows than asked for"
    for row, (name, asked) in itertools.product(rows, query.items()):
        assert meets(row, name, asked), f"this row does not meet {name}={asked}"
    if case.operation.definition.raw["operationId"] == "list_changes":
        numbers = [row["seq"] for row in rows]
        assert numbers == sorted(numbers, reverse=query.get("sort") == "-seq"), "these changes are not in their order"
        return
    keys = query.get("sort", "id").split(",")
    direction, last = re.fullmatch("(-?)(.*)", keys[-1]).groups()
    keys += [direction + "name"] * last.endswith("_on") + [direction + "id"]
    for one, other in itertools.pairwise(rows):
        for key in keys:
            name = key.removeprefix("-")
            # An unknown date is the last.
            before, after = (row[name] or "9999-12-31" for row in (one, other))
            # Only the server knows which names are alike but for the letter case, and the time to the microsecond.
            if name in ("name", "created_at") and (name == "name") == (before != after):
                break
            if before != after:
                assert (before < after) != key.startswith("-"), f"these rows are not sorted by {key}"
                break


def meets(row, name, asked):
    """Whether a row is as a parameter asks, as far as the name of the parameter tells."""
    if name == "id":
        return str(row["id"]) in asked.split(",")
    if name in row:
        return str(row[name]).lower() == asked.lower()
    kind, _, when = name.rpartition("_")
    compare = {"after": operator.gt, "before": operator.lt, "since": operator.ge}.get(when)
    if compare and f"{kind}_on" in row:
        return row[f"{kind}_on"] is not None and compare(row[f"{kind}_on"], asked)
    if compare and f"{kind}_at" in row:
        return compare(millis(row[f"{kind}_at"]), millis(asked))
    return True


MOMENT = re.compile(r"(.{10})[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+ -])(\d\d):(\d\d))")


def millis(moment):
    """The milliseconds of a moment, which may be in a year that Python has not when it is in UTC."""
    day, hours, minutes, seconds, fraction, sign, *offset = MOMENT.fullmatch(moment).groups()
    minutes = datetime.date.fromisoformat(day).toordinal() * 1440 + int(hours) * 60 + int(minutes)
    if sign:
        ahead = int(offset[0]) * 60 + int(offset[1])
        minutes += ahead if sign == "-" else -ahead
    return (minutes * 60 + int(seconds)) * 1000 + int((fraction or "0").ljust(3, "0")[:3])


def query_of(response):
    return dict(parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True))


# A request can obey the schema and still be refused, but only for these reasons, and only where
# schemathesis.toml expects a 422.
BEYOND_THE_SCHEMA = {
    ("cursor", "invalid_cursor"),
    ("sort", "repeated"),
    ("after", "out_of_range"),
    ("resource", "required"),
    ("/co_owner_ids/*", "already_primary"),
    ("/current_password", "wrong"),
    ("/new_password", "too_guessable"),
    ("/password", "too_guessable"),
    ("/token", "invalid_or_used"),
    ("/username", "reserved"),
    ("", "too_long"),
    ("/dogs/*/owner_id", "not_found"),
    ("/dogs/*/co_owner_ids/*", "not_found"),
    ("/dogs/*/co_owner_ids/*", "already_primary"),
    ("/dogs/*/co_owner_ids/*", "repeated"),
    ("/tasks/*/dog_id", "not_found"),
    *((f"/{rows}/*/id", "repeated") for rows in ("owners", "dogs", "tasks")),
    # A moment is of the years from 1 on and not in the future, and an open task was not done at any.
    *(
        (f"/{place}_at", code)
        for row in ("profile", "owners/*", "dogs/*", "tasks/*")
        for place in (f"{row}/created", f"{row}/updated", f"{row}/completed")
        for code in ("format", "out_of_range")
    ),
}


@schemathesis.check
def refused_for_a_reason_beyond_the_schema(ctx, response, case):
    """Keeps the 422s that schemathesis.toml expects from hiding others."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 422:
        return
    problem = response.json()
    if problem["type"] == "/problems/idempotency-key-reused":
        assert "Idempotency-Key" in response.request.headers, "nobody gave a key"
        return
    fields = id_fields(case.operation.definition.raw)
    ids = {(f"/{field}/*" if field.endswith("_ids") else f"/{field}", "not_found") for field in fields}
    ids |= {(f"/{field}/*", "repeated") for field in fields if field.endswith("_ids")}
    for error in problem["errors"]:
        place = re.sub(r"/[0-9]+(?=/|$)", "/*", error.get("pointer", error.get("parameter")))
        # Whether a text can be seen no pattern says.
        if error["code"] == "invisible":
            continue
        assert (place, error["code"]) in BEYOND_THE_SCHEMA | ids, f"a request that obeys the schema was refused: {error}"
