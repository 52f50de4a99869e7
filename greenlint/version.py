"""The version of greenlint; the one place that states it at run time."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
