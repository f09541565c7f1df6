"""`gateway device`: credentials and rights of the devices that come over MQTT. 设备凭据与权限

The secret is printed once, to standard output and nothing else with it, so that it can be piped into a device's
configuration; it cannot be shown again.
"""

import asyncio
import csv
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from gateway.config import load
from gateway.errors import ConfigError
from gateway.identity.provisioning import RIGHTS, BrokerFiles, Credential, Provisioning
from gateway.identity.rights import Protocol, Rights
from gateway.opening import opened_store

app = typer.Typer(no_args_is_help=True, help="Devices of the MQTT broker 设备：add, list, rotate, revoke, import")

ConfigFile = Annotated[Path, typer.Option("--config", "-c", help="The configuration file 配置文件")]
PasswordsOption = Annotated[Path, typer.Option("--passwords", help="The broker's password file 密码文件")]
AccessOption = Annotated[Path, typer.Option("--access", help="The broker's access file 权限文件")]
PidOption = Annotated[
    Path | None, typer.Option("--pid-file", help="The broker's pid file, to tell it at once 进程号文件")
]
DEFAULT_CONFIG = Path("gateway.toml")
PASSWORDS = Path("/etc/mosquitto/gateway/passwords")
ACCESS = Path("/etc/mosquitto/gateway/access")
COLUMNS = ("device", "tenant", "kind", "protocol", "sub_devices", "topics")


