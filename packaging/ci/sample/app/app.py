#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A shop that takes orders: PostgreSQL for what it sells, ImageMagick for pictures of it.

DATABASE is a libpq connection string: TCP in CI, a unix socket in production. REPLICA, if set, is where reports read.
"""

import http.server
import json
import os
import subprocess
import urllib.parse

import psycopg2

PORT = int(os.environ.get("PORT", "8000"))
PICTURES = os.environ.get("PICTURES", "/var/lib/shop/pictures")


def database():
    return psycopg2.connect(os.environ["DATABASE"])


def orders():
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("select item, count from orders order by id desc limit 20")
        return [{"item": item, "count": count} for item, count in cursor.fetchall()]


def order(item, count):
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("insert into orders (item, count) values (%s, %s)", (item, count))
    return {"ordered": item}


def picture(item):
    """A label with the item's name."""
    name = "".join(c for c in item if c.isalnum()) or "empty"
    path = f"{PICTURES}/{name}.png"
    subprocess.run(["convert", "-size", "120x30", "xc:white", path], check=True)
    return {"picture": path}


class Shop(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/orders":
            self.answer(200, orders())
        elif url.path == "/picture":
            self.answer(200, picture(query.get("item", "")))
        else:
            self.answer(404, {"error": "there is no such page"})

    def do_POST(self):
        size = min(int(self.headers.get("Content-Length", "0")), 4096)
        wanted = dict(urllib.parse.parse_qsl(self.rfile.read(size).decode()))
        self.answer(201, order(wanted.get("item", "?")[:80], int(wanted.get("count", "1"))))


if __name__ == "__main__":
    os.makedirs(PICTURES, exist_ok=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Shop).serve_forever()
