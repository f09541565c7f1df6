"""Node-RED 4 with pg: mqtt in (QoS 1, persistent session) → function node that writes what came every 100 ms.

One INSERT … unnest … ON CONFLICT DO NOTHING a batch, over pg's pool. Node-RED acknowledges on arrival; there is no
setting for anything else.
"""

import json
import os
from pathlib import Path

HOME = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "offsite-supervision-gateway" / "node-red"

_START = """
const pool = new (global.get('pg').Pool)({ connectionString: '%s' });
const columns = () => ({ device: [], time: [], code: [], value: [] });
const state = { rows: columns() };
context.set('state', state);
const text = 'INSERT INTO data (device, time, code, value) SELECT * FROM ' +
    'unnest($1::text[], $2::timestamptz[], $3::text[], $4::float8[]) ON CONFLICT DO NOTHING';
context.set('timer', setInterval(() => {
    const rows = state.rows;
    if (!rows.device.length) { return; }
    state.rows = columns();
    pool.query(text, [rows.device, rows.time, rows.code, rows.value]).catch((error) => node.error(error));
}, 100));
"""
_TAKE = """
const rows = context.get('state').rows, body = msg.payload;
for (const [code, value] of Object.entries(body.v)) {
    rows.device.push(body.id); rows.time.push(body.t); rows.code.push(code); rows.value.push(value);
}
"""
_SETTINGS = """
module.exports = {
    flowFile: 'flows.json', credentialSecret: false, httpAdminRoot: false, httpNodeRoot: false,
    uiHost: '127.0.0.1', uiPort: %d, functionGlobalContext: { pg: require('%s/node_modules/pg') },
    logging: { console: { level: 'warn', metrics: false, audit: false } },
};
"""


def is_installed() -> bool:
    """Whether scripts/bench_peers.sh could install it."""
    return (HOME / ".installed").exists()


def prepare(folder: Path, *, port: int, account: str, secret: str, dsn: str, http_port: int) -> list[str]:
    """Write flow, credentials and settings; the command that runs them."""
    folder.mkdir(parents=True, exist_ok=True)
    flow = [
        {"id": "tab", "type": "tab", "label": "bench"},
        {"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": port, "clientid": account,
         "autoConnect": True, "usetls": False, "protocolVersion": "4", "keepalive": 60, "cleansession": False,
         "autoUnsubscribe": False},
        {"id": "in", "type": "mqtt in", "z": "tab", "topic": "eg/v1/#", "qos": "1", "datatype": "json",
         "broker": "broker", "inputs": 0, "x": 100, "y": 100, "wires": [["store"]]},
        {"id": "store", "type": "function", "z": "tab", "func": _TAKE, "initialize": _START % dsn,
         "finalize": "clearInterval(context.get('timer'));", "outputs": 0, "libs": [], "x": 300, "y": 100, "wires": []},
    ]  # fmt: skip
    (folder / "flows.json").write_text(json.dumps(flow))
    (folder / "flows_cred.json").write_text(json.dumps({"broker": {"user": account, "password": secret}}))
    (folder / "settings.js").write_text(_SETTINGS % (http_port, HOME))
    return ["node", str(HOME / "node_modules/node-red/red.js"), "-u", str(folder), "-s", str(folder / "settings.js")]
