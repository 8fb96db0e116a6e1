"""The shape of a machine: what its hardware is made from, and what a saved state fits."""

from dataclasses import dataclass
from typing import Self

from tests.lab.accel import Accelerator, choose
from tests.lab.image import Image


DEFAULT_MEMORY_MIB = 2048


@dataclass(frozen=True)
class Shape:
    """What a saved machine state fits: a state goes only into a machine of the very same shape.

    Attributes:
        image: The base image, whose kernel is started.
        accelerator: What runs the guest's instructions.
        cpus: Virtual processors.
        memory_mib: Memory.
    """

    image: Image
    accelerator: Accelerator
    cpus: int
    memory_mib: int

    @classmethod
    def of(cls, image: Image, *, cpus: int | None = None, memory_mib: int = DEFAULT_MEMORY_MIB) -> Self:
        """The shape of a machine on this host, with the accelerator that works here and as many processors as suit it."""
        accelerator = choose(image)
        return cls(image, accelerator, min(cpus or accelerator.cpus, accelerator.most_cpus), memory_mib)
