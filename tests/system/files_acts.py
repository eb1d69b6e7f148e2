# SPDX-License-Identifier: Apache-2.0
"""The ways in which a file of an application is changed on a host, and by whom: what each leaves on the disk, and what must
be reported of it. files_test.py and sombrero_test.py do them; nothing here knows how Sombrero finds out.

Each act has a folder of its own in each tree, so that a report's path says which act it is of. The trees belong to chef, whose
work they are; alice and the web server may write there too, as on many a host.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import time

from fakehost import PLAIN, Failed, FakeHost, end_with_parent, wait_for
from watching import SOMBRERO, Watching

HERE = pathlib.Path(__file__).resolve().parent
TOOL = HERE / "files_acts_tool"
STATE = "/var/lib/sombrero"

# One in the layer that the host's root has over this machine's, one on an ext4 filesystem of its own. Beside each is a folder
# `outside`, on the same filesystem and not watched.
VOLUME = "/srv/disk"
TREES = ("/srv/app", f"{VOLUME}/app")
# A file of the machine below the layer: to change it is to copy it up first.
BELOW = "/etc/pam.d/other"

POLICY = """policy: web
files:
  - path: [/srv/app/**, /srv/disk/app/**, /etc/pam.d/**]
    except: { user: chef }
    severity: high
    sombrero: true
"""

SHELL = os.path.realpath("/bin/sh")
BASH = os.path.realpath("/bin/bash")
PYTHON = os.path.realpath("/usr/bin/python3")
FILEACT = f"{PYTHON}(#!/usr/local/bin/fileact)"


def real(program):
    return os.path.realpath(shutil.which(program) or program)


PHP_SCRIPT = next((path.name for path in sorted(pathlib.Path("/etc/init.d").glob("php*-fpm"))), "php-fpm")
PHP = "/usr/sbin/php-fpm" + re.sub("[^0-9.]", "", PHP_SCRIPT)
SFTP_SERVER = "/usr/lib/openssh/sftp-server"
VIM = real(next((name for name in ("vim.tiny", "vim") if shutil.which(name)), "/usr/bin/vim.tiny"))


# ------------------------------------------------------------------------------------------------ on the disk


@dataclasses.dataclass(frozen=True)
class File:
    """What is at a path. None: it doesn't matter."""

    text: str = "old\n"
    mode: int | None = None
    owner: str | None = None
    group: str | None = None


@dataclasses.dataclass(frozen=True)
class Link:
    target: str


FOLDER = "a directory"
OTHER = "neither file, directory nor link"


@dataclasses.dataclass(frozen=True)
class State:
    """A path as it is on the disk, in the words of an event."""

    fields: tuple

    def __getitem__(self, name):
        return dict(self.fields)[name]


class Names:
    """The host's accounts."""

    def __init__(self, host):
        self._users = self._read(host, "/etc/passwd")
        self._groups = self._read(host, "/etc/group")

    @staticmethod
    def _read(host, path):
        lines = host.path(path).read_text().splitlines()
        return {int(line.split(":")[2]): line.split(":")[0] for line in lines}

    def owner(self, number):
        return self._users.get(number, f"uid:{number}")

    def group(self, number):
        return self._groups.get(number, f"gid:{number}")


def state_of(path, names):
    """As an event's fields say it, file_type and so on; None where nothing is."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}
    fields = {"file_type": kinds.get(stat.S_IFMT(status.st_mode), "other"), "owner": names.owner(status.st_uid),
              "owner_group": names.group(status.st_gid)}
    if fields["file_type"] != "symlink":
        fields["mode"] = f"{stat.S_IMODE(status.st_mode):04o}"
    if fields["file_type"] == "file":
        fields |= {"size": status.st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    if fields["file_type"] == "symlink":
        fields["target"] = os.readlink(path)
    return State(tuple(fields.items()))


def states_below(host, names, folder):
    """All in a folder of the host, and itself as "", by relative path."""
    root = host.path(folder)
    found = {"": state_of(root, names)}
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = pathlib.Path(directory, name)
            found[str(path.relative_to(root))] = state_of(path, names)
    return {path: state for path, state in found.items() if state}


def differs(host, folder, expected, names):
    """How what is in a folder differs from what should be there; "" if it doesn't."""
    actual = states_below(host, names, folder)
    actual.pop("", None)
    wrong = [f"{path} should {'' if path in expected else 'not '}be there" for path in actual.keys() ^ expected.keys()]
    for path in actual.keys() & expected.keys():
        wanted, state = expected[path], actual[path]
        wanted = File(wanted) if isinstance(wanted, str) and wanted not in (FOLDER, OTHER) else wanted
        if wanted in (FOLDER, OTHER):
            good = state["file_type"] == ("directory" if wanted == FOLDER else "other")
        elif isinstance(wanted, Link):
            good = state["file_type"] == "symlink" and state["target"] == wanted.target
        else:
            good = state["file_type"] == "file" and state["sha256"] == hashlib.sha256(wanted.text.encode()).hexdigest() and \
                wanted.mode in (None, int(state["mode"], 8)) and wanted.owner in (None, state["owner"]) and \
                wanted.group in (None, state["owner_group"])
        if not good:
            wrong.append(f"{path} is {state}, not {wanted}")
    return "; ".join(wrong)


def make(host, folder, content, owner="alice"):
    """Puts content into a folder of the host, which it makes, before anything watches."""
    root = host.path(folder)
    root.mkdir(parents=True, exist_ok=True)
    for path, what in content.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if what == FOLDER:
            place.mkdir()
        elif isinstance(what, Link):
            place.symlink_to(what.target)
        else:
            place.write_text(what.text if isinstance(what, File) else what)
    host.prepare(f"chown -R -h {owner}:app {folder}; chmod -R g+rwX {folder}; find {folder} -type d -exec chmod g+s {{}} +")


# -------------------------------------------------------------------------------------------------------- who


@dataclasses.dataclass(frozen=True)
class Who:
    """What an event must say of who acted. `user` is whose rights they had."""

    context: str
    user: str
    login: str = ""  # whose account they logged in to
    key: str = ""  # by whose key; without one the person is a name
    flags: tuple = ()
    container: str = ""  # a pattern

    def fields(self, keys):
        kind, _, name = self.context.partition(" ")
        context = {"kind": kind, "name": name} if name else {"kind": kind} if kind != "unknown" else None
        return {"context": context, "user": self.user or None,
                "effective_user": self.user or None, "person": keys[self.key] if self.key else self.login or None}


ALICE = Who("session alice", "alice", "alice", "alice")
ALICE_AS_ROOT = dataclasses.replace(ALICE, user="root")
ALICE_AS_CHEF = dataclasses.replace(ALICE, user="chef")
ALICE_IN_A_NAMESPACE = dataclasses.replace(ALICE, container="userns:*")
ALICE_WHO_LEFT = dataclasses.replace(ALICE, flags=("orphan",))
ROOT_BY_BOB = Who("session root", "root", "root", "bob")
ROOT_BY_ALICE = Who("session root", "root", "root", "alice")
BOB_AT_THE_CONSOLE = Who("session bob", "bob", "bob")
CHEF = Who("session chef", "chef", "chef", "chef")
WEB = Who(f"service {os.path.basename(PHP)}", "www-data")
CHEF_DEPLOYS = Who("change deploy-1", "chef", "chef", "chef")
ALICE_DEPLOYS = Who("change deploy-2", "root", "alice", "alice")
CRON_AS_ROOT = Who("job report.sh", "root")
CRON_AS_CHEF = Who("job sync.sh", "chef")
APP_DAEMON = Who("service app-daemon", "chef")
ENGINE = Who("service engine", "root")
NOBODY = Who("unknown", "")
THE_MACHINE = Who("boot", "root")
ALICES_MANAGER = Who("session alice", "alice", "alice")


# ------------------------------------------------------------------------------------------------------- acts


@dataclasses.dataclass(frozen=True)
class Report:
    """What must be said of one path, relative to the act's folder."""

    kind: str
    path: str
    path_before: str = ""
    flags: tuple = ()
    entries: int | None = None
    hidden: bool = False  # perhaps found by looking into a directory that was new: who it was is uncertain then
    program: str | None = None  # if not the act's; "": whatever


def create(path, **more):
    return Report("create", path, **more)


def write(path, **more):
    return Report("write", path, **more)


def rename(path_before, path, **more):
    return Report("rename", path, path_before, **more)


def remove(path, **more):
    return Report("remove", path, **more)


def attributes(path, **more):
    return Report("attributes", path, **more)


@dataclasses.dataclass
class Act:
    name: str
    does: object  # (host, act, folders)
    who: Who
    program: str
    reports: tuple
    before: dict
    after: dict
    prepare: object = None  # (host, act, folders), before anything watches
    excused: bool = False  # chef's work: not reported
    other_program: str = ""  # it may have been this one, for all that can be seen; then both have to be named
    steps: bool = False  # several reports of one path, or by several: what a single one says of before and after is not checked
    needs: str = ""  # a program that not every machine has

    def folder(self, tree):
        return f"{tree}/{self.name}"

    def lack(self):
        """Why it can't be done on this machine; None where it can."""
        return f"{self.needs} is not installed" if self.needs and not os.access(self.needs, os.X_OK) else None


FILE = {"file": "old\n"}
NEW = {"file": "new\n"}


def shell(name, script, *reports, after=None, before=None, who=ALICE, program=None, asked_by=None,
          **more):
    """In a login by ssh: of whoever acts, if nobody else asks for it."""
    after = NEW if after is None else after
    return Act(name, by_ssh(script, asked_by or who), who, f"{BASH}(-c)" if program is None else program,
               reports or (write("file"),), before or FILE, after, **more)


def by_ssh(script, who):
    """For each folder in turn: $D, and $O is one outside."""
    def does(host, _, folders):
        host.login(who.login, f"set -e; for D in {' '.join(folders)}; do O=${{D%/*/*}}/outside; {script}\ndone",
                   key=host.keys[who.key])
    return does


