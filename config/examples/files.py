"""Files that are there completely or not at all, also after a crash or a power cut."""

import json
import os
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path):
    """Opens a new file beside `path` for writing bytes; at the end of the block it is on the disk and takes the place
    of `path` in one step. If the block fails, `path` stays as it was."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # Makes the new name durable, not only the contents.
    finally:
        os.close(directory)


def write_json(path, value):
    with replacing(path) as file:
        file.write(json.dumps(value, indent=2).encode() + b"\n")


def output_directory(name):
    """Where the example `name` puts what it makes: a folder in OUTPUT_DIR, by default `out` where the job runs."""
    return Path(os.environ.get("OUTPUT_DIR") or "out") / name
