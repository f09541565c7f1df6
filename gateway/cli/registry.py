"""`gateway registry`: who may send over HJ 212, who has knocked, and letting them in. 设备登记"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Table

from gateway.cli.service import DEFAULT_FILE, ConfigFile
from gateway.cli.terminal import console
from gateway.config import load
from gateway.errors import GatewayError
from gateway.opening import opened_store, utc_text
from gateway.registry import hash_password
from gateway.storage import Device, Store

app = typer.Typer(help="Who may send over HJ 212. 设备登记", no_args_is_help=True)

Mn = Annotated[str, typer.Argument(metavar="MN", help="The device's own identity. 设备编码")]


@app.command("list")
def list_devices(config: ConfigFile = DEFAULT_FILE) -> None:
    """List the registered devices, and those that are kept in quarantine."""
    table = Table("MN", "status 状态", "site 站点", "password 口令", "networks 地址", "last heard of (UTC)")

    async def show(store: Store) -> None:
        for device in await store.devices():
            seen = "" if device.last_seen_us is None else utc_text(device.last_seen_us)
            password = "checked" if device.password_hash else "not checked"
            table.add_row(device.external_id, device.status, device.site, password, ", ".join(device.allow_list), seen)

    _with_store(config, show)
    console().print(table)


@app.command()
def pending(config: ConfigFile = DEFAULT_FILE) -> None:
    """List unknown devices that have knocked."""
    table = Table("MN", "from 来自", "first (UTC)", "last (UTC)", "times 次数")

    async def show(store: Store) -> None:
        for item in await store.pending_devices():
            first, last = utc_text(item.first_seen_us), utc_text(item.last_seen_us)
            table.add_row(item.external_id, item.peer, first, last, str(item.attempts))

    _with_store(config, show)
    console().print(table)


@app.command()
def add(
    mn: Mn,
    password: Annotated[
        str | None, typer.Option(help="PW of its frames; none: asked for; empty: not checked.", prompt="PW")
    ] = None,
    site: Annotated[str, typer.Option(help="The site it stands at; none: one of its own name.")] = "",
    name: Annotated[str, typer.Option(help="For people.")] = "",
    network: Annotated[list[str] | None, typer.Option(help="It may only come from there, 10.1.0.0/16.")] = None,
    minute_interval: Annotated[int | None, typer.Option(help="Interval of its minute data. [s]")] = None,
    config: ConfigFile = DEFAULT_FILE,
) -> None:
    """Register a device, or change it."""
    device = Device(
        mn,
        protocol="hj212",
        password_hash=hash_password(mn, password) if password else None,
        minute_interval_s=minute_interval,
        allow_list=tuple(network or ()),
        site=site,
        name=name,
    )
    _with_store(config, lambda store: store.put_device(device))
    print(f"{mn}: registered; a running gateway knows within ten seconds")


@app.command()
def accept(mn: Mn, config: ConfigFile = DEFAULT_FILE) -> None:
    """Let a device out of quarantine, with all that it has sent."""

    async def work(store: Store) -> None:
        await _known(store, mn)
        await store.release_device(mn)

    _with_store(config, work)
    print(f"{mn}: accepted, with what it has sent so far")


@app.command()
def revoke(mn: Mn, config: ConfigFile = DEFAULT_FILE) -> None:
    """Take nothing more from a device; what it has sent stays."""

    async def work(store: Store) -> None:
        await store.put_device(replace(await _known(store, mn), status="revoked"))

    _with_store(config, work)
    print(f"{mn}: revoked; a running gateway knows within ten seconds")


async def _known(store: Store, mn: str) -> Device:
    device = await store.device(mn)
    if device is None:
        raise GatewayError(f"{mn}: no such device is registered")
    return device


def _with_store(config: ConfigFile, work: Callable[[Store], Awaitable[None]]) -> None:
    async def opened() -> None:
        async with opened_store(load(config)) as store:
            await work(store)

    asyncio.run(opened())