def tool(name, way, *reports, **more):
    return shell(name, f"fileact {way}", *reports, program=more.pop("program", FILEACT), **more)


# The ways a file can be changed. All by alice, some with sudo, where it takes root.
WAYS = (
    shell("append", "echo new >>$D/file", after={"file": "old\nnew\n"}),
    shell("editor", f"{VIM} -u NONE -n -es -c 'set backupcopy=no' -c s/old/new/ -c wq $D/file", program=VIM, needs=VIM),
    tool("editor-dance", "dance $D/file new"),
    shell("sed", "sed -i s/old/new/ $D/file", program=real("sed")),
    shell("mv", "mv $D/file $D/other", rename("file", "other"), after={"other": "old\n"}, program=real("mv")),
    shell("mv-from-outside", "echo new >/tmp/moved; mv -f /tmp/moved $D/file", program=real("mv")),
    shell("rename-over", "mv -f $D/next $D/file", rename("next", "file"), before=FILE | {"next": "new\n"},
          program=real("mv")),
    shell("cp", "cp -p $D/from $D/to", create("to"), before={"from": "old\n"}, after={"from": "old\n", "to": "old\n"},
          program=real("cp")),
    shell("cp-over", "cp -p $D/from $D/to", write("to"), before={"from": "new\n", "to": "old\n"},
          after={"from": "new\n", "to": "new\n"}, program=real("cp")),
    shell("hard-link", "ln $D/file $D/link", create("link"), after=FILE | {"link": "old\n"}, program=real("ln")),
    shell("symlink", "ln -sfn new $D/current", write("current"), before={"current": Link("old")},
          after={"current": Link("new")}, program=real("ln")),
    shell("bind", "mkdir -p /tmp/bind; sudo mount --bind $D /tmp/bind; echo new >/tmp/bind/file; sudo umount /tmp/bind"),
    shell("bind-file", "touch /tmp/bound; sudo mount --bind $D/file /tmp/bound; echo new >/tmp/bound; sudo umount /tmp/bound"),
    shell("by-proc-root", "echo new >/proc/self/root$D/file"),
    shell("by-proc-cwd", "cd $D; echo new >/proc/self/cwd/file"),
    tool("unnamed", "unnamed $D/file new", create("file"), before={"other": "old\n"}, after={"other": "old\n", "file": "new\n"}),
    tool("exchange", "exchange $D/a $D/b", write("a"), write("b"), before={"a": "1\n", "b": "2\n"},
         after={"a": "2\n", "b": "1\n"}),
    tool("ring", "ring $D/file new"),
    tool("mapped", "mapped $D/file new", write("file", flags=("actor_uncertain",))),
    tool("mapped-by-two", "mapped-by-two $D/file new", write("file", flags=("actor_uncertain",))),
    shell("chown", "sudo chown chef $D/file", attributes("file"), after={"file": File(owner="chef")}, who=ALICE_AS_ROOT,
          program=real("chown")),
    shell("chmod", "chmod 4755 $D/file", attributes("file"), after={"file": File(mode=0o4755)}, program=real("chmod")),
    tool("xattr", "attribute $D/file user.mark new", attributes("file"), after=FILE),
    tool("access-list", "access-list $D/file 33", attributes("file"), after=FILE),
    shell("touch", "touch -d 2001-01-01 $D/file", attributes("file"), after=FILE, program=real("touch")),
    shell("truncate", "truncate -s 0 $D/file", after={"file": ""}, program=real("truncate")),
    shell("punch", "fallocate -p -o 0 -l 3 $D/file", after={"file": "\0\0\0\n"}, program=real("fallocate")),
    # Made before anybody could watch the new directory: it was who made that, as far as can be told.
    shell("mkdir", "mkdir -p $D/a/b/c; echo new >$D/a/b/c/file", create("a", program=real("mkdir")),
          *(create(path, program="", hidden=True) for path in ("a/b", "a/b/c", "a/b/c/file")), before={"file": "old\n"},
          after=FILE | {"a": FOLDER, "a/b": FOLDER, "a/b/c": FOLDER, "a/b/c/file": "new\n"}),
    shell("rm", "rm $D/file", remove("file"), after={}, program=real("rm")),
    shell("rm-r", "rm -r $D/d", *(remove(path) for path in ("d/1", "d/e/2", "d/e", "d")),
          before={"d/1": "1", "d/e/2": "2"}, after={}, program=real("rm")),
    shell("mv-out", "mv $D/d $O/d; rm -r $O/d", remove("d", entries=4), before={"d/1": "1", "d/2": "2", "d/e/3": "3"},
          after={}, program=real("mv")),
    shell("mv-in", "mkdir $O/d; echo new >$O/d/1; mv $O/d $D/d", create("d"), create("d/1", program="", hidden=True),
          after=FILE | {"d": FOLDER, "d/1": "new\n"}, program=real("mv")),
    shell("mv-within", "mv $D/d $D/e", rename("d", "e", entries=2), before={"d/1": "1", "d/2": "2"},
          after={"e": FOLDER, "e/1": "1", "e/2": "2"}, program=real("mv")),
    shell("inherited", "exec 3<>$D/file; sed s/old/new/ >&3 <<<old; exec 3>&-", program=real("sed")),
    shell("replaced-itself", "sh -c 'echo new >$0; exec sleep 0.2' $D/file", program=f"{SHELL}(-c)", other_program=real("sleep")),
    tool("given", "ask-for-it app-daemon $D/file new"),
    shell("became-root", "sh -c 'echo new >$0; exec sudo sleep 0.3' $D/file", program=f"{SHELL}(-c)", other_program=real("sudo")),
    shell("own-mounts", "sudo unshare -m sh -c 'mount --bind $0 /mnt; echo new >/mnt/file' $D", who=ALICE_AS_ROOT,
          program=f"{SHELL}(-c)", other_program=real("unshare")),
    shell("private-root", "unshare -Ur sh -c 'echo new >$0' $D/file", who=ALICE_IN_A_NAMESPACE, program=f"{SHELL}(-c)",
          other_program=real("unshare")),
    shell("fifo", "mkfifo $D/fifo", create("fifo"), after=FILE | {"fifo": OTHER}, program=real("mkfifo")),
    shell("chmod-r", "chmod -R o-rwx $D/d", attributes("d"), attributes("d/1"), before={"d/1": "1"}, program=real("chmod"),
          after={"d": FOLDER, "d/1": File("1", mode=0o660)}),
    shell("again", "rm $D/file; echo old >$D/file", remove("file", program=real("rm")), create("file"), after=FILE, steps=True),
    shell("rotate", "cd $D; mv log.1 log.2; mv log log.1; : >log", rename("log.1", "log.2"), rename("log", "log.1"),
          create("log", program=f"{BASH}(-c)"), before={"log": "0", "log.1": "1"},
          after={"log": "", "log.1": "0", "log.2": "1"}, program=real("mv"), steps=True),
    # Where chef's own work leaves an opening: hers is told, and his is not.
    shell("after-chef", "fileact ask app-daemon write $D/file newer; echo new >$D/file", steps=True),
    shell("before-chef", "echo newer >$D/file; fileact ask app-daemon write $D/file new", steps=True),
    shell("in-the-gap", "fileact ask app-daemon run \"rm -r $D/d\"; mkdir $D/d; echo new >$D/d/1",
          create("d", program=real("mkdir")), create("d/1", program="", hidden=True), before={"d/1": "old\n"}, after={"d": FOLDER, "d/1": "new\n"}, steps=True),
    tool("put-back", "put-back $D/file new", after=FILE),
)