@app.command()
def add(
    device: Annotated[str, typer.Argument(help="Name: 1 to 64 of A-Z a-z 0-9 _ - 设备编号")],
    tenant: Annotated[str, typer.Option(help="Whose device it is 租户")],
    kind: Annotated[str, typer.Option(help="uav usv car cam sta pwr 类别")],
    protocol: Annotated[str, typer.Option(help="own dji onvif axis vendor 协议")] = "own",
    sub_device: Annotated[list[str] | None, typer.Option(help="DJI: a serial number it speaks for 子设备")] = None,
    topic: Annotated[list[str] | None, typer.Option(help="vendor: a topic it publishes on 主题")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    passwords: PasswordsOption = PASSWORDS,
    access: AccessOption = ACCESS,
    pid_file: PidOption = None,
) -> None:
    """Register a device and print its secret, once. 登记设备并显示一次密钥"""
    rights = Rights(tenant, kind, cast(Protocol, protocol), tuple(sub_device or ()), tuple(topic or ()))
    files = BrokerFiles(passwords, access, pid_file)
    [credential] = _run(config, files, lambda work: work.add([(device, rights)]))
    _tell(credential, files)


@app.command("gateway")
def gateway_credential(
    account: Annotated[str, typer.Argument(help="gateway, or gateway-2 … of further processes 账号")] = "gateway",
    config: ConfigFile = DEFAULT_CONFIG,
    passwords: PasswordsOption = PASSWORDS,
    access: AccessOption = ACCESS,
    pid_file: PidOption = None,
) -> None:
    """Make the gateway's own credential and print it, once. 生成网关自身凭据"""
    files = BrokerFiles(passwords, access, pid_file)
    _tell(_run(config, files, lambda work: work.add_gateway(account)), files)


@app.command("doctor")
def doctor_credential(
    config: ConfigFile = DEFAULT_CONFIG,
    passwords: PasswordsOption = PASSWORDS,
    access: AccessOption = ACCESS,
    pid_file: PidOption = None,
) -> None:
    """Make the credential of gateway doctor and print it, once. 生成自检账号凭据"""
    files = BrokerFiles(passwords, access, pid_file)
    _tell(_run(config, files, Provisioning.add_doctor), files)


@app.command()
def rotate(
    device: str,
    config: ConfigFile = DEFAULT_CONFIG,
    passwords: PasswordsOption = PASSWORDS,
    access: AccessOption = ACCESS,
    pid_file: PidOption = None,
) -> None:
    """Make a device's secret anew and print it, once. 更换密钥"""
    files = BrokerFiles(passwords, access, pid_file)
    _tell(_run(config, files, lambda work: work.rotate(device)), files)


@app.command()
def revoke(
    device: str,
    config: ConfigFile = DEFAULT_CONFIG,
    passwords: PasswordsOption = PASSWORDS,
    access: AccessOption = ACCESS,
    pid_file: PidOption = None,
) -> None:
    """Take a device's credential away. 吊销设备"""
    files = BrokerFiles(passwords, access, pid_file)
    _run(config, files, lambda work: work.revoke(device))
    _reload(files)
    print(f"{device}: revoked 已吊销", file=sys.stderr)


@app.command("import")
def import_devices(
    file: Annotated[Path, typer.Argument(help=f"CSV with the columns {', '.join(COLUMNS)} (the last three optional)")],
    out: Annotated[Path, typer.Option(help="Where the secrets go: device,secret; a new file 密钥输出文件")],
    config: ConfigFile = DEFAULT_CONFIG,
    passwords: PasswordsOption = PASSWORDS,
    access: AccessOption = ACCESS,
    pid_file: PidOption = None,
) -> None:
    """Register many devices; all of them or none. 批量登记"""
    rows = read_rows(file)
    files = BrokerFiles(passwords, access, pid_file)
    try:
        with open(out, "x", encoding="utf-8", newline="", opener=_private) as target:
            credentials = _run(config, files, lambda work: work.add(rows))
            writer = csv.writer(target)
            writer.writerow(("device", "secret"))
            writer.writerows((item.device, item.secret) for item in credentials)
    except FileExistsError:
        raise ConfigError("exists already", file=str(out), key="--out", expected="a new file") from None
    except Exception:
        out.unlink()
        raise
    _reload(files)
    print(f"{len(credentials)} devices registered, secrets in {out} 已登记", file=sys.stderr)


@app.command("list")
def list_devices(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """The devices of the registry, one a line: id, status, tenant, kind, protocol. 列出设备"""

    async def devices() -> None:
        async with opened_store(load(config)) as store:
            for device in sorted(await store.devices(), key=lambda item: item.external_id):
                rights = device.answer.get(RIGHTS, {})
                place = (rights.get("tenant", "-"), rights.get("kind", "-"), rights.get("protocol", device.protocol))
                print("\t".join((device.external_id, device.status, *place)))

    asyncio.run(devices())


def read_rows(file: Path) -> list[tuple[str, Rights]]:
    """The devices of a CSV file.

    Raises
    ------
    ConfigError
        Naming the line that cannot be used.
    """
    with file.open(encoding="utf-8-sig", newline="") as source:
        reader = csv.DictReader(source)
        missing = set(COLUMNS[:3]) - set(reader.fieldnames or ())
        if missing:
            raise ConfigError(f"column {min(missing)} is missing", file=str(file), expected=", ".join(COLUMNS))
        rows = []
        for row in reader:
            try:
                rights = Rights(
                    row["tenant"],
                    row["kind"],
                    cast(Protocol, row.get("protocol") or "own"),
                    tuple((row.get("sub_devices") or "").split()),
                    tuple((row.get("topics") or "").split()),
                )
            except ConfigError as error:
                raise ConfigError(f"line {reader.line_num}: {error}", file=str(file)) from error
            rows.append((row["device"], rights))
    return rows


def _run(config: Path, files: BrokerFiles, work: Callable[[Provisioning], Awaitable[Any]]) -> Any:
    async def opened() -> Any:
        async with opened_store(load(config)) as store:
            return await work(Provisioning(store, files))

    return asyncio.run(opened())


def _tell(credential: Credential, files: BrokerFiles) -> None:
    print(credential.secret)
    _reload(files)
    print(f"user name 用户名: {credential.device}; the secret is not stored 密钥不保存", file=sys.stderr)


def _reload(files: BrokerFiles) -> None:
    if not files.reload():
        print("tell the broker to read its files: kill -HUP <mosquitto> 请通知代理重新读取", file=sys.stderr)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
