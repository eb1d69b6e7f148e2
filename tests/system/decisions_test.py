#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What was decided once is never forgotten: as people do it, with recorded events, a policy, two hosts' ways of calling things, and
models of several versions."""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import tap

MODELS = pathlib.Path(__file__).resolve().parent.parent.parent / "models"
SOMBRERO = os.path.join(os.environ.get("SOMBRERO_BUILD", "build"), "src", "sombrero")


def event(kind, program, context="web", container="", user="root", **more):
    """One of a service, as `watch --json` writes it."""
    uid = {"root": 0, "www-data": 33}[user]
    where = {"kind": "service", "name": context} | ({"container": container} if container else {})
    return json.dumps({"time": "2026-11-24T10:00:00.000000000Z", "host": "web-1", "kind": kind, "context": where, "pid": 7,
                       "start": 7, "program": program, "exe": program.split("(")[0], "called": program.split("(")[0], "uid": uid,
                       "euid": uid, "gid": 0, "egid": 0, "user": user, "effective_user": user, **more}) + "\n"


def connect(program, address, port, **more):
    return event("connect", program, family="ipv4", protocol="tcp", remote_address=address, remote_port=port, **more)


class Decisions(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="sombrero-decisions-")))
        self.decisions = self.folder / "web.decisions"

    def run_sombrero(self, *arguments, status=0, text=None):
        result = subprocess.run([SOMBRERO, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60,
                                check=False, cwd=self.folder, env={**os.environ, "SOMBRERO_MODELS": str(self.folder / "shipped")})
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def write(self, name, *lines):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(lines))
        return path

    def learn(self, name, events, *options):
        self.run_sombrero("learn", "-o", self.folder / name, *options, "--replay", self.write("learned", *events))
        return self.folder / name

    def watch(self, events, *options):
        """(findings, what was said)"""
        found = subprocess.run([SOMBRERO, "watch", "--json", *map(str, options), "--replay", self.write("watched", *events)],
                               capture_output=True, text=True, timeout=60, check=False, cwd=self.folder,
                               env={**os.environ, "SOMBRERO_MODELS": str(self.folder / "shipped")})
        self.assertIn(found.returncode, (0, 3), found.stderr)
        return [json.loads(line) for line in found.stdout.splitlines()], found.stderr

    def decide(self, word, *arguments, **more):
        return self.run_sombrero("model", word, "-d", self.decisions, "--reason", "because", *arguments, **more)

    def test_what_was_found_is_accepted_at_once_and_quiet_in_every_later_version(self):
        model = self.learn("one.model", [event("exec", "/usr/bin/web")])
        news = [event("exec", "/usr/bin/web"), event("exec", "/usr/bin/convert"), connect("/usr/bin/web", "127.0.0.1", 9000)]
        found, _ = self.watch(news, "-m", model)
        self.assertEqual(len(found), 2)
        said = self.decide("accept", "--by", "alice", "--finding", self.write("found", *(json.dumps(one) + "\n" for one in found)))
        self.assertIn("3 accepted, 0 already were", said.stderr)
        self.assertEqual(self.watch(news, "-m", model, "-d", self.decisions)[0], [])
        # A new model, of a run that did none of that, has forgotten nothing.
        other = self.learn("two.model", [event("exec", "/usr/bin/web"), event("exec", "/usr/bin/other")])
        self.assertEqual(self.watch(news, "-m", other, "-d", self.decisions)[0], [])
        text = self.decisions.read_text()
        self.assertRegex(text, r"(?m)^  accept  exec     /usr/bin/convert  # \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ alice: because$")
        self.decide("accept", "--finding", "found")
        self.assertEqual(self.decisions.read_text(), text, "accepted twice, it stands there once")

    def test_what_is_forbidden_is_found_though_the_model_has_it_and_is_not_learned(self):
        events = [event("exec", "/usr/bin/web"), event("exec", "/usr/bin/id")]
        model = self.learn("web.model", events)
        said = self.decide("forbid", "--by", "bob", "--context", "service web", "exec", "/usr/bin/i*")
        self.assertIn("/usr/bin/i* covers no interpreter with a script or code: forbid /usr/bin/i*(**), too", said.stderr)
        found, _ = self.watch(events, "-m", model, "-d", self.decisions)
        self.assertEqual([(one["finding"], one["behaviours"][0]["program"]) for one in found], [("forbidden", "/usr/bin/id")])
        self.assertIn(found[0]["severity"], ("high", "critical"))
        self.assertEqual((found[0]["forbidden"]["by"], found[0]["forbidden"]["reason"]), ("bob", "because"))
        for options in ((), ("--merge", model)):
            again = self.run_sombrero("learn", "-o", "again.model", "-d", self.decisions, *options, "--replay", "learned")
            self.assertIn("forbidden, so not learned: service web: exec /usr/bin/id", again.stderr)
            self.assertNotIn("exec     /usr/bin/id", (self.folder / "again.model").read_text())
        # In bulk it isn't accepted by oversight; by its line it is, and that is the newest.
        self.write("found", json.dumps(found[0]) + "\n")
        self.assertIn("left forbidden, by bob", self.decide("accept", "--finding", "found").stderr)
        self.assertEqual(len(self.watch(events, "-m", model, "-d", self.decisions)[0]), 1)
        self.assertIn("was forbidden, by bob", self.decide("accept", "--context", "service web", "exec /usr/bin/id").stderr)
        self.assertEqual(self.watch(events, "-m", model, "-d", self.decisions)[0], [])

    def test_a_decision_is_revoked_and_stays_readable(self):
        model = self.learn("web.model", [event("exec", "/usr/bin/web")])
        news = [event("exec", "/usr/bin/web"), event("exec", "/usr/bin/id")]
        for line in ("exec /usr/bin/id", "owner /usr/bin/id root"):
            self.decide("accept", "--context", "service web", line)
        self.assertEqual(self.watch(news, "-m", model, "-d", self.decisions)[0], [])
        before = self.decisions.read_text().splitlines()
        self.decide("revoke", "--context", "service web", "exec /usr/bin/id")
        self.assertEqual([one["behaviours"][0]["kind"] for one in self.watch(news, "-m", model, "-d", self.decisions)[0]], ["exec"])
        self.assertEqual(set(before) - set(self.decisions.read_text().splitlines()), set())
        self.decide("revoke", "--context", "service web", "exec /usr/bin/id", status=2)

    def test_nothing_is_half_decided(self):
        self.decide("accept", "--context", "service web", "exec /usr/bin/id")
        text = self.decisions.read_text()
        self.write("found", '{"finding":"new behaviour","context":{"kind":"service","name":"x","in_container":false},'
                            '"behaviours":[{"kind":"exec","program":"/x","object":""}]}\n', '{"kind":"exec"}\n')
        said = self.decide("accept", "--finding", "found", status=2)
        self.assertIn("found:2: expected a finding", said.stderr)
        for arguments in (["exec /x"], ["--context", "service web"], ["--context", "service web", "exec /x y"],
                          ["--context", "web", "exec /x"], ["--finding", "nowhere"],
                          ["--context", "boot", "exec /x", "--finding", "found"]):
            self.decide("accept", *arguments, status=2)
        self.run_sombrero("model", "accept", "-d", self.decisions, "--context", "boot", "exec /x", status=2)
        self.assertEqual(self.decisions.read_text(), text)

    def test_a_decision_dated_ahead_is_overridden_and_one_at_the_end_of_time_is_named(self):
        def dated(time):
            return self.write("web.decisions", "# sombrero decisions 1\nservice web\n  accept  exec     /bin/nc  # ", time, " m: ok\n")

        forbid = ("model", "forbid", "-d", dated("2099-01-01T00:00:00Z"), "--reason", "no", "--context", "service web",
                  "exec /bin/nc")
        self.run_sombrero(*forbid)
        self.assertIn("forbid  exec     /bin/nc  # 2099-01-01T00:00:01Z ", self.decisions.read_text())
        before = dated("9999-12-31T23:59:59Z").read_text()
        self.assertIn("has a decision of 9999-12-31T23:59:59Z, which nothing can follow", self.run_sombrero(*forbid, status=2).stderr)
        self.assertEqual(self.decisions.read_text(), before)

    def test_what_is_no_finding_is_refused_however_much_of_it_there_is(self):
        accept = ("model", "accept", "-d", self.decisions, "--reason", "why", "--finding")
        self.assertIn("/dev/zero:1: a finding of more than 4194304 bytes", self.run_sombrero(*accept, "/dev/zero", status=2).stderr)
        self.assertIn("Is a directory", self.run_sombrero(*accept, self.folder, status=2).stderr)
        self.assertFalse(self.decisions.exists())

    def test_decisions_of_two_branches_are_merged_by_git_as_lines(self):
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]

        def run_git(*words):
            subprocess.run([*git, *words], cwd=self.folder, check=True, capture_output=True, timeout=30)

        for program in ("/a", "/m", "/z"):
            self.decide("accept", "--context", "service web", f"exec {program}")
        run_git("init", "-q", "-b", "main")
        run_git("add", "web.decisions")
        run_git("commit", "-qm", "first")
        run_git("checkout", "-qb", "other")
        self.decide("forbid", "--context", "service web", "exec /b")
        run_git("commit", "-qam", "other")
        run_git("checkout", "-q", "main")
        self.decide("forbid", "--context", "service web", "exec /y")
        run_git("commit", "-qam", "main")
        run_git("merge", "-q", "--no-edit", "other")
        text = self.decisions.read_text()
        self.assertEqual([line.split()[:3] for line in text.splitlines()[2:]],
                         [["accept", "exec", "/a"], ["forbid", "exec", "/b"], ["accept", "exec", "/m"], ["forbid", "exec", "/y"],
                          ["accept", "exec", "/z"]])

    def test_a_policy_has_layers_mapping_decisions_and_networks(self):
        self.write("shipped/base.model", "# sombrero model 1\nservice cron\n  exec     /usr/sbin/cron\n"
                                         "  owner    /usr/sbin/cron  root\n")
        self.learn("web.model", [event("exec", "/builds/g/web/app", context="app", container="c0ffee"),
                                 connect("/builds/g/web/app", "127.0.0.1", 5432, context="app", container="c0ffee")])
        self.decide("accept", "--context", "service web", "exec /usr/bin/convert")
        self.decide("accept", "--context", "service web", "owner /usr/bin/convert www-data")
        policy = self.write("web.yml", """policy: web
