"""Where frames come from: one file a transport.

A source hands every frame to the intake, and answers the device when the frame is durable.
"""
