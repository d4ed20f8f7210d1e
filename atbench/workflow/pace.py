"""How often Snakemake looks through the jobs that are ready: when one has finished, and not every second besides."""

from typing import Any

DEFAULT_LIMIT = (100, 1)  # jobs, seconds: what Snakemake has where nobody asks for a limit


def look_when_jobs_finish(scheduler: Any) -> None:
    """Take Snakemake's own limit of started jobs a second out of its ``scheduler``; one that was asked for stays.

    To keep that limit Snakemake (9.27, `JobScheduler.schedule`) looks through all ready jobs and the sizes of their
    inputs once more a second after every look. Each finished job begins such a chain, none of them ends, and after some
    tens of jobs that process keeps a core busy which a training could have.
    """
    limit = scheduler.job_rate_limiter
    if limit is not None and (limit.max_jobs, limit.timespan) == DEFAULT_LIMIT:
        scheduler.job_rate_limiter = None
