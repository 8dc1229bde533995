"""The program of fal's page on routing hints, with its one missing import (`Field`) and comments of our own.

It runs any diffusion model, keeps those it has loaded, and says which they are. Nothing in it knows Warmpath.
"""

from typing import Any

import fal
from fal.toolkit import Image
from pydantic import BaseModel, Field


class Input(BaseModel):
    model: str = Field()
    prompt: str = Field()


class Output(BaseModel):
    image: Image = Field()


class AnyModelRunner(fal.App):
    def setup(self) -> None:
        self.models = {}

    def provide_hints(self) -> list[str]:
        # The models in memory. None at first, which makes this replica a good place for any of them.
        return self.models.keys()

    def load_model(self, name: str) -> Any:
        from diffusers import DiffusionPipeline

        if name in self.models:
            return self.models[name]

        pipeline = DiffusionPipeline.from_pretrained(name)
        pipeline.to("cuda")
        self.models[name] = pipeline
        return pipeline

    @fal.endpoint("/")
    def run_model(self, input: Input) -> Output:
        model = self.load_model(input.model)
        result = model(input.prompt)
        return Output(image=Image.from_pil(result.images[0]))
