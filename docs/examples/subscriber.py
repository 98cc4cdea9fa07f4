#!/usr/bin/env python3
"""Follows Chancery's public events over NATS and keeps each once, one JSON object a line.

    pip install 'nats-py[nkeys]'
    subscriber.py --server nats://127.0.0.1:4222 --seed .../secrets/nats-subscriber.nk events.ndjson 'evt.*.certificate.>'

Delivery is at least once. What is in the file is done: its ids are read at the start, and a repeat is dropped by id. Kill
it at any moment and start it again. When the stream was wiped, and our consumer with it, both come back: Chancery fills
the stream from its log, we make the consumer again and drop what we have.
"""

import argparse
import asyncio
import json
import os
import re
import sys

import nats
from nats.errors import Error, TimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

STREAM = "CHANCERY_EVENTS"


def ids_in(path):
    """The ids of the events in the file. A line that a kill cut off is removed."""
    try:
        with open(path, "rb") as file:
            lines = file.read().splitlines(keepends=True)
    except FileNotFoundError:
        return set()
    whole = [line for line in lines if line.endswith(b"\n")]
    if whole != lines:
        with open(path, "wb") as file:
            file.writelines(whole)
    return {json.loads(line)["id"] for line in whole}


async def consumer(jetstream, arguments):
    """Our durable consumer, made if it is not there. The subscriber user may only use inboxes below its own name."""
    config = ConsumerConfig(
        name=arguments.name,
        durable_name=arguments.name,
        filter_subject=arguments.subject,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
    )
    await jetstream.add_consumer(STREAM, config)
    return await jetstream.pull_subscribe_bind(consumer=arguments.name, stream=STREAM)


async def follow(connection, arguments):
    jetstream = connection.jetstream()
    seen = ids_in(arguments.file)
    with open(arguments.file, "a", encoding="utf-8") as file:
        while True:
            try:
                subscription = await consumer(jetstream, arguments)
                while True:
                    try:
                        messages = await subscription.fetch(100, timeout=5)
                    except TimeoutError:
                        await subscription.consumer_info()  # quiet, or is the consumer gone?
                        continue
                    for message in messages:
                        event = json.loads(message.data)
                        if event["id"] not in seen:
                            file.write(message.data.decode() + "\n")
                            file.flush()
                            seen.add(event["id"])
                        await message.ack()
                    if arguments.count and len(seen) >= arguments.count:
                        return
            except Error as error:
                print(f"again in a second: {error!r}", file=sys.stderr)
                await asyncio.sleep(1)


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="nats://127.0.0.1:4222")
    parser.add_argument("--seed", required=True, help="file with the nkey seed of the user 'subscriber'")
    parser.add_argument("--name", help="name of the durable consumer; unless given, made from the file's")
    parser.add_argument("--count", type=int, help="stop when the file holds so many")
    parser.add_argument("file")
    parser.add_argument("subject", nargs="?", default="evt.>")
    arguments = parser.parse_args()
    if not arguments.name:  # the consumer knows how far this file is; another file begins at the beginning
        arguments.name = "example" + re.sub(r"[^A-Za-z0-9]", "-", os.path.abspath(arguments.file))
    connection = await nats.connect(
        arguments.server, nkeys_seed=arguments.seed, inbox_prefix=b"_INBOX.subscriber", max_reconnect_attempts=-1
    )
    await follow(connection, arguments)
    await connection.drain()


if __name__ == "__main__":
    asyncio.run(main())
