from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import yaml

from devstack import env_example

ROOT = Path(__file__).parents[3]


def compose() -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def test_the_compose_file_obeys_the_published_schema() -> None:
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    command = [checker, "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]

    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_redis_keeps_what_it_was_given() -> None:
    redis = compose()["services"]["redis"]

    command = " ".join(redis["command"])

    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert redis["volumes"] == ["redis:/data"]


def test_every_service_comes_back_after_a_crash_and_gets_time_to_stop() -> None:
    for name, service in compose()["services"].items():
        assert service["restart"] == "unless-stopped", name
        if name != "emulator":
            assert "stop_grace_period" in service, name


def test_the_compose_file_holds_no_secret() -> None:
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("KEY|SECRET|PASSWORD|TOKEN", name):
                assert value is None, "handed on from the shell, never written here"


def test_only_this_host_reaches_the_server() -> None:
    assert all(port.startswith("127.0.0.1:") for port in compose()["services"]["server"]["ports"])


def test_the_image_runs_without_root_and_checks_every_hash() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    last_user = re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE)[-1]
    installs = re.findall(r"^RUN .*pip.* install .*-r .*$", dockerfile, re.MULTILINE)

    assert last_user == "10001:10001"
    assert installs
    assert all("--require-hashes" in line for line in installs)
    assert not re.search(r"^FROM \S+:latest|^FROM [^:]+$", dockerfile, re.MULTILINE)


def test_the_example_of_an_environment_tells_every_setting_as_it_is() -> None:
    written = (ROOT / ".env.example").read_text()

    assert written == env_example.render(), "run: python -m devstack.env_example > .env.example"


def test_every_variable_of_the_compose_file_stands_in_the_example() -> None:
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    for service in compose()["services"].values():
        used |= set(service.get("environment", {}))

    told = set(re.findall(r"^#(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert used <= told
