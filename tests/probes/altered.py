"""A benchmark whose side measures have other settings."""

from dataclasses import replace


def altered(benchmark, probe, **values):
    """The benchmark as if ``values`` stood in the file of a side measure."""
    before = benchmark.probes[probe]
    settings = type(before).model_validate(before.written() | values)
    return replace(benchmark, probes={**benchmark.probes, probe: settings}, _suites={}, _runs={})
