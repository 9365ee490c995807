"""Berth's fork server: imports modules once, and is then each job's Python, already started.

    python3 -m berth_worker --import numpy --import scipy.linalg --socket PATH

The protocol, version 2, is in docs/pools.md. For each job there is a pair of processes, forked before it is needed: the
job's own, and its guardian, which is its parent and lives as long as the job, so that one job has nothing to do with
another's. Only the standard library is needed. Python 3.9 or newer.
"""

import argparse
import array
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import types

VERSION = 2
# A job's arguments and environment; execve(2) itself takes no more than a quarter of the stack's limit, 2 MiB.
LONGEST_REQUEST = 8 << 20
# set_mempolicy(2) and get_mempolicy(2), by machine.
MEMORY_POLICY_CALLS = {"x86_64": (238, 239), "aarch64": (237, 236)}
# At most so many control groups does a job join, one a hierarchy.
MOST_GROUPS = 5
LIBRARY = ctypes.CDLL(None)


class Refused(Exception):
    """Why a job does not start from here; told to the keeper, which starts it cold or reports it."""


def main():
    parser = argparse.ArgumentParser(prog="berth_worker", description="Berth's fork server.")
    parser.add_argument("--import", dest="modules", action="append", default=[], help="a module to import; repeatable")
    parser.add_argument("--socket", required=True, help="the Unix socket to listen on")
    options = parser.parse_args()
    modules = [name for text in options.modules for name in text.split(",") if name]
    began = time.monotonic()
    for name in modules:
        importlib.import_module(name)
    took = time.monotonic() - began
    # What is imported is never garbage: the collector does not write on its pages, and they stay shared.
    gc.collect()
    gc.freeze()
    server = listener(options.socket, took)
    run(guard(server, serve()))


