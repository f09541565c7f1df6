"""Telemetry protocols."""
