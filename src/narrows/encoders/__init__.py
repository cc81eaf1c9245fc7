"""What gives codes: an autoencoder, or a frozen network of somebody else.

    nw.encoders.onnx("dino.onnx", mean=…, deviation=…)   an ONNX file
    nw.encoders.torch(module, shape=(3, 224, 224))       a torch module

Either stands in a model's place in ``index``, ``search``, ``duplicates``, ``outliers``, ``classify`` and ``map``.
"""

from __future__ import annotations

from .encoder import Encoder
from .onnx_network import OnnxEncoder, onnx
from .torch_network import TorchEncoder, torch

__all__ = ["Encoder", "OnnxEncoder", "TorchEncoder", "onnx", "torch"]
