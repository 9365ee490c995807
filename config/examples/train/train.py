#!/usr/bin/env python3
"""Teaches a network to read handwritten digits, and may be stopped at any time without losing work.

A run that was stopped and resumed, any number of times, ends with exactly the bytes of a run that was not: a checkpoint
holds everything that the next epoch depends on (weights, the optimiser's state, the random generator's state, the
epoch). That holds on one kind of processor; another may round differently in the matrix product.

Writes model.npz (the weights) and metrics.json to OUTPUT_DIR/train. Exit codes: 0 done; 1 the network learnt too
little; 75 asked to stop, checkpoint written.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import berth_job

berth_job.catch_sigterm()  # Before the slow imports, so that no moment is left in which SIGTERM loses work.
# The matrices are too small to share out among threads, and one thread always adds up in the same order.
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import argparse
import hashlib
import json
import time
import zipfile

import numpy as np

import digits
from files import output_directory, replacing, write_json

CHECKPOINTS_KEPT = 2


class Training:
    """The whole state of a run between two epochs."""

    def __init__(self, hidden, seed):
        self.random = np.random.default_rng(seed)
        self.parameters = digits.new_network(hidden, self.random)
        self.optimiser = digits.Adam(self.parameters)
        self.epoch = 0
        self.losses = []  # Mean loss of each epoch so far.

    def save(self, path, settings):
        groups = {"p": self.parameters, "m": self.optimiser.means, "s": self.optimiser.squares}
        arrays = {f"{name}{i}": array for name, group in groups.items() for i, array in enumerate(group)}
        rest = {
            "settings": settings,
            "epoch": self.epoch,
            "step": self.optimiser.step,
            "losses": self.losses,
            "random": self.random.bit_generator.state,
        }
        with replacing(path) as file:
            np.savez(file, rest=json.dumps(rest), **arrays)

    def load(self, path, settings):
        """Takes over what `save` wrote; False if that was a run with other settings."""
        with np.load(path) as saved:
            rest = json.loads(str(saved["rest"]))
            if rest["settings"] != settings:
                return False
            count = len(self.parameters)
            self.parameters[:] = [saved[f"p{i}"] for i in range(count)]
            self.optimiser.means[:] = [saved[f"m{i}"] for i in range(count)]
            self.optimiser.squares[:] = [saved[f"s{i}"] for i in range(count)]
        self.optimiser.step, self.epoch, self.losses = rest["step"], rest["epoch"], rest["losses"]
        self.random.bit_generator.state = rest["random"]
        return True


class Checkpoints:
    """The last few checkpoints of a run, in one folder, named by the number of epochs done."""

    def __init__(self, folder, settings):
        self.folder, self.settings = folder, settings

    def newest_first(self):
        return sorted(self.folder.glob("epoch-*.npz"), reverse=True)

    def resume(self, training):
        """Loads the newest checkpoint that can be used; without one the training stays at its beginning."""
        for path in self.newest_first():
            try:
                if training.load(path, self.settings):
                    print(f"resumed from {path}")
                    return
                print(f"passed over {path}: it is from a run with other settings")
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                print(f"passed over {path}: {error}")

    def write(self, training):
        path = self.folder / f"epoch-{training.epoch:06}.npz"
        training.save(path, self.settings)
        berth_job.report(checkpoint=str(path))
        for old in self.newest_first()[CHECKPOINTS_KEPT:]:
            old.unlink(missing_ok=True)

    def clear(self):
        """Called when the run is complete: the next one starts from the beginning."""
        for path in self.newest_first():
            path.unlink(missing_ok=True)


def main():
    arguments = parse()
    settings = {name: getattr(arguments, name) for name in ("epochs", "hidden", "rate", "seed", "held_out")}
    (images, answers), held_out = digits.split(arguments.held_out)
    training = Training(arguments.hidden, arguments.seed)
    checkpoints = Checkpoints(arguments.checkpoints, settings)
    checkpoints.resume(training)

    started = time.process_time()
    while training.epoch < arguments.epochs:
        if berth_job.stopping.is_set():
            checkpoints.write(training)
            print(f"asked to stop: checkpoint written after epoch {training.epoch} of {arguments.epochs}", flush=True)
            berth_job.done()  # Last: whatever is still to be written may be cut off from now on.
            return berth_job.STOPPED_EARLY
        # The step size falls from `rate` to 0 along half a cosine.
        rate = arguments.rate * (1 + np.cos(np.pi * training.epoch / arguments.epochs)) / 2
        loss = digits.learn_epoch(training.parameters, training.optimiser, images, answers, rate, training.random)
        training.epoch += 1
        training.losses.append(loss)
        berth_job.report(progress=training.epoch / arguments.epochs, note=f"epoch {training.epoch}")
        berth_job.report(metric={"loss": loss})
        if training.epoch % arguments.checkpoint_every == 0:
            checkpoints.write(training)
            print(f"epoch {training.epoch} of {arguments.epochs}: loss {loss:.4f}", flush=True)

    reached = digits.accuracy(training.parameters, *held_out)
    write_results(arguments, training, reached)
    checkpoints.clear()
    berth_job.report(metric={"accuracy": reached})
    print(f"{reached:.4f} of {arguments.held_out} held-out digits are read rightly", end=" ")
    print(f"({time.process_time() - started:.1f} s of CPU since the start or the last resume)")
    if reached < arguments.accuracy:
        print(f"The accuracy {reached:.4f} is below {arguments.accuracy}: train longer (--epochs).", file=sys.stderr)
        return 1
    berth_job.done()
    return 0


def write_results(arguments, training, reached):
    """Nothing here depends on the time or on interruptions, so a run of the same settings gives the same files."""
    named = {f"{'bias' if i % 2 else 'weights'}{i // 2}": array for i, array in enumerate(training.parameters)}
    with replacing(arguments.model) as file:
        np.savez(file, **named)
    write_json(
        arguments.metrics,
        {
            "accuracy": reached,
            "heldOut": arguments.held_out,
            "epochs": training.epoch,
            "loss": training.losses,
            "parameters": sum(array.size for array in training.parameters),
            "weightsSHA256": hashlib.sha256(b"".join(array.tobytes() for array in training.parameters)).hexdigest(),
            "numpy": np.__version__,
        },
    )


def parse():
    out = output_directory("train")
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 256], help="widths of the hidden layers")
    parser.add_argument("--rate", type=float, default=1e-3, help="step size at the start")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--held-out", type=int, default=360, help="images to judge by, of 1797")
    parser.add_argument("--accuracy", type=float, default=0.95, help="fail below this on the held-out images")
    parser.add_argument("--checkpoint-every", type=int, default=10, metavar="EPOCHS")
    parser.add_argument(
        "--checkpoints",
        type=Path,
        default=Path(os.environ.get("BERTH_CHECKPOINT_DIR") or out / "ckpt"),
        help="folder; default $BERTH_CHECKPOINT_DIR or OUTPUT_DIR/train/ckpt",
    )
    parser.add_argument("--model", type=Path, default=out / "model.npz")
    parser.add_argument("--metrics", type=Path, default=out / "metrics.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
