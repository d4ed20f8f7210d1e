"""How large the options of the metrics may be with so many images: stated once, for the files and for the metrics."""

from itertools import count

from atbench.spec.models.scale import MetricOptions

FREE = ("kid_subset_size", "is_splits")  # may follow the number of images: neither moves what its metric estimates


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


def suited(options: MetricOptions, samples: int, reference: int) -> MetricOptions:
    """The options, the FREE of them no larger than so many samples allow."""
    most = largest(options, samples, reference)
    return options.model_copy(update={key: min(getattr(options, key), most[key]) for key in FREE})


def fewest(options: MetricOptions, reference: int) -> int:
    """The fewest samples that the metrics take with these options, the FREE ones aside."""

    def allowed(samples: int) -> bool:
        most = largest(options, samples, reference)
        return all(getattr(options, key) <= value for key, value in most.items() if key not in FREE)

    return next(samples for samples in count(2) if allowed(samples))
