#!/usr/bin/env python3
"""How soon a preempted job's resources are free, for a job that says "done" at once.

    swift build -c release --product berth && swift build -c release --product berth-keeper
    Benchmarks/preemption_latency.py --runs 50

On a controller and an agent of its own, a spot job that answers each notice on its socket with {"done": true} holds every
core, and an urgent one needs them. The time is taken between two events of the journal: the decision to stop the one
and its end, when nothing of it is left; and, for the whole, up to the urgent job's first instruction.
"""

import argparse
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from end_to_end import Berth, Client, ROOT, percentile  # noqa: E402

SPOT = """
import json, os, socket
connection = socket.socket(socket.AF_UNIX)
connection.connect(os.environ["BERTH_SOCKET"])
connection.sendall(b'{"progress":0}\\n')
for line in connection.makefile():
    if "notice" in json.loads(line):
        connection.sendall(b'{"done":true}\\n')
"""
STAMP = "import time; print(time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000)"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="print one document")
    parser.add_argument("--programs", default=os.path.join(ROOT, ".build", "release"), help="where berth is")
    arguments = parser.parse_args()
    berth = Berth(arguments.programs)
    berth.start()
    client = Client(berth)
    cores = json.loads(berth.run("nodes", "--json"))[0]["cores"]
    freed, begun = [], []
    try:
        spot = berth.run("submit", "--queue", "spot", "--cpus", str(cores), "--grace", "30s", "--",
                         sys.executable, "-c", SPOT)
        for run in range(1, arguments.runs + 1):
            await_report(berth, spot, run)
            urgent = client.submit({
                "name": "urgent", "queue": "urgent", "resources": {"cpus": cores}, "workingDirectory": "/",
                "command": [sys.executable, "-S", "-c", STAMP]})
            client.wait(urgent)
            stop, end = [berth.rows(f"SELECT max(time_us) AS t FROM event WHERE job_id = {spot} AND kind = '{kind}'")[0]["t"]
                         for kind in ("stopping", "attemptEnded")]
            freed.append((end - stop) / 1000)
            begun.append((int(berth.run("logs", urgent)) - stop) / 1000)
    finally:
        berth.stop()
    result = {
        "runs": arguments.runs,
        "decisionToFreeMilliseconds": quartiles(freed), "decisionToFirstInstructionMilliseconds": quartiles(begun)}
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        print(f"{name:42}{value if not isinstance(value, dict) else ', '.join(f'{k} {v}' for k, v in value.items())}")


def await_report(berth, job, number):
    """Waits until the job's attempt of this number has spoken: from then on it hears notices."""
    while not berth.rows(f"SELECT 1 FROM attempt WHERE job_id = {job} AND number = {number} AND report IS NOT NULL"):
        time.sleep(0.05)


def quartiles(values):
    return {"median": round(statistics.median(values), 2), "p99": round(percentile(values, 0.99), 2)}


main()
