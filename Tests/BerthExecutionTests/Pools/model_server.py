"""A model server of the Open Inference Protocol, version 2, for tests: only the standard library, and models that double.

    python3 model_server.py (--port N | --socket PATH) [--delay S] [--load-delay S] [--no-repository] [--fail]

It knows every model but `missing`; until one is loaded, it is not ready.
"""

import argparse
import http.server
import json
import os
import re
import socketserver
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--socket")
parser.add_argument("--delay", type=float, default=0)
parser.add_argument("--load-delay", type=float, default=0)
parser.add_argument("--no-repository", action="store_true")
parser.add_argument("--fail", action="store_true")
options = parser.parse_args()
if options.fail:
    sys.exit("there is no GPU here")

began = time.monotonic()
loaded = {"standing"}
loads = 0
MODEL = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/(ready|infer)")
LOAD = re.compile(r"/v2/repository/models/([^/]+)/load")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # An answer is sent in one piece.

    def answer(self, status, body=None):
        data = json.dumps(body if body is not None else {}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/v2/health/live":
            return self.answer(200)
        if self.path == "/v2/health/ready":
            return self.answer(200 if time.monotonic() - began >= options.delay else 503)
        if self.path == "/facts":
            facts = {"pid": os.getpid(), "loads": loads, "cpus": sorted(os.sched_getaffinity(0))}
            facts["devices"] = os.environ.get("CUDA_VISIBLE_DEVICES")
            return self.answer(200, facts)
        found = MODEL.fullmatch(self.path)
        if found and found[3] == "ready":
            return self.answer(200 if found[1] in loaded else 400)
        self.answer(404, {"error": "there is no such address"})

    def do_POST(self):
        global loads
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        load = LOAD.fullmatch(self.path)
        if load and not options.no_repository:
            if load[1] == "missing":
                return self.answer(400, {"error": "failed to load 'missing': there is no such model"})
            time.sleep(options.load_delay)
            loads += 1
            loaded.add(load[1])
            return self.answer(200)
        found = MODEL.fullmatch(self.path)
        if not found or found[3] != "infer":
            return self.answer(404, {"error": "there is no such address"})
        if found[1] not in loaded:
            return self.answer(400, {"error": f"the model {found[1]} is not loaded"})
        try:
            inputs = json.loads(body)["inputs"]
            outputs = [{**one, "data": [2 * number for number in one["data"]]} for one in inputs]
        except (KeyError, TypeError, ValueError):
            return self.answer(400, {"error": "the request has no inputs"})
        self.answer(200, {"model_name": found[1], "outputs": outputs})

    def address_string(self):
        return "client"


class Threads(socketserver.ThreadingMixIn):
    daemon_threads = True


if options.socket:
    class Server(Threads, socketserver.UnixStreamServer):
        pass

    server = Server(options.socket, Handler)
else:
    class Server(Threads, http.server.HTTPServer):
        pass

    server = Server(("127.0.0.1", options.port), Handler)
server.serve_forever()
