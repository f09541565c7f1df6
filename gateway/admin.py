"""The admin port: `/livez`, `/readyz`, `/metrics`, `/stations`, on the loopback unless configured otherwise.

Alive: the event loop turns. Ready: the intake takes frames; the answer says what is not as it should be.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import uvicorn
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.metrics import Metrics

Readiness = Callable[[], dict[str, str]]
"""What is not ready, by part; empty when all is."""

Stations = Callable[[], Mapping[str, dict[str, Any]]]
"""What was learned of how each station writes (HJ 212), by MN."""


def admin_app(metrics: Metrics, readiness: Readiness, stations: Stations) -> Starlette:
    """The endpoints. `/stations` shows the stations that depart from the standard, `/stations/MN` one in full."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        problems = readiness()
        return JSONResponse({"ready": not problems, "problems": problems}, status_code=503 if problems else 200)

    async def show_metrics(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def list_stations(_: Request) -> Response:
        odd = {mn: shown for mn, shown in stations().items() if shown["deviations"] or shown["unknown_codes"]}
        return JSONResponse(odd)

    async def show_station(request: Request) -> Response:
        shown = stations().get(request.path_params["mn"])
        return JSONResponse(shown or {"error": "not heard of since the start"}, status_code=200 if shown else 404)

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", show_metrics),
            Route("/stations", list_stations),
            Route("/stations/{mn}", show_station),
        ]
    )


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the pipeline has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serve_admin(app: Starlette, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the block is left; yields the port, which the system chooses when `port` is 0.

    Raises
    ------
    OSError
        If the port cannot be opened.
    """
    # Bound here, so that a port that is taken is an OSError of ours and not uvicorn's exit from the program.
    listener = socket.create_server((host, port))
    server = _Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]), name="admin")
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
