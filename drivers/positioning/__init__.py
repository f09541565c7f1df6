"""Positioning protocols."""
