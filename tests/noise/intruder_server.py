# SPDX-License-Identifier: Apache-2.0
"""An intruder's machine, played: serves harmless programs, takes what is sent, and tells a shell that calls to look around."""

import http.server
import pathlib
import socket
import socketserver
import sys
import threading

ADDRESS = sys.argv[1]
SCRIPT = b"#!/bin/sh\nid\nuname -a\n"
ORDERS = b"id\nuname -a\nexit\n"


class Page(http.server.BaseHTTPRequestHandler):
    """/tool is a program, /lib.so a library, all else a script."""

    def do_GET(self):
        files = {"/tool": "/usr/bin/id", "/nc": "/usr/bin/nc.openbsd", "/lib.so": "/lib/x86_64-linux-gnu/libresolv.so.2"}
        body = pathlib.Path(files[self.path]).read_bytes() if self.path in files else SCRIPT
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()

    do_PUT = do_POST

    def log_message(self, *_):
        pass


class Orders(socketserver.BaseRequestHandler):
    """Whoever calls is told what to do, and heard for a moment."""

    def handle(self):
        self.request.settimeout(1.5)
        try:
            self.request.sendall(ORDERS)
            while self.request.recv(65536):
                pass
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


for port, handler in ((443, Page), (4444, Orders), (389, Orders), (9001, Orders)):
    server = Server((ADDRESS, port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind((ADDRESS, 5353))
print("ready", flush=True)
while True:
    datagrams.recv(65536)
