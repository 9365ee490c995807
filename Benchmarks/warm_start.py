#!/usr/bin/env python3
"""How much sooner a job's own code runs when it starts in a warm slot.

    Benchmarks/warm_start.py --python .venv/bin/python3 --import numpy --runs 30

A controller and an agent of their own (`berth up`), with one pool. Each run takes the time from the accepted submission
to the job's first line, read by the job itself; cold and warm jobs alternate, one at a time, so that their ratio holds on
a machine that is slow today. The interpreter must have the modules.
"""

import argparse
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from end_to_end import Berth, Client, ROOT  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="the interpreter of the pool and of the jobs")
    parser.add_argument("--import", dest="modules", default="numpy", help="what the pool imports, with commas")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--programs", default=os.path.join(ROOT, ".build", "release"))
    options = parser.parse_args()

    python = os.path.abspath(options.python)
    berth = Berth(options.programs)
    settings = os.path.join(berth.state, "agent.yaml")
    with open(settings, "w") as file:
        file.write(
            "pools:\n  - name: warm\n    command: "
            + json.dumps([python, "-m", "berth_worker", "--import", options.modules])
            + "\n    slots: {minimum: 0, maximum: 1, idle: 1h}\n")
    berth.run("up", "--detach", "--agent-config", settings)
    client = Client(berth)
    code = f"import time; import {options.modules}; print(time.clock_gettime_ns(time.CLOCK_REALTIME))"

    def start(pool):
        job = {"name": "start", "command": [python, "-c", code],
               "workingDirectory": berth.state}
        if pool:
            job["pool"] = "warm"
        number = client.submit(job)
        accepted = time.clock_gettime_ns(time.CLOCK_REALTIME)
        client.wait(number)
        record = json.loads(berth.run("show", number, "--json"))
        isWarm = ((record["attempts"][0].get("pool") or {}).get("secondsSaved") or 0) > 0
        return (int(berth.run("logs", number)) - accepted) / 1e6, isWarm

    while not start(True)[1]:
        time.sleep(0.2)
    cold, warm = [], []
    for _ in range(options.runs):
        cold.append(start(False)[0])
        milliseconds, isWarm = start(True)
        if not isWarm:
            sys.exit("A job was not started warm.")
        warm.append(milliseconds)
    ratios = [one / other for one, other in zip(cold, warm)]
    report = {
        "modules": options.modules,
        "runs": options.runs,
        "coldMilliseconds": round(statistics.median(cold), 1),
        "warmMilliseconds": round(statistics.median(warm), 2),
        "warmMillisecondsP90": round(statistics.quantiles(warm, n=10)[-1], 2),
        "ratio": round(statistics.median(ratios), 1),
    }
    berth.stop()
    print(json.dumps(report, indent=2))


main()
