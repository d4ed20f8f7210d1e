"""Side measures by name. What measures is imported by the measure itself."""

from atbench.runtime.errors import UserError, unknown
from atbench.spec.address import parse_run
from atbench.spec.load import load, load_run
from atbench.spec.probes import probes


def measure(name: str, address: str | None, scale: str) -> None:
    """Make a side measure: of the run at ``address``, or of ``scale`` where it is none of runs.

    Raises UserError for an unknown one, and for a run that it is not about.
    """
    if name not in probes():
        raise unknown("side measure", name, probes())
    probe = probes()[name]
    if (address is None) != (probe.subject == "scale"):
        wanted = "results/<scale>/<suite>/<method>/seed<S>" if address is None else "--scale alone"
        raise UserError(f"{name}: is measured of a {probe.subject}: give {wanted}")
    if address is None:
        probe.measure(load(scale))
        return
    run = load_run(parse_run(address))
    suites = probe.suites(load(run.address.scale))
    if run.address.suite not in suites:
        raise UserError(f"{run}: {name} is measured of {', '.join(suites) or 'no suite of the scale'}")
    probe.measure(run)
