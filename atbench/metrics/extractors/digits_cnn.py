"""The features of our own small classifier, as a torch-fidelity feature extractor."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor

from atbench.errors import UserError
from atbench.metrics.features import Extractor
from atbench.models.classifier import DigitsClassifier

BLOCK = 256  # images per forward pass


class DigitsFeatures(FeatureExtractorBase):
    """uint8 images (n, C, H, W) -> the requested ones of features (n, 128) and logits (n, k), float32."""

    def __init__(self, name, features_list, feature_extractor_weights_path=None, **_):
        super().__init__(name, features_list)
        self.classifier = load_classifier(Path(feature_extractor_weights_path)).eval().requires_grad_(False)

    @staticmethod
    def get_provided_features_list():
        return "features", "logits"

    @staticmethod
    def get_default_feature_layer_for_metric(metric):
        return "logits" if metric == "isc" else "features"

    @staticmethod
    def can_be_compiled():
        return False  # compiled kernels would give other bits than the eager ones of the released numbers

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        features, logits = self.classifier.features_and_logits(images.float() / 127.5 - 1)
        outputs = {"features": features, "logits": logits}
        return tuple(outputs[name] for name in self.features_list)


def load(path: Path, file_hash: str, device: torch.device) -> Extractor:
    """The extractor of one classifier file; errors as for `load_classifier`.

    torch-fidelity keys its feature cache by extractor name only, so two classifiers under one name would
    silently share features: the name carries the file's hash.
    """
    name = f"digits-cnn-{file_hash[:8]}"
    if name not in FEATURE_EXTRACTORS_REGISTRY:
        register_feature_extractor(name, DigitsFeatures)
    module = DigitsFeatures(name, ["features", "logits"], feature_extractor_weights_path=path).to(device)
    classifier = module.classifier
    return Extractor("digits-cnn", file_hash, module, classifier.channels, classifier.image_size, BLOCK, device)


def load_classifier(path: Path) -> DigitsClassifier:
    """A classifier from a safetensors file with metadata key "config": the constructor arguments as JSON.

    Raises UserError naming the file when it is truncated, lacks "config", or holds other weights than that.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            weights = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 (not a mapping)
        classifier = DigitsClassifier(**json.loads(metadata["config"]))
        classifier.load_state_dict(weights)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({_one_line(error)})") from error
    except KeyError as error:
        raise UserError(f"{path}: metadata key 'config' is missing") from error
    except (ValueError, TypeError, RuntimeError, UserError) as error:
        raise UserError(f"{path}: metadata key 'config' and weights make no classifier ({_one_line(error)})") from error
    return classifier


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
