#!/usr/bin/env python3
"""What a user waits for, measured on this machine through the programs as they are built: start, launches, submissions.

    swift build -c release --product berth && swift build -c release --product berth-keeper
    Benchmarks/end_to_end.py            # prints a table
    Benchmarks/end_to_end.py --json     # prints one document

Everything runs in one go on a controller and an agent of its own, with its peers (xargs, a bare posix_spawn loop) in
between, so that ratios hold on a machine that is slow today. Quote medians and ratios, never a single time.
"""

import argparse
import http.client
import json
import math
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)


class Berth:
    """A controller and an agent in a state directory of their own."""

    def __init__(self, programs):
        self.program = os.path.join(programs, "berth")
        self.state = tempfile.mkdtemp(prefix="berth-benchmark-")
        self.environment = dict(os.environ, BERTH_STATE_DIR=self.state)
        for name in ("BERTH_CONTROLLER", "BERTH_TOKEN", "BERTH_TOKEN_FILE"):
            self.environment.pop(name, None)

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"berth {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def start(self):
        """Seconds from `berth up` to the answer of the first `berth nodes`."""
        begin = time.perf_counter()
        self.run("up", "--detach")
        if json.loads(self.run("nodes", "--json"))[0]["state"] != "up":
            sys.exit("The node is not up.")
        return time.perf_counter() - begin

    def stop(self):
        self.run("down")
        subprocess.run(["rm", "-rf", self.state], check=False)

    def rows(self, statement):
        return json.loads(self.run("prov", "sql", "--json", "--limit", "1000000", statement))

    def processor_seconds(self):
        """What the daemon has used so far."""
        with open(os.path.join(self.state, "controller.pid")) as file:
            pid = file.readline().strip()
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client:
    """One connection that stays: programs that start for each call would be a load of their own."""

    def __init__(self, berth):
        self.connection = UnixConnection(os.path.join(berth.state, "berth.sock"))

    def call(self, method, path, document=None):
        body = json.dumps(document) if document is not None else None
        self.connection.request(method, "/api/v1" + path, body, {"content-type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201):
            sys.exit(f"{method} {path} was answered with {answer.status}: {text.decode()}")
        return json.loads(text)

    def submit(self, job):
        return self.call("POST", "/jobs", {"key": str(uuid.uuid4()), "jobs": [job]})["jobs"][0]

    def wait(self, job):
        """The job, ended."""
        while True:
            answer = self.call("GET", f"/jobs/{job}/wait")
            if answer["state"] in ("succeeded", "failed", "cancelled", "timedOut"):
                return answer


def machine_seconds():
    """Processor time of everything on this machine (proc_stat(5)): user, nice, system, and both kinds of interrupts."""
    with open("/proc/stat") as file:
        times = [int(time) for time in file.readline().split()[1:]]
    return sum(times[number] for number in (0, 1, 2, 5, 6)) / os.sysconf("SC_CLK_TCK")


def timed(action):
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def spawn_loop(count):
    for _ in range(count):
        os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)


def xargs(count):
    numbers = "\n".join(map(str, range(count)))
    subprocess.run(["xargs", "-P2", "-n1", "/bin/true"], input=numbers, text=True, check=True)


def array(berth, count):
    """Seconds from the call of `berth submit` to the end of `berth wait`."""
    begin = time.perf_counter()
    job = berth.run("submit", "--array", str(count), "--", "/bin/true")
    berth.run("wait", job)
    seconds = time.perf_counter() - begin
    ended = berth.rows(f"SELECT count(*) AS n FROM v_attempt WHERE job_id = {job} AND state = 'succeeded'")
    if ended[0]["n"] != count:
        sys.exit(f"{ended[0]['n']} of {count} tasks have succeeded.")
    return seconds


def submissions(berth, count):
    """Acknowledged submissions a second from one running client; the jobs are held, so that nothing else runs."""
    client = Client(berth)
    begin = time.perf_counter()
    for _ in range(count):
        client.submit({"name": "held", "command": ["true"], "workingDirectory": "/", "hold": True})
    return count / (time.perf_counter() - begin)


def start_latencies(berth, count):
    """Milliseconds from the accepted submission to the job's own first instruction, one job after the other."""
    script = "import time; print(time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000)"
    static = os.path.join(berth.state, "stamp")
    with open(static + ".c", "w") as file:
        file.write("#include <stdio.h>\n#include <time.h>\nint main(void) { struct timespec t; "
                   "clock_gettime(CLOCK_REALTIME, &t); printf(\"%lld\\n\", t.tv_sec * 1000000LL + t.tv_nsec / 1000); }\n")
    compiled = subprocess.run(["cc", "-O1", "-o", static, static + ".c"], capture_output=True).returncode == 0
    command = [static] if compiled else [sys.executable, "-S", "-c", script]
    client = Client(berth)
    latencies = []
    for _ in range(count):
        job = client.submit({"name": "stamp", "command": command, "workingDirectory": "/"})
        client.wait(job)
        first = int(berth.run("logs", job))
        submitted = berth.rows(f"SELECT submitted_us AS t FROM job WHERE id = {job}")[0]["t"]
        latencies.append((first - submitted) / 1000)
    return latencies


def disk_latencies(folder, count):
    """Milliseconds that the disk takes to make a page of a file durable: what no acknowledged submission can be faster than."""
    path = os.path.join(folder, "pages")
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    page = os.urandom(8192)
    latencies = []
    for number in range(count):
        os.pwrite(file, page, number % 256 * len(page))
        latencies.append(timed(lambda: os.fdatasync(file)) * 1000)
    os.close(file)
    os.unlink(path)
    return latencies


def percentile(values, part):
    """The smallest value that so large a part of all is not above."""
    return sorted(values)[max(0, math.ceil(len(values) * part) - 1)]


def median_and_p99(values):
    return {"median": round(statistics.median(values), 2), "p99": round(percentile(values, 0.99), 2)}


def measure(programs, runs):
    berth = Berth(programs)
    result = {"machine": f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()}"}
    result["upToFirstAnswerSeconds"] = round(berth.start(), 3)
    try:
        count = 2000
        arrays, loops, parallel, added = [], [], [], []
        used = 0.0
        for _ in range(runs):
            before, machine = berth.processor_seconds(), machine_seconds()
            arrays.append(array(berth, count))
            used += berth.processor_seconds() - before
            between = machine_seconds()
            loops.append(timed(lambda: spawn_loop(count)))
            added.append((between - machine) - (machine_seconds() - between))
            parallel.append(timed(lambda: xargs(count)))
        result["tasksPerSecond"] = round(count / statistics.median(arrays), 1)
        result["spawnLoopPerSecond"] = round(count / statistics.median(loops), 1)
        result["xargsPerSecond"] = round(count / statistics.median(parallel), 1)
        result["ratioToSpawnLoop"] = round(statistics.median(b / a for a, b in zip(arrays, loops)), 3)
        result["ratioToXargs"] = round(statistics.median(b / a for a, b in zip(arrays, parallel)), 3)
        result["daemonMillisecondsPerTask"] = round(used * 1000 / (runs * count), 2)
        result["addedMillisecondsPerTask"] = round(statistics.median(added) * 1000 / count, 2)
        result["submissionsPerSecond"] = round(submissions(berth, 500), 1)
        result["submitCallMilliseconds"] = median_and_p99(
            [timed(lambda: berth.run("submit", "--hold", "--", "true")) * 1000 for _ in range(100)])
        result["submissionToFirstInstructionMilliseconds"] = median_and_p99(start_latencies(berth, 300))
        result["diskMilliseconds"] = median_and_p99(disk_latencies(berth.state, 300))
    finally:
        berth.stop()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one document")
    parser.add_argument("--runs", type=int, default=3, help="runs of what is compared with peers")
    parser.add_argument("--programs", default=os.path.join(ROOT, ".build", "release"), help="where berth is")
    arguments = parser.parse_args()
    result = measure(arguments.programs, arguments.runs)
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        print(f"{name:42}{value if not isinstance(value, dict) else ', '.join(f'{k} {v}' for k, v in value.items())}")


if __name__ == "__main__":
    main()
