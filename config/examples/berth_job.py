"""What a job says to Berth while it runs, and what Berth says to it. Needs nothing but Python.

    import berth_job

    berth_job.catch_sigterm()
    for epoch in range(90):
        if berth_job.stopping.is_set():
            save(epoch)
            berth_job.done()
            sys.exit(berth_job.STOPPED_EARLY)
        ...
        berth_job.report(progress=(epoch + 1) / 90, note=f"epoch {epoch + 1}", metric={"loss": loss})

Both sides write one JSON object per line to the Unix stream socket that `BERTH_SOCKET` names. Without that variable, or
with nobody at the other end, every call returns at once and the job goes on: reporting never makes a job fail.
"""

import json
import os
import signal
import socket
import struct
import threading
import time

STOPPED_EARLY = 75
"""Exit code of a job that was asked to stop and has saved its work (`EX_TEMPFAIL` of sysexits.h)."""

stopping = threading.Event()
"""Set once the job should save its work and leave. Poll it with `is_set()`; the notice behind it is `notice`."""

notice = None
"""What Berth said when it asked the job to stop, such as {"notice": "preempt", "deadline": "…", "reason": "…"}."""

_path = os.environ.get("BERTH_SOCKET")
_socket = None
_lock = threading.Lock()


def report(**message):
    """Sends one message: `progress` (0 to 1), `note` (text), `metric` ({name: number}), `checkpoint` (the name of one
    that is complete), `extend` (seconds). Returns whether it was handed over."""
    with _lock:
        connected = _socket or _connect()
        if connected is None:
            return False
        try:
            connected.sendall(json.dumps(message).encode() + b"\n")
            return True
        except OSError:
            _disconnect()
            return False


def done():
    """Says that the job has saved what it needs and may be ended."""
    return report(done=True)


def catch_sigterm():
    """Makes SIGTERM set `stopping` instead of ending the process."""
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.set())


def _connect():
    """A new connection, or None. Called with the lock held."""
    global _socket
    if not _path:
        return None
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # A reader that is stuck must not stop the job: after a second, what cannot be sent is dropped.
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 1, 0))
    try:
        connected.connect(_path)
    except OSError:
        connected.close()
        return None
    _socket = connected
    return connected


def _disconnect():
    """Drops the connection; half a line may have been sent, so it cannot be used again. Called with the lock held."""
    global _socket
    if _socket is not None:
        try:
            _socket.shutdown(socket.SHUT_RDWR)  # Wakes the listener, which holds the file open.
        except OSError:
            pass
        _socket.close()
        _socket = None


def _listen():
    """Reads what Berth says, for as long as the job lives. A restarted agent listens on the same path again."""
    while True:
        with _lock:
            connected = _socket or _connect()
        if connected is not None:
            try:
                with connected.makefile("r", encoding="utf-8", errors="replace") as lines:
                    for line in lines:
                        _receive(line)
            except (OSError, ValueError):
                pass
            with _lock:
                if _socket is connected:
                    _disconnect()
        time.sleep(1)


def _receive(line):
    global notice
    try:
        message = json.loads(line)
    except ValueError:
        return
    if isinstance(message, dict) and message.get("notice") == "preempt":
        notice = message
        stopping.set()


if _path:
    with _lock:
        _connect()
    threading.Thread(target=_listen, name="berth", daemon=True).start()
