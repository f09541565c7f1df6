"""Real servers for all tests: started once a session when first asked for, an empty database for each test.

    postgres_dsn     a migrated, empty database on plain PostgreSQL
    timescale_dsn    a migrated, empty database on TimescaleDB, Apache edition
    database         both, one after the other (parametrised)
    own_database     the same, not shared: for tests that change the schema
    empty_database   the same, without our schema
    private_server   a PostgreSQL of the test's own, to be stopped, killed and paused

A server that cannot be had fails the test in CI; elsewhere it skips it and says why.
"""

import asyncio
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gateway.storage import migrate
from tests.services.postgres import Installation, PostgresServer, timescale_installation, wheel_installation

TEMPLATE = "gateway_template"
SHARED = "gateway_shared"
SERVER_FIXTURES = {"plain": "plain_server", "timescaledb": "timescale_server"}
TIERS = [pytest.param(tier, marks=pytest.mark.database) for tier in SERVER_FIXTURES]
# Without triggers: some tables refuse deletion, as they should.
EMPTY_ALL_TABLES = """
DO $$ DECLARE name text; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
        AND tablename NOT IN ('schema_migration', 'schema_state', 'registry_state', 'rollup_state')
        AND tablename !~ '_y[0-9]{4}m[0-9]{2}$|_default$'
    LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
END $$
"""


def _install(find: Callable[[], Installation]) -> Installation:
    try:
        return find()
    except Exception as error:
        # Whatever the reason is: without the server nothing was tested, and CI must say so.
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no server: {error}")


@contextmanager
def _running(find: Callable[[], Installation]) -> Iterator[PostgresServer]:
    # Making a database is mostly fsync. Tests of durability use servers of their own, with it on.
    server = PostgresServer(_install(find), settings=("fsync=off", "full_page_writes=off"))
    try:
        server.start()
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        asyncio.run(migrate(server.dsn(TEMPLATE)))
        # TimescaleDB's background worker would come and sit in it, and a template must be empty of sessions.
        server.execute(f"ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false")
        server.end_sessions(TEMPLATE)
        server.execute(f"CREATE DATABASE {SHARED} TEMPLATE {TEMPLATE}")
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def plain_server() -> Iterator[PostgresServer]:
    with _running(wheel_installation) as server:
        yield server


@pytest.fixture(scope="session")
def timescale_server() -> Iterator[PostgresServer]:
    with _running(timescale_installation) as server:
        yield server


@contextmanager
def fresh_database(server: PostgresServer, *, template: str) -> Iterator[str]:
    """A database of its own, for what changes the schema; making one takes up to a second."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield server.dsn(name)
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def emptied_database(server: PostgresServer) -> str:
    """The database that all tests of a server share, emptied: rows only, the schema is not to be touched."""
    server.end_sessions(SHARED)
    server.execute(EMPTY_ALL_TABLES, SHARED)
    return server.dsn(SHARED)


@pytest.fixture
def postgres_dsn(plain_server: PostgresServer) -> str:
    return emptied_database(plain_server)


@pytest.fixture
def timescale_dsn(timescale_server: PostgresServer) -> str:
    return emptied_database(timescale_server)


@pytest.fixture(params=TIERS)
def tier_server(request: pytest.FixtureRequest) -> PostgresServer:
    server: PostgresServer = request.getfixturevalue(SERVER_FIXTURES[request.param])
    return server


@pytest.fixture
def database(tier_server: PostgresServer) -> str:
    return emptied_database(tier_server)


@pytest.fixture
def own_database(tier_server: PostgresServer) -> Iterator[str]:
    with fresh_database(tier_server, template=TEMPLATE) as dsn:
        yield dsn


@pytest.fixture
def empty_database(tier_server: PostgresServer) -> Iterator[str]:
    with fresh_database(tier_server, template="template0") as dsn:
        yield dsn


@pytest.fixture
def private_server() -> Iterator[PostgresServer]:
    server = PostgresServer(_install(wheel_installation))
    try:
        server.start()
        yield server
    finally:
        server.remove()
