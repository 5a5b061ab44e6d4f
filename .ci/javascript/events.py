"""Reads an event stream with httpx-sse, and prints the type, the data and the id of each event as a line of JSON."""

import json
import sys

import httpx
from httpx_sse import connect_sse

url, token = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}
with httpx.Client(timeout=60) as client, connect_sse(client, "GET", url, headers=headers) as source:
    for event in source.iter_sse():
        # It also tells of what has no data, which by the standard is no event.
        if event.data:
            print(json.dumps([event.event, event.data, event.id]), flush=True)
