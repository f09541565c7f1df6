"""`gateway doctor`: look at the brokers and the database of a configuration. 检查代理与数据库是否满足不丢数承诺

Exit code 0 if the promise can hold, 1 if something is bad. It changes nothing but its own messages at the broker.
"""

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gateway.config import Config, load
from gateway.doctor.broker import check_broker
from gateway.doctor.broker_file import check_broker_file
from gateway.doctor.database import check_database
from gateway.doctor.finding import Finding, Grade
from gateway.opening import opened_database
from gateway.sources.mqtt import link_settings
from gateway.sources.mqtt_tls import tls_context

PASSWORD_VARIABLE = "GATEWAY_DOCTOR_PASSWORD"


def doctor(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file 配置文件")] = Path(
        "gateway.toml"
    ),
    user: Annotated[
        str, typer.Option(help=f"Account at the broker; its password is in {PASSWORD_VARIABLE} 账号")
    ] = "doctor",
    broker_config: Annotated[Path | None, typer.Option(help="The broker's own configuration file 代理配置文件")] = None,
) -> None:
    """Check brokers and database against the promise, and say what to change. 检查并给出修改建议"""
    findings = asyncio.run(examine(load(config), user=user, broker_config=broker_config))
    for finding in findings:
        print(finding)
    if any(finding.grade is Grade.BAD for finding in findings):
        raise typer.Exit(1)


async def examine(config: Config, *, user: str, broker_config: Path | None) -> list[Finding]:
    """All checks of a configuration."""
    async with opened_database(config) as dsn:
        found = await check_database(dsn)
    password = os.environ.get(PASSWORD_VARIABLE)
    for settings in config.mqtt:
        if password is None:
            change = f"gateway device doctor, then {PASSWORD_VARIABLE}=… gateway doctor"
            found.append(Finding(Grade.UNKNOWN, f"broker {settings.host}:{settings.port}", "not tried", change))
            continue
        link = link_settings(settings.model_copy(update={"username": user, "password": password, "client_id": user}))
        found += await check_broker(link, partial(tls_context, settings.tls) if settings.tls else None)
    if broker_config is not None:
        found += check_broker_file(broker_config)
    elif config.mqtt:
        found.append(Finding(Grade.UNKNOWN, "broker persistence", "cannot be seen from here", "--broker-config FILE"))
    return found
