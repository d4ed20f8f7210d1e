"""The `evaluation:` block of a scale: how many images a cell has, and how they are scored."""

from typing import Annotated

from pydantic import Field

from atbench.spec.fields import Count, Entry, part_of


class Extrapolation(Entry):
    """Numbers of samples from which a Frechet distance is extrapolated to infinitely many, evenly spaced."""

    points: Annotated[int, Field(ge=3, le=1000)] = Field(description="how many; 15 in mchong6/FID_IS_infinity")
    least: Count = Field(description="the smallest, above the number of features; 5000 of 50000 there")


class MetricOptions(Entry):
    """Constants of the metrics of a cell; those that may be left out belong to metrics measured where asked."""

    kid_subsets: Count = Field(description="subsets over which KID is averaged")
    kid_subset_size: Annotated[int, Field(ge=2, le=10**6)] = Field(description="images per subset")
    is_splits: Count = Field(description="parts over which the inception score is averaged")
    pr_neighbours: Count = Field(description="k of precision and recall; 3 in the literature")
    blocks: Annotated[int, Field(ge=2, le=10**6)] = Field(description="sample blocks of the jackknife")
    manifold_reference: Count | None = Field(
        None,
        description="real images, drawn by name, behind precision, recall, density, coverage and MMD; all without "
        "it. The published numbers of ImageNet 64x64 have 10000 (openai/guided-diffusion:evaluations/README.md)",
    )
    density_neighbours: Count | None = Field(
        None,
        description="k of density and coverage, measured with it alone; 5 in the example of "
        "clovaai/generative-evaluation-prdc:README.md",
    )
    extrapolation: Extrapolation | None = Field(None, description="of FD-infinity, measured with it alone")
    mmd_bandwidth: Annotated[float, Field(gt=0, le=10**6)] | None = Field(
        None,
        description="sigma of MMD's Gaussian kernel, in the root mean square distance of two real images; measured "
        "with it alone",
    )


class Evaluation(Entry):
    """How many images a cell has, and how they are scored."""

    samples: Annotated[int, Field(ge=64, le=10**7)] = Field(description="images of a cell")
    metrics: MetricOptions
    floor_repeats: Annotated[int, Field(ge=2, le=10**6)] = Field(
        description="draws of the training set behind the floor row"
    )
    block: Count | None = Field(
        None, description="images per pass of the network, which moves round-off alone; 128 without it"
    )
    clip: str | None = Field(None, description="name of the CLIP model of the CLIP score")
    compiled: bool = Field(False, description="torch.compile of the network in sampling, as `training.compiled`")


class EvaluationPart(part_of(Evaluation)):  # type: ignore[misc]
    """What a suite has of its own: any of the keys, and any of those of `metrics`."""

    metrics: part_of(MetricOptions) | None = None  # type: ignore[valid-type]