# -------------------------------------------------------------------------------------------- who changes files


def by_request(query):
    """Somebody's browser asks the web shell."""
    def does(host, _, folders):
        for folder in folders:
            host.run(*host.network("curl", "-sSf", "-m", "10", "--get", "--data-urlencode", f"{query}={folder}/file",
                                   "http://127.0.0.1/shell.php"))
    return does


def by_copy(*command):
    """A client of ssh that copies a file to the host."""
    def does(host, act, folders):
        source = host.folder / "new"
        source.write_text("new\n")
        for folder in folders:
            words = [word.format(source=source, target=f"{act.who.login}@127.0.0.1:{folder}/file") for word in command]
            host.run(*host.network(words[0], *host.ssh_options(host.keys[act.who.key]), *words[1:]))
    return does


def by_cron(host, *_):
    """Its jobs at start: they do not wait for the minute."""
    host.write("/run/cron.go", "")


def by_daemon(host, act, folders):
    """A neighbour asks a daemon of the host: nobody's session has to do with it."""
    for folder in folders:
        host.run(*host.enter("/usr/local/bin/fileact", "ask", act.who.context.split()[1], "write", f"{folder}/file", "new"))


def at_the_console(host, _, folders):
    host.console.expect("login:")
    host.console.type("bob")
    host.console.expect("assword:")
    host.console.type("secret")
    host.console.expect("$ ")
    for folder in folders:
        host.console.type(f"echo new >{folder}/file")
    host.console.type("exit")
    host.console.expect("login:")


