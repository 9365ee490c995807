#!/usr/bin/env python3
"""What one keeper an attempt costs, against one keeper a node: the start of a process and its memory.

A keeper for the whole node would do the same work for each attempt (its files, its socket, the binding, the start of the
job) but start once. So the difference between the designs is a keeper's start, and its memory for as long as the attempt
runs. Prints medians of interleaved runs: microseconds of wall time and of processor time (user and system, of the
child and all below it), and a waiting keeper's memory.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def spawn(arguments):
    """Wall and processor time in microseconds of a program from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    null = os.open("/dev/null", os.O_RDWR)
    pid = os.posix_spawn(arguments[0], arguments, {}, file_actions=[(os.POSIX_SPAWN_DUP2, null, n) for n in (0, 1, 2)])
    os.close(null)
    os.waitpid(pid, 0)
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall * 1e6, used * 1e6


def order(directory, arguments):
    """A keeper's directory with what it is to start."""
    os.mkdir(directory)
    fields = [("attempt", "1@1"), ("fence", "1")] + [("argument", word) for word in arguments]
    fields += [("directory", "/"), ("output", directory + "/out"), ("error", directory + "/err"), ("cpus", "0")]
    with open(directory + "/order", "wb") as file:
        file.write(b"".join(f"{name}={value}\0".encode() for name, value in fields))
    return directory


def memory(pid):
    """Resident and proportional set size in KiB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        sizes = dict(line.split()[:2] for line in file if line.split()[0] in ("Rss:", "Pss:"))
    return sizes["Rss:"], sizes["Pss:"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--folder", default="/dev/shm" if os.path.isdir("/dev/shm") else None,
                        help="where the attempts' directories are made (default: in memory, as an agent does)")
    parser.add_argument("--programs", default=os.path.join(ROOT, ".build", "release"), help="where berth-keeper is")
    arguments = parser.parse_args()
    keeper = os.path.join(arguments.programs, "berth-keeper")
    folder = tempfile.mkdtemp(prefix="berth-benchmark-", dir=arguments.folder)
    results = {"the job alone": [], "a keeper's start (it exits at once)": [], "a keeper with its job": []}
    try:
        for run in range(arguments.runs):
            directory = order(f"{folder}/{run}", ["/bin/true"])
            results["the job alone"].append(spawn(["/bin/true"]))
            results["a keeper's start (it exits at once)"].append(spawn([keeper]))
            results["a keeper with its job"].append(spawn([keeper, directory]))
        for name, values in results.items():
            wall, used = (statistics.median(column) for column in zip(*values))
            print(f"{name:38}wall {wall:7.0f} us   processor {used:7.0f} us")
        waiting = subprocess.Popen([keeper, order(folder + "/waiting", ["/bin/sleep", "60"])], stdout=subprocess.DEVNULL)
        while not os.path.exists(folder + "/waiting/record"):
            time.sleep(0.01)
        print("a waiting keeper's memory             resident {} KiB, proportional {} KiB".format(*memory(waiting.pid)))
        waiting.terminate()
        waiting.wait()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
