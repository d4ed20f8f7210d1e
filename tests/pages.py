"""The pages of the documentation as tests read them: fenced blocks, and the commands in them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import yaml
from checkout import REPOSITORY

DOCS = sorted((REPOSITORY / "docs").rglob("*.md"))
GENERATED = ("keys.md", "commands.md")  # pages that a command writes
BLOCK = re.compile(r"^( *)```(\w+)(?: title=\"([^\"]+)\")? *\n(.*?)^\1```$", re.M | re.S)
COMMAND = re.compile(r"(atbench|snakemake|make) ")


class Block(NamedTuple):
    """A fenced block: its language, its title, which of a file is its path and of commands what they need, its text."""

    language: str
    title: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, as they stand when their indent is taken away."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [
        Block(language, title, re.sub(rf"^{indent}", "", text, flags=re.M)) for indent, language, title, text in found
    ]


def commands(lines: Iterable[str]) -> list[str]:
    """The commands of this suite among lines, without their comments."""
    return [line.split("  #")[0].strip() for line in lines if COMMAND.match(line.strip())]


def shown(page: Path) -> list[str]:
    """Every command in the shell blocks of a page."""
    return commands(line for block in blocks(page) if block.language == "sh" for line in block.text.splitlines())


def runnable(page: Path) -> list[str]:
    """The same without blocks whose title says that they need something else."""
    chosen = [block for block in blocks(page) if block.language == "sh" and not block.title]
    return commands(line for block in chosen for line in block.text.splitlines())


def put(chosen: Iterable[Block], folder: Path) -> list[Path]:
    """Write blocks that are files into a copy of the repository, keys of YAML into what is there; returns the paths."""
    made = []
    for block in chosen:
        if "/" not in block.title:
            continue
        path = folder / block.title
        if path.suffix == ".yaml" and path.exists():
            content = yaml.safe_load(path.read_text()) | yaml.safe_load(block.text)
            path.write_text(yaml.safe_dump(content))
        else:
            assert not path.exists() or path.suffix == ".yaml", f"{path}: is there already"
            path.write_text(block.text)
        made.append(path)
    return made
