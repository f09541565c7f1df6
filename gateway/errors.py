"""What can go wrong in the gateway, and who may do something about it.

    GatewayError
    ├── ConfigError       the operator's file: `file`, `key`, `expected` say where and what to write instead
    ├── SourceError       the field: a port that cannot be opened, a broker that refuses; always worth another try
    └── StorageError      the database or the spool: `transient` says whether another try can help

Example scenarios: PostgreSQL is stopped, its disk is full, a lock or a statement takes too long: `StorageError`,
transient; the intake spools and tries again. A merged migration file was edited, the database was made by a newer
version: `StorageError`, not transient; the program stops and says which file. One bad row in a batch is none of
these: it becomes a dead letter, and `Store.write` returns.
"""


class GatewayError(Exception):
    """Everything that the gateway raises on purpose."""


class ConfigError(GatewayError):
    """The configuration cannot be used as it is."""

    def __init__(self, message: str, *, file: str = "", key: str = "", expected: str = "") -> None:
        self.file = file
        self.key = key
        self.expected = expected
        where = ": ".join(part for part in (file, key) if part)
        text = f"{where}: {message}" if where else message
        super().__init__(f"{text} (expected: {expected})" if expected else text)


class SourceError(GatewayError):
    """A source of data cannot be reached now."""

    transient = True


class StorageError(GatewayError):
    """The database or the spool did not keep what it was given."""

    def __init__(self, message: str, *, transient: bool) -> None:
        super().__init__(message)
        self.transient = transient
