"""`gateway doctor`: whether what the gateway stands on keeps the promise, and what to change where it does not.

The promise: what a device was told is durable is neither lost nor doubled. Broker and database are asked and tried, not
believed: a session is left and resumed, a queue is filled, a window is counted.
"""
