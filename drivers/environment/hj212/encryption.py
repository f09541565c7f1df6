"""SM4 on the CP field: HJ 212-2025 §6.4. ECB, no padding; only whole groups of 16 bytes, the rest stays plain.

What stands between `CP=&&` and the closing `&&` is encrypted. Length and check value are those of the plain segment
(the length does not change). ECB shows repeats and gives no integrity: this hides figures from a listener, no more.
No bit of the frame says that it is encrypted; a receiver with a key tries it where the check value fails.
"""

import re

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

from drivers.errors import EncodeError

_CP = re.compile(rb"CP=&&(.*)&&\Z", re.DOTALL)
KEY_BYTES = 16


def encrypt_cp(segment: bytes, key: bytes) -> bytes:
    """The segment with its CP encrypted."""
    return _crypt(segment, key, encrypting=True)


def decrypt_cp(segment: bytes, key: bytes) -> bytes:
    """The segment with its CP decrypted."""
    return _crypt(segment, key, encrypting=False)


def _crypt(segment: bytes, key: bytes, *, encrypting: bool) -> bytes:
    if len(key) != KEY_BYTES:
        raise EncodeError(f"an SM4 key has {KEY_BYTES} bytes, this one {len(key)}")
    found = _CP.search(segment)
    if found is None:
        return segment
    start, end = found.span(1)
    end = start + (end - start) // 16 * 16
    cipher = Cipher(SM4(key), modes.ECB())
    context = cipher.encryptor() if encrypting else cipher.decryptor()
    return segment[:start] + context.update(segment[start:end]) + context.finalize() + segment[end:]
