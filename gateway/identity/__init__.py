"""Who may speak: one credential a device, written into the registry and into the broker's own files.

    gateway device add ─► registry (database): status, tenant, kind, rights
                       ├► password file: id and salted hash                read by Mosquitto
                       └► access file: what each may publish and hear      on SIGHUP

The secret is made here, shown once, and stored nowhere. `provisioning` does it all; `passwords` and `access` know the
files, `rights` knows what a device of a kind needs.
"""
