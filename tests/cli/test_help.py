"""`--help`: verbs in groups, each with an example that parses."""

import shlex

import pytest

from atbench import cli
from atbench.cli.arguments import parser
from atbench.cli.examples import EXAMPLES
from atbench.cli.page import verbs_of


def test_every_verb_stands_in_a_group_with_its_summary(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and said.count("make results:") == said.count("bring your own:") == 1
    for name, verb in verbs_of(parser()).items():
        assert said.count(f"\n  {name:<16}{verb.description}") == 1
    assert max(map(len, said.splitlines())) <= 130


@pytest.mark.parametrize("name", verbs_of(parser()))
def test_every_verb_has_an_example_that_parses(name, capsys):
    program, *arguments = shlex.split(EXAMPLES[name])
    assert program == "atbench" and parser().parse_args(arguments).verb.__name__.replace("_", "-") == name
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    assert f"example: {EXAMPLES[name]}" in " ".join(capsys.readouterr().out.split())


def test_every_example_is_of_a_verb():
    assert set(EXAMPLES) == set(verbs_of(parser()))


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == "atbench 0.1.0\n"
