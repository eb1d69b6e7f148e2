# SPDX-License-Identifier: Apache-2.0
"""The loads: what each is called, and how it is run. A run's result is its operations, their CPU time and its own."""

import json
import re
import signal
import subprocess
import time
from dataclasses import dataclass

from machine import die_with_us

NGINX_CONF = """\
daemon off;
user nobody nogroup;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
	access_log off;
	client_body_temp_path {folder}/body;
	proxy_temp_path {folder}/proxy;
	fastcgi_temp_path {folder}/fastcgi;
	uwsgi_temp_path {folder}/uwsgi;
	scgi_temp_path {folder}/scgi;
	keepalive_requests 100000000;
	server {{
		listen 127.0.0.1:8080;
		root {folder}/www;
	}}
}}
"""


@dataclass
class Result:
    operations: int  # those that were measured
    all_operations: int  # those that the sensor saw
    cpu_ns: int
    wall_ns: int

    @property
    def each_ns(self):
        return self.cpu_ns / self.operations

    @property
    def per_second(self):
        return self.operations / self.wall_ns * 1e9


class Loads:
    """Runs loads where the machine has a place for them."""

    def __init__(self, machine):
        self.machine = machine
        self.program = machine.folder / "load"
        self._compile("load.c", self.program, "-D_GNU_SOURCE")
        nothing = machine.folder / "nothing"
        self._compile("nothing.c", nothing, "-nostdlib")
        unread = machine.folder / "file"
        unread.write_text("unread\n")
        self.own = {
            "getppid": ("getppid", None),
            "open+close": ("open", unread),
            "connect+accept": ("pair", 7001),
            "fork+exec": ("spawn", nothing),
        }
        self.nginx = {"nginx": (), "nginx, a connection each": ("-H", "Connection: close")}
        self.names = [*self.own, *self.nginx]
        self._prepare_nginx()

    @staticmethod
    def _compile(source, program, *options):
        folder = __file__.rsplit("/", 1)[0]
        subprocess.run(
            ["gcc", "-std=c17", "-O2", "-static", *options, "-o", program, f"{folder}/{source}"], check=True
        )

    def _prepare_nginx(self):
        self._nginx_folder = self.machine.folder / "nginx"
        (self._nginx_folder / "www").mkdir(parents=True)
        (self._nginx_folder / "www" / "index.html").write_text("x" * 1024)
        (self._nginx_folder / "nginx.conf").write_text(NGINX_CONF.format(folder=self._nginx_folder))

    def run(self, name, side, seconds):
        if name in self.own:
            return self._finish(self._start_own(name, side, seconds))
        return self._run_nginx(name, side, max(1, round(seconds)))

    def storm(self, name, side, seconds):
        """Two at once."""
        running = [self._start_own(name, side, seconds, number) for number in range(2)]
        results = [self._finish(process) for process in running]
        return Result(
            sum(result.operations for result in results),
            sum(result.all_operations for result in results),
            sum(result.cpu_ns for result in results),
            max(result.wall_ns for result in results),
        )

    def _start(self, side, *command, **options):
        return subprocess.Popen(
            [
                str(word)
                for word in (
                    self.program,
                    *("--cgroup", self.machine.cgroup, "--network", self.machine.network),
                    *side.load_options,
                    *command,
                )
            ],
            preexec_fn=die_with_us(signal.SIGKILL),
            text=True,
            **options,
        )

    def _start_own(self, name, side, seconds, number=0):
        load, argument = self.own[name]
        if load == "pair":
            argument += number
        return self._start(side, load, seconds, *([] if argument is None else [argument]), stdout=subprocess.PIPE)

    @staticmethod
    def _finish(process):
        text, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"a load failed: {' '.join(process.args)}")
        facts = json.loads(text)
        return Result(facts["operations"], facts["operations"] + facts["warm_up"], facts["cpu_ns"], facts["wall_ns"])

    def _run_nginx(self, name, side, seconds):
        conf = self._nginx_folder / "nginx.conf"
        master = self._start(side, "run", "nginx", "-p", self._nginx_folder, "-c", conf, "-e", "error.log")
        try:
            pid = self._nginx_folder / "nginx.pid"
            while not (pid.exists() and pid.read_text().strip()):
                if master.poll() is not None:
                    raise SystemExit(f"nginx does not start: {(self._nginx_folder / 'error.log').read_text()}")
                time.sleep(0.01)
            time.sleep(0.1)
            before = self.machine.load_cpu_ns()
            requests, wall_ns = self._wrk(seconds, *self.nginx[name])
            cpu_ns = self.machine.load_cpu_ns() - before
        finally:
            self.machine.end_load()
            master.wait()
            pid.unlink(missing_ok=True)
        return Result(requests, requests, cpu_ns, wall_ns)

    def _wrk(self, seconds, *options):
        text = subprocess.run(
            [
                *(self.program, "--network", self.machine.network, "run"),
                *("wrk", "-t", "1", "-c", "8", "-d", f"{seconds}s", *options, "http://127.0.0.1:8080/"),
            ],
            check=True,
            capture_output=True,
            text=True,
            preexec_fn=die_with_us(signal.SIGKILL),
        ).stdout
        requests, wall, unit = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", text).groups()
        return int(requests), int(float(wall) * {"ms": 1e6, "s": 1e9, "m": 60e9}[unit])
