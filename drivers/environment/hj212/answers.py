"""What the centre answers to an upload (HJ 212-2017 §6.5 and Appendix C; HJ/T 212-2005; HJ 212-2025).

    data (2xxx), and what no table knows, with bit A    9014
    notice (1001, 1013) with bit A                      9013
    heartbeat 9015 of 2025, whatever bit A says         9013
    anything else                                       nothing

An answer has ST=91, echoes QN, PW and MN, and carries the version bits of the packet it answers with A = 0. In 2005 the
QN stands in CP; an upload without QN cannot be named, its CN alone is. Stations that want it otherwise get an
`AnswerStyle`. The answer must not be sent before the message is stored durably.
"""

from dataclasses import dataclass

from drivers.environment.hj212.codes import EDITIONS, Edition
from drivers.environment.hj212.encode import encode
from drivers.environment.hj212.message import Message
from drivers.errors import EncodeError

NOTICES = frozenset({"1001", "1013"})
ANSWERS = frozenset({"9011", "9012", "9013", "9014"})
"""Never answered, whatever their Flag says, lest two ends answer each other for ever."""


@dataclass(frozen=True, slots=True)
class AnswerStyle:
    """A station's peculiar expectations; the defaults are the standard's."""

    edition: Edition | None = None  # None: that of the packet
    has_qn_rtn: bool = False  # 9014 with QnRtn=1, as the surface-water protocol has it
    keeps_st: bool = False  # the station's own ST instead of 91
    is_always: bool = False  # also where bit A is not set


BY_THE_BOOK = AnswerStyle()


def answer_cn(message: Message, style: AnswerStyle = BY_THE_BOOK) -> str | None:
    """The command that answers the message, or None if none is due."""
    cn = message.cn
    if cn in ANSWERS:
        return None
    if cn == "9015":
        is_due = message.needs_answer or message.edition is Edition.HJ2025 or style.is_always
        return "9013" if is_due else None
    if not (message.needs_answer or style.is_always):
        return None
    return "9013" if cn in NOTICES else "9014"


def answer_to(message: Message, style: AnswerStyle = BY_THE_BOOK) -> bytes | None:
    """The frame that answers the message; None if none is due, or the message's own header cannot be written back."""
    cn = answer_cn(message, style)
    if cn is None:
        return None
    edition = style.edition or message.edition
    groups: list[str] = []
    qn = message.qn
    if edition is Edition.HJ2005:
        groups = [f"QN={qn}"] if qn else []
        groups += [f"CN={message.cn}"] if cn == "9014" else []
        qn = ""
    if style.has_qn_rtn:
        groups.append("QnRtn=1")
    try:
        (answer,) = encode(
            cn,
            groups,
            mn=message.mn,
            st=message.st if style.keeps_st else "91",
            qn=qn,
            pw=message.pw,
            edition=edition,
        )
    except EncodeError:
        return None
    return answer


def reply(cn: str, groups: list[str], *, to: Message, st: str = "91") -> bytes:
    """What a station says to a request `to`: 9011, 9012, 9013 or the data itself, with the QN of the request.

    For simulated stations and tests; a 2005 answer carries the QN in CP.
    """
    edition = EDITIONS[min((to.flag or 0) >> 2, 2)]
    qn = to.qn
    if edition is Edition.HJ2005 and cn in ANSWERS:
        groups, qn = [f"QN={qn}", *groups], ""
    (frame,) = encode(cn, groups, mn=to.mn, st=st, qn=qn, pw=to.pw, edition=edition)
    return frame
