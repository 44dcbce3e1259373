"""Toy models that look at pictures: an encoder, a segmenter, an enlarger."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from convert.directory import ModelDirectory
from convert.graph import Graph

#: What a picture's values mean, per channel, after preparation.
IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]
_CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
_CLIP_STD = [0.26862954, 0.26130258, 0.27577711]

#: Pillow's numbers.
_BILINEAR, _BICUBIC = 2, 3

COLOURS = ["red", "green", "blue"]


def pixel_input(graph: Graph, name: str, side: int, batch: int | str = "batch") -> str:
    """[batch, 3, side, side]."""
    return graph.input(name, TensorProto.FLOAT, [batch, 3, side, side])


def mix(graph: Graph, x: str, name: str, weight: np.ndarray, bias: np.ndarray) -> str:
    """Every place's channels mixed to others; the weight is [outputs, channels]."""
    kernel = graph.constant(f"{name}.weight", weight.astype(np.float32)[:, :, None, None])
    offset = graph.constant(f"{name}.bias", bias.astype(np.float32))
    return graph.op("Conv", x, kernel, offset, kernel_shape=[1, 1])


def unprepared(
    weight: np.ndarray, bias: np.ndarray, mean: list[float], std: list[float]
) -> tuple[np.ndarray, np.ndarray]:
    """A map of channels from 0 to 1 as one of channels from which mean and deviation are taken."""
    return weight * np.array(std), bias + weight @ np.array(mean)


def colour_evidence(strength: float, doubt: float) -> tuple[np.ndarray, np.ndarray]:
    """How much more of one colour there is than of the others, per colour."""
    weight = strength * (1.5 * np.eye(3) - 0.5)
    return weight, np.full(3, -doubt)


def image_encoder(directory: ModelDirectory) -> None:
    """A CLIP tower in miniature: pictures of 32 x 32 to vectors of 16 numbers."""
    side, patch, width, dimensions = 32, 8, 24, 16
    random = np.random.RandomState(5)

    def table(*shape: int, spread: float) -> np.ndarray:
        return (random.standard_normal(shape) * spread).astype(np.float32)

    graph = Graph("toy")
    pixels = pixel_input(graph, "pixel_values", side)
    kernel = graph.constant("patch.weight", table(width, 3, patch, patch, spread=0.1))
    patches = graph.op(
        "Conv", pixels, kernel, kernel_shape=[patch, patch], strides=[patch, patch]
    )
    rows = graph.op("Reshape", patches, graph.constant("rows", [0, width, -1]))
    places = graph.constant("positions", table(1, width, (side // patch) ** 2, spread=0.5))
    bent = graph.op("Gelu", graph.op("Add", rows, places))
    pooled = graph.op("ReduceMean", bent, graph.constant("last", [-1]), keepdims=0)
    projection = graph.constant("projection", table(width, dimensions, spread=0.5))
    graph.output(graph.op("MatMul", pooled, projection), "image_embeds", ["batch", dimensions])
    directory.write_graph(graph)
    directory.write_json(
        "config.json",
        {
            "architectures": ["CLIPVisionModelWithProjection"],
            "model_type": "clip_vision_model",
            "hidden_size": width,
            "projection_dim": dimensions,
            "image_size": side,
            "patch_size": patch,
            "num_channels": 3,
        },
    )
    directory.write_json(
        "preprocessor_config.json",
        {
            "image_processor_type": "CLIPImageProcessor",
            "do_convert_rgb": True,
            "do_resize": True,
            "size": {"shortest_edge": side},
            "resample": _BICUBIC,
            "do_center_crop": True,
            "crop_size": {"height": side, "width": side},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": _CLIP_MEAN,
            "image_std": _CLIP_STD,
        },
    )


def segmenter(directory: ModelDirectory) -> None:
    """A SegFormer in miniature: which colour every place of a picture has."""
    side, stride = 64, 4
    labels = ["background", *COLOURS]
    weight, bias = colour_evidence(8, 2)
    weight = np.vstack([np.zeros(3), weight])
    bias = np.append(0.0, bias)
    graph = Graph("toy")
    pixels = pixel_input(graph, "pixel_values", side)
    pooled = graph.op(
        "AveragePool", pixels, kernel_shape=[stride, stride], strides=[stride, stride]
    )
    logits = mix(graph, pooled, "head", *unprepared(weight, bias, IMAGENET_MEAN, IMAGENET_STD))
    graph.output(logits, "logits", ["batch", len(labels), side // stride, side // stride])
    directory.write_graph(graph)
    directory.write_json(
        "config.json",
        {
            "architectures": ["SegformerForSemanticSegmentation"],
            "model_type": "segformer",
            "num_channels": 3,
            **names(labels),
        },
    )
    directory.write_json(
        "preprocessor_config.json",
        {
            "image_processor_type": "SegformerImageProcessor",
            "do_reduce_labels": False,
            **stretched(side),
            "do_normalize": True,
            "image_mean": IMAGENET_MEAN,
            "image_std": IMAGENET_STD,
        },
    )


def enlarger(directory: ModelDirectory) -> None:
    """Twice as large and a little sharper, in tiles of 64 x 64, one at a time."""
    side, scale = 64, 2
    graph = Graph("toy")
    pixels = pixel_input(graph, "pixel_values", side, batch=1)
    scales = graph.constant("scales", np.array([1, 1, scale, scale], np.float32))
    larger = graph.op(
        "Resize",
        pixels,
        "",
        scales,
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )
    sharper = np.array([[0, -1, 0], [-1, 8, -1], [0, -1, 0]], np.float32) / 4
    kernel = graph.constant("sharper", np.tile(sharper, (3, 1, 1, 1)))
    y = graph.op("Conv", larger, kernel, kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=3)
    zero, one = graph.constant("black", np.float32(0)), graph.constant("white", np.float32(1))
    sides = [1, 3, side * scale, side * scale]
    graph.output(graph.op("Clip", y, zero, one), "reconstruction", sides)
    directory.write_graph(graph)
    directory.write_json(
        "config.json",
        {
            "architectures": ["Swin2SRForImageSuperResolution"],
            "model_type": "swin2sr",
            "image_size": side,
            "num_channels": 3,
            "upscale": scale,
        },
    )
    directory.write_json(
        "preprocessor_config.json",
        {
            "do_convert_rgb": True,
            "do_resize": False,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": False,
        },
    )


def stretched(side: int) -> dict:
    """Preparation of pictures that are stretched to a square."""
    return {
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": side, "width": side},
        "resample": _BILINEAR,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
    }


def names(labels: list[str]) -> dict:
    """Labels as `config.json` holds them."""
    return {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }
