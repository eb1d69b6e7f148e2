#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
"""docs/ci.md, done: the sample shop is learned where CI tests it, by the steps that the CI systems have, and watched where production
runs it, which differs in user, directory and database. Then it is released five times."""

import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap
from ci_site import CHECKOUT, CI, FIRST, RELEASES, Production, Runner
from watching import SOMBRERO, Watching

LEARN = "--job=report.py"
POLICY = """policy: shop
model:
  include: [ ./shop.model, ./host.model ]
  mapping:
    - { path: /builds/acme/shop, to: /srv/app/releases/* }
    - { user: root, to: www-data, service: app.py }
    - { user: root, to: www-data, job: report.py }
"""


# By release: how its step ends, and what the difference says: the title, then each change.
EXPECTED = {
    "refactored": (0, "allow the same"),
    "xz": (0, "2 lines came, 2 went", r"low +job report.py now starts .*: /usr/bin/xz", r"report.py no longer starts /usr/bin/gzip"),
    "shell": (3, "1 of risk", r"(medium|high) +service app.py now starts a shell: /usr/bin/dash\(-c\)"),
    "metrics": (3, "1 of risk", r"high +service app.py now listens on every address: .* tcp 9100 any", "now is reached from this host: .* tcp 9100 loopback"),
    "no shell": (0, "0 of risk", r"no longer starts /usr/bin/dash\(-c\)"),
}


class Watch(Watching):
    STATUSES = (0, 3)


def steps(path, key):
    """The scripts below `key: |` of a pipeline's file, without their indentation."""
    found = []
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        if not re.match(rf"\s*(- )?{re.escape(key)} \|$", line):
            continue
        body = []
        for text in lines[number + 1:]:
            if text.strip() and len(text) - len(text.lstrip()) <= len(line) - len(line.lstrip()):
                break
            body.append(text)
        indent = min(len(text) - len(text.lstrip()) for text in body if text.strip())
        found.append("\n".join(text[indent:] for text in body))
    return found


def github_step(fail_on):
    """The action's main step, and the variables that its inputs become."""
    script = next(text for text in steps(CI / "github" / "action.yml", "run:") if "sombrero-ci" in text)
    return script, {"RUN": "ci/integration-tests", "MODEL": "shop.model", "DECISIONS": "", "FAIL_ON": fail_on, "LEARN": f"{LEARN}\n",
                    "ACTION": "/opt/ci/github", "GITHUB_OUTPUT": "/tmp/output", "GITHUB_STEP_SUMMARY": "/tmp/summary"}


def gitlab_step(fail_on):
    script = "set -eu\n" + next(text for text in steps(CI / "gitlab" / "sombrero.yml", "-") if "sombrero-ci" in text)
    return script, {"SOMBRERO_RUN": "ci/integration-tests", "SOMBRERO_MODEL": "shop.model", "SOMBRERO_FAIL_ON": fail_on,
                    "SOMBRERO_LEARN": LEARN}


def run_github(runner, fail_on="risky"):
    """(status as the action's last step has it, what was printed)."""
    script, variables = github_step(fail_on)
    runner.prepare("rm -rf /tmp/output /tmp/summary")
    status, printed = runner.job(script, **variables)
    if status:
        raise AssertionError(printed)
    return int(re.search(r"status=(\d+)", runner.path("/tmp/output").read_text())[1]), printed


def heads(findings):
    """Those that a person counts: what stands beneath another is part of it."""
    return [finding for finding in findings if finding["finding"] != "beneath"]


def lines(findings):
    return [(finding["context"]["name"], [(each["kind"], each["program"], each["object"]) for each in finding["behaviours"]])
            for finding in findings]


