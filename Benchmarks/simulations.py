#!/usr/bin/env python3
"""How well Berth plans: its own policies beside the published ones, on recorded workloads, in virtual time.

    swift build -c release --product berth
    Benchmarks/simulations.py                     # prints tables
    Benchmarks/simulations.py --json > simulations.json
    Benchmarks/simulations.py --only swf scale

The recordings are not Berth's and are not in its repository: BERTH_TEST_DATA names their folder (default ../shared/data
beside the project). Every line is one `berth simulate`, printed before it runs.
"""

import argparse
import glob
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.environ.get("BERTH_TEST_DATA", os.path.join(os.path.dirname(ROOT), "shared", "data"))


def simulate(program, *arguments):
    """One document of `berth simulate --json`."""
    command = [program, "simulate", *arguments, "--json"]
    print("$ berth", " ".join(os.path.relpath(part, DATA) if part.startswith("/") else part for part in command[1:]),
          file=sys.stderr)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"it failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def openb(program):
    """Unallocated GPU, percent at 100 and 130 % demand, mean of ten seeds; Berth and FGD by the same seeds."""
    folder = os.path.join(DATA, "openb-gpu")
    for pods in sorted(glob.glob(os.path.join(folder, "openb_pod_list_*.csv.gz"))):
        files = ["--format", "openb", "--fleet", os.path.join(folder, "openb_node_list_gpu_node.csv"), "--workload", pods]
        runs = {policy: simulate(program, *files, "--policy", policy) for policy in ("fgd", "berth")}
        trace = os.path.basename(pods)[len("openb_pod_list_"):-len(".csv.gz")]
        row = {"trace": trace}
        for demand in ("100", "130"):
            row["fgd" + demand] = runs["fgd"]["mean"]["unallocatedPercent"][demand]
            row["berth" + demand] = runs["berth"]["mean"]["unallocatedPercent"][demand]
            gains = [left["unallocatedPercent"][demand] - right["unallocatedPercent"][demand]
                     for left, right in zip(runs["fgd"]["runs"], runs["berth"]["runs"])]
            mean = sum(gains) / len(gains)
            spread = (sum((gain - mean) ** 2 for gain in gains) / (len(gains) - 1)) ** 0.5
            row["standardErrors" + demand] = mean / (spread / len(gains) ** 0.5) if spread else float("inf")
        yield row


def swf(program):
    """Average bounded slowdown and longest flow (s), of whole logs and of the published windows."""
    folder = os.path.join(DATA, "swf-hpc")
    for log in ("KTH-SP2-1996-2.swf.gz", "SDSC-SP2-1998-4.2-cln.swf.gz", "lublin_256.swf.gz"):
        for protocol in ("full", "windows"):
            policies = ("easy", "easy-sjbf", "conservative", "berth") if protocol == "full" else ("fcfs", "sjf", "f1", "berth")
            if (log[:3], protocol) in (("KTH", "windows"), ("lub", "full")):
                continue
            for policy in policies:
                mean = simulate(program, "--format", "swf", "--workload", os.path.join(folder, log), "--protocol",
                                protocol, "--policy", policy)["mean"]
                yield {"log": log.split(".")[0], "protocol": protocol, "policy": policy,
                       "averageBoundedSlowdown": mean["averageBoundedSlowdown"],
                       "maximumFlowSeconds": mean["maximumFlowSeconds"], "utilization": mean["utilization"]}


def gavel(program):
    """Makespan for the first N jobs beside its bound, and average completion at a rate (hours), three streams."""
    folder = os.path.join(DATA, "gavel-hetero")
    streams = [os.path.join(folder, f"jobs_seed{seed}.csv.gz") for seed in range(3)]
    files = ["--format", "gavel", "--throughputs", os.path.join(folder, "throughputs.csv"), "--workload", *streams]
    shared = ["--colocated", os.path.join(folder, "colocated_throughputs.csv.gz")]
    for jobs in (400, 500, 600, 700):
        mean = simulate(program, *files, "--jobs", str(jobs))["mean"]
        yield {"case": f"{jobs} jobs", "policy": "berth", "hours": mean["makespanHours"],
               "boundHours": mean["lowerBoundHours"]}
    for rate in ("2.0", "2.4", "2.6"):
        for policy, options in (("las", []), ("berth", []), ("berth, sharing", shared)):
            mean = simulate(program, *files, "--jobs-per-hour", rate, "--policy", policy.split(",")[0], *options)["mean"]
            yield {"case": f"{rate} jobs/h", "policy": policy, "hours": mean["averageCompletionHours"], "boundHours": None}


