#!/usr/bin/env python3
"""What a preempted training job loses: the example of config/examples, undisturbed and preempted at random moments.

    swift build -c release --product berth && swift build -c release --product berth-keeper
    Benchmarks/preemptions.py              # 20 preemptions; prints a table
    Benchmarks/preemptions.py --grace 0s   # the job is killed at once and cannot save when it is told

On a controller and an agent of its own, a spot job trains while urgent jobs that need every core of the node come at
moments drawn from a seed. Both runs must end with the same weights, bit for bit, no preemption may use up a retry, and
what is computed twice after each preemption must be less than the interval between checkpoints. It exits with 1 where
that is not so. It needs numpy.
"""

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Berth:
    """A controller and an agent in a state directory of their own, and a copy of the examples to run there."""

    def __init__(self, programs):
        self.program = os.path.join(programs, "berth")
        self.state = tempfile.mkdtemp(prefix="berth-preemptions-")
        self.examples = os.path.join(self.state, "examples")
        shutil.copytree(os.path.join(ROOT, "config", "examples"), self.examples)
        self.environment = dict(os.environ, BERTH_STATE_DIR=self.state)
        for name in ("BERTH_CONTROLLER", "BERTH_TOKEN", "BERTH_TOKEN_FILE"):
            self.environment.pop(name, None)

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"berth {' '.join(arguments)} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()

    def show(self, job):
        return json.loads(self.run("show", job, "--json"))

    def train(self, name, arguments):
        """Submits the training with a folder of its own for what it makes."""
        return self.run(
            "submit", "--name", name, "--queue", "spot", "--cpus", "1", "--memory", "512MiB",
            "--grace", arguments.grace, "--retry", "1", "--workdir", self.examples,
            "--env", f"OUTPUT_DIR={name}", "--env", "PYTHONUNBUFFERED=1", "--", sys.executable, "train/train.py",
            "--epochs", str(arguments.epochs), "--checkpoint-every", str(arguments.checkpoint_every))

    def weights(self, name):
        with open(os.path.join(self.examples, name, "train", "metrics.json")) as file:
            return json.load(file)["weightsSHA256"]

    def stop(self):
        self.run("down")
        shutil.rmtree(self.state, ignore_errors=True)


def wait(berth, job):
    """The job's record, once it has ended."""
    subprocess.run([berth.program, "wait", job], env=berth.environment, capture_output=True)
    return berth.show(job)


def preempt(berth, job, cores, epoch, epochs, generator):
    """Waits until the job has come to `epoch`, and a little longer, and takes its core away for a moment.

    Returns False if the job has ended before."""
    while True:
        record = berth.show(job)
        if record["endTime"] is not None:
            return False
        attempts = record["attempts"]
        if record["state"] == "running" and attempts and (attempts[-1]["progress"] or 0) * epochs >= epoch:
            break
        time.sleep(0.02)
    time.sleep(generator.uniform(0, 0.2))
    before = len(attempts)
    urgent = berth.run("submit", "--queue", "urgent", "--cpus", str(cores), "--", "true")
    if wait(berth, urgent)["state"] != "succeeded":
        sys.exit("An urgent job has not succeeded.")
    record = berth.show(job)
    return any(attempt["state"] == "preempted" for attempt in record["attempts"][before - 1:])


def resumed_epoch(berth, job, number):
    """The epoch after which an attempt went on: that of the checkpoint it says it has loaded."""
    found = re.search(r"resumed from \S*epoch-(\d+)\.npz", berth.run("logs", job, "--attempt", str(number)))
    return int(found.group(1)) if found else 0


def lost_epochs(berth, job, record, epochs):
    """For each preemption, the epochs that were computed before it and had to be computed again."""
    lost = []
    reached = 0
    for attempt, following in zip(record["attempts"], record["attempts"][1:]):
        # An attempt that was stopped before its first epoch had come no further than where it began.
        reached = max(round((attempt["progress"] or 0) * epochs), resumed_epoch(berth, job, attempt["number"]))
        if following["progress"] is not None:
            lost.append(max(0, reached - resumed_epoch(berth, job, following["number"])))
    return lost


def measure(arguments):
    generator = random.Random(arguments.seed)
    berth = Berth(arguments.programs)
    berth.run("up", "--detach")
    try:
        cores = json.loads(berth.run("nodes", "--json"))[0]["cores"]
        whole = wait(berth, berth.train("whole", arguments))
        # Not in the last tenth: the job would end before the urgent one is there.
        moments = sorted(generator.uniform(0, 0.9) * arguments.epochs for _ in range(arguments.preemptions))
        job = berth.train("preempted", arguments)
        for moment in moments:
            if not preempt(berth, job, cores, moment, arguments.epochs, generator):
                break
        record = wait(berth, job)
        states = [attempt["state"] for attempt in record["attempts"]]
        lost = lost_epochs(berth, job, record, arguments.epochs)
        is_done = whole["state"] == record["state"] == "succeeded"
        return {
            "preemptions": states.count("preempted"),
            "attempts": len(states),
            "state": record["state"],
            "sameWeights": is_done and berth.weights("whole") == berth.weights("preempted"),
            "epochs": arguments.epochs,
            "checkpointEvery": arguments.checkpoint_every,
            "lostEpochsMedian": statistics.median(lost) if lost else None,
            "lostEpochsMost": max(lost, default=None),
            "seed": arguments.seed,
        }
    finally:
        berth.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one document")
    parser.add_argument("--preemptions", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=600)
    parser.add_argument("--checkpoint-every", type=int, default=10, metavar="EPOCHS")
    parser.add_argument("--grace", default="30s", help="between notice and kill; 0s kills at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--programs", default=os.path.join(ROOT, ".build", "release"), help="where berth is")
    arguments = parser.parse_args()
    result = measure(arguments)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            print(f"{name:24}{value}")
    kept = (result["preemptions"] == arguments.preemptions and result["state"] == "succeeded"
            and result["sameWeights"] and (result["lostEpochsMost"] or 0) <= arguments.checkpoint_every)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
