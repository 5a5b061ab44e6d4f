"""Mail servers for the tests, made of aiosmtpd: real ones, which know the protocol better than we do.

Each line of standard input asks for one: a JSON object with the `address` to listen on, and if it is to be choosy
`user` and `password`, and for TLS `certificate` (a PEM file with its key) with `tls`: "implicit" or "required".
Each line of standard output is `{"opened": address}`, or a mail: to which server it came, how, and what it says.
When standard input ends, all ends.
"""

import asyncio
import json
import logging
import os
import ssl
import sys
import threading
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


def tell(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Handler:
    def __init__(self, address):
        self.address = address

    async def handle_DATA(self, server, session, envelope):
        tell(
            at=self.address,
            sender=envelope.mail_from,
            recipients=envelope.rcpt_tos,
            encrypted=session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None,
            user=session.auth_data,
            text=envelope.original_content.decode("latin-1"),
        )
        return "250 OK"


async def listen(loop, wish):
    host, port = wish["address"].rsplit(":", 1)
    tls = None
    if "certificate" in wish:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(wish["certificate"])
    starts_tls = tls if wish.get("tls") == "required" else None

    def authenticate(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (wish["user"].encode(), wish["password"].encode())
        return AuthResult(success=right, handled=right, auth_data=wish["user"] if right else None)

    def serve():
        demands_login = "user" in wish
        return SMTP(
            Handler(wish["address"]),
            hostname="localhost",
            enable_SMTPUTF8=False,
            tls_context=starts_tls,
            require_starttls=starts_tls is not None,
            auth_required=demands_login,
            auth_require_tls=False,
            authenticator=authenticate if demands_login else None,
            loop=loop,
        )

    await loop.create_server(serve, host, int(port), ssl=None if starts_tls else tls)
    tell(opened=wish["address"])


def main():
    # Who is turned away, and why, is what the tests look at.
    logging.disable()
    warnings.simplefilter("ignore")
    loop = asyncio.new_event_loop()

    def read_wishes():
        for line in sys.stdin:
            asyncio.run_coroutine_threadsafe(listen(loop, json.loads(line)), loop).result()
        os._exit(0)

    def read():
        try:
            read_wishes()
        finally:
            os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    loop.run_forever()


main()
