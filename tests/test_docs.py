# Copyright 2026 The MindSpore depth-estimation authors.
# SPDX-License-Identifier: Apache-2.0
"""Pages and settings agree: commands on the pages are accepted, settings are described, links lead on."""
from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from src.config import DEFAULT_CONFIG, load_settings
from src.errors import UserError

REPOSITORY = DEFAULT_CONFIG.parent
METHODS = tuple(yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))["methods"])
PAGES = ("README.md", "README_CN.md", "docs/mobile.md", "docs/datasets.md",
         *(f"docs/{method}.md" for method in METHODS))
PROGRAMS = "train|eval|export|preprocess|postprocess|infer"
COMMAND = re.compile(rf"^(?:\w+=\S+ )*python ({PROGRAMS})\.py (.*)$", re.MULTILINE)
POSITIONALS = {"infer": {"input": "", "model": ""}}


def commands(page: str) -> list[tuple[str, list[str]]]:
    """Return (program, arguments) of the package's commands on a page."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^ *```bash\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL))
    lines = re.sub(r"\\\n *", "", blocks)
    return [(found[1], shlex.split(found[2].split(" > ")[0])) for found in COMMAND.finditer(lines)]


def problem(program: str, arguments: list[str], method: str) -> str:
    """Say why a command is refused for a method, which commands take from a training's config.yaml."""
    given = [] if "--method" in arguments else ["--method", method]
    try:
        load_settings(program, "", [*arguments, *given], POSITIONALS.get(program))
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_on_the_pages_are_accepted(page):
    own = [method for method in METHODS if page == f"docs/{method}.md"]
    found = commands(page)
    assert len(found) > 5
    for program, arguments in found:
        problems = [problem(program, arguments, method) for method in own or METHODS]
        assert "" in problems, f"{program}.py {shlex.join(arguments)}: {problems}"


@pytest.mark.parametrize("method", METHODS)
def test_every_setting_of_a_method_is_on_its_page(method):
    section = yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))["methods"][method]
    page = (REPOSITORY / f"docs/{method}.md").read_text(encoding="utf-8")
    missing = [name for name in section["settings"] if f"`--{name}" not in page]
    assert not missing


@pytest.mark.parametrize("page", [*PAGES, "docs/adding_a_method.md"])
def test_links_lead_somewhere(page):
    """Files and headings of the repository; GitHub's names of headings."""
    path = REPOSITORY / page
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, heading = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), f"{page}: {target}"
        if heading:
            assert heading in headings(linked), f"{page}: {target}"


def headings(path: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
