from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.admin import admin_app, serve_admin
from gateway.metrics import Metrics

STATIONS = {
    "A": {"deviations": {"lower_case_crc": 3}, "unknown_codes": {}},
    "B": {"deviations": {}, "unknown_codes": {}},
}


@pytest.fixture
def problems() -> dict[str, str]:
    return {}


@pytest.fixture
async def client(problems: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    metrics = Metrics()
    metrics.frames.labels("hj212", "accepted").inc(3)
    app = admin_app(metrics, lambda: problems, lambda: STATIONS)
    async with (
        serve_admin(app, host="127.0.0.1", port=0) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as made,
    ):
        yield made


async def test_alive_and_ready_and_why_not(client: httpx.AsyncClient, problems: dict[str, str]) -> None:
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).json() == {"ready": True, "problems": {}}
    problems["spool"] = "93% full"
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == {"spool": "93% full"}


async def test_metrics_are_in_the_text_form(client: httpx.AsyncClient) -> None:
    text = (await client.get("/metrics")).text
    assert 'gateway_frames_total{source="hj212",verdict="accepted"} 3.0' in text


async def test_stations_that_depart_from_the_standard_are_listed(client: httpx.AsyncClient) -> None:
    assert set((await client.get("/stations")).json()) == {"A"}
    assert (await client.get("/stations/B")).json() == STATIONS["B"]
    assert (await client.get("/stations/C")).status_code == 404


async def test_a_port_that_is_taken_is_an_error(client: httpx.AsyncClient) -> None:
    port = client.base_url.port
    assert port is not None
    app = admin_app(Metrics(), dict, dict)
    with pytest.raises(OSError, match="in use"):
        async with serve_admin(app, host="127.0.0.1", port=port):
            pass