class Pipeline(unittest.TestCase):
    """Learned once, by the first job; then each test goes on where the one before ended."""

    @classmethod
    def setUpClass(cls):
        cls.runner = Runner(FIRST)
        cls.addClassCleanup(cls.runner.close)
        cls.folder = cls.runner.folder
        cls.first = run_github(cls.runner)
        cls.summary = cls.runner.path("/tmp/summary").read_text()
        cls.runner.commit()

    def keep(self, *names):
        """The model as production gets it, beside the policy."""
        for name in names:
            (self.folder / name).write_bytes((self.runner.path(CHECKOUT) / name).read_bytes())
        (self.folder / "shop.yml").write_text(POLICY)

    def test_1_a_first_run_fails_shows_all_and_says_what_to_commit(self):
        status, printed = self.first
        self.assertEqual(status, 3, printed)
        self.assertIn("cp sombrero-out/learned.model shop.model", printed)
        for context in ("service app.py", "service nginx", "job report.py"):
            self.assertIn(context, self.summary)

    def test_2_the_same_sources_make_the_same_model(self):
        status, printed = run_github(self.runner, "any")
        self.assertEqual(status, 0, printed)
        self.assertEqual(self.runner.path(f"{CHECKOUT}/shop.model").read_text(), self.runner.out("learned.model"))

    def test_3_every_ci_system_gets_the_same(self):
        github = self.runner.out("diff.json")
        script, variables = gitlab_step("any")
        status, printed = self.runner.job(script, **variables)
        self.assertEqual(status, 0, printed)
        self.assertEqual(self.runner.out("diff.json"), github)
        jenkins = re.search(r"sudo --preserve-env (sombrero-ci .*?)'", (CI / "jenkins" / "Jenkinsfile").read_text())[1]
        jenkins = jenkins.replace("--model sombrero.model", f"--model shop.model --learn {LEARN}")
        status, printed = self.runner.job(jenkins)
        self.assertEqual(status, 0, printed)
        self.assertEqual(self.runner.out("diff.json"), github)

    def test_4_production_shows_few_deviations_and_none_once_mapped(self):
        self.keep("shop.model")
        self.learn_host()
        with Production(FIRST, 42) as host:
            raw = self.watch(host, FIRST, "-m", self.folder / "shop.model", "-m", self.folder / "host.model")
        with Production(FIRST, 42) as host:
            mapped = self.watch(host, FIRST, "-p", self.folder / "shop.yml")
        print("# unmapped:", *lines(heads(raw)), sep="\n#   ")
        self.assertTrue(heads(raw))
        self.assertLessEqual(len(heads(raw)), 5)
        self.assertEqual(lines(mapped), [])

    def test_5_each_release_shows_what_it_changes_and_is_quiet_in_production(self):
        for number, (name, release) in enumerate(RELEASES, 43):
            with self.subTest(release=name):
                self.release(number, name, release)

    def release(self, number, name, release):
        self.runner.check_out(release)
        status, printed = run_github(self.runner)
        said = self.runner.out("diff.txt")
        print(f"# {name}:", *said.splitlines(), sep="\n#   ")
        expected_status, *expected = EXPECTED[name]
        self.assertEqual(status, expected_status, printed)
        for pattern in expected:
            self.assertRegex(said, pattern)
        # A reviewer sees nothing else: each change is one of those that were expected.
        self.assertEqual(len(re.findall(r"(?m)^(?:informational|low|medium|high|critical) ", said)), len(expected) - 1)
        self.runner.commit()
        self.keep("shop.model")
        with Production(release, number) as host:
            self.assertEqual(lines(self.watch(host, release, "-p", self.folder / "shop.yml")), [])

    def learn_host(self):
        """What the host does without the shop: a layer of its own."""
        with Production(None, 0) as host:
            learn = subprocess.Popen([SOMBRERO, "learn", "-o", self.folder / "host.model", "--cgroup", str(host.cgroup)],
                                     stderr=subprocess.PIPE, text=True)
            while "learning into" not in learn.stderr.readline():
                self.assertIsNone(learn.poll())
            host.boot()
            host.prepare("psql -q -U postgres -h /run/postgresql -c 'select 1'; psql -q -U postgres -h 127.0.0.1 -c 'select 1'")
            learn.send_signal(2)
            said = learn.communicate(timeout=30)[1]
            self.assertEqual(learn.returncode, 0, said)

    def watch(self, host, release, *options):
        """What is found while users use it."""
        watch = Watch(host.cgroup, *(str(option) for option in options))
        try:
            host.boot()
            host.use(release)
            return [finding for finding in watch.stop() if "context" in finding]
        finally:
            watch.close()


if __name__ == "__main__":
    tap.main()
