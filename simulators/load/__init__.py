"""`python -m simulators load`: many connections, many frames, little work: for benchmarks and fault tests.

    template ─► + QN, DataTime, CRC ─► window of outstanding frames per connection ─► 9014 ─► ledger

Every frame of a connection has its own DataTime, so that each value is a row of its own. Frames are made when they are
sent, from a template of which only 31 bytes change. A frame without an answer is sent again byte for byte: after
OverTime, and after a lost connection, in the order of the first sending.
"""
