"""Power-use supervision in the service: facilities in the database, judged by `analysis.facility` as data come in.

    facility, link, calendar ──► table ──► Plant ─┐
                                                  ├─► judgement (pure) ─► facility_event ─► GatewayNotice ─► intake
    observation ──► powers on common steps ───────┘        once each       claimed, told, marked when durable

- `plant`: what is known of a site's facilities; nothing but data.
- `table`: the rows of the database, and the commands' way to change them.
- `judgement`: from a plant and its powers to contradictions.
- `supervision`: the chore that does this every few seconds, in any number of processes.
"""
