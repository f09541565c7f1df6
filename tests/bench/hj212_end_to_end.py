"""HJ 212 over 200 TCP connections, acknowledged after COMMIT, beside a bare binary COPY of the same rows.

Also: ten thousand open connections, and the naive script that people write (one INSERT a value, answered at once).
Everything, devices and database included, runs on this machine.
"""

import asyncio
import contextlib
import statistics
import tempfile
import time
from pathlib import Path

import psutil
import psycopg

from tests.acceptance.load import load
from tests.acceptance.program import gateway_process
from tests.services.postgres import Installation, PostgresServer, timescale_installation

RUNS = 3
CONNECTIONS = 200
VALUES = 36
FRAMES = 60  # per connection and run: 432,000 values
COPY_ROWS = 10_000
_HEADER_BYTES = 19  # signature, flags, length of the extension


async def end_to_end(installation: Installation) -> tuple[float, float]:
    """Values committed and acknowledged per second; rows per second of a bare COPY."""
    server = PostgresServer(installation, settings=("max_wal_size=4GB", "shared_buffers=512MB"))
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with gateway_process(Path(folder), server.dsn()) as gateway:
                arguments = ["--connections", CONNECTIONS, "--values-per-frame", VALUES, "--frames", FRAMES]
                async with load(gateway.port, Path(folder) / "ledger", *map(str, arguments)) as devices:
                    summary = await devices.summary(within_s=300)
        return summary["values_per_s"], await asyncio.to_thread(bare_copy, server.dsn())
    finally:
        server.remove()


def bare_copy(dsn: str) -> float:
    """Read all observations, empty the table, and COPY them back in binary, a commit for each `COPY_ROWS`."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT * FROM observation) TO STDOUT (FORMAT BINARY)") as out:
            data = b"".join(bytes(part) for part in out)
        cursor.execute("SELECT count(*) FROM observation")
        row = cursor.fetchone()
        assert row is not None
        rows = row[0]
        cursor.execute("TRUNCATE observation")
        connection.commit()
        header, body = data[:_HEADER_BYTES], memoryview(data)[_HEADER_BYTES:-2]
        width = len(body) // rows
        assert width * rows == len(body), "rows with NULL have another width"
        began = time.perf_counter()
        for start in range(0, rows, COPY_ROWS):
            with cursor.copy("COPY observation FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(header + bytes(body[start * width : (start + COPY_ROWS) * width]) + b"\xff\xff")
            connection.commit()
        return float(rows / (time.perf_counter() - began))


async def idle_connections(installation: Installation) -> tuple[float, float, float]:
    """10,000 connections, one frame each in 30 s: memory of the gateway, p50 and p99 of the answer. [MB, s, s]"""
    server = PostgresServer(installation)
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            limits = "max_connections_per_address = 12000\n"
            async with gateway_process(Path(folder), server.dsn(), toml=limits) as gateway:
                arguments = ("--connections", "10000", "--idle", "--seconds", "90", "--values-per-frame", "12")
                async with load(gateway.port, Path(folder) / "ledger", *arguments) as devices:
                    await asyncio.sleep(80)
                    megabytes = psutil.Process(gateway.pid).memory_info().rss / 1e6
                    summary = await devices.summary(within_s=120)
        return megabytes, summary["answer_p50_s"], summary["answer_p99_s"]
    finally:
        server.remove()


async def naive(installation: Installation) -> float:
    """The same frames through the script that people write: split the text, one INSERT a value, answer."""
    server = PostgresServer(installation)
    server.start()
    try:
        async with await psycopg.AsyncConnection.connect(server.dsn(), autocommit=True) as connection:
            await connection.execute("CREATE TABLE data (mn text, code text, time text, value float8)")

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with contextlib.suppress(psycopg.OperationalError, asyncio.CancelledError):  # the run is over
                    await work(reader, writer)

            async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                while line := await reader.readline():
                    text = line.decode()
                    fields = dict(item.split("=", 1) for item in text[6:].split(";CP=")[0].split(";") if "=" in item)
                    data = text.split("&&")[1]
                    moment = data.split("DataTime=")[1][:14]
                    for item in data.replace(";", ",").split(","):
                        name, _, value = item.partition("=")
                        if "-" in name and not name.endswith("Flag"):
                            await connection.execute(
                                "INSERT INTO data VALUES (%s, %s, %s, %s)", (fields["MN"], name, moment, float(value))
                            )
                    answer = f"ST=91;CN=9014;PW=123456;MN={fields['MN']};Flag=4;CP=&&&&"
                    writer.write(f"##0000QN={fields['QN']};{answer}0000\r\n".encode())

            listener = await asyncio.start_server(serve, "127.0.0.1", 0)
            port = listener.sockets[0].getsockname()[1]
            with tempfile.TemporaryDirectory() as folder:
                arguments = ("--connections", str(CONNECTIONS), "--values-per-frame", str(VALUES), "--seconds", "10")
                async with load(port, Path(folder) / "ledger", *arguments) as devices:
                    summary = await devices.summary(within_s=120)
            listener.close()
        return float(summary["values_per_s"])
    finally:
        server.remove()


def main() -> None:
    installation = timescale_installation()
    pairs = [asyncio.run(end_to_end(installation)) for _ in range(RUNS)]
    ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"end to end, {CONNECTIONS} connections: {ours:,.0f} values/s committed and acknowledged")
    print(
        f"bare binary COPY of the same rows, {COPY_ROWS} a commit: {bare:,.0f} rows/s; ours is {ours / bare:.0%} of it"
    )
    print(f"naive script, one INSERT a value: {asyncio.run(naive(installation)):,.0f} values/s")
    megabytes, p50_s, p99_s = asyncio.run(idle_connections(installation))
    print(f"10,000 connections: {megabytes:,.0f} MB, answers p50 {p50_s * 1e3:.0f} ms, p99 {p99_s * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
