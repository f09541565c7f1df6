"""Connections for long reads and bulk writes, which block: for the command line and processes of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from gateway.storage.link import translate

Connection = psycopg.Connection[dict[str, Any]]


@contextmanager
def connected(dsn: str, *, name: str) -> Iterator[Connection]:
    """A connection in autocommit mode, times in UTC.

    Raises
    ------
    StorageError
        For every error of the database, transient or not.
    """
    try:
        with psycopg.connect(dsn, autocommit=True, row_factory=dict_row, application_name=name) as connection:
            connection.execute("SET timezone TO 'UTC'")
            yield connection
    except psycopg.Error as error:
        translated = translate(error)
        assert translated is not None  # it translates every psycopg.Error
        raise translated from error
