"""The script that people write: paho as it comes, one INSERT a message. Run as a program with its settings as JSON.

paho acknowledges by itself when the callback has returned, so after the commit; the session is persistent, as a careful
author would have it. One statement a message (not one a value). The table has no key, as such tables have none: what
comes again is there twice.
"""

import json
import sys

import paho.mqtt.client as paho
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

INSERT = (
    "INSERT INTO data (device, time, code, value) "
    "SELECT %s, %s, * FROM unnest(%s::text[], %s::float8[]) AS given (code, value)"
)


def store(port: int, account: str, secret: str, dsn: str) -> None:
    connection = psycopg.connect(dsn, autocommit=True)

    def take(_client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        body = json.loads(message.payload)
        values = body["v"]
        connection.execute(INSERT, (body["id"], body["t"], list(values), list(values.values())))

    client = paho.Client(CallbackAPIVersion.VERSION2, account, clean_session=False)
    client.username_pw_set(account, secret)
    client.on_message = take
    client.on_connect = lambda client, *_: client.subscribe("eg/v1/#", qos=1)
    client.connect("127.0.0.1", port)
    client.loop_forever()


if __name__ == "__main__":
    store(**json.loads(sys.argv[1]))