model:
  include: [ base, web ]
  decisions: web.decisions
  mapping:
    - { path: '/builds/*/web', to: '/srv/app/releases/*' }
    - { user: root, to: www-data, service: web }
    - { service: app, to: web }
    - { container: true, to: false }
    - { connect: tcp 5432 loopback, to: tcp 5432 db }
networks: { db: 10.1.0.0/24 }
""")
        production = [event("exec", "/usr/sbin/cron", context="cron"),
                      event("exec", "/srv/app/releases/42/app", user="www-data"),
                      connect("/srv/app/releases/42/app", "10.1.0.7", 5432, user="www-data"),
                      event("exec", "/usr/bin/convert", user="www-data")]
        found, said = self.watch(production, "-p", policy)
        self.assertEqual(found, [])
        found, _ = self.watch([connect("/srv/app/releases/42/app", "10.2.0.7", 5432, user="www-data"),
                               event("exec", "/srv/app/releases/42/app")], "-p", policy)
        self.assertEqual([one["behaviours"][0]["object"] for one in found], ["tcp 5432 private", "root"])

    def test_the_layers_that_ship_are_as_sombrero_writes_them_and_judge(self):
        layers = sorted(MODELS.glob("*.model"))
        self.assertIn("base", [layer.stem for layer in layers])
        for layer in layers:
            self.assertEqual(self.run_sombrero("model", "show", layer).stdout, layer.read_text())
        self.write("shipped/base.model", (MODELS / "base.model").read_text())
        policy = self.write("web.yml", "policy: web\nmodel: { include: base }\n")
        events = [event("exec", "/usr/sbin/cron", context="cron"), event("exec", "/usr/bin/id", context="cron")]
        found, _ = self.watch(events, "-p", policy)
        self.assertEqual([one["behaviours"][0]["program"] for one in found], ["/usr/bin/id"])

    def test_a_layer_that_is_not_there_is_named_with_its_place(self):
        policy = self.write("web.yml", "policy: web\nmodel: { include: [ web, nginx ] }\n")
        self.write("web.model", "# sombrero model 1\n")
        said = self.run_sombrero("watch", "-p", policy, "--replay", self.write("watched"), status=2).stderr
        self.assertIn(f'{policy}:2:26: there is no layer "nginx": neither nginx.model beside the policy nor {self.folder}/shipped/'
                      "nginx.model", said)
        self.write("nginx.model", "# sombrero model 1\nservice\n")
        said = self.run_sombrero("watch", "-p", policy, "--replay", "watched", status=2).stderr
        self.assertIn(f"{policy}:2:26: {self.folder}/nginx.model:2:8: found the end of the line, expected a name", said)

    def test_forbidden_in_productions_words_is_not_learned_in_those_of_ci(self):
        self.decide("forbid", "--context", "service web", "exec /srv/app/bad")
        policy = self.write("web.yml", "policy: web\nmodel:\n  decisions: web.decisions\n  mapping:\n"
                                       "    - { path: /builds/web, to: /srv/app }\n    - { service: app, to: web }\n")
        model = self.learn("web.model", [event("exec", "/builds/web/bad", context="app"),
                                         event("exec", "/builds/web/good", context="app")], "-p", policy)
        self.assertIn("exec     /builds/web/good", model.read_text())
        self.assertNotIn("exec     /builds/web/bad", model.read_text())

    def test_learning_what_is_forbidden_can_fail(self):
        self.write("web.decisions", "# sombrero decisions 1\nservice web\n  forbid  exec  /bin/nc  # 2026-01-01T00:00:00Z m: no\n")
        events = self.write("seen", event("exec", "/usr/bin/web"), event("exec", "/bin/nc"))
        learn = ("learn", "-o", "web.model", "-d", self.decisions, "--replay", events)
        self.run_sombrero(*learn)
        said = self.run_sombrero(*learn, "--fail-on", "forbidden", status=3)
        self.assertIn("forbidden, so not learned: service web: exec /bin/nc", said.stderr)
        self.assertNotIn("exec     /bin/nc", (self.folder / "web.model").read_text())
        self.write("seen", event("exec", "/usr/bin/web"))
        self.run_sombrero(*learn, "--fail-on", "forbidden")
        self.assertIn("--fail-on is forbidden, not 'any'", self.run_sombrero(*learn, "--fail-on", "any", status=2).stderr)

    def test_learning_folds_and_names_networks_as_the_policy_says(self):
        policy = self.write("web.yml", "policy: web\nmodel: { fold: { /up: 3 } }\nnetworks: { db: 10.1.0.0/24 }\n")
        events = [event("create", "/usr/bin/web", path=f"{folder}/{name}.jpg") for folder in ("/up", "/down") for name in "abcd"]
        model = self.learn("web.model", [*events, connect("/usr/bin/web", "10.1.0.1", 1)], "-p", policy)
        lines = [line.split()[2:] for line in model.read_text().splitlines()[2:]]
        self.assertEqual(lines, [["tcp", "1", "db"], *([f"/down/{name}.jpg"] for name in "abcd"), ["/up/*.jpg"]])

    def test_what_is_exported_is_what_watch_judges_by(self):
        self.write("shipped/base.model", "# sombrero model 1\nservice cron\n  exec     /usr/sbin/cron\n")
        model = self.learn("ci.model", [event("exec", "/builds/web/app"), event("exec", "/builds/web/bad"),
                                        *(connect("/builds/web/app", "127.0.0.1", port) for port in (1, 2))])
        self.decide("forbid", "--context", "service web", "exec /srv/app/bad")
        self.decide("accept", "--context", "service web", "connect /srv/app/app tcp * private")
        self.decide("forbid", "--context", "service web", "connect /srv/app/app tcp 25 private")
        policy = self.write("web.yml", "policy: web\nmodel:\n  include: base\n  decisions: web.decisions\n  mapping:\n"
                                       "    - { path: /builds/web, to: /srv/app }\n")
        exported = self.run_sombrero("model", "export", "-p", policy, model)
        self.assertEqual(exported.stdout, """# sombrero model 1
