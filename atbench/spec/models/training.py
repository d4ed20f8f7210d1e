"""The `training:` block of a scale, and what a distillation is made of."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from atbench.spec.fields import MOST_NFE, Bounds, Count, Decay, Entry, Guidance, Rate, Size, part_of

Length = Annotated[float, Field(gt=0, lt=0.28)]  # of an average, relative to the training


class Ema(Entry):
    """The moving average of the weights that all sampling uses: one of its two lengths."""

    relative_length: Length | None = Field(
        None, description="standard deviation as a share of the training so far (Karras et al. 2024)"
    )
    decay: Annotated[float, Field(gt=0, lt=1)] | None = Field(None, description="per update")

    @model_validator(mode="after")
    def _one(self) -> "Ema":
        if len(self.written()) > 1 or (self.relative_length is None) == (self.decay is None):
            raise ValueError("write either relative_length or decay")
        return self


class VpGrid(Entry):
    """Levels of a variance-preserving consistency model: every ``stride`` timesteps from ``t_start`` down."""

    parametrisation: Literal["vp"]
    t_start: Annotated[int, Field(ge=1, lt=MOST_NFE)]
    stride: Annotated[int, Field(ge=1, lt=MOST_NFE)]
    clip: bool = Field(True, description="estimates of x0 are clamped to [-1, 1]; latents know no such bound")
    schedule: Literal["cosine", "scaled-linear"] = "cosine"

    @model_validator(mode="after")
    def _has_steps(self) -> "VpGrid":
        if self.stride > self.t_start:
            raise ValueError(f"stride {self.stride} is larger than t_start {self.t_start}: a grid without a step")
        return self

    @property
    def steps(self) -> int:
        """From the noisiest level down to the last."""
        return -(-self.t_start // self.stride)


class VeGrid(Entry):
    """Levels of a variance-exploding consistency model: Karras et al.'s times (2022, equation 5)."""

    parametrisation: Literal["ve"]
    levels: Annotated[int, Field(ge=2, le=MOST_NFE)]
    clip: bool = True

    @property
    def steps(self) -> int:
        """From the noisiest level down to the last."""
        return self.levels - 1


Grid = Annotated[VpGrid | VeGrid, Field(discriminator="parametrisation")]


class PlainDistance(Entry):
    """A distance of two batches of images without a constant."""

    kind: Literal["l1", "l2", "lpips"]


class PseudoHuber(Entry):
    """mean(sqrt(d^2 + c^2) - c)."""

    kind: Literal["pseudo-huber"]
    c: Size


class Distillation(Entry):
    """How a consistency model is distilled from its teacher."""

    grid: Grid
    target_decay: Rate = Field(description="of the target's average, per update; 0 makes the target the student itself")
    distance: Annotated[PlainDistance | PseudoHuber, Field(discriminator="kind")]
    guidance: Bounds[Guidance] | None = Field(
        None, description="bounds of the weight that the student folds in (Luo et al. 2023)"
    )


class Training(Entry):
    """What every method of a suite is trained with."""

    batch_size: Count
    weight_decay: Decay
    ema: Ema
    timesteps: Literal["uniform", "loss-second-moment"] = Field(description="how the timesteps of a batch are drawn")
    flip: bool = Field(description="mirror each image with probability one half")
    micro_batches: Count = Field(1, description="parts of a batch that go through the network one after another")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="of matrix products and convolutions")
    compiled: bool = Field(
        False, description="torch.compile of the network in training: other bits, a minute or two in every process"
    )
    distillation: Distillation | None = None


TrainingPart: Any = part_of(Training)  # what a suite trains with of its own: any of the keys
