"""Packaging of tfsoftmax; tool settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def version() -> str:
    """The one version there is, read without importing the package."""
    source = (HERE / "tfsoftmax" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE).group(1)


onnx = ["onnx>=1.17", "onnxruntime>=1.20"]
parquet = ["pyarrow>=17"]
test = ["pytest>=8", "pytest-xdist>=3.6", "hypothesis>=6.100", *onnx, *parquet]

setup(
    name="tfsoftmax",
    version=version(),
    description="Softmax regression from scratch in TensorFlow 2, ready to ship",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    # cli/ stays a folder of its own in the repository, but is installed inside the
    # package: nothing called plain 'cli' may land in anyone's site-packages.
    packages=[*find_packages(include=["tfsoftmax", "tfsoftmax.*"]), "tfsoftmax.cli"],
    package_dir={"tfsoftmax.cli": "cli"},
    package_data={"tfsoftmax": ["py.typed"]},
    install_requires=[
        "tensorflow>=2.21,<3",
        "tensorflow-serving-api>=2.21,<3",  # messages of warm-up records
        "tensorflow-datasets>=4.9.10",
        "importlib_resources>=6",  # tensorflow-datasets imports it without declaring it
        "ai-edge-litert>=2.1",
        "numpy>=1.26",
        "pandas>=2.2",
        "scikit-learn>=1.5",
        "scipy>=1.13",
        "matplotlib>=3.9",  # plots of tune; mlxtend brings it anyway
        "mlxtend>=0.23.4",
        "Pillow>=11",
        "requests>=2.32",
        "click>=8.2",
        "rich>=13.9",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.21,<3"],
        "onnx": onnx,
        "parquet": parquet,
        # What 'tfsoftmax verify' can run a model in, beside what is installed anyway.
        "runtimes": [*onnx, "openvino>=2025.0", "tflite-micro", "mediapipe>=0.10.20"],
        "test": test,
        "dev": [*test, "ruff>=0.9", "mypy>=1.14"],
        # Peers to be compared with; one build of PyTorch, for others bring gigabytes for GPUs.
        "bench": ["torch==2.13.0", "jax>=0.6"],
    },
    entry_points={
        "console_scripts": [
            "tfsoftmax=tfsoftmax.cli._entry:tfsoftmax",
            "tfsoftmax-train=tfsoftmax.cli._entry:train",
        ]
    },
)
