#!/usr/bin/env python3
"""Teaches a small network to read digits, exports it to ONNX, and cuts the images it has not seen into shards.

Writes model.onnx and shards.npz (images0, digits0, images1, …) to OUTPUT_DIR/infer. The same seed gives the same bytes.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # The matrices are small.

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

import berth_job
import digits
from files import output_directory, replacing

OPSET = 17  # Both are what the oldest onnxruntime of requirements.txt reads, and every later one.
IR_VERSION = 8


def exported(parameters):
    """The network as an ONNX model: `images` (any number x 64, float32) to `scores` (any number x 10)."""
    layers = len(parameters) // 2
    nodes, weights, values = [], [], "images"
    for layer in range(layers):
        weights.append(numpy_helper.from_array(parameters[2 * layer], f"weights{layer}"))
        weights.append(numpy_helper.from_array(parameters[2 * layer + 1], f"bias{layer}"))
        result = "scores" if layer + 1 == layers else f"sum{layer}"
        nodes.append(helper.make_node("Gemm", [values, f"weights{layer}", f"bias{layer}"], [result]))
        if layer + 1 < layers:
            values = f"layer{layer}"
            nodes.append(helper.make_node("Relu", [result], [values]))
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["count", 64])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["count", digits.CLASSES])],
        weights,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, producer_name="berth-examples", opset_imports=opsets, ir_version=IR_VERSION)
    checker.check_model(model)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--held-out", type=int, default=600, help="images that are cut into shards, of 1797")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=Path, default=output_directory("infer"), help="folder")
    arguments = parser.parse_args()

    (images, answers), held_out = digits.split(arguments.held_out)
    random = np.random.default_rng(arguments.seed)
    parameters = digits.new_network([128, 128], random)
    optimiser = digits.Adam(parameters)
    for epoch in range(arguments.epochs):
        rate = 2e-3 * (1 - epoch / arguments.epochs)
        loss = digits.learn_epoch(parameters, optimiser, images, answers, rate, random)
        berth_job.report(progress=(epoch + 1) / arguments.epochs, metric={"loss": loss})

    with replacing(arguments.output / "model.onnx") as file:
        file.write(exported(parameters).SerializeToString(deterministic=True))
    parts = zip(*(np.array_split(values, arguments.shards) for values in held_out))
    shards = {}
    for index, (part_images, part_digits) in enumerate(parts):
        shards[f"images{index}"], shards[f"digits{index}"] = part_images, part_digits
    with replacing(arguments.output / "shards.npz") as file:
        np.savez(file, **shards)
    print(f"{arguments.output}/model.onnx: {digits.accuracy(parameters, *held_out):.4f} of the held-out digits", end="")
    print(f" are read rightly; {arguments.shards} shards of about {arguments.held_out // arguments.shards} images")


if __name__ == "__main__":
    main()
