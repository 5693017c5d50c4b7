"""How the scripts are put together."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from core.store import scripts

FOLDER = files(scripts)
PARTS = [part for name in scripts.SHARED for part in (FOLDER / f"{name}.lua").read_text().split("\n\n")]
NAMES = sorted({file.name[:-4] for file in FOLDER.iterdir() if file.name.endswith(".lua")} - set(scripts.SHARED))
FUNCTIONS = re.findall(r"^local function (\w+)", "\n".join(PARTS), re.MULTILINE)


def test_each_shared_part_defines_one_function_as_a_whole() -> None:
    parts = [part.strip() for part in PARTS if "local function" in part]

    assert len(parts) == len(FUNCTIONS)
    assert all(part.endswith("\nend") for part in parts)


@pytest.mark.parametrize("name", NAMES)
def test_a_script_has_every_function_that_it_calls_before_it_calls_it(name: str) -> None:
    code = re.sub("--.*", "", scripts.source_of(name))

    for function in FUNCTIONS:
        first = re.search(rf"\b{function}\(", code)
        if first is not None:
            assert code[: first.start()].endswith("local function ")


@pytest.mark.parametrize("name", NAMES)
def test_a_script_has_no_function_that_nobody_calls(name: str) -> None:
    code = re.sub("--.*", "", scripts.source_of(name))

    defined = re.findall(r"^local function (\w+)", code, re.MULTILINE)
    assert [function for function in defined if len(re.findall(rf"\b{function}\b", code)) < 2] == []


def test_every_shared_part_is_needed_by_some_script() -> None:
    together = "".join(scripts.source_of(name) for name in NAMES)

    assert [function for function in FUNCTIONS if f"local function {function}(" not in together] == []
