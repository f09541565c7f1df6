"""Errors of the drivers: all of them ours, none of them the field's.

    DriverError
    ├── UnknownDriver   (also LookupError)  a name that no driver has
    └── EncodeError     (also ValueError)   we asked for a frame that the protocol does not allow

What comes from the field never raises: it comes out of a decoder as `BadFrame`.
"""


class DriverError(Exception):
    """Anything that a driver raises."""


class UnknownDriver(DriverError, LookupError):
    """No driver is registered under this name."""


class EncodeError(DriverError, ValueError):
    """The frame that we asked for is not allowed by the protocol, or by our rule that we only read."""
