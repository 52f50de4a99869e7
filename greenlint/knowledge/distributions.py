"""Names under which packages are installed, where they differ from the import. Data only."""

from __future__ import annotations

__all__ = ["DISTRIBUTIONS", "SHELVES"]

DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "torch": ("torch", "pytorch", "pytorch-gpu", "pytorch-cpu"),
    "tensorflow": (
        "tensorflow",
        "tensorflow-gpu",
        "tensorflow-cpu",
        "tensorflow-macos",
        "tensorflow-intel",
        "tensorflow-mkl",
    ),
    "lightning": ("lightning", "pytorch-lightning"),
    "sklearn": ("scikit-learn",),
    "skopt": ("scikit-optimize",),
    "jax": ("jax", "jaxlib"),
    "ray": ("ray", "ray-tune", "ray-default"),
    "xgboost": ("xgboost", "xgboost-cpu", "py-xgboost", "py-xgboost-gpu", "py-xgboost-cpu"),
    "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv"),
    "PIL": ("pillow", "pillow-simd"),
    "keras_tuner": ("keras-tuner", "kerastuner"),
    "keras_hub": ("keras-hub", "keras-nlp"),
    "sentence_transformers": ("sentence-transformers",),
}
"""Distributions of the same version by import name; packages that are not listed are installed as they are imported."""

SHELVES = frozenset("requirements requires reqs docker env envs environment environments conda deps".split())
"""Folders whose requirement files belong to the folder above."""
