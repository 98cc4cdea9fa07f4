"""A real OpenID provider, canaille: takes users, groups and clients as lines of JSON, and says when it has them."""

import asyncio
import json
import secrets
import sys
import threading

import canaille
import canaille.oidc.provider
from asgiref.wsgi import WsgiToAsgi
from canaille.app import models
from canaille.backends import Backend
from hypercorn.asyncio import serve
from hypercorn.config import Config
from joserfc import jwk

settings = json.loads(sys.argv[1])
# Its access tokens, which nobody here uses, hold a time in seconds and nothing else of their own: of two within a second it
# stores one and fails with the other.
canaille.oidc.provider.generate_access_token = lambda *_, **__: secrets.token_hex(32)
key = jwk.RSAKey.generate_key(2048, auto_kid=True)
app = canaille.create_app(
    {
        "SECRET_KEY": "of this test",
        "SERVER_NAME": settings["name"],
        "PREFERRED_URL_SCHEME": "https",
        "CANAILLE": {"DATABASE": "sql", "LOGGING": {"version": 1}},
        "CANAILLE_SQL": {
            "DATABASE_URI": f"sqlite:///{settings['database']}",
            "PASSWORD_HASH_PARAMS": {"pbkdf2_sha512__rounds": 1000},
        },
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)], "TRUSTED_DOMAINS": ["chancery.example"]},
    }
)


def put(kind, by, values):
    found = Backend.instance.get(kind, **{by: values[by]}) or kind()
    for name, value in values.items():
        setattr(found, name, value)
    Backend.instance.save(found)
    return found


def apply(change):
    with app.app_context(), Backend.instance.session():
        if user := change.get("user"):
            put(models.User, "user_name", user)
        if group := change.get("group"):
            members = [Backend.instance.get(models.User, user_name=name) for name in group["members"]]
            put(models.Group, "display_name", {**group, "members": members})
        if client := change.get("client"):
            made = put(models.Client, "client_id", client)
            made.audience = [made]
            Backend.instance.save(made)


async def main():
    config = Config()
    config.bind, config.certfile, config.keyfile = [settings["bind"]], settings["certificate"], settings["key"]
    config.loglevel = "ERROR"
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def listen():
        for line in sys.stdin:
            apply(json.loads(line))
            print("done", flush=True)
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=listen, daemon=True).start()
    await serve(WsgiToAsgi(app), config, shutdown_trigger=stop.wait)


asyncio.run(main())
