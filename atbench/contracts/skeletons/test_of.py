"""The contract of example-kind, and what is its own. Add what must hold for yours."""

from pathlib import Path

import pytest

from atbench.contracts.check import check
from atbench.contracts.finding import Finding


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    return check(Path(__file__).with_name("example_file.py"))


def test_it_keeps_its_contract(findings: list[Finding]) -> None:
    assert [str(finding) for finding in findings if finding.verdict == "FAIL"] == []


def test_it_claims_an_identity_that_holds(findings: list[Finding]) -> None:
    assert [finding.verdict for finding in findings if finding.check == "identity"] == ["PASS"]