def signs(act, folder):
    """Files by which an act that waits says that it does, and hears that it may go on."""
    outside = f"{os.path.dirname(os.path.dirname(folder))}/outside/{act.name}"
    return f"{outside}.ready", f"{outside}.go"


def begin(way, outlive):
    """A login that starts something which waits; what it starts goes on without it, or keeps it open."""
    def prepare(host, act, folders):
        one = "fileact {} {}/file new {} {}"
        commands = [one.format(way, folder, *signs(act, folder)) for folder in folders]
        if outlive:
            script = "".join(f"nohup {command} >/dev/null 2>&1 </dev/null & " for command in commands)
            host.login(act.who.login, script + "sleep 0.3", key=host.keys[act.who.key])
        else:
            host.open_login(act.who.login, "".join(f"{command} & " for command in commands) + "wait", key=host.keys[act.who.key])
        for folder in folders:
            wait_for(f"{act.name} to begin", host.path(signs(act, folder)[0]).exists)
    return prepare


def let_go(host, act, folders):
    for folder in folders:
        host.write(signs(act, folder)[1], "")


def begin_and_let_go(way, outlive):
    def does(host, act, folders):
        begin(way, outlive)(host, act, folders)
        if outlive:
            time.sleep(0.5)  # sshd is gone a moment after its client
        let_go(host, act, folders)
    return does