def listener(path, seconds):
    """The socket, there only once all is imported; its sibling `PATH.ready` says how many seconds that took."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with open(path + ".new", "w") as file:
        file.write(f"{seconds:.6f}\n")
    server.bind(path)
    server.listen(128)
    os.rename(path + ".new", path + ".ready")
    return server


def serve():
    """Has a guardian ready at all times, and never returns; except in a new guardian, where it returns the descriptor that
    is to be closed when a job has taken that one."""
    # Guardians are reaped by the kernel.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        sys.stdout.flush()
        sys.stderr.flush()
        waiting, held = os.pipe()
        try:
            is_guardian = os.fork() == 0
        except OSError:
            # The next connection waits until there is a process to be had.
            time.sleep(0.1)
            is_guardian = False
        if is_guardian:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(waiting)
            return held
        os.close(held)
        os.read(waiting, 1)
        os.close(waiting)


def guard(server, held):
    """Watches over one job, to its end, and never returns; except in the job's process, where it returns the job.

    `held` is closed when there is a job."""
    os.setsid()
    # prctl(2), PR_SET_CHILD_SUBREAPER: whatever the job leaves behind becomes this process's child.
    LIBRARY.prctl(36, 1, 0, 0, 0)
    here, there = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        here.close()
        server.close()
        os.close(held)
        return begin(there)
    there.close()
    end_of_process = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(end_of_process, select.POLLIN)
    poller.register(server.fileno(), select.POLLIN)
    if any(descriptor == end_of_process for descriptor, _ in poller.poll()):
        os._exit(1)
    connection, _ = server.accept()
    server.close()
    os.close(held)
    try:
        socket.send_fds(here, [b"!"], [connection.fileno()])
    except OSError:
        os._exit(1)
    here.close()
    # The job itself speaks until it begins; from then on the connection says nothing but that the keeper is gone.
    poller = select.poll()
    poller.register(end_of_process, select.POLLIN)
    poller.register(connection.fileno(), select.POLLRDHUP | select.POLLHUP)
    poller.poll()
    status = end_all(pid)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, number = (-1, os.WTERMSIG(status)) if os.WIFSIGNALED(status) else (os.WEXITSTATUS(status), 0)
    user, system = int(usage.ru_utime * 1e6), int(usage.ru_stime * 1e6)
    transfers = f"{usage.ru_inblock * 512} {usage.ru_oublock * 512}"
    tell(connection, f"ended {code} {number} {user} {system} {usage.ru_maxrss} {transfers}")
    os._exit(0)


def end_all(job):
    """Ends the job's process and every descendant; returns the process's own wait status."""
    job_status = 0
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return job_status
        if pid == job:
            job_status = status
        if pid:
            continue
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            children = [int(word) for word in file.read().split()]
        for child in children:
            for kill in (os.killpg, os.kill):
                try:
                    kill(child, signal.SIGKILL)
                except OSError:
                    pass
        time.sleep(0.001)


def receive(connection):
    """Reads the request: one line of JSON, with the job's streams and the entrances of its control groups beside its
    first byte. Returns the job, and all these descriptors."""
    data, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 3 + MOST_GROUPS)
    parts = [data]
    size = len(data)
    while not parts[-1].endswith(b"\n"):
        part = connection.recv(1 << 20)
        size += len(part)
        if not part or size > LONGEST_REQUEST:
            raise Refused(f"a request is one line of at most {LONGEST_REQUEST} bytes; here came {size}")
        parts.append(part)
    job = json.loads(b"".join(parts))
    if job.get("version") != VERSION:
        raise Refused(f"this server speaks version {VERSION}, and was spoken to in version {job.get('version')}")
    if len(descriptors) != 3 + job["groups"]:
        raise Refused(f"a job has three streams and {job['groups']} groups; here came {len(descriptors)} descriptors")
    return job, descriptors


def begin(guardian):
    """In the job's process: waits for a job, and becomes what the request says, once the keeper has seen it where it
    belongs."""
    os.setsid()
    _, descriptors, _, _ = socket.recv_fds(guardian, 1, 1)
    if not descriptors:
        os._exit(1)
    guardian.close()
    connection = socket.socket(fileno=descriptors[0])
    # A connection that says nothing is nobody's.
    connection.settimeout(10)
    try:
        job, descriptors = receive(connection)
        streams, groups = descriptors[:3], descriptors[3:]
        for group in groups:
            # cgroups(7): it moves itself, which the kernel does at once; to move another it waits for all processors.
            os.write(group, b"0")
            os.close(group)
    except (Refused, OSError, ValueError, KeyError, TypeError) as error:
        tell(connection, f"refused {error}")
        os._exit(1)
    tell(connection, f"process {os.getpid()}")
    if connection.recv(3) != b"go\n":
        os._exit(1)
    if job["cpus"]:
        try:
            os.sched_setaffinity(0, job["cpus"])
        except OSError:
            pass  # What was granted instead is told below, and the keeper compares.
    mode = bind_memory(job["memoryPolicy"], job["numaNodes"])
    try:
        os.chdir(job["directory"])
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
    except OSError as error:
        tell(connection, f"failed {error}")
        os._exit(1)
    for stream in streams:
        if stream > 2:
            os.close(stream)
    os.environ.clear()
    for variable in job["environment"]:
        name, _, value = variable.partition("=")
        os.environ[name] = value
    tell(connection, f"began {','.join(map(str, sorted(os.sched_getaffinity(0))))} {mode}")
    connection.close()
    return job


def bind_memory(mode, nodes):
    """set_mempolicy(2); the kernel's own word on it afterwards: the mode and the nodes, `0` for the default."""
    calls = MEMORY_POLICY_CALLS.get(os.uname().machine)
    if calls is None:
        return "0"
    words = (ctypes.c_ulong * 16)()
    if mode and nodes:
        for node in nodes:
            words[node // 64] |= 1 << node % 64
        LIBRARY.syscall(calls[0], mode, words, 1025)
    granted = ctypes.c_int(0)
    found = (ctypes.c_ulong * 16)()
    if LIBRARY.syscall(calls[1], ctypes.byref(granted), found, 1024, None, 0) != 0:
        return "0"
    numbers = [str(node) for node in range(1024) if found[node // 64] >> node % 64 & 1]
    return f"{granted.value} {','.join(numbers)}".rstrip()


def run(job):
    """Runs the program as `python3 …` would, in a `__main__` of its own."""
    renew()
    arguments = job["arguments"][1:]
    is_unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    if arguments and arguments[0] == "-u":
        is_unbuffered = True
        arguments = arguments[1:]
    if is_unbuffered:
        sys.stdout.reconfigure(write_through=True)
    # The place of this module goes; the job's own variable, which was not there at the start, comes in.
    own = os.path.dirname(os.path.abspath(__file__))
    further = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = further + [path for path in sys.path[1:] if path != own and path not in further]
    try:
        if arguments[0] == "-m":
            run_module(arguments[1:])
        elif arguments[0] == "-c":
            sys.path.insert(0, "")
            execute(arguments[1], "<string>", ["-c"] + arguments[2:])
        else:
            sys.path.insert(0, os.path.dirname(os.path.realpath(arguments[0])))
            run_file(arguments)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        # As Python shows it, without what is this module's.
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == run.__code__.co_filename:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        sys.exit(1)


def run_module(arguments):
    import runpy

    sys.path.insert(0, os.getcwd())
    sys.argv[:] = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def run_file(arguments):
    try:
        with open(arguments[0], "rb") as file:
            source = file.read()
    except OSError as error:
        # In Python's own words, and with its own exit code.
        print(f"{sys.executable}: can't open file {arguments[0]!r}: [Errno {error.errno}] {error.strerror}", file=sys.stderr)
        sys.exit(2)
    execute(source, arguments[0], arguments)


def execute(source, name, arguments):
    sys.argv[:] = arguments
    module = types.ModuleType("__main__")
    module.__builtins__ = __builtins__
    if name != "<string>":
        module.__file__ = name
    sys.modules["__main__"] = module
    exec(compile(source, name, "exec", dont_inherit=True), module.__dict__)


def renew():
    """What a process must not share with its siblings, or was fixed when the modules were imported."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        # It drew its seed when it was imported: all jobs would draw the same numbers.
        numpy_random.seed()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(len(os.sched_getaffinity(0)))


def tell(connection, text):
    try:
        connection.sendall(text.replace("\n", " ").encode() + b"\n")
    except OSError:
        pass


if __name__ == "__main__":
    main()
