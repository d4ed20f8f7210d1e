"""Stable Diffusion through diffusers: the trainable U-Net, and the frozen parts of a pipeline folder around it.

Nothing is ever downloaded. diffusers and transformers take seconds to import and are imported where they are used.
"""

import math
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from atbench.runtime.errors import UserError
from atbench.runtime.files import digest, file_hash
from atbench.runtime.json_files import read_json
from atbench.spec.fields import Side, Width

PARTS = {  # folder of a pipeline -> the file that tells whether it is there
    "unet": "config.json",
    "vae": "config.json",
    "text_encoder": "config.json",
    "tokenizer": "vocab.json",
    "scheduler": "scheduler_config.json",
}
# The process that `atbench.diffusion.schedule.scaled_linear_schedule` computes; anything else would be taught wrongly.
PROCESS = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
}
WHOLE = {"low_cpu_mem_usage": False}  # what diffusers falls back to, with a warning, where accelerate is not installed
GUIDANCE_WIDTH = 256  # of the embedding of a guidance weight: the script's unet_time_cond_proj_dim


class StableDiffusion(nn.Module):
    """eps prediction of Stable Diffusion's U-Net.

    Input x (N, C, H, W) latents plus noise, t (N,) timestep labels in [0, 1000), texts (N, L, D) embeddings of the
    captions, guidance (N,) if it is guided. Output (N, C, H, W). Unlike in the script, the projection of the guidance
    embedding starts at zero, so that the student starts as its teacher whatever the weight.
    Source: huggingface/diffusers:examples/consistency_distillation/train_lcm_distill_sd_wds.py.
    """

    kind = "stable-diffusion"

    num_classes = vocabulary = None  # conditioned on text embeddings alone

    def __init__(
        self,
        image_size: Side,  # latents per side
        in_channels: Width,  # of the latents
        *,  # what the pipeline and the method decide, not a file
        unet: dict,  # diffusers' configuration of the network
        text_shape: tuple[int, int],  # (L, D) of a caption's embedding
        guided: bool = False,  # takes a guidance weight as input: the student of a guided teacher
    ):
        from diffusers import UNet2DConditionModel

        super().__init__()
        self.config = {k: v for k, v in locals().items() if k not in ("self", "__class__", "UNet2DConditionModel")}
        if unet.get("in_channels") != in_channels or unet.get("cross_attention_dim") != text_shape[1]:
            expected = f"in_channels {in_channels} and cross_attention_dim {text_shape[1]}"
            raise UserError(f"unet/config.json: does not fit the vae and text_encoder beside it, which need {expected}")
        self.guided = guided
        self.unet = UNet2DConditionModel.from_config(unet | {"time_cond_proj_dim": GUIDANCE_WIDTH if guided else None})
        if guided:
            nn.init.zeros_(self.unet.time_embedding.cond_proj.weight)
        self.register_buffer("nothing", torch.zeros(*text_shape))  # embedding of the empty caption

    def forward(self, x: Tensor, t: Tensor, texts: Tensor, guidance: Tensor | None = None) -> Tensor:
        if (guidance is None) == self.guided:
            raise ValueError("a guidance weight must be given exactly when the network is guided")
        weight = None if guidance is None else guidance_embedding(guidance, GUIDANCE_WIDTH)
        return self.unet(x, t, texts, timestep_cond=weight, return_dict=False)[0]

    def empty(self, count: int) -> Tensor:
        """Embeddings (count, L, D) of empty captions: the unconditional side of guidance."""
        return self.nothing.expand(count, -1, -1)