WRITE = (write("file"),)

PERSONS = (
    shell("sudo", "echo new | sudo tee $D/file >/dev/null", who=ALICE_AS_ROOT, program=real("tee")),
    shell("sudo-chef", "sudo -u chef sh -c \"echo new >$D/file\"", who=ALICE_AS_CHEF, program=f"{SHELL}(-c)"),
    shell("su-chef", "sudo su chef -c \"echo new >$D/file\"", who=ALICE_AS_CHEF, program=f"{BASH}(-c)"),
    shell("root-bob", "echo new >$D/file", who=ROOT_BY_BOB),
    shell("root-alice", "echo new >$D/file", who=ROOT_BY_ALICE),
    Act("web-shell", by_request("command"), WEB, f"{SHELL}(-c)", WRITE, FILE, NEW),
    Act("web-upload", by_request("upload"), WEB, real(PHP), WRITE, FILE, NEW),
    Act("scp", by_copy("scp", "-q", "{source}", "{target}"), ALICE, SFTP_SERVER, WRITE, FILE, NEW,
        other_program=f"{BASH}(-c)"),
    Act("console", at_the_console, BOB_AT_THE_CONSOLE, f"{BASH}(stdin)", WRITE, FILE, NEW),
    Act("left-behind", begin_and_let_go("leave", outlive=True), ALICE_WHO_LEFT, FILEACT, WRITE, FILE, NEW),
    Act("held-long", begin_and_let_go("hold", outlive=False), ALICE, FILEACT, WRITE, FILE, NEW),
    Act("held-before", let_go, ALICE, FILEACT, WRITE, FILE, NEW, prepare=begin("hold", outlive=False)),
    Act("cron-root", by_cron, CRON_AS_ROOT, f"{SHELL}(#!/usr/local/bin/report.sh)", WRITE, FILE, NEW),
    Act("engine", by_daemon, ENGINE, f"{PYTHON}(#!/usr/local/bin/engine)", WRITE, FILE, NEW),
)

