"""A STAND-IN for Hugging Face's `diffusers`, not the library: it loads no model and needs no GPU.

Loading and drawing only take their time, and an image is a gradient whose colours follow from the model's name and the prompt.
With the real library installed, delete this folder: `app.py` does not change.
"""

from __future__ import annotations

import hashlib
import os
import time
from types import SimpleNamespace

from PIL import Image, ImageOps

LOAD_SECONDS = float(os.environ.get("STAND_IN_LOAD_SECONDS", "2"))
DRAW_SECONDS = float(os.environ.get("STAND_IN_DRAW_SECONDS", "0.5"))
SIZE = (256, 256)


class DiffusionPipeline:
    """The three calls of it that `app.py` makes."""

    def __init__(self, name: str) -> None:
        self._name = name

    @classmethod
    def from_pretrained(cls, name: str) -> DiffusionPipeline:
        time.sleep(LOAD_SECONDS)
        return cls(name)

    def to(self, device: str) -> DiffusionPipeline:
        return self

    def __call__(self, prompt: str) -> SimpleNamespace:
        time.sleep(DRAW_SECONDS)
        dark, light = (hashlib.sha256(text.encode()).digest()[:3] for text in (self._name, prompt))
        gradient = Image.linear_gradient("L").resize(SIZE)
        return SimpleNamespace(images=[ImageOps.colorize(gradient, tuple(dark), tuple(light))])
