"""The small World of the kernel's own tests, with its fixtures."""

from kernel.extension.tests.conftest import both, small

__all__ = ["both", "small"]