# What chef may do, all that a declared change does, and what is gone before anybody could look.
EXCUSED = (
    tool("flash", "flash $D/other new", after=FILE, excused=True),
    shell("chef-ssh", "echo new >$D/file", who=CHEF, excused=True),
    shell("chef-change", "sudo sombrero change begin --id deploy-1 --state {STATE} -- sudo -u chef sh -c \"echo new >$D/file\""
          .replace("{STATE}", STATE), who=CHEF_DEPLOYS, program=f"{SHELL}(-c)", excused=True),
    shell("alice-change", f"sudo sombrero change begin --id deploy-2 --state {STATE} -- cp /etc/hostname $D/file",
          after={"file": "web\n"}, who=ALICE_DEPLOYS, program=real("cp"), excused=True),
    Act("cron-chef", by_cron, CRON_AS_CHEF, f"{SHELL}(#!/usr/local/bin/sync.sh)", WRITE, FILE, NEW, excused=True),
    Act("app-daemon", by_daemon, APP_DAEMON, f"{PYTHON}(#!/usr/local/bin/app-daemon)", WRITE, FILE, NEW, excused=True),
)

ACTS = (*WAYS, *PERSONS, *EXCUSED)

# --------------------------------------------------------------------------- what nobody can be told to have done


def alices_crontab(host, *_):
    lines = "".join(f"echo new >{tree}/crontab/file\n" for tree in host.trees)
    host.write("/home/alice/nightly.sh", f"#!/bin/sh\n{lines}", 0o755)
    host.login("alice", "echo '@reboot /home/alice/nightly.sh' | crontab -", key=host.keys["alice"])


def rewrite_what_chef_runs(host, *_):
    lines = "; ".join(f"echo new >{tree}/borrowed-hands/file" for tree in host.trees)
    host.write("/etc/cron.d/borrowed-hands", "@reboot chef /usr/local/bin/chefs-own.sh\n")
    host.login("alice", f"printf '#!/bin/sh\n{lines}\n' | sudo tee /usr/local/bin/chefs-own.sh >/dev/null; "
               "sudo chmod 755 /usr/local/bin/chefs-own.sh", key=host.keys["alice"])


def from_elsewhere(host, _, folders):
    """By a process of this machine: to the host, as a file server's other client or what writes to a shared volume."""
    for folder in folders:
        host.path(f"{folder}/file").write_text("new\n")


ALICES_JOB = Who("job nightly.sh", "alice")
CHEFS_JOB = Who("job chefs-own.sh", "chef")
DAEMON = f"{PYTHON}(#!/usr/local/bin/engine)"

# Each is alice's doing, and what is told is right and doesn't say so: docs/threat-model.md.
UNTIED = (
    Act("crontab", by_cron, ALICES_JOB, f"{SHELL}(#!/home/alice/nightly.sh)", WRITE, FILE, NEW, prepare=alices_crontab),
    tool("asked-to-write", "ask engine write $D/file new", who=ENGINE, program=DAEMON, asked_by=ALICE),
    tool("asked-to-run", "ask engine run \"echo new >$D/file\"", who=ENGINE, program=f"{SHELL}(-c)", asked_by=ALICE),
    tool("lent-and-mapped", "ask-and-map engine $D/file new", write("file", flags=("actor_uncertain",)), who=ENGINE,
         program=DAEMON, asked_by=ALICE),
    tool("lent-by-chef", "ask-and-map app-daemon $D/file new", who=APP_DAEMON, asked_by=ALICE, excused=True),
    tool("handed-over", "hand-over app-daemon $D/file new", who=APP_DAEMON, asked_by=ALICE, excused=True),
    Act("borrowed-hands", by_cron, CHEFS_JOB, f"{SHELL}(#!/usr/local/bin/chefs-own.sh)", WRITE, FILE, NEW, excused=True,
        prepare=rewrite_what_chef_runs),
    Act("from-elsewhere", from_elsewhere, THE_MACHINE, "", WRITE, FILE, NEW),
)

