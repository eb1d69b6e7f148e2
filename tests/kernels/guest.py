# SPDX-License-Identifier: Apache-2.0
"""Debian's kernels as guests under QEMU, without KVM, on this machine's files.

A kernel is downloaded, not installed: with lists and sources of its own, apt leaves the machine's alone. What a
guest needs of it is kept in $SOMBRERO_CACHE/kernels/SERIES (by default ~/.cache/sombrero/…): vmlinuz, and the modules for
a root over 9p in the order in which they load.
"""

import dataclasses
import gzip
import lzma
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = "http://deb.debian.org/debian"
SUITES = {"6.1": "bookworm", "6.12": "bookworm-backports"}
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
DOWNLOAD_SECONDS = 240
BOOT_SECONDS = 180


class Unavailable(Exception):
    """The kernel, or what runs it, is not to be had here."""


class Died(Exception):
    """The guest did not get to its end; the text has its console."""


@dataclasses.dataclass
class Step:
    status: int
    output: str


# -------------------------------------------------------------------------------------------- the kernel


def cache():
    if chosen := os.environ.get("SOMBRERO_CACHE"):
        return pathlib.Path(chosen)
    home = pathlib.Path.home()
    if home.is_dir():
        return home / ".cache/sombrero"
    return HERE.parent.parent / "build" / "cache"  # a system user


def call(command, seconds, **options):
    try:
        return subprocess.run(command, timeout=seconds, check=True, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options).stdout
    except FileNotFoundError as error:
        raise Unavailable(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{command[0]} took longer than {seconds} seconds") from error
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.output.splitlines() if line.startswith(("Err:", "E:", "dpkg", "tar:"))]
        raise Unavailable(f"{command[0]} failed: {' '.join(' '.join(lines[:3]).split())[:300]}") from error


def mirror():
    """Where this machine gets Debian from."""
    for line in call(["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME)", "Created-By: Packages"], 30).splitlines():
        site, _, codename = line.partition(" ")
        if codename in SUITES.values() and site:
            return site
    return MIRROR


def apt_options(folder, suite):
    """An apt that knows nothing but this suite, and keeps everything below `folder`."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    sources = folder / "sources.list"
    sources.write_text(f"deb [arch=amd64 signed-by={KEYRING}] {mirror()} {suite} main\n")
    settings = {
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "20",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": "/dev/null",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def package_name(options, series):
    """The package behind linux-image-amd64, in the version that is of this series."""
    text = call(["apt-cache", *options, "show", "linux-image-amd64"], 60)
    for stanza in text.split("\n\n"):
        version = re.search(r"^Version: (\S+)$", stanza, re.M)
        depends = re.search(r"^Depends: (linux-image-\S+)", stanza, re.M)
        if version and depends and version[1].startswith(series + "."):
            return depends[1]
    raise Unavailable(f"no Linux {series} at the mirror")


def read_module(path):
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def modules_in_order(tree):
    """(name, bytes) of MODULES and what they depend on, each after what it needs."""
    files = {path.name.split(".")[0].replace("-", "_"): path for path in tree.glob("lib/modules/**/*.ko*")}
    done = {}

    def add(name):
        if name in done or name not in files:  # those that aren't files are part of the kernel
            return
        data = read_module(files[name])
        depends = re.search(rb"\0depends=([^\0]*)\0", data)
        for each in (depends[1].decode().split(",") if depends and depends[1] else []):
            add(each.replace("-", "_"))
        done[name] = data

    for name in MODULES:
        add(name)
    return done


def download(series, into):
    """Makes the folder `into`, whole or not at all."""
    if not KEYRING.exists():
        raise Unavailable(f"{KEYRING} is not there")
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=into.parent) as name:
        folder = pathlib.Path(name)
        options = apt_options(folder, SUITES[series])
        call(["apt-get", *options, "-q", "update"], DOWNLOAD_SECONDS)
        package = package_name(options, series)
        call(["apt-get", *options, "-q", "download", package], DOWNLOAD_SECONDS, cwd=folder)
        tree = folder / "tree"
        call(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(tree)], DOWNLOAD_SECONDS)
        made = folder / "made"
        (made / "modules").mkdir(parents=True)
        shutil.copy(next(tree.glob("boot/vmlinuz-*")), made / "vmlinuz")
        modules = modules_in_order(tree)
        for module, data in modules.items():
            (made / "modules" / f"{module}.ko").write_bytes(data)
        (made / "modules" / "order").write_text("".join(f"{module}.ko\n" for module in modules))
        try:
            made.rename(into)
        except OSError:  # another run was faster
            if not (into / "vmlinuz").exists():
                raise


def kernel(series):
    """The folder of this series' kernel; Unavailable with the reason."""
    folder = cache() / "kernels" / series
    if not (folder / "vmlinuz").exists():
        try:
            download(series, folder)
        except OSError as error:
            raise Unavailable(f"no place for Linux {series}: {error}") from error
    return folder


# --------------------------------------------------------------------------------------------- the guest


def make_initrd(folder, job, out):
    """busybox, our init, the modules and the job, as the kernel wants them."""
    busybox = shutil.which("busybox")
    if not busybox:
        raise Unavailable("busybox is not installed")
    with tempfile.TemporaryDirectory(prefix="sombrero-initrd-") as name:
        root = pathlib.Path(name)
        for directory in ("bin", "dev", "proc", "sys"):
            (root / directory).mkdir()
        shutil.copy(busybox, root / "bin/busybox")
        shutil.copy(HERE / "init", root / "init")
        (root / "init").chmod(0o755)
        shutil.copytree(folder / "modules", root / "modules")
        (root / "job").write_text(job)
        names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
        archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"], cwd=root, input=names.encode(), check=True,
                                 stdout=subprocess.PIPE).stdout
        out.write_bytes(gzip.compress(archive, 1))


def qemu(folder, initrd, output):
    return [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-machine", "q35", "-smp", "2", "-m", "1024",
        "-nodefaults", "-no-reboot", "-display", "none", "-monitor", "none",
        "-kernel", str(folder / "vmlinuz"), "-initrd", str(initrd),
        "-append", "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check",
        "-virtfs", "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap",
        "-device", "virtio-rng-pci",
        "-serial", "stdio", "-serial", f"file:{output}",
    ]


def boot(folder, command, environment):
    """Runs the command in a guest; returns what its steps printed. Died if it didn't get to the end."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    with tempfile.TemporaryDirectory(prefix="sombrero-guest-") as name:
        scratch = pathlib.Path(name)
        make_initrd(folder, f"{exports}exec {shlex.join(command)}\n", scratch / "initrd")
        output = scratch / "output"
        output.touch()
        try:
            console = subprocess.run(qemu(folder, scratch / "initrd", output), timeout=BOOT_SECONDS, check=False, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
            why = "it ended early"
        except FileNotFoundError as error:
            raise Unavailable("qemu-system-x86_64 is not installed") from error
        except subprocess.TimeoutExpired as error:
            console, why = error.stdout or b"", f"it ran longer than {BOOT_SECONDS} seconds"
        text = output.read_text(errors="backslashreplace")
    console = console.decode(errors="backslashreplace").replace("\r", "")
    if not re.search(r"^guest: exit \d+\n?\Z", text, re.M):
        raise Died(f"{why}; its output:\n{text}\nits console:\n{console}")
    return read_steps(text), console


def read_steps(text):
    found = re.finditer(r"^@begin (\S+)\n(.*?)\n?^@end \1 (\d+)$", text, re.M | re.S)
    return {step[1]: Step(int(step[3]), step[2]) for step in found}
