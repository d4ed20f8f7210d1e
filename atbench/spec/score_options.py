"""How large the options of the metrics may be with so many images: stated once, for the files and for the metrics."""

from atbench.spec.models.scale import MetricOptions


def largest(options: MetricOptions, samples: int, reference: int) -> dict[str, int]:
    """Option -> the most that it may be with so many samples and images of the reference."""
    largest_block = -(-samples // options.blocks)
    return {
        "kid_subset_size": min(samples, reference),
        "is_splits": samples,
        "blocks": samples // 2,
        # The smallest jackknife set lacks a block, and a point is not its own neighbour.
        "pr_neighbours": min(samples - largest_block, reference) - 1,
    }
