"""The field, faked: devices and lines that behave as real ones do, with truth labels. Imports `drivers` only.

What is simulated here talks to the gateway over real sockets, so that it exercises the same paths as the field.
"""
