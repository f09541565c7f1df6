"""Field buses that carry many kinds of instruments: Modbus, and what a poll of one device brought home."""
