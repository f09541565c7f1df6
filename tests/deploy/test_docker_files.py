"""What can be checked of the containers without an engine: files, names, secrets, settings, and every query, run."""

import asyncio
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import psycopg
import pytest
import yaml

from gateway.config import load
from gateway.metrics import Metrics
from gateway.storage import migrate

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((DOCKER / "grafana/dashboards/gateway.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((DOCKER / "prometheus/alerts.yml").read_text(encoding="utf-8"))

# The service keys of the Compose specification that these files use; a mistyped key is not among them.
SERVICE_KEYS = {
    "build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "logging", "networks", "ports",
    "profiles", "read_only", "restart", "secrets", "security_opt", "shm_size", "stop_grace_period", "tmpfs", "user",
    "volumes",
}  # fmt: skip


def services():
    return COMPOSE["services"].items()


def panels(kind):
    return [panel for panel in DASHBOARD["panels"] if panel.get("datasource", {}).get("type") == kind]


def dashboard_queries():
    queries = [target["rawSql"] for panel in panels("postgres") for target in panel["targets"]]
    return queries + [item["query"] for item in DASHBOARD["templating"]["list"] if item["type"] == "query"]


def expressions():
    """Every PromQL expression of alerts and dashboard."""
    rules = [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
    return rules + [target["expr"] for panel in panels("prometheus") for target in panel["targets"]]


def test_compose_uses_known_keys_and_only_networks_volumes_and_secrets_that_it_declares():
    assert set(COMPOSE) <= {"name", "services", "networks", "volumes", "secrets", "x-hardened"}
    for name, service in services():
        assert set(service) <= SERVICE_KEYS, name
        assert set(service.get("networks", [])) <= set(COMPOSE["networks"]), name
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        assert set(service.get("depends_on", {})) <= set(COMPOSE["services"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith(("./", "../")) or source in COMPOSE["volumes"], volume


def test_every_file_that_compose_mounts_or_builds_from_exists():
    made_by_script = {"./secrets/tls"}
    for name, service in services():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./") and source not in made_by_script:
                assert (DOCKER / source).exists(), (name, source)
    build = COMPOSE["services"]["gateway"]["build"]
    assert (DOCKER / build["context"] / build["dockerfile"]).is_file()


def test_images_are_pinned_and_everything_restarts():
    for name, service in services():
        assert re.search(r":\d+\.\d+|:v\d+\.\d+", service["image"]), name
        assert "latest" not in service["image"]
        assert service["restart"] == "unless-stopped"


def test_ports_are_bound_to_this_machine_unless_said_otherwise():
    for _, service in services():
        for port in service.get("ports", []):
            assert re.match(r"(127\.0\.0\.1|\$\{[A-Z0-9_]+:-127\.0\.0\.1\}):", port), port


def test_every_variable_of_compose_is_in_the_example_with_the_same_default_and_in_the_readme():
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    used = dict(re.findall(r"\$\{([A-Z0-9_]+):-([^}]*)\}", text))
    example = dict(
        line.split("=", 1)
        for line in (DOCKER / ".env.example").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    assert used == example
    readme = (DOCKER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in used)


def test_no_password_stands_in_any_file():
    for path in DOCKER.rglob("*"):
        if not path.is_file() or "secrets" in path.relative_to(DOCKER).parts:
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            given = re.search(r"(?i)(?:password|passwd|secret_key)\w*\s*[:=]\s*[\"']?([^\s\"']+)", line)
            if given and not line.lstrip().startswith("#"):
                allowed = ("/run/secrets/", "$__file{", "{", ":'", "file:", "$(", "[", "--set", ">")
                assert any(mark in line for mark in allowed), f"{path.name}: {line}"


def test_the_secrets_script_makes_every_secret_once_and_leaves_it_alone(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    (tmp_path / "secrets").mkdir()
    script = shutil.copy(DOCKER / "make-secrets.sh", tmp_path)
    subprocess.run([script], check=True, stdout=subprocess.PIPE)
    files = {Path(item["file"]).name for item in COMPOSE["secrets"].values()}
    made = {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir() if path.is_file()}
    assert set(made) == files
    assert len(set(made.values())) == len(made)
    assert made["gateway_dsn"] == b"postgresql://gateway:%b@database:5432/gateway" % made["gateway_password"]
    assert stat.S_IMODE(os.stat(tmp_path / "secrets").st_mode) == 0o700
    subprocess.run([script], check=True, stdout=subprocess.PIPE)
    assert made == {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir() if path.is_file()}


def test_the_gateways_configuration_is_good_and_matches_the_ports_and_paths(tmp_path):
    (tmp_path / "dsn").write_text("postgresql://gateway@database/gateway")
    text = (DOCKER / "gateway/gateway.toml").read_text(encoding="utf-8")
    (tmp_path / "gateway.toml").write_text(text.replace("/run/secrets/gateway_dsn", str(tmp_path / "dsn")))
    config = load(tmp_path / "gateway.toml")
    service = COMPOSE["services"]["gateway"]
    published = [port.rsplit(":", 1)[1] for port in service["ports"]]
    assert published == [str(config.hj212[0].port), str(config.admin.port)]
    assert f"gateway-state:{config.gateway.state_dir}" in service["volumes"]
    assert "gateway_dsn" in service["secrets"]
    assert int(service["stop_grace_period"].rstrip("s")) > config.gateway.drain_s


def test_the_commented_broker_section_is_good_as_well(tmp_path):
    (tmp_path / "secret").write_text("x")
    text = (DOCKER / "gateway/gateway.toml").read_text(encoding="utf-8")
    start = text.index("# [[mqtt]]")
    text = text[:start] + re.sub(r"(?m)^# ", "", text[start:])
    text = re.sub(r"file:/run/secrets/\w+", f"file:{tmp_path}/secret", text)
    (tmp_path / "gateway.toml").write_text(text)
    (source,) = load(tmp_path / "gateway.toml").mqtt
    assert source.host in COMPOSE["services"]
    assert source.port == 8883


def test_the_image_is_built_from_what_exists_with_hashes_and_does_not_run_as_root():
    lines = (DOCKER / "gateway/Dockerfile").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            assert (ROOT / line.split()[1]).exists(), line
    text = "\n".join(lines)
    assert "--require-hashes" in text
    assert re.search(r"^USER gateway$", text, re.MULTILINE)
    assert text.index("USER gateway") < text.index("ENTRYPOINT")
    assert "HEALTHCHECK" in text
    ignored = (DOCKER / "gateway/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    assert {line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line} == kept
    assert ignored[1] == "*"


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_in_alerts_and_dashboard_is_one_of_ours(expression):
    ours = {"up"}
    for family in Metrics().registry.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        ours |= {family.name + suffix for suffix in suffixes}
    used = set(re.findall(r"\bgateway_\w+|\bup\b", expression))
    assert used
    assert used <= ours
    assert expression.count("(") == expression.count(")")


def test_prometheus_scrapes_the_admin_port_and_reads_the_rules():
    config = yaml.safe_load((DOCKER / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert config["scrape_configs"][0]["static_configs"] == [{"targets": ["gateway:9212"]}]
    assert all((DOCKER / "prometheus" / name).is_file() for name in config["rule_files"])
    assert "watch" in COMPOSE["services"]["gateway"]["networks"]
    assert "watch" in COMPOSE["services"]["prometheus"]["networks"]


def test_every_alert_is_explained_in_the_operations_manual():
    manual = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            assert f"`{rule['alert']}`" in manual, rule["alert"]


def test_dashboard_panels_do_not_overlap_and_use_provisioned_sources():
    provisioned = yaml.safe_load(
        (DOCKER / "grafana/provisioning/datasources/datasources.yaml").read_text(encoding="utf-8")
    )["datasources"]
    known = {(source["uid"], source["type"]) for source in provisioned}
    cells = set()
    for panel in DASHBOARD["panels"]:
        if "datasource" in panel:
            assert (panel["datasource"]["uid"], panel["datasource"]["type"]) in known
        place = panel["gridPos"]
        covered = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not covered & cells
        assert place["x"] + place["w"] <= 24
        cells |= covered
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.database
def test_the_viewer_can_run_every_query_of_the_dashboard_and_read_nothing_else(private_server):
    """The roles script's SQL as the container runs it, then our migrations by the role that it makes."""
    script = (DOCKER / "database/10-roles.sh").read_text(encoding="utf-8")
    sql = script.split("<<'SQL'\n")[1].split("\nSQL")[0]
    sql = sql.replace("CREATE EXTENSION IF NOT EXISTS timescaledb;", "")  # the plain server has none
    sql = re.sub(r":'(\w+)'", r"'\1'", sql)
    private_server.execute("CREATE DATABASE gateway")
    private_server.execute(sql, "gateway")
    address = private_server.dsn("gateway")
    asyncio.run(migrate(address.replace("postgres@", "gateway@")))
    with psycopg.connect(address.replace("postgres@", "viewer@"), autocommit=True) as viewer:
        for query in dashboard_queries():
            viewer.execute(filled_in(query).encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            viewer.execute("SELECT password_hash FROM device")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            viewer.execute("CREATE TABLE mine (number int)")


def filled_in(query):
    """A query with Grafana's macros and variables as Grafana fills them in."""
    query = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN now() - interval '1 day' AND now()", query)
    return query.replace("$site", "'SIM1', 'SIM2'").replace("$quantity", "sulphur_dioxide").replace("$interval", "3600")
