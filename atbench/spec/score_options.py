"""How large the options of the metrics may be with so many images: stated once, for the files and for the metrics."""

from itertools import count

from atbench.spec.models.metric_options import MetricOptions


def largest(options: MetricOptions, samples: int, reference: int) -> dict[str, int]:
    """Option -> the most that it may be with so many samples and images of the reference."""
    largest_block = -(-samples // options.blocks)
    left, real = samples - largest_block, min(reference, options.manifold_reference or reference)
    most = {
        "kid_subset_size": min(samples, reference),
        "is_splits": samples,
        "blocks": samples // 2,
        # The smallest jackknife set lacks a block, and a point is not its own neighbour.
        "pr_neighbours": min(left, real) - 1,
        "density_neighbours": real - 1,
        "manifold_reference": reference,
    }
    return {key: value for key, value in most.items() if getattr(options, key) is not None}


def fewest(options: MetricOptions, reference: int) -> int:
    """The fewest samples that the metrics take with these options."""

    def allowed(samples: int) -> bool:
        return all(getattr(options, key) <= most for key, most in largest(options, samples, reference).items())

    return next(samples for samples in count(2) if allowed(samples))
