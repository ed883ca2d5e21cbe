"""Builds: distributions with the same files, of which an environment can have only one."""

import re

_FAMILIES = (
    (re.compile(r"nvidia-(nccl|cudnn|cusparselt|nvshmem)-cu\d+"), "nvidia/{0}/lib"),
    (re.compile(r"opencv(?:-contrib)?-python(?:-headless)?"), "cv2"),
    (re.compile(r"onnxruntime(?:-gpu|-openvino|-directml)?"), "onnxruntime"),
    (re.compile(r"xgboost(?:-cpu)?"), "xgboost"),
    (re.compile(r"tensorflow(?:-cpu|-gpu|-intel)?"), "tensorflow"),
    (re.compile(r"psycopg2(?:-binary)?"), "psycopg2"),
    (re.compile(r"protobuf3?"), "google/protobuf"),
    (re.compile(r"pil(?:low(?:-simd)?)?"), "PIL"),
)
_LIBRARIES = re.compile(r"nvidia-.*|triton|cuda-(toolkit|bindings|pathfinder|python)")
_FOR_GPUS = {"onnxruntime": "onnxruntime-gpu"}
# Without them it expects the libraries of CUDA and cuDNN from the system.
_EXTRAS = {"onnxruntime-gpu": "[cuda,cudnn]"}


def place(name: str) -> str | None:
    """Where the distributions of a family install their files; None outside of a family."""
    for family, where in _FAMILIES:
        if found := family.fullmatch(name):
            return where.format(*found.groups())
    return None


def is_for_gpus(name: str) -> bool:
    """Whether a distribution is one of the libraries that only GPUs need."""
    return _LIBRARIES.fullmatch(name) is not None


def fitting(name: str, accelerator: str) -> str:
    """The build of a distribution for an accelerator, with its extras; most have only one."""
    if accelerator == "auto":
        return name
    if accelerator == "cpu":
        return next((cpu for cpu, gpu in _FOR_GPUS.items() if gpu == name), name)
    build = _FOR_GPUS.get(name, name)
    return build + _EXTRAS.get(build, "")
