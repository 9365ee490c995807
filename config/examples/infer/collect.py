#!/usr/bin/env python3
"""Puts the shards' results together and checks them: every shard is there, and enough digits are read rightly.

Writes summary.json to OUTPUT_DIR/infer. Exit codes: 0 done; 1 a result is missing or the accuracy too low.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import berth_job
from files import output_directory, write_json


def result_of(shard, folder, model):
    """What score.py found, or None where there is nothing, or only what another model gave in an earlier run."""
    path = folder / "results" / f"result-{shard}.json"
    if not path.exists():
        return None
    result = json.loads(path.read_text())
    return result if result["modelSHA256"] == model else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--accuracy", type=float, default=0.95, help="fail below this over all shards")
    parser.add_argument("--folder", type=Path, default=output_directory("infer"))
    arguments = parser.parse_args()

    model = hashlib.sha256((arguments.folder / "model.onnx").read_bytes()).hexdigest()
    results = {shard: result_of(shard, arguments.folder, model) for shard in range(arguments.shards)}
    missing = [str(shard) for shard, result in results.items() if result is None]
    if missing:
        first = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
        sys.exit(f"{len(missing)} of {len(results)} shards have no result by this model: {first}. Run these tasks again.")
    results = list(results.values())
    count, right = (sum(result[name] for result in results) for name in ("count", "right"))
    accuracy = right / count
    lowest = min(results, key=lambda result: (result["accuracy"], result["shard"]))
    write_json(
        arguments.folder / "summary.json",
        {
            "shards": len(results),
            "count": count,
            "right": right,
            "accuracy": accuracy,
            "lowest": {"shard": lowest["shard"], "accuracy": lowest["accuracy"]},
        },
    )
    berth_job.report(progress=1, metric={"accuracy": accuracy})
    print(f"{right} of {count} digits in {len(results)} shards are read rightly: {accuracy:.4f}")
    if accuracy < arguments.accuracy:
        sys.exit(f"The accuracy {accuracy:.4f} is below {arguments.accuracy}: train longer (make_model.py --epochs).")


if __name__ == "__main__":
    main()
