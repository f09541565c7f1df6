"""The admin port: `/livez`, `/readyz` and `/metrics`, on the loopback unless configured otherwise.

Alive: the event loop turns. Ready: the intake takes frames; the answer says what is not as it should be.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

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


def admin_app(metrics: Metrics, readiness: Readiness) -> Starlette:
    """The three endpoints."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        problems = readiness()
        return JSONResponse({"ready": not problems, "problems": problems}, status_code=503 if problems else 200)

    async def show_metrics(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", show_metrics)])


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the pipeline has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serve_admin(app: Starlette, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the block is left; yields the port, which the system chooses when `port` is 0."""
    server = _Server(uvicorn.Config(app, host=host, port=port, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(), name="admin")
    try:
        while not server.started:
            if task.done():
                raise OSError(f"the admin port {host}:{port} cannot be opened")
            await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        with contextlib.suppress(SystemExit):
            await task
