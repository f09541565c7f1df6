"""Electricity protocols."""
