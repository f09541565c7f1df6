"""The command line. One file for each group of commands; this one only lists them."""

import sys

import typer

from gateway.cli import dead_letter, service
from gateway.cli.analyse import analyse
from gateway.cli.decode import decode
from gateway.cli.demo import demo
from gateway.errors import GatewayError

app = typer.Typer(
    name="gateway",
    help="Off-site supervision data gateway 非现场监管数据网关",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(service.run)
app.command()(service.init)
app.command("check-config")(service.check_config)
app.command()(service.migrate)
app.command()(demo)
app.command()(analyse)
app.command()(decode)
app.add_typer(dead_letter.app, name="dead-letter")


def main() -> None:
    """The console script: our own errors are one line on stderr and exit code 2."""
    try:
        app()
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        sys.exit(2)
