#!/usr/bin/env python3
"""Scores one shard of the images with the ONNX model: the shard whose number is BERTH_TASK_INDEX.

Reads what make_model.py wrote to OUTPUT_DIR/infer and writes results/result-INDEX.json there, complete or not at all, so
a task may be run again at any time.
"""

import argparse
import hashlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy only reads the file; starting its threads costs more than that.

import numpy as np
import onnxruntime

import berth_job
from files import output_directory, write_json


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shard", type=int, default=os.environ.get("BERTH_TASK_INDEX"), help="default BERTH_TASK_INDEX")
    parser.add_argument("--folder", type=Path, default=output_directory("infer"))
    arguments = parser.parse_args()
    if arguments.shard is None:
        parser.error("which shard? Give --shard, or run this as a task of an array job")
    with np.load(arguments.folder / "shards.npz") as shards:
        if f"images{arguments.shard}" not in shards:
            parser.error(f"there is no shard {arguments.shard}; shards.npz has 0 to {len(shards) // 2 - 1}")
        images, digits = shards[f"images{arguments.shard}"], shards[f"digits{arguments.shard}"]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("BERTH_CPUS") or 1)
    model = (arguments.folder / "model.onnx").read_bytes()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (scores,) = session.run(["scores"], {"images": images})
    read = scores.argmax(axis=1)
    right = int(np.sum(read == digits))
    result = {
        "shard": arguments.shard,
        "count": len(digits),
        "right": right,
        "accuracy": right / len(digits),
        "read": read.tolist(),
        "modelSHA256": hashlib.sha256(model).hexdigest(),
        "onnxruntime": onnxruntime.__version__,
    }
    write_json(arguments.folder / "results" / f"result-{arguments.shard}.json", result)
    berth_job.report(progress=1, metric={"accuracy": result["accuracy"]})
    print(f"shard {arguments.shard}: {right} of {len(digits)}")


if __name__ == "__main__":
    main()
