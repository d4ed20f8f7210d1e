"""`make help` lists every target that a person may type."""

import re
import subprocess

from checkout import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text()


def test_every_target_is_listed_with_its_words():
    done = subprocess.run(["make", "-s", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    listed = dict(re.findall(r"^make ([a-z-]+) +(\S.*)$", done.stdout, re.M))
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.M)).split()
    assert set(listed) == set(phony) and {"tour", "reproduce", "help"} <= set(listed)
    assert all(f"## {words}" in MAKEFILE for words in listed.values())
