"""The limit: paho receives and acknowledges, and does nothing else. Run as a program with its settings as JSON.

Prints {"messages": n, "seconds": s, "processor_s": s}, from the first to the last message.
"""

import json
import sys
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SILENCE_S = 20.0


def receive(port: int, account: str, secret: str, messages: int) -> None:
    client = paho.Client(CallbackAPIVersion.VERSION2, account, protocol=paho.MQTTv5, manual_ack=True)
    client.username_pw_set(account, secret)
    times: list[float] = []
    busy: list[float] = []
    is_done = threading.Event()

    def take(client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        times.append(time.perf_counter())
        client.ack(message.mid, message.qos)
        if len(times) == messages:
            is_done.set()
        if len(times) == 1:
            busy.append(time.process_time())

    client.on_message = take
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 86_400
    properties.ReceiveMaximum = 2_000
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)
    client.loop_start()
    is_done.wait(SILENCE_S + messages / 500)
    processor_s = time.process_time() - busy[0]
    client.disconnect()
    client.loop_stop()
    print(json.dumps({"messages": len(times), "seconds": times[-1] - times[0], "processor_s": processor_s}))


if __name__ == "__main__":
    receive(**json.loads(sys.argv[1]))
