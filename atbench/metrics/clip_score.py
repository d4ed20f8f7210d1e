"""CLIP score: how well images fit the texts that they were drawn for (Hessel et al. 2021)."""

from pathlib import Path

import torch
from torch import Tensor

from atbench.runtime.errors import UserError
from atbench.runtime.files import digest, file_hash

BLOCK = 32  # images per pass


class ClipScore:
    """max(100 cos(E_image, E_text), 0) in the embeddings of a CLIP model in transformers' format, never downloaded.

    The scale and the model, openai's ViT-L/14, are torchmetrics' defaults. Scores of two models are not comparable, so
    the hash of the folder stands in every record. Raises UserError naming the folder when it cannot be loaded.
    """

    def __init__(self, folder: Path, device: torch.device):
        from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer  # seconds to import

        if not (folder / "config.json").is_file():
            raise UserError(f"{folder}: not a CLIP model, config.json is missing")
        try:
            model, info = CLIPModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
            self.processor = CLIPImageProcessor.from_pretrained(folder, local_files_only=True)
            self.tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # a missing, cut or foreign file is reported by many types
            raise UserError(f"{folder}: not a readable CLIP model ({' '.join(str(error).split())[:200]})") from error
        if info["missing_keys"]:
            raise UserError(f"{folder}: weights are missing: {sorted(info['missing_keys'])[:3]}")
        self.model = model.float().requires_grad_(False).eval().to(device)
        self.hash = digest({p.name: file_hash(p) for p in sorted(folder.iterdir()) if p.is_file()})

    @torch.no_grad()
    def __call__(self, images: Tensor, texts: list[str]) -> Tensor:
        """(n,) scores of uint8 images (n, 3, H, W), each with its own text; texts longer than the model's are cut."""
        if len(images) != len(texts) or not texts:
            raise UserError(f"CLIP score: {len(images)} images, but {len(texts)} texts")
        rows = range(0, len(texts), BLOCK)
        return torch.cat([self._block(images[row : row + BLOCK], texts[row : row + BLOCK]) for row in rows])

    def _block(self, images: Tensor, texts: list[str]) -> Tensor:
        pixels = self.processor(images=list(images.permute(0, 2, 3, 1).numpy()), return_tensors="pt").pixel_values
        length = self.model.config.text_config.max_position_embeddings
        tokens = self.tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        output = self.model(**tokens.to(self.model.device), pixel_values=pixels.to(self.model.device))
        # Both embeddings come normalised.
        return (100 * (output.image_embeds * output.text_embeds).sum(1)).clamp(min=0).cpu()
