"""Do images show what was requested? The extractor's classes say so, or a CLIP model."""

from atbench.metrics.scored import Scored
from atbench.spec.metric import Metric, has_classes_alone, has_clip, share

METRICS = (
    share(
        "caption_score",
        "caption score (share of images that show the digit asked for)",
        applies=has_classes_alone,
        column=13,
    ),
    Metric(
        "clip_score",
        "CLIP score (mean of max(100 cos, 0))",
        "higher",
        0,
        100,
        unit="100 x cosine",
        has_table=True,
        applies=has_clip,
        rare=True,
        column=14,
    ),
)


def measure(scored: Scored) -> dict[str, float]:
    """Nobody knows what foreign samples were to show: they have neither."""
    values = {}
    if scored.classes is not None:
        shown = scored.features.logits.argmax(1) == scored.classes
        values["caption_score"] = shown.float().mean().item()
    if scored.clip is not None:
        values["clip_score"] = scored.clip.mean().item()
    return values
