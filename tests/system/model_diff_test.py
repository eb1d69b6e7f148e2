#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sombrero model diff` as a reviewer and a pipeline use it."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap

SOMBRERO = os.path.abspath(os.path.join(os.environ.get("SOMBRERO_BUILD", "build"), "src", "sombrero"))
OLD = """# sombrero model 1
service redis
  exec     /usr/bin/redis-server
  listen   /usr/bin/redis-server  tcp 6379 loopback
service web
  exec     /usr/bin/gzip
  exec     /usr/sbin/web
"""
NEW = """# sombrero model 1
# a comment, so that lines aren't where they would be
service redis
  exec     /usr/bin/redis-server
  listen   /usr/bin/redis-server  tcp 6379 any
service web
  exec     /usr/sbin/web
  exec     /bin/sh(-c)
  owner    /bin/sh(-c)  www-data
"""
MILD = OLD + "  exec     /usr/bin/convert\n"


class ModelDiff(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sombrero-diff-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name, text in (("old.model", OLD), ("new.model", NEW), ("mild.model", MILD)):
            (self.folder / name).write_text(text)

    def diff(self, *arguments):
        return subprocess.run([SOMBRERO, "model", "diff", *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)

    def printed(self, *arguments, status=0):
        result = self.diff(*arguments)
        self.assertEqual((result.returncode, result.stderr), (status, ""))
        return result.stdout

    def test_a_reviewer_reads_behaviours_and_consequences_the_riskiest_first(self):
        lines = self.printed("old.model", "new.model").splitlines()
        self.assertEqual(lines[0], "old.model -> new.model: 3 changes, 2 of risk; 3 lines came, 2 went")
        self.assertEqual(lines[2:], [
            "high           service web now starts a shell: /bin/sh(-c) as www-data",
            "high           service redis: /usr/bin/redis-server listens to any instead of loopback, at tcp 6379",
            "informational  service web no longer starts /usr/bin/gzip"])

    def test_a_build_fails_by_what_it_asks_for(self):
        for new, fail, status in (("new.model", "risky", 3), ("new.model", "any", 3), ("mild.model", "risky", 0), ("mild.model", "any", 3),
                                  ("old.model", "any", 0)):
            for form in ("text", "markdown", "json", "junit", "sarif"):
                self.printed("--format", form, "--fail-on", fail, "old.model", new, status=status)

    def test_the_same_models_say_so_in_each_format(self):
        self.assertEqual(self.printed("old.model", "old.model"), "old.model and old.model allow the same: 4 lines\n")
        self.assertIn("behaviour is the same", self.printed("--format", "markdown", "old.model", "old.model"))
        self.assertTrue(json.loads(self.printed("--format", "json", "old.model", "old.model"))["identical"])
        self.assertIn("behaviour is the same", self.printed("--format", "junit", "old.model", "old.model"))
        run = json.loads(self.printed("--format", "sarif", "old.model", "old.model"))["runs"][0]
        self.assertEqual((run["results"], run["properties"]["identical"]), ([], True))

    def test_markdown_folds_what_is_not_risky_and_says_that_the_check_fails(self):
        text = self.printed("--format", "markdown", "--fail-on", "risky", "old.model", "new.model", status=3)
        risky, folded = text.split("<details>")
        self.assertIn("### Sombrero: 2 risky changes of behaviour\n", risky)
        self.assertIn("**This check fails**", risky)
        self.assertIn("- **high** – `service web` now starts a shell: `/bin/sh(-c)` as `www-data`\n", risky)
        self.assertIn("no longer starts `/usr/bin/gzip`", folded)
        self.assertTrue(folded.endswith("\n</details>\n"))

    def test_junit_has_a_test_for_each_change_and_fails_the_risky_ones(self):
        root = xml.etree.ElementTree.fromstring(self.printed("--format", "junit", "old.model", "new.model"))
        suite = root.find("testsuite")
        cases = suite.findall("testcase")
        failed = [case.get("name") for case in cases if case.find("failure") is not None]
        self.assertEqual((suite.get("tests"), suite.get("failures"), len(cases), len(failed)), ("3", "2", 3, 2))
        self.assertIn("service web now starts a shell: /bin/sh(-c) as www-data", failed)

    @unittest.skipUnless(shutil.which("xmllint"), "needs xmllint")
    def test_junit_is_well_formed_by_another_reader(self):
        text = self.printed("--format", "junit", "old.model", "new.model")
        subprocess.run(["xmllint", "--noout", "-"], input=text, text=True, check=True)

    def test_json_has_each_line_with_its_place(self):
        whole = json.loads(self.printed("--format", "json", "--fail-on", "risky", "old.model", "new.model", status=3))
        shell = whole["changes"][0]
        self.assertEqual((whole["added"], whole["removed"], whole["risky"], whole["severity"], whole["fails"]), (3, 2, 2, "high", True))
        self.assertEqual((shell["change"], shell["severity"], shell["rule"], shell["consequence"]),
                         ("added", "high", "exec-shell", "starts a shell"))
        self.assertEqual([(line["kind"], line["line"]) for line in shell["added"]], [("exec", 8), ("owner", 9)])
        # What the manual says that a fingerprint is.
        self.assertEqual(shell["fingerprint"], hashlib.sha256(b"service web\n  exec     /bin/sh(-c)\n").hexdigest())

    def test_sarif_has_what_code_scanning_needs(self):
        sarif = json.loads(self.printed("--format", "sarif", "old.model", "new.model"))
        run = sarif["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        self.assertEqual((sarif["version"], "sarif-2.1.0" in sarif["$schema"], run["tool"]["driver"]["name"]), ("2.1.0", True, "Sombrero"))
        self.assertEqual(len(run["results"]), 2)
        for result in run["results"]:
            rule = rules[result["ruleIndex"]]
            place = result["locations"][0]["physicalLocation"]
            self.assertEqual(rule["id"], result["ruleId"])
            self.assertTrue(rule["shortDescription"]["text"] and rule["help"]["text"])
            self.assertIn(result["level"], ("error", "warning", "note"))
            self.assertTrue(0 < float(rule["properties"]["security-severity"]) <= 10)
            self.assertEqual(place["artifactLocation"]["uri"], "new.model")
            self.assertRegex(result["partialFingerprints"]["primaryLocationLineHash"], "^[0-9a-f]{64}$")
        self.assertEqual([result["locations"][0]["physicalLocation"]["region"]["startLine"] for result in run["results"]], [8, 5])

    def test_a_file_of_any_name_is_named_without_harm(self):
        name = "a b`[x]<i>\x1b[31m&\n.model"
        (self.folder / name).write_text(NEW)
        for form in ("text", "markdown", "json", "junit", "sarif"):
            self.assertNotIn("\x1b", self.printed("--format", form, "old.model", name))
        self.assertIn("``", self.printed("--format", "markdown", "old.model", name).splitlines()[2])
        xml.etree.ElementTree.fromstring(self.printed("--format", "junit", "old.model", name))
        run = json.loads(self.printed("--format", "sarif", "old.model", name))["runs"][0]
        self.assertEqual(run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
                         "a%20b%60%5Bx%5D%3Ci%3E%1B%5B31m%26%0A.model")

    def test_what_is_wrong_is_said_and_nothing_is_printed(self):
        (self.folder / "bad.model").write_text("# sombrero model 1\nservice web\n  execute  /a\n")
        for arguments, word in ((("old.model",), "say which models"), (("--format", "html", "old.model", "new.model"), "not 'html'"),
                                (("--fail-on", "most", "old.model", "new.model"), "not 'most'"),
                                (("old.model", "missing.model"), "missing.model"), (("old.model", "bad.model"), "bad.model:3:3"),
                                (("--nothing", "old.model", "new.model"), "no such option")):
            result = self.diff(*arguments)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn(word, result.stderr)


if __name__ == "__main__":
    tap.main()
