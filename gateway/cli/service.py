"""`gateway run`, `init`, `check-config`, `migrate`: the service itself."""

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from gateway.config import Config, load
from gateway.errors import ConfigError
from gateway.log import set_up_logging
from gateway.service import calm_collector

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
DEFAULT_FILE = Path("gateway.toml")


def run(config: ConfigFile = DEFAULT_FILE) -> None:
    """Run the gateway until SIGTERM."""
    from gateway import pipeline  # the other commands start faster without it

    settings = load(config)
    set_up_logging(level=settings.gateway.log_level)
    calm_collector()
    asyncio.run(pipeline.run(settings))


def init(path: Annotated[Path, typer.Argument(help="Where to write it.")] = DEFAULT_FILE) -> None:
    """Write a commented configuration file; an existing one is left alone."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write((files("gateway") / "default.toml").read_text(encoding="utf-8"))
    except FileExistsError:
        raise ConfigError("exists already and is left as it is", file=str(path), expected="a new file") from None
    print(f"{path}: written; check it with: gateway check-config -c {path}")


def check_config(config: ConfigFile = DEFAULT_FILE) -> None:
    """Check a configuration file without touching network or database."""
    settings = load(config)
    names = [*(port.name for port in settings.hj212), *(broker.name for broker in settings.mqtt)]
    sources = ", ".join(names) or "none"
    print(f"{config}: good; sources: {sources}")


def migrate(config: ConfigFile = DEFAULT_FILE) -> None:
    """Bring the database's schema up to date."""
    settings = load(config)
    set_up_logging(level=settings.gateway.log_level, as_json=False)
    asyncio.run(_migrate(settings))


async def _migrate(settings: Config) -> None:
    from gateway.opening import opened_store

    async with opened_store(settings) as store:
        print(f"the schema is up to date; tier: {await store.connect()}")
