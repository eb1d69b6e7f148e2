# SPDX-License-Identifier: Apache-2.0
"""What "reported once" means, as a machine that can be asked.

Not every step is reported: what happens to a file within a moment is one report of what became of it, and a file that
comes and goes within that moment is none. So steps can't be counted. But each report says how the file was before and
how it is now, and that is enough: apply the reports, in order, to the tree as it was before the first, and

- each must fit: what it says was there before is what the reports until then left there. A report that is doubled
  doesn't fit, since its own first copy has changed what is there; nor does one that follows upon one that was lost;
- none may change nothing: before and now differ;
- in the end they have made the tree that is on the disk. If the last report of a path was lost, they haven't.

This holds if no state of a file comes back, which is for who makes the changes to see to.
"""

import grp
import hashlib
import os
import pathlib
import pwd
import stat

FIELDS = ("file_type", "size", "mode", "owner", "owner_group", "sha256", "target")


class Misfit(AssertionError):
    """A report that does not fit upon those before it."""


def state_on_disk(path):
    """A file as a report says it."""
    status = path.lstat()
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}
    kind = kinds.get(stat.S_IFMT(status.st_mode), "other")
    state = {"file_type": kind, "owner": pwd.getpwuid(status.st_uid).pw_name,
             "owner_group": grp.getgrgid(status.st_gid).gr_name}
    if kind == "symlink":
        return state | {"target": os.readlink(path)}
    state["mode"] = f"{stat.S_IMODE(status.st_mode):04o}"
    if kind == "file":
        state |= {"size": status.st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return state


def tree_on_disk(top):
    """Path → state of all below `top`."""
    return {str(path): state_on_disk(path) for path in pathlib.Path(top).rglob("*")}


def _state(event, suffix=""):
    state = {field: event[field + suffix] for field in FIELDS if field + suffix in event}
    return state or None


class Replay:
    """A tree, and the reports that are applied to it."""

    def __init__(self, tree):
        self.tree = dict(tree)
        self.applied = 0
        self.last = {}  # path → the report that was about it last

    def apply(self, event):
        before, now = _state(event, "_before"), _state(event)
        path, old = event["path"], event.get("path_before")
        # A rename says how the file was that now has another content under this name; if there was none, the one renamed.
        was = self.tree.get(path) or (old and self.tree.get(old))
        if was != before:
            self._misfit(event, f"it says that there was {before}, but reports until now left {was}")
        if event["kind"] == "rename":
            self._rename(event, old, path)
        elif before == now:
            self._misfit(event, "it changes nothing")
        if now is None:
            self._remove(event, path)
        else:
            self.tree[path] = now
        self.last[path] = event
        self.applied += 1

    def _below(self, path):
        return [other for other in self.tree if other.startswith(path + "/")]

    def _rename(self, event, old, path):
        if old not in self.tree:
            self._misfit(event, f"there is no {old}, reports until now say")
        below = self._below(old)
        if len(below) != event.get("entries", 0):
            self._misfit(event, f"{len(below)} went with it, reports until now say")
        del self.tree[old]
        for other in below:
            self.tree[path + other.removeprefix(old)] = self.tree.pop(other)

    def _remove(self, event, path):
        below = self._below(path)
        if len(below) != event.get("entries", 0):
            self._misfit(event, f"{len(below)} went with it, reports until now say")
        for other in [path, *below]:
            del self.tree[other]

    def _misfit(self, event, why):
        told = ("id", "time", "kind", "flags", "path", "path_before", "entries")
        shown = {key: event[key] for key in told if key in event}
        raise Misfit(f"{shown}: {why}; the report before it: {self.last.get(event['path'])}")

    def differences(self, tree):
        """Where what the reports made is not what is there: lines, at most ten."""
        paths = [path for path in sorted({*self.tree, *tree}) if self.tree.get(path) != tree.get(path)]
        return [f"{path}: is {tree.get(path)}, by the reports {self.tree.get(path)}; the last: {self.last.get(path)}"
                for path in paths[:10]]
