"""The sandbox's own surface, for demo and tests: ready, faults on demand, the steps that people and agencies take."""

from .app import build
from .deaths import Deaths
from .steps import Step, Steps

__all__ = ["Deaths", "Step", "Steps", "build"]
