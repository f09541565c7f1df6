"""A fleet of HJ 212 field hosts: flue-gas stacks and water outlets that call the gateway over TCP.

    site ─► stack | outlet ─► falsify ─► statistics ─► messages ─► habits ─► device ─► client ─► socket
    what it is   signals       lies       periods      CP text     vendor    protocol   asyncio

Everything up to `device` is without I/O and without a clock. Signals are pure functions of (site, time): asking for an
hour of yesterday gives the same figures as it gave yesterday, which is what lets a device answer a history request.

The frames and the CRC are made here and not by the driver under test: two readings of the standard check each other.
"""
