from pathlib import Path

import pytest

from gateway.registry import RegisteredDevice, Registry, Verdict, hash_password

OPEN = RegisteredDevice("A")
SECRET = RegisteredDevice("B", password_hash=hash_password("B", "123456"))
FENCED = RegisteredDevice("C", allow_networks=("10.1.0.0/16", "192.0.2.7/32"))
GONE = RegisteredDevice("D", status="revoked")


@pytest.fixture
def registry() -> Registry:
    return Registry((OPEN, SECRET, FENCED, GONE))


@pytest.mark.parametrize(
    ("device", "password", "address", "verdict"),
    [
        ("A", "anything", "10.0.0.1", Verdict.PASSED),
        ("B", "123456", "10.0.0.1", Verdict.PASSED),
        ("B", "654321", "10.0.0.1", Verdict.WRONG_PASSWORD),
        ("B", "", "10.0.0.1", Verdict.WRONG_PASSWORD),
        ("C", "", "10.1.2.3", Verdict.PASSED),
        ("C", "", "192.0.2.7", Verdict.PASSED),
        ("C", "", "10.2.2.3", Verdict.WRONG_ADDRESS),
        ("D", "", "10.1.2.3", Verdict.REVOKED),
        ("E", "", "10.1.2.3", Verdict.UNKNOWN),
    ],
)
def test_who_may_send(registry: Registry, device: str, password: str, address: str, verdict: Verdict) -> None:
    for _ in range(2):  # the second look-up takes the remembered password
        assert registry.check(device, password, address) is verdict


def test_a_changed_password_holds_at_once(registry: Registry) -> None:
    assert registry.check("B", "123456", "10.0.0.1") is Verdict.PASSED
    registry.replace((RegisteredDevice("B", password_hash=hash_password("B", "new")),))
    assert registry.check("B", "123456", "10.0.0.1") is Verdict.WRONG_PASSWORD
    assert registry.check("A", "", "10.0.0.1") is Verdict.UNKNOWN


def test_the_same_password_of_two_devices_is_stored_differently() -> None:
    assert hash_password("A", "123456") != hash_password("B", "123456")


def test_the_snapshot_is_the_registry_again(registry: Registry, tmp_path: Path) -> None:
    registry.save(tmp_path / "registry.json")
    again = Registry.load(tmp_path / "registry.json")
    assert [again.get(name) for name in "ABCD"] == [OPEN, SECRET, FENCED, GONE]
    assert len(Registry.load(tmp_path / "nothing.json")) == 0
