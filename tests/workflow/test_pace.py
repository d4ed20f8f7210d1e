"""Snakemake looks for jobs to start when one has finished, so that its own process takes no core from the work."""

from types import SimpleNamespace

import pytest
from checkout import Checkout
from snakemake.scheduling.job_scheduler import JobRateLimiter
from snakemake.settings.types import MaxJobsPerTimespan

from atbench.workflow.pace import look_when_jobs_finish

TARGETS = [f"results/ci/{run}/seed0/config.json" for run in ("extractor/digits-cnn", "autoencoder/kl-autoencoder")]


@pytest.mark.parametrize(("limit", "stays"), [("100/1s", False), ("100/1m", True), ("5/1s", True)])
def test_only_the_limit_that_nobody_asked_for_is_taken_out(limit, stays):
    scheduler = SimpleNamespace(job_rate_limiter=JobRateLimiter(MaxJobsPerTimespan.parse_choice(limit)))
    look_when_jobs_finish(scheduler)
    assert (scheduler.job_rate_limiter is not None) == stays


def test_one_core_and_two_jobs_take_a_look_each_unless_a_limit_is_asked_for(tmp_path):
    """While the first job trains, for seconds, the second is ready all the time."""
    checkout = Checkout(tmp_path / "atbench")

    def looks(*limit):
        command = ("snakemake", "--cores", "1", "--verbose", "--force", *TARGETS, *limit)
        return checkout.run(*command, "--config", "scale=ci").count("Ready jobs: ")

    assert looks() == 2
    assert looks("--max-jobs-per-timespan", "7/1s") > 3