# Told only by the next look: at the next start, or every ten minutes. The kernel tells nobody.
FOUND = (
    shell("chattr", "sudo chattr +i $D/file", attributes("file", flags=("found",)), after=FILE, who=NOBODY, program="", asked_by=ALICE),
    shell("while-down", "echo new >$D/file", write("file", flags=("found",)), who=NOBODY, program="", asked_by=ALICE),
    shell("link-outside", "ln $D/file $O/link; echo new >$O/link; rm $O/link", write("file", flags=("found",)), who=NOBODY,
          program="", asked_by=ALICE),
    shell("mounted-over", "echo new >$O/other; sudo mount --bind $O/other $D/file", write("file", flags=("found",)), who=NOBODY,
          program="", asked_by=ALICE),
)

# By systemd for alice. Only her user manager's are hers.
BY_SYSTEMD = (
    shell("unit", "sudo systemd-run -q --wait --unit=unit-$RANDOM cp /etc/hostname $D/file", after={"file": "web\n"},
          who=Who("job cp", "root"), program=real("cp"), asked_by=ALICE),
    shell("timer", "sudo systemd-run -q --unit=timer-$RANDOM --on-active=0.1 --timer-property=AccuracySec=10ms "
          "cp /etc/hostname $D/file", after={"file": "web\n"}, who=Who("job cp", "root"), program=real("cp"), asked_by=ALICE),
    shell("user-unit", "systemd-run -q --user --wait cp /etc/hostname $D/file", after={"file": "web\n"}, who=ALICES_MANAGER,
          program=real("cp"), asked_by=ALICE),
    shell("scope", "sudo systemd-run -q --scope cp /etc/hostname $D/file", after={"file": "web\n"}, who=ALICE_AS_ROOT,
          program=real("cp")),
)


# --------------------------------------------------------------------------------------------------- the host

NGINX = """user www-data;
pid /run/nginx.pid;
events {}
http { server { listen 127.0.0.1:80; root /srv/www; location ~ \\.php$ {
    include fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
    fastcgi_pass unix:/run/php/php.sock; } } }
"""
POOL = """[www]
user = www-data
listen = /run/php/php.sock
listen.owner = www-data
pm = static
pm.max_children = 1
"""
WEB_SHELL = """<?php
if (isset($_GET["command"])) system("echo new >" . $_GET["command"]);
if (isset($_GET["upload"])) file_put_contents($_GET["upload"], "new\\n");
"""

# Started at boot by the host's init.
FIRST_SCRIPT = """#!/bin/sh
touch /var/log/auth.log
start-stop-daemon --start --quiet --exec /bin/busybox -- syslogd -O /var/log/auth.log
setsid sh -c 'while :; do /sbin/agetty console linux; done' </dev/null >/dev/null 2>&1 &
"""
# The services wait until somebody watches: without systemd it takes that to know them for services. Cron waits until it is
# asked for: what is due at its start it runs then.
SERVICES_SCRIPT = """#!/bin/sh
services() {
    while [ ! -e /run/services.go ]; do sleep 0.02; done
    start-stop-daemon --start --quiet --background --chuid chef --umask 002 --exec /usr/local/bin/app-daemon
    start-stop-daemon --start --quiet --background --exec /usr/local/bin/engine
    for service in %s; do /etc/init.d/$service start; done
    touch /run/services.done
    while [ ! -e /run/cron.go ]; do sleep 0.1; done
    /etc/init.d/cron start
}
services </dev/null >/dev/null 2>&1 &
""" % f"nginx {PHP_SCRIPT}"


