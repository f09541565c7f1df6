"""Alerts on their way out: CloudEvents over MQTT, from an outbox table.

    detection ── one transaction ─► finding, alert, alert_outbox ── publish_alerts ─► broker
                                                     ▲                                  │
                                                     └────── delivered_at ◄── PUBACK ───┘

A message is put into the outbox in the transaction that opens its alert, and is marked only after the broker has
acknowledged it. Whatever dies in between, it goes out again, with the same id: at least once, and the receiver tells
repeats by `id`.
"""
