"""How a registered HJ 212 device wants its uploads answered; the same over TCP and over MQTT."""

from drivers.environment.hj212 import Edition
from drivers.environment.hj212.answers import BY_THE_BOOK, AnswerStyle
from gateway.registry import RegisteredDevice


def answer_style(device: RegisteredDevice | None, *, answers_uploads: bool) -> AnswerStyle | None:
    """The style; None: not at all. `answers_uploads` is what holds where the register says nothing."""
    answers = device.answers if device is not None else {}
    if not answers.get("uploads", answers_uploads):
        return None
    if not answers:
        return BY_THE_BOOK
    edition = answers.get("edition")
    return AnswerStyle(
        edition=None if edition is None else Edition(str(edition)),
        has_qn_rtn=bool(answers.get("has_qn_rtn", False)),
        keeps_st=bool(answers.get("keeps_st", False)),
        is_always=bool(answers.get("is_always", False)),
    )
