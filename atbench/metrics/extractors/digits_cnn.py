"""The features of our own small classifiers, as torch-fidelity feature extractors: one name for each data set's."""

from pathlib import Path

import torch
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor

from atbench.metrics.features import Extractor
from atbench.models.weights import load_model

BLOCK = 256  # images per forward pass


class DigitsFeatures(FeatureExtractorBase):
    """uint8 images (n, C, H, W) -> the requested ones of features (n, 128) and logits (n, k), float32."""

    def __init__(self, name, features_list, feature_extractor_weights_path=None, **_):
        super().__init__(name, features_list)
        self.classifier = load_model(feature_extractor_weights_path, "digits-classifier").requires_grad_(False)

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


def load(path: Path, file_hash: str, device: torch.device, extractor: str = "digits-cnn") -> Extractor:
    """The ``extractor`` of one classifier file; errors as for `atbench.models.weights.load_model`.

    torch-fidelity keys its feature cache by extractor name only, so two classifiers under one name would
    silently share features: the name carries the file's hash.
    """
    name = f"{extractor}-{file_hash[:8]}"
    if name not in FEATURE_EXTRACTORS_REGISTRY:
        register_feature_extractor(name, DigitsFeatures)
    module = DigitsFeatures(name, ["features", "logits"], feature_extractor_weights_path=path).to(device)
    classifier = module.classifier
    return Extractor(extractor, file_hash, module, classifier.channels, classifier.image_size, BLOCK, device)
