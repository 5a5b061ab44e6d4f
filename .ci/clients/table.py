"""The tables of docs/clients.md: which client did what, and whether that stands there."""

import json
import pathlib
import re
import sys

here, done, document = map(pathlib.Path, sys.argv[1:4])
PACKAGES = json.loads((here / "package.json").read_text())["devDependencies"]
PACKAGES |= dict(re.findall(r"^([A-Za-z0-9_-]+)==(\S+)$", (here / "requirements.txt").read_text(), re.MULTILINE))

STEPS = ["sign up", "log in", "refresh", "create", "list", "patch with null", "delete", "read an error", "log out"]
CLIENTS = {
    "openapi-typescript": ("TypeScript", ["openapi-typescript", "openapi-fetch"]),
    "orval": ("TypeScript", ["orval"]),
    "hey-api": ("TypeScript", ["@hey-api/openapi-ts"]),
    "openapi-generator": ("TypeScript (`typescript-fetch`)", ["openapi-generator-cli"]),
    "openapi-generator-python": ("Python", ["openapi-generator-cli"]),
    "openapi-python-client": ("Python", ["openapi-python-client"]),
    "postman": ("Postman", ["openapi-to-postmanv2", "newman"]),
}
LAYERS = {
    "react-admin": ("[react-admin.ts](clients/react-admin.ts)", ["react-admin"]),
    "refine": ("[refine.ts](clients/refine.ts)", ["@refinedev/core"]),
}


def versions(packages):
    return ", ".join(f"{package} {PACKAGES[package]}" for package in packages)


def did(name):
    return (done / name).read_text().splitlines()


def row(cells):
    return "| " + " | ".join(cells) + " |\n"


clients = row(["Made with", "For", *STEPS]) + row(["---"] * (2 + len(STEPS)))
for name, (language, packages) in CLIENTS.items():
    steps = did(name)
    assert not set(steps) - set(STEPS), f"{name} did what has no column: {steps}"
    clients += row([versions(packages), language, *("yes" if step in steps else "no" for step in STEPS)])
layers = row(["Data provider", "For", "What it did"]) + row(["---"] * 3)
for name, (provider, packages) in LAYERS.items():
    layers += row([provider, versions(packages), "; ".join(did(name))])

old = document.read_text()
new = old
for name, table in (("clients", clients), ("layers", layers)):
    place = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    assert place.search(new), f"{document} has no place for the table {name}"
    new = place.sub(lambda found: f"{found[1]}\n{table}\n{found[2]}", new)
if sys.argv[4:] == ["--write"]:
    document.write_text(new)
elif old != new:
    sys.stdout.write(clients + "\n" + layers)
    sys.exit(f"clients: {document.name} says something else; `.ci/clients/run KENNEL --write` writes these tables")
