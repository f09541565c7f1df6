"""The command line. One file for each group of commands; this one lists them and imports only the one that is run."""

import sys
from importlib import import_module

import typer

from gateway.errors import GatewayError

COMMANDS = {
    "run": "service:run",
    "init": "service:init",
    "check-config": "service:check_config",
    "migrate": "service:migrate",
    "demo": "demo:demo",
    "decode": "decode:decode",
    "command": "command:command",
    "dead-letter": "dead_letter:app",
    "registry": "registry:app",
    "device": "device:app",
    "doctor": "doctor:doctor",
    "bus": "serial:bus",
    "capture": "serial:capture",
    "sites": "sites:app",
    "facility": "facility:app",
    "vapour-recovery": "serial_vapour:judge_files",
    "analyse": "analyse:analyse",
    "export": "export:export",
    "import": "export:import_",
}
"""Name → where its function, or its group of commands, is."""


def make_app(names: list[str]) -> typer.Typer:
    """The program with these commands."""
    app = typer.Typer(
        name="gateway",
        help="Off-site supervision data gateway 非现场监管数据网关",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_always_with_a_name)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(import_module(f"gateway.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def main() -> None:
    """The console script: our own errors are one line on stderr and exit code 2."""
    asked = [name for name in sys.argv[1:2] if name in COMMANDS]
    try:
        make_app(asked or list(COMMANDS))()
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        sys.exit(2)


def _always_with_a_name() -> None:
    """Off-site supervision data gateway 非现场监管数据网关"""
