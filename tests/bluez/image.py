"""The kernel and the first files of a machine with the real Bluetooth stack.

Made from Debian's packages (kernel, bluez, dbus, busybox), which are unpacked and never
installed; no root.  Kept in `.cache/bluez`, which git ignores: made once (25 s).
"""

import lzma
import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bluez.cpio import Cpio

PACKAGES = "linux-image-amd64", "bluez", "dbus-daemon", "busybox-static"
NEEDED = "qemu-system-x86_64", "modprobe", "depmod", "apt-get", "dpkg-deb", "tar"
PROGRAMS = (
    "usr/bin/dbus-daemon",
    "usr/libexec/bluetooth/bluetoothd",
    "usr/bin/btattach",
    "usr/bin/bluetoothctl",
)
# The order matters: pairing's ECDH tests itself with the random numbers of `drbg`.
MODULES = (
    *("virtio_pci", "virtio_console", "virtio_net", "hci_uart"),
    *("sha512_generic", "drbg", "ctr", "cmac", "ecb"),
    *("algif_hash", "algif_skcipher", "uhid"),
)
RULES = "etc/dbus-1/system.d", "usr/share/dbus-1/system.d", "etc/bluetooth"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER = "lib64/ld-linux-x86-64.so.2"
USERS = b"root:x:0:0::/root:/bin/sh\n"
GROUPS = b"root:x:0:\nbluetooth:x:1:\n"
CACHE = Path(__file__).parents[2] / ".cache" / "bluez"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Image:
    """What a machine boots."""

    kernel: Path
    initrd: Path


def missing() -> str:
    """Name the programs that are not here, or give ""."""
    return ", ".join(name for name in NEEDED if not shutil.which(name, path=PATH))


def build() -> Image:
    """Give the image, making it at first.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        The packages cannot be had or unpacked.
    """
    suite = _suite()
    folder = CACHE / f"{suite}-1"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            work = Path(name)
            (work / "image").mkdir()
            root = _unpack(_download(work / "apt", suite), work / "root")
            (work / "image" / "kernel").write_bytes(_kernel(root))
            _initrd(root, work / "image" / "initrd")
            (work / "image").rename(folder)
    return Image(folder / "kernel", folder / "initrd")


def _suite() -> str:
    text = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=(\w+)", text, re.MULTILINE)
    if not found or "debian" not in text:
        raise OSError("this is no Debian, whose packages the image is made of")
    return found[1]


def _download(apt: Path, suite: str) -> list[Path]:
    """Fetch the packages with all that they need, beside this machine's own apt."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    (apt / "status").touch()
    options = {
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Debug::NoLocking": 1,
        "APT::Sandbox::User": "",
        "APT::Architecture": "amd64",
        "APT::Architectures::": "amd64",
        "Acquire::Languages": "none",
    }
    get = ["apt-get", "-qy", *(f"-o{name}={value}" for name, value in options.items())]
    _run(*get, "update")
    _run(*get, "--no-install-recommends", "--download-only", "install", *PACKAGES)
    found = sorted((apt / "cache/archives").glob("*.deb"))
    if not found:
        raise OSError(f"apt has none of {PACKAGES} for {suite}")
    return found


def _unpack(packages: list[Path], root: Path) -> Path:
    """Unpack packages into a folder whose /usr is merged."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in packages:
        data = _run("dpkg-deb", "--fsys-tarfile", package)
        keep = "--keep-directory-symlink", "--no-same-owner"
        _run("tar", "-xC", root, *keep, given=data)
        package.unlink()
    return root


def _kernel(root: Path) -> bytes:
    """Take the kernel out of its wrapping: emulated, unwrapping is half of the boot."""
    wrapped = next(root.glob("boot/vmlinuz-*")).read_bytes()
    # Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length.
    begin, length = struct.unpack_from("<II", wrapped, 0x248)
    begin += ((wrapped[0x1F1] or 4) + 1) * 512
    try:
        payload = wrapped[begin : begin + length]
        return lzma.LZMADecompressor().decompress(payload)
    except lzma.LZMAError:
        return wrapped  # packed otherwise; it boots all the same


def _initrd(root: Path, path: Path) -> None:
    here = Path(__file__).parent
    with Cpio(path) as archive:
        archive.put("init", (here / "init.sh").read_bytes(), executable=True)
        archive.put("etc/bus.conf", (here / "bus.conf").read_bytes())
        archive.put("etc/passwd", USERS)
        archive.put("etc/group", GROUPS)
        archive.console()
        modules = dict(_modules(root))
        archive.put("m/order", "".join(f"{name}\n" for name in modules).encode())
        for name, data in modules.items():
            archive.put(f"m/{name}", data)
        busybox = next(root.glob("usr/bin/busybox"))
        archive.put("bin/busybox", busybox.read_bytes(), executable=True)
        for name in [*_rules(root), *PROGRAMS, *_libraries(root)]:
            archive.put(name, (root / name).read_bytes(), executable=True)


def _rules(root: Path) -> Iterator[str]:
    """Name the files that D-Bus and BlueZ are configured with."""
    for folder in RULES:
        for path in sorted((root / folder).glob("*")):
            yield str(path.relative_to(root))


def _modules(root: Path) -> Iterator[tuple[str, bytes]]:
    """Give the kernel's modules, each after those that it needs."""
    version = next((root / "lib/modules").iterdir()).name
    _run("depmod", "-b", root, version)
    show = "--show-depends", *MODULES
    listing = _run("modprobe", "-a", "-d", root, "-S", version, *show).decode()
    for line in dict.fromkeys(listing.splitlines()):
        if line.startswith("insmod"):
            path = Path(line.split()[1])
            packed = path.suffix == ".xz"
            data = path.read_bytes()
            yield (
                path.name.removesuffix(".xz"),
                lzma.decompress(data) if packed else data,
            )


def _libraries(root: Path) -> list[str]:
    """Ask that Debian's own loader which libraries its programs need."""
    found = {LOADER}
    loader = [root / LOADER, "--library-path", root / LIBRARIES, "--list"]
    for program in PROGRAMS:
        listing = _run(*loader, root / program).decode()
        paths = re.findall(r"=> (\S+) \(", listing)
        found |= {str(Path(p).relative_to(root)) for p in paths if str(root) in p}
    return sorted(found)


def _run(*command: str | Path, given: bytes | None = None) -> bytes:
    """Run a program, give what it says."""
    environment = {**os.environ, "PATH": PATH, "LC_ALL": "C"}
    done = subprocess.run(
        command, input=given, capture_output=True, check=True, env=environment
    )
    return done.stdout
