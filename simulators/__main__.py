"""`python -m simulators fleet | load | meters | mqtt-fleet | replay`."""

import argparse

from simulators import meters_command, mqtt_fleet_command, replay
from simulators.fleet import command as fleet
from simulators.load import command as load

COMMANDS = {
    "fleet": (fleet, "simulated stacks and outlets that call a gateway"),
    "load": (load, "many connections and frames, for benchmarks and fault tests"),
    "meters": (meters_command, "a line of electricity meters behind a serial server or a terminal"),
    "mqtt-fleet": (mqtt_fleet_command, "simulated stations, drones, cameras, meters and loggers over MQTT"),
    "replay": (replay, "send a receive log again, station by station"),
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m simulators", description="The field, faked.")
    choices = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, text) in COMMANDS.items():
        command = choices.add_parser(name, help=text, description=module.__doc__)
        module.add_arguments(command)
        command.set_defaults(run=module.main)
    chosen = parser.parse_args(arguments)
    return int(chosen.run(chosen))


if __name__ == "__main__":
    raise SystemExit(main())