def spot(program):
    """On-demand hours and cost (spot-hours) of a job of 48 h by 60 h, mean of the eight traces of 26 October 2022."""
    traces = sorted(glob.glob(os.path.join(DATA, "spot-preemption", "availability__1-node__aws-10-26-2022__*")))
    for policy in ("greedy", "uniform-progress", "berth"):
        mean = simulate(program, "--format", "spot", "--policy", policy, "--workload", *traces)["mean"]
        yield {"policy": policy, "onDemandHours": mean["onDemandHours"], "spotHours": mean["spotHours"],
               "cost": mean["cost"], "missedDeadlines": mean["missedDeadlines"]}


def workflows(program):
    """Makespan over its lower bound, for each recorded workflow whose policies differ from it or from each other."""
    files = sorted(glob.glob(os.path.join(DATA, "wfinstances", "*.json.gz")))
    runs = {policy: simulate(program, "--format", "wfformat", "--policy", policy, "--workload", *files)["runs"]
            for policy in ("fifo", "heft", "berth")}
    for fifo, heft, berth in zip(runs["fifo"], runs["heft"], runs["berth"]):
        ratios = {name: run["makespanSeconds"] / run["lowerBoundSeconds"]
                  for name, run in (("fifo", fifo), ("heft", heft), ("berth", berth))}
        if max(ratios.values()) > 1.0005:
            yield {"workflow": berth["label"], **ratios}


def scale(program):
    """What planning costs (CPU), over the number of nodes and the length of the queue."""
    cases = [(nodes, 1_000_000) for nodes in (100, 1000, 10_000, 100_000)]
    cases += [(10_000, queued) for queued in (1000, 10_000, 100_000)]
    for nodes, queued in cases:
        mean = simulate(program, "--format", "synthetic", "--nodes", str(nodes), "--queued", str(queued), "--classes",
                        "1000", "--events", "3000")["mean"]
        yield {"nodes": nodes, "queued": queued, "eventMedianUs": mean["eventMicroseconds"]["median"],
               "eventP99Us": mean["eventMicroseconds"]["p99"], "submitMedianUs": mean["submitMicroseconds"]["median"],
               "fullPlanSeconds": mean["fullPlanSeconds"], "whyMs": mean["whyMilliseconds"],
               "bytesPerQueuedJob": mean["bytesPerQueuedJob"], "startsPerSecond": mean["startsPerSecond"]}


SUITES = {"openb": openb, "swf": swf, "gavel": gavel, "spot": spot, "workflows": workflows, "scale": scale}


def show(title, rows):
    print(f"\n{title}: {SUITES[title].__doc__}")
    if not rows:
        return
    texts = [[column for column in rows[0]]]
    for row in rows:
        texts.append([f"{value:.2f}" if isinstance(value, float) else "" if value is None else str(value)
                      for value in row.values()])
    widths = [max(len(line[column]) for line in texts) for column in range(len(texts[0]))]
    for line in texts:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", default=os.path.join(ROOT, ".build", "release"), help="folder of the programs")
    parser.add_argument("--only", nargs="+", choices=SUITES, default=list(SUITES), help="which of the suites")
    parser.add_argument("--json", action="store_true", help="print one document")
    options = parser.parse_args()
    program = os.path.join(options.programs, "berth")
    results = {}
    for name in options.only:
        results[name] = list(SUITES[name](program))
        if not options.json:
            show(name, results[name])
    if options.json:
        json.dump(results, sys.stdout, indent=1)
        print()


if __name__ == "__main__":
    main()
