"""A mail server for tests: takes mail on several ports, each with its own rules, and writes it into a folder.

Configuration as JSON on the command line: {"folder", "certificate", "key", "listeners": [{"port", "tls", "auth"}]},
tls = none | starttls | implicit. The user is `pki`, the password `correct horse`.
Recipients `refused@…` are refused for good, `later@…` for now.
"""

import json
import pathlib
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

config = json.loads(sys.argv[1])
folder = pathlib.Path(config["folder"])
lock, count = threading.Lock(), 0


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused@"):
            return "550 5.1.1 nobody of that name here"
        if address.startswith("later@"):
            return "450 4.2.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 recipient ok"

    async def handle_DATA(self, server, session, envelope):
        global count
        with lock:
            count += 1
            mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "data": envelope.content.decode("ascii"),
                    "tls": session.ssl is not None, "user": session.auth_data and session.auth_data[0].decode()}
            part = folder / f"{count:06}.part"
            part.write_text(json.dumps(mail))
            part.rename(folder / f"{count:06}.json")
        return f"250 2.0.0 kept as {count}"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b"pki" and data.password == b"correct horse"
    return AuthResult(success=good, handled=False, auth_data=(data.login,) if good else None)


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(config["certificate"], config["key"])
    return made


for listener in config["listeners"]:
    rules = {}
    if listener["tls"] == "starttls":
        rules |= {"tls_context": context(), "require_starttls": True}
    if listener["tls"] == "implicit":
        rules |= {"ssl_context": context()}
    if listener.get("auth"):
        rules |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": listener["tls"] == "starttls"}
    Controller(Handler(), hostname="127.0.0.1", port=listener["port"], **rules).start()
print("ready", flush=True)
while sys.stdin.read(1):
    pass