def guidance_embedding(guidance: Tensor, width: int) -> Tensor:
    """(N, width) sines, then cosines, of 1000 w at frequencies 10000^(-i/(width/2 - 1)).

    Source: google-research/vdm:model_vdm.py, through the script's `guidance_scale_embedding`.
    """
    half = width // 2
    # In this order of operations: angles reach 15,000, where float32 rounds to a thousandth.
    frequencies = torch.exp(torch.arange(half, device=guidance.device) * -(math.log(10000.0) / (half - 1)))
    angles = (1000 * guidance.float())[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Pipeline(nn.Module):
    """The frozen parts of a folder in diffusers' format: autoencoder, text encoder, tokenizer.

    Raises UserError naming folder and part when something is missing, cannot be read, or is another process than
    Stable Diffusion v1's.
    """

    def __init__(self, folder: Path):
        from diffusers import AutoencoderKL
        from transformers import CLIPTextModel, CLIPTokenizer

        super().__init__()
        for part, file in PARTS.items():
            if not (folder / part / file).is_file():
                raise UserError(f"{folder}: not a Stable Diffusion pipeline, {part}/{file} is missing")
        check_process(folder / "scheduler" / PARTS["scheduler"])
        self.folder = folder
        self.vae = pretrained(AutoencoderKL, folder / "vae", **WHOLE).requires_grad_(False).eval()
        self.vae.enable_slicing()  # an image at a time: memory, and bits that do not depend on the batch
        self.text_encoder = pretrained(CLIPTextModel, folder / "text_encoder").requires_grad_(False).eval()
        try:
            self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        except Exception as error:  # a damaged vocabulary is reported by many types
            raise UserError(f"{folder / 'tokenizer'}: cannot be read ({_one_line(error)})") from error

    @cached_property
    def hash(self) -> str:
        """Digest over the names and contents of the parts' files."""
        files = sorted(path for part in PARTS for path in (self.folder / part).rglob("*") if path.is_file())
        return digest({path.relative_to(self.folder).as_posix(): file_hash(path) for path in files})

    @property
    def text_shape(self) -> tuple[int, int]:
        """(L, D) of a caption's embedding: tokens, width."""
        config = self.text_encoder.config
        return config.max_position_embeddings, config.hidden_size

    def latent_shape(self, resolution: int) -> tuple[int, int, int]:
        """Of the latents of an image of ``resolution`` pixels a side. Raises UserError where halving leaves a rest."""
        factor = 2 ** (len(self.vae.config.block_out_channels) - 1)
        if resolution % factor:
            raise UserError(f"data.resolution: {resolution} is not a multiple of {factor}, the autoencoder's factor")
        return self.vae.config.latent_channels, resolution // factor, resolution // factor

    def arguments(self) -> dict:
        """Constructor arguments of the `StableDiffusion` of this folder, but for the size of its latents."""
        found = read_json(self.folder / "unet" / PARTS["unet"])
        unet = {key: value for key, value in found.items() if not key.startswith("_")}
        return {"unet": unet, "text_shape": list(self.text_shape)}

    @torch.no_grad()
    def fill(self, model: StableDiffusion) -> None:
        """Give ``model`` the folder's weights; what only a student has keeps its own."""
        from diffusers import UNet2DConditionModel

        weights = pretrained(UNet2DConditionModel, self.folder / "unet", **WHOLE).state_dict()
        missing, unknown = model.unet.load_state_dict(weights, strict=False)
        if unknown or set(missing) - {"time_embedding.cond_proj.weight"}:
            raise UserError(f"{self.folder / 'unet'}: weights and config.json disagree: {[*unknown, *missing][:3]}")
        model.nothing.copy_(self.embed([""])[0])

    @torch.no_grad()
    def encode(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Latents (N, c, H/8, W/8) of images (N, 3, H, W) in [-1, 1], scaled by 0.18215 (the folder's constant).

        The posterior's mean; with ``noise`` like the latents a sample of it, as the script trains on.
        """
        posterior = self.vae.encode(x).latent_dist
        z = posterior.mean if noise is None else posterior.mean + posterior.std * noise
        return z * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Images (N, 3, H, W) of latents."""
        return self.vae.decode(z / self.vae.config.scaling_factor, return_dict=False)[0]

    @torch.no_grad()
    def embed(self, captions: list[str]) -> Tensor:
        """(N, L, D) the text encoder's last hidden states; longer captions are cut, shorter ones padded."""
        tokens = self.tokenizer(
            captions, padding="max_length", max_length=self.text_shape[0], truncation=True, return_tensors="pt"
        )
        return self.text_encoder(tokens.input_ids.to(self.text_encoder.device))[0]


def pretrained(kind: type, folder: Path, **options: bool) -> nn.Module:
    """A diffusers or transformers model in float32 from a local folder; every weight must be in its file."""
    try:
        model, info = kind.from_pretrained(folder, local_files_only=True, output_loading_info=True, **options)
    except Exception as error:  # a missing, cut or foreign file is reported by many types
        raise UserError(f"{folder}: cannot be loaded as a {kind.__name__} ({_one_line(error)})") from error
    gaps = [*info["missing_keys"], *info["mismatched_keys"]]
    if gaps:
        raise UserError(f"{folder}: weights of the {kind.__name__} are missing or of another shape: {gaps[:3]}")
    return model.float()


def check_process(file: Path) -> None:
    """Refuse a scheduler configuration of another diffusion process than the schedule that we train and sample by."""
    found = {"prediction_type": "epsilon"} | read_json(file)  # v1.5's file is older than that key
    for key, value in PROCESS.items():
        if found.get(key) != value:
            raise UserError(f"{file}: {key} is {found.get(key)!r}, allowed: {value!r}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
