"""Tiny files in the real formats, for test_text_to_image: pipeline, CLIP model, shards, folder, COCO annotations."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
)

SIDE, TOKENS, WIDTH = 16, 12, 16  # pixels; tokens and width of a caption's embedding
PAIRS, PROMPTS, IMAGES = 20, 64, 96


def tokenizer(folder):
    """CLIP's byte-pair format with single characters and one merge."""
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "on</w>", "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\no n</w>\n")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    special |= {"pad_token": "<|endoftext|>", "model_max_length": TOKENS, "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(special))
    return len(words)


def text_config(vocabulary):
    ends = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1}
    sizes = {"hidden_size": WIDTH, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return CLIPTextConfig(vocab_size=vocabulary, max_position_embeddings=TOKENS, projection_dim=8, **sizes, **ends)


def pipeline(folder: Path) -> Path:
    """A randomly initialised Stable Diffusion of two levels: 16x16 images, 8x8 latents."""
    torch.manual_seed(0)
    vocabulary = tokenizer(folder / "tokenizer")
    CLIPTextModel(text_config(vocabulary)).save_pretrained(folder / "text_encoder")
    UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        norm_num_groups=4,
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
    ).save_pretrained(folder / "vae")
    DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    ).save_pretrained(folder / "scheduler")
    return folder


def clip(folder: Path) -> Path:
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = CLIPVisionConfig(image_size=8, patch_size=4, projection_dim=8, **sizes)
    text = text_config(tokenizer(folder))
    CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=8)).save_pretrained(
        folder
    )
    CLIPImageProcessor(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8}).save_pretrained(folder)
    return folder


def picture(number, kind="PNG"):
    """An image whose first channel is its number, larger than SIDE."""
    image = np.random.default_rng(number).integers(0, 256, (20 + number % 5, 26, 3), dtype=np.uint8)
    image[..., 0] = number
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


def shard(file: Path, members: dict[str, bytes]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file


def shards(folder: Path) -> Path:
    """PAIRS pairs in three shards, captions as text or as JSON."""
    for k, numbers in enumerate((range(7), range(7, 15), range(15, PAIRS))):
        members = {}
        for number in numbers:
            members[f"{number:05d}.png"] = picture(number)
            caption = {"txt": f"number {number}".encode(), "json": json.dumps({"caption": f"number {number}"}).encode()}
            kind = "json" if number % 2 else "txt"
            members[f"{number:05d}.{kind}"] = caption[kind]
        shard(folder / f"{k:05d}.tar", members)
    return folder


def captioned_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number in range(PAIRS):
        (folder / f"{number:02d}.png").write_bytes(picture(number))
        (folder / f"{number:02d}.txt").write_text(f"number {number}\n")
    return folder


def coco(folder: Path) -> tuple[Path, Path]:
    """Folder of val2014 images and the annotation file: three captions for each image."""
    images, lines = [], []
    (folder / "val2014").mkdir(parents=True)
    for number in range(IMAGES):
        name = f"COCO_val2014_{number:012d}.jpg"
        (folder / "val2014" / name).write_bytes(picture(number, "JPEG"))
        images.append({"id": number, "file_name": name})
        lines += [{"image_id": number, "id": 3 * number + k, "caption": f"{k} of {number}"} for k in range(3)]
    file = folder / "annotations" / "captions_val2014.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"images": images[::-1], "annotations": lines}))
    return folder / "val2014", file


def without(file: Path, key: str) -> None:
    """Take the first tensor whose name holds ``key`` out of a weights file."""
    tensors = load_file(file)
    tensors.pop(next(name for name in tensors if key in name))
    save_file(tensors, file, metadata={"format": "pt"})
