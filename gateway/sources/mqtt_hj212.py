"""HJ 212 over MQTT: which answer goes where.

A frame published on `eg/v1/{tenant}/{kind}/{MN}/raw/hj212` is answered on `…/cmd/hj212`; one on any other topic on
`{topic}/reply`. The answer is that of the TCP centre to an upload (9014), given when the frame is durable. What a
centre asks by itself (clock, missing data, parameters) needs a connection of its own and is not done over a broker.
"""

from drivers.environment.hj212 import Message
from drivers.environment.hj212.encode import encode
from drivers.errors import EncodeError
from drivers.telemetry.topics import own_topic

ANSWER_ST = "91"  # system interaction
DATA_ANSWER = "9014"


def answer(message: Message) -> bytes | None:
    """The answer that the message asks for, or None. Answers and what cannot be answered get none."""
    if not message.needs_answer or not message.cn.startswith(("2", "3", "1")):
        return None
    try:
        frames = encode(
            DATA_ANSWER,
            mn=message.mn,
            st=ANSWER_ST,
            qn=message.answered_qn,
            pw=message.pw or "123456",
            edition=message.edition,
        )
    except EncodeError:
        return None
    return frames[0]


def answer_topic(topic: str) -> str:
    """Where the sender of `topic` listens for answers."""
    own = own_topic(topic)
    if own is None:
        return f"{topic}/reply"
    return f"{topic.removesuffix('/raw/' + own.format)}/cmd/{own.format}"
