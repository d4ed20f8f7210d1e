"""The page of all commands: every verb, argument and target, the same on every terminal."""

import argparse

from checkout import REPOSITORY

from atbench.cli import page
from atbench.cli.arguments import parser

MAKEFILE = REPOSITORY / "Makefile"


def test_what_is_committed_is_what_the_parser_gives(tmp_path):
    made = page.write(parser(), MAKEFILE, tmp_path)
    committed = REPOSITORY / "docs" / made.name
    assert committed.read_text() == made.read_text(), f"{committed}: run `atbench schema`"


def test_every_verb_and_target_has_its_words():
    text = page.page(parser(), MAKEFILE.read_text())
    for verb in ("train", "evaluate", "score", "readme", "schema"):
        assert f"### atbench {verb}\n" in text
    assert "| `reproduce` | environment, then every table and figure" in text


def test_usage_shows_what_may_be_left_out_and_what_may_be_repeated():
    top = argparse.ArgumentParser()
    verb = top.add_subparsers().add_parser("fly", description="Fly.")
    verb.add_argument("cells", nargs="+", help="which <cell>|s")
    verb.add_argument("--name", required=True)
    verb.add_argument("--fast", action="store_true")
    verb.add_argument("scale", nargs="?", default="laptop")
    text = page.page(top, "")
    assert "atbench fly CELLS ... --name NAME [--fast] [SCALE]" in text
    assert "| `CELLS` |  | which &lt;cell>\\|s |" in text and "| `SCALE` | `laptop` |  |" in text
