#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The nightly report: how many of each item were ordered, compressed."""

import os
import subprocess
import sys

import psycopg2

FOLDER = os.environ.get("REPORTS", "/var/lib/shop/reports")

with psycopg2.connect(os.environ.get("REPLICA") or os.environ["DATABASE"]) as connection:
    with connection.cursor() as cursor:
        cursor.execute("select item, sum(count) from orders group by item order by item")
        lines = [f"{item}\t{count}" for item, count in cursor.fetchall()]

os.makedirs(FOLDER, exist_ok=True)
path = os.path.join(FOLDER, "report.tsv")
with open(path, "w", encoding="utf-8") as file:
    file.write("\n".join(lines) + "\n")
subprocess.run(["gzip", "--force", path], check=True)
sys.stdout.write(f"{len(lines)} items\n")
