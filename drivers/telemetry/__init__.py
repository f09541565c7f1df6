"""Telemetry over MQTT: one message, topic and payload, makes events. `router.MessageDecoder` is the way in.

Own topics (`own`, `topics`, `sessions`), DJI Cloud API (`dji`…), cameras (`cameras`), other people's standards
(`sensorthings`, `cloudevents`), any vendor's JSON by a table (`mapping`, `dialects`), other protocols' bytes as
payload. `envelope` is a message as one line of JSON, `mqtt` the driver of such lines.
"""
