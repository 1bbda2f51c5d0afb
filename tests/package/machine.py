"""A bare Debian 12 with its own systemd in a namespace (systemd-nspawn), without network once it runs."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

MIRROR = os.environ.get("TB_DEBIAN_MIRROR", "http://deb.debian.org/debian")
NEEDED = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "nsenter": "util-linux", "dpkg-deb": "dpkg"}
BOOT_SECONDS = 180  # a bound against hanging, not a measure
# As `apt install` of an operator, but for questions.
APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-qq")


class Missing(Exception):
    """What this host lacks to run such a machine."""


def check_host():
    if os.geteuid() != 0:
        raise Missing("this needs root (debootstrap, systemd-nspawn)")
    lack = [package for program, package in NEEDED.items() if not shutil.which(program)]
    if lack:
        raise Missing("apt-get install " + " ".join(lack))


def wait_for(what, condition, seconds=BOOT_SECONDS):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def bootstrap(root):
    """Debian's smallest system with systemd, and nothing of ours."""
    done = subprocess.run(["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus", "bookworm", root, MIRROR],
                          text=True, capture_output=True)
    if done.returncode != 0:
        raise AssertionError("debootstrap:\n" + (done.stdout + done.stderr)[-3000:])


class Machine:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        # Debian's installer writes this, debootstrap does not.
        hosts = self.root / "etc/hosts"
        if not hosts.exists():
            hosts.write_text("127.0.0.1 localhost\n::1 localhost\n")
        self.process = None
        self.leader = None

    def chroot(self, *command):
        """While it is off: with the host's network."""
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        done = subprocess.run(["chroot", self.root, *map(str, command)], text=True, capture_output=True, env=self.environment())
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    @staticmethod
    def environment():
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}

    def boot(self):
        self.log = open(self.root.parent / "boot.log", "ab")
        self.process = subprocess.Popen(["systemd-nspawn", "--quiet", "-D", self.root, "--register=no", "--keep-unit", "--private-network",
                                         "--console=pipe", "--boot"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        self.leader = wait_for("the machine's first process", self.find_leader)
        wait_for("the machine's start", lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"))

    def find_leader(self):
        if self.process.poll() is not None:
            raise AssertionError("systemd-nspawn ended:\n" + (self.root.parent / "boot.log").read_text()[-3000:])
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
        return None

    def run(self, *command, check=True):
        done = subprocess.run(["nsenter", "-t", str(self.leader), "--all", *map(str, command)], text=True, capture_output=True,
                              env=self.environment(), timeout=900, cwd="/")
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done

    def out(self, *command):
        return self.run(*command).stdout.strip()

    def power_off(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)  # an orderly shutdown
        try:
            self.process.wait(timeout=BOOT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def files(self):
        """Paths of everything but what apt, dpkg and journald write as they work."""
        busy = ("proc", "sys", "dev", "run", "tmp", "root", "var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "var/tmp", "var/lib/systemd")
        found = set()
        for folder, folders, names in os.walk(self.root):
            at = os.path.relpath(folder, self.root)
            folders[:] = [name for name in folders if os.path.normpath(os.path.join(at, name)) not in busy]
            found.update(os.path.normpath(os.path.join(at, name)) for name in names + folders)
        return found
