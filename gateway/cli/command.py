"""`gateway command MN KIND …`: ask a device that is connected to a running gateway."""

import asyncio
import getpass
from typing import Annotated, Any

import orjson
import typer

from gateway.cli.service import DEFAULT_FILE, ConfigFile
from gateway.config import load
from gateway.errors import GatewayError
from gateway.opening import opened_store
from gateway.sources.hj212_requests import KINDS

LOOK_EVERY_S = 0.3


def command(
    mn: Annotated[str, typer.Argument(metavar="MN", help="The device. 设备编码")],
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}. 命令")],
    values: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]…", help="interval=hour begin=2026-11-01T00:00 end=…")
    ] = None,
    config: ConfigFile = DEFAULT_FILE,
    within: Annotated[float, typer.Option(help="Give up after so many seconds.", min=1)] = 120.0,
) -> None:
    """Ask a connected device for its clock, history, settings …; print what came of it. 向在线设备下达命令"""
    request: dict[str, Any] = {"kind": kind}
    for item in values or []:
        name, separator, value = item.partition("=")
        if not separator:
            raise typer.BadParameter(f"{item!r} is not NAME=VALUE")
        request[name] = value
    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is not a command; there are: {', '.join(KINDS)}")
    result = asyncio.run(_ask(load(config), mn, request, within))
    print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
    if result.get("outcome") not in ("done", "no_data"):
        raise typer.Exit(1)


async def _ask(settings: Any, mn: str, request: dict[str, Any], within_s: float) -> dict[str, Any]:
    async with opened_store(settings) as store:
        number = await store.commands.ask(mn, request, asked_by=getpass.getuser(), within_s=within_s)
        while not (state := await store.commands.state(number)).is_finished:
            if state.is_expired:
                waited = "nothing came of it in time" if state.claimed_by else "no running gateway has this device"
                raise GatewayError(f"{mn}: {waited}")
            await asyncio.sleep(LOOK_EVERY_S)
    return state.result or {}