service cron
  exec     /usr/sbin/cron
service web
  connect  /srv/app/app  tcp * private
  connect  /srv/app/app  tcp 1 loopback
  connect  /srv/app/app  tcp 2 loopback
  exec     /srv/app/app
  owner    /srv/app/app  root
  owner    /srv/app/bad  root
""")
        self.assertIn("1 decisions forbid a part of what a line with a star allows", exported.stderr)
        self.write("effective.model", exported.stdout)
        events = [event("exec", "/usr/sbin/cron", context="cron"), *(event("exec", f"/srv/app/{name}") for name in ("app", "bad", "new")),
                  connect("/srv/app/app", "10.0.0.1", 25), connect("/srv/app/app", "10.0.0.1", 26)]
        by_policy = self.watch(events, "-p", policy, "-m", model)[0]
        self.assertEqual(by_policy, self.watch(events, "-m", "effective.model", "-d", self.decisions)[0])
        self.assertEqual([one["finding"] for one in by_policy],
                         ["new behaviour", "forbidden", "new behaviour", "forbidden"])

    def test_a_model_goes_through_json_and_back_unless_it_was_changed_in_secret(self):
        text = ("# sombrero model 1\nboot in container\n  raw      /lib/ld.so(ld.so:/srv/x)  packet\nservice a\\x20b\n"
                "  exec     /bin/sh(-c)\n  write    /srv/\xe4\\x0a  /srv/*.log\n")
        model = self.write("web.model", text)
        exported = self.run_sombrero("model", "export", model, "--format", "json", "-o", "web.json")
        self.assertEqual(exported.stdout, "")
        data = json.loads((self.folder / "web.json").read_text())
        self.assertEqual(data["id"], "sha256:" + hashlib.sha256(text.encode()).hexdigest())
        self.assertEqual([(one["kind"], one["name"], one["in_container"], len(one["behaviours"])) for one in data["contexts"]],
                         [("boot", "", True, 1), ("service", "a b", False, 2)])
        self.assertEqual(self.run_sombrero("model", "import", "web.json").stdout, text)
        data["contexts"][0]["behaviours"].pop()
        said = self.run_sombrero("model", "import", "-", text=json.dumps(data), status=2)
        self.assertIn('the model is not the one that "id" names', said.stderr)
        del data["id"]
        self.assertNotIn("raw", self.run_sombrero("model", "import", "-", text=json.dumps(data)).stdout)
        for broken in ("{", "[]", '{"model":2,"contexts":[]}', '{"model":1,"contexts":[{"kind":"session","name":"x","in_container":'
                       'false,"behaviours":[]}]}', '{"model":1,"contexts":[{"kind":"boot","name":"","in_container":false,"behaviours":'
                       '[{"kind":"exec","program":"x","object":""}]}]}'):
            self.assertIn("-: ", self.run_sombrero("model", "import", "-o", "new.model", "-", text=broken, status=2).stderr)
        self.assertFalse((self.folder / "new.model").exists())

    def test_models_are_merged_and_have_the_same_name_in_whatever_order(self):
        one = self.learn("one.model", [event("exec", "/usr/bin/web")])
        two = self.learn("two.model", [event("exec", "/usr/bin/web"), event("exec", "/usr/bin/id")])
        ids = set()
        for order in ((one, two), (two, one), (two, two)):
            self.run_sombrero("model", "merge", "-o", "all.model", *order)
            ids.add(self.run_sombrero("model", "show", "--id", "all.model").stdout)
        self.assertEqual(ids, {f"sha256:{hashlib.sha256(two.read_bytes()).hexdigest()}\n"})
        self.write("commented.model", two.read_text() + "# nothing\n\n")
        self.assertEqual(self.run_sombrero("model", "show", "--id", "commented.model").stdout, *ids)

    def test_a_model_takes_the_place_of_nothing_but_a_model_and_that_is_said_before_learning(self):
        events = self.write("seen", event("exec", "/usr/bin/web"))
        model = self.learn("web.model", [event("exec", "/usr/bin/web")])
        (self.folder / "empty").touch()
        for output, said in (("seen", "seen: there is something else than a model"), ("gone/x", "gone/x: no model can be saved there"),
                             (".", ".: no model can be saved there: not a regular file")):
            for command in (("learn", "-o", output, "--replay", events), ("model", "merge", "-o", output, model)):
                self.assertIn(said, self.run_sombrero(*command, status=2).stderr)
        self.assertIn("can be saved there", self.run_sombrero("learn", "-o", "gone/x", "--", "/bin/false", status=2).stderr)
        for output in ("empty", "web.model", "new.model"):
            self.run_sombrero("learn", "-o", output, "--replay", events)

    def test_watch_and_learn_say_which_version(self):
        self.run_sombrero("learn", "-o", "web.model", "--replay", self.write("learned", event("exec", "/usr/bin/web")))
        said = self.run_sombrero("learn", "-o", "web.model", "--replay", "learned").stderr
        digest = hashlib.sha256((self.folder / "web.model").read_bytes()).hexdigest()
        self.assertIn(f"; sha256:{digest[:12]}\n", said)


if __name__ == "__main__":
    tap.main()