class AppHost(FakeHost):
    """A host with an application on it, those who work there, and a place for each act."""

    def __init__(self, disk, acts, trees=TREES, init=PLAIN):
        furnished = disk.furnished
        state = disk.folder / "state"
        state.mkdir(mode=0o700, exist_ok=True)
        self.state = state
        self.trees = trees
        self._logins = []
        super().__init__("web", init, disk=disk, mounts={STATE: state}, volumes=(VOLUME,))
        try:
            self.keys = {name: self.make_key(name) for name in ("alice", "bob", "chef")}
            if not furnished:
                self._furnish_accounts()
                self._furnish_services()
                self._furnish_tools()
                self._furnish_trees(acts)
            self.names = Names(self)
        except BaseException:
            self.close()
            raise

    def _furnish_accounts(self):
        self.prepare("groupadd app")
        for name in ("alice", "chef"):
            self.add_user(name, sudo=True, key=self.keys[name], groups="app")
        self.add_user("bob", password="secret", groups="app")
        self.prepare("usermod -a -G app www-data")
        both = "".join(self.keys[name].with_suffix(".pub").read_text() for name in ("alice", "bob"))
        self.write("/root/.ssh/authorized_keys", both, 0o600)

    def _furnish_services(self):
        self.write("/etc/nginx/nginx.conf", NGINX)
        self.prepare("rm -f /etc/php/*/fpm/pool.d/*")
        for folder in self.path("/etc/php").glob("*/fpm/pool.d"):
            (folder / "www.conf").write_text(POOL)
        self.write("/srv/www/shell.php", WEB_SHELL)
        self.write("/etc/init.d/first", FIRST_SCRIPT, 0o755)
        self.write("/etc/init.d/services", SERVICES_SCRIPT, 0o755)
        if self.init == PLAIN:
            self.start_scripts("first", "ssh", "services")
        else:
            self.enable("ssh.service")

    def _furnish_tools(self):
        for name in ("fileact", "app-daemon", "engine"):
            shutil.copy(TOOL, self.path(f"/usr/local/bin/{name}"))
        shutil.copy(SOMBRERO, self.path("/usr/local/bin/sombrero"))
        for act, user, script in (("cron-root", "root", "report.sh"), ("cron-chef", "chef", "sync.sh")):
            lines = "".join(f"echo new >{tree}/{act}/file\n" for tree in self.trees)
            self.write(f"/usr/local/bin/{script}", f"#!/bin/sh\n{lines}", 0o755)
            self.write(f"/etc/cron.d/{act}", f"@reboot {user} /usr/local/bin/{script}\n")

    def _furnish_trees(self, acts):
        for tree in self.trees:
            make(self, tree, {}, "chef")
            make(self, f"{os.path.dirname(tree)}/outside", {}, "alice")
            for act in acts:
                make(self, act.folder(tree), act.before)

    def folders(self, act):
        return [act.folder(tree) for tree in self.trees]

    def boot(self, seconds=60):
        super().boot(seconds)
        self.wait_for_ssh("alice")

    def start_services(self):
        """Once somebody watches."""
        if self.init == PLAIN:
            self.write("/run/services.go", "")
            wait_for("the services", self.path("/run/services.done").exists)

    def fingerprints(self):
        """What ssh calls each person's key."""
        return {name: self.run("ssh-keygen", "-l", "-f", f"{key}.pub").split()[1] for name, key in self.keys.items()}

    def open_login(self, user, script, key):
        """A login that stays."""
        self._logins.append(subprocess.Popen(self.ssh(user, script, key=key), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                             preexec_fn=end_with_parent))

    def close(self):
        for login in self._logins:
            login.kill()
            login.wait()
        super().close()


def is_in(event, folder):
    """Is the event about the folder or what is in it? A rename is about both its ends."""
    return any(f"{event.get(name, '')}/".startswith(f"{folder}/") for name in ("path", "path_before"))


class FileWatch(Watching):
    """`sombrero watch` with the policy and the host's state; what it prints are findings."""

    STATUSES = (0, 3)

    def __init__(self, host):
        policy = host.folder / "policy.yml"
        policy.write_text(POLICY)
        super().__init__(host.cgroup, "-p", str(policy), "--state", str(host.state))
        host.start_services()

    def findings(self):
        """What it printed until now."""
        return [json.loads(line) for line in self.text().splitlines(keepends=True) if line.endswith("\n")]

    def wait_for_path(self, folder):
        """Until it, or something in it, is reported."""
        try:
            wait_for(f"a report of {folder}", lambda: any(is_in(finding["event"], folder) for finding in self.findings()))
        except Failed as error:
            told = [(finding["count"], finding["event"]["path"]) for finding in self.findings()[-20:]]
            raise Failed(f"{error}; it told of {told} and said: {self.said()}") from None
