"""The demonstration's MQTT broker (amqtt), a process of its own: `python -m gateway.cli.demo_broker_process FOLDER`.

FOLDER has `passwords` (amqtt's file: name, Argon2 hash) and `access.json` ({"publish": {name: [filter]}, "subscribe":
{name: [filter]}}). It listens on a free port of 127.0.0.1, writes the port as the first line of standard output, and
ends when standard input does: with the program that started it, however that ended. Ctrl-C is not for it: the gateway
still has to acknowledge what it took.
"""

import asyncio
import contextlib
import json
import logging
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker

LISTENER = "default"


def configuration(folder: Path) -> dict[str, Any]:
    """Accounts only, no anonymous clients; who is not listed for a topic may neither publish nor subscribe."""
    access = json.loads((folder / "access.json").read_text(encoding="utf-8"))
    rights = {"publish_acl": access["publish"], "acl": access["subscribe"]}
    return {
        "listeners": {LISTENER: {"type": "external"}},
        "plugins": {
            "amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(folder / "passwords")},
            "amqtt.plugins.topic_checking.TopicAccessControlListPlugin": rights,
        },
    }


async def serve(folder: Path) -> None:
    """Serve until standard input ends."""
    broker = Broker(configuration(folder))
    await broker.start()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            await broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), LISTENER)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    server.close()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore", DeprecationWarning)  # `acl` is the only name its checked settings know
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(serve(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
