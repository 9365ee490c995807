#!/usr/bin/env python3
"""Whether anything is left behind: minutes of launches, kills, preemptions, and restarts of agent and keepers.

    Benchmarks/churn.py --minutes 20            # prints a table; exits with 1 if something was left
    Benchmarks/churn.py --minutes 20 --json

A controller and an agent of their own. In the first half of the time agent and keepers are killed with SIGKILL again and
again beside everything else; in the second half the agent lives, so that its memory can be watched. At the end all jobs
are cancelled, and then nothing may be left: no keeper, no process of a job, no directory or socket of an attempt, no
control group, no descriptor more than at the start.
"""

import argparse
import glob
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MARK = "BERTH_CHURN_MARK"


class Site:
    """A controller and an agent, each a process of its own, in one state directory."""

    def __init__(self, programs):
        self.program = os.path.join(programs, "berth")
        self.state = tempfile.mkdtemp(prefix="berth-churn-")
        self.environment = dict(os.environ, BERTH_STATE_DIR=self.state)
        for name in ("BERTH_CONTROLLER", "BERTH_TOKEN", "BERTH_TOKEN_FILE"):
            self.environment.pop(name, None)
        self.settings = os.path.join(self.state, "agent.yaml")
        with open(self.settings, "w") as file:
            file.write("jobs: {allowRoot: true}\n")
        self.controller = self.daemon("controller")
        self.agent = self.daemon("agent", "--config", self.settings)
        self.wait(lambda: any(node["state"] == "up" for node in json.loads(self.run("nodes", "--json"))))

    def daemon(self, name, *options):
        log = open(os.path.join(self.state, name + ".log"), "a")
        return subprocess.Popen([self.program, name, *options], env=self.environment, stdout=log, stderr=log)

    def run(self, *arguments):
        done = subprocess.run([self.program, *arguments], env=self.environment, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else "[]"

    def wait(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def keepers(self, idle=False):
        """Processes of berth-keeper that keep an attempt of this site's; with `idle`, those as well that wait for one,
        and the one that they are forked from."""
        attempts = os.path.realpath(os.path.join(self.state, "attempts"))
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file:
                    words = file.read().split(b"\0")
                with open(os.path.join(os.path.dirname(path), "comm")) as file:
                    is_at_work = file.read().startswith("keeper ") or b"--nursery" not in words
                is_ours = words[0].endswith(b"berth-keeper") and any(attempts.encode() in word for word in words)
                if is_ours and (is_at_work or idle):
                    found.append(int(path.split("/")[2]))
            except OSError:
                continue
        return found

    def job_processes(self):
        """Processes with the mark that every job here has in its environment."""
        mark = f"{MARK}={self.state}".encode()
        found = []
        for path in glob.glob("/proc/[0-9]*/environ"):
            try:
                with open(path, "rb") as file:
                    if mark in file.read().split(b"\0"):
                        found.append(int(path.split("/")[2]))
            except OSError:
                continue
        return found

    def counts(self):
        """What the agent holds now."""
        pid = self.agent.pid
        with open(f"/proc/{pid}/status") as file:
            status = dict(line.split(":", 1) for line in file)
        return {
            "residentMiB": int(status["VmRSS"].split()[0]) / 1024,
            "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": int(status["Threads"]),
        }

    def attempts(self):
        try:
            return os.listdir(os.path.join(self.state, "attempts"))
        except OSError:
            return []

    def stop(self):
        for daemon in (self.agent, self.controller):
            daemon.terminate()
            daemon.wait(30)
        subprocess.run(["rm", "-rf", self.state], check=False)


def control_groups():
    """Groups of any agent, in any hierarchy."""
    return {path for path in glob.glob("/sys/fs/cgroup/**/berth*/**", recursive=True) if os.path.isdir(path)}


class Churn:
    def __init__(self, site, seed):
        self.site, self.random, self.done = site, random.Random(seed), {}

    def count(self, name):
        self.done[name] = self.done.get(name, 0) + 1

    def submit(self, *arguments):
        self.site.run("submit", "--env", f"{MARK}={self.site.state}", *arguments)

    def step(self, kills):
        deeds = ["array", "sleeper", "escape", "preemption", "cancel", "requeue"] + (
            ["keeperKill", "agentKill"] if kills else []
        )
        weights = [4, 3, 2, 3, 3, 2] + ([1, 0.3] if kills else [])
        deed = self.random.choices(deeds, weights)[0]
        self.count(deed)
        getattr(self, deed)()

    def array(self):
        self.submit("--array", str(self.random.randint(5, 40)), "--", "true")

    def sleeper(self):
        self.submit("--queue", "spot", "--grace", "1s", "--", "sleep", str(self.random.randint(1, 20)))

    def escape(self):
        """Leaves a process behind in a session of its own."""
        self.submit("--grace", "200ms", "--", "sh", "-c", "setsid sleep 300 & exit 0")

    def preemption(self):
        self.sleeper()
        self.submit("--queue", "urgent", "--", "sleep", "0.2")

    def live(self):
        return [job["id"] for job in json.loads(self.site.run("jobs", "--state", "running", "--json"))]

    def cancel(self):
        jobs = self.live()
        if jobs:
            self.site.run("cancel", self.random.choice(jobs))

    def requeue(self):
        jobs = self.live()
        if jobs:
            self.site.run("requeue", self.random.choice(jobs))

    def keeperKill(self):
        keepers = self.site.keepers(idle=True)
        if keepers:
            try:
                os.kill(self.random.choice(keepers), signal.SIGKILL)
            except ProcessLookupError:
                pass  # It has ended meanwhile.

    def agentKill(self):
        self.site.agent.kill()
        self.site.agent.wait()
        self.site.agent = self.site.daemon("agent", "--config", self.site.settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--programs", default=os.path.join(ROOT, ".build", "release"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    before = control_groups()
    site = Site(options.programs)
    churn = Churn(site, options.seed)
    start, samples = time.monotonic(), []
    length = options.minutes * 60
    while (passed := time.monotonic() - start) < length:
        churn.step(kills=passed < length / 2)
        if passed >= length / 2 and (not samples or passed - samples[-1][0] > 2):
            samples.append((passed, site.counts()))

    states = [word for state in ("pending", "running", "held") for word in ("--state", state)]
    jobs = [job["id"] for job in json.loads(site.run("jobs", "--json", "--limit", "1000000", *states))]
    for first in range(0, len(jobs), 1000):
        site.run("cancel", *jobs[first : first + 1000])
    idle = site.wait(lambda: not site.keepers() and not site.attempts(), seconds=90)
    # Keepers that have kept an attempt wait for another for some seconds, with their groups.
    site.wait(lambda: len(site.keepers(idle=True)) <= 3, seconds=20)
    left = {
        "keepers": len(site.keepers()),
        "jobProcesses": len(site.job_processes()),
        "attemptDirectories": len(site.attempts()),
        "controlGroups": len([path for path in control_groups() - before if "@" in path]),
    }
    quarter = max(1, len(samples) // 4)
    early, late = samples[quarter : 2 * quarter] or samples, samples[-quarter:]
    median = lambda part, name: statistics.median(sample[name] for _, sample in part)
    ended = site.counts()
    ended_jobs = json.loads(site.run("prov", "sql", "--json", "SELECT count(*) AS n FROM v_attempt"))
    report = {
        "minutes": options.minutes,
        "seed": options.seed,
        "deeds": churn.done,
        "attempts": ended_jobs[0]["n"] if ended_jobs else None,
        "isIdle": idle,
        "left": left,
        "residentMiB": {"early": round(median(early, "residentMiB"), 1), "late": round(median(late, "residentMiB"), 1)},
        "descriptors": {"early": median(early, "descriptors"), "late": median(late, "descriptors"),
                        "idle": ended["descriptors"]},
        "threads": {"early": median(early, "threads"), "late": median(late, "threads"), "idle": ended["threads"]},
        "journalIsWhole": subprocess.run(
            [site.program, "prov", "verify"], env=site.environment, capture_output=True).returncode == 0,
    }
    site.stop()
    left["controlGroupsAfterLeaving"] = len(control_groups() - before)
    left["keepersAfterLeaving"] = 0 if site.wait(lambda: not site.keepers(idle=True), seconds=10) else 1
    grew = report["residentMiB"]["late"] > report["residentMiB"]["early"] * 1.2 + 5
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        for name, value in report.items():
            print(f"{name:16}{value}")
    sys.exit(0 if idle and not any(left.values()) and not grew and report["journalIsWhole"] else 1)


main()
