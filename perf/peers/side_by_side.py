"""What every comparison here shares: where the binaries are, a network of its own, one run of `perf load`, and the machine's name.

The network is a namespace with TCP congestion control cubic, or Reno (Linux' usual bbr paces even loopback). It ends with the script, so nothing
of the machine's settings is changed, and every port in it is free: each server listens where it does by default.
"""

import argparse
import dataclasses
import fcntl
import json
import os
import pathlib
import platform
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
RESULTS = REPOSITORY / "target" / "results"
CONGESTION_CONTROL = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")
SERVER_CORE, LOAD_CORE = 0, 1


class Failure(Exception):
    """Something measured did not start, did not answer rightly or did not end; the text says what."""


def parse(parser, arguments=None):
    """What was given on the command line, and the binaries, which must be there."""
    target = os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")
    parser.add_argument("--binaries", type=pathlib.Path, default=pathlib.Path(target) / "release",
                        help="where `stator` and `perf` are, and where data goes (default: cargo's release directory)")
    given = parser.parse_args(arguments)
    for program in [given.binaries / "stator", given.binaries / "perf"]:
        if not program.exists():
            sys.exit(f"{program} is missing: cargo build --release -p server -p perf")
    return given


def is_own_network():
    return os.environ.get("SIDE_BY_SIDE_NETWORK") == str(os.getpid())


def own_network():
    """Goes on in a network namespace with a loopback and cubic; the process is replaced once, so the script begins again.

    Where the machine allows namespaces no cubic (net.ipv4.tcp_allowed_congestion_control), it is Reno, which does not pace either.
    """
    if not is_own_network():
        os.environ["SIDE_BY_SIDE_NETWORK"] = str(os.getpid())  # exec keeps the process id.
        as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
        os.execvp("unshare", ["unshare", *as_root, "--net", sys.executable, *sys.argv])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 1)  # IFF_UP
        fcntl.ioctl(control, 0x8914, request)  # SIOCSIFFLAGS
    try:
        CONGESTION_CONTROL.write_text("cubic")
    except PermissionError:
        CONGESTION_CONTROL.write_text("reno")


@dataclasses.dataclass(frozen=True)
class Workload:
    """What is asked of every side alike; sides of the same `group` take part."""
    name: str
    group: str
    title: str
    operation: str
    connections: int
    depth: int
    keys: int = 100_000
    value_bytes: int = 100
    fields: int = 1


def perf_load(*words, cpu=LOAD_CORE, **environment):
    """A load by `perf load`, which writes the data set first and checks replies; `words` are the driver and what else is special."""
    pinned = [] if cpu is None else ["--cpu", str(cpu)]

    def load(given, server, workload):
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            command = [str(given.binaries / "perf"), "load", *words, *pinned, "--load", "--workload", workload.operation, "--keys",
                       str(workload.keys), "--size", str(workload.value_bytes), "--fields", str(workload.fields), "--connections",
                       str(workload.connections), "--depth", str(workload.depth), "--duration", str(given.seconds)]
            done = subprocess.run([*command, "--server-pid", str(server.process.pid), "--json", report.name],
                                  capture_output=True, text=True, env=os.environ | environment)
            if done.returncode != 0:
                raise Failure(f"{' '.join(command)}: {' '.join((done.stdout + done.stderr).splitlines()[-2:])}")
            result = json.load(report)
        [operation] = result["operations"]
        return {"rate": result["rate"], **{f"{quantile}_us": operation["latency_us"][quantile] for quantile in QUANTILES},
                "cpu_us": result["server_cpu_us_per_operation"], "forwarded_share": result["counts"]["forwarded"] / operation["count"],
                "generator_cpu_share": result["generator_cpu_share"], "command": " ".join(["perf", *command[1:]])}
    return load


QUANTILES = {"p50": 50, "p90": 90, "p99": 99, "p999": 99.9}


def bench_tool(run):
    """A load by a peer's own tool that takes a number of operations: a short run tells how many fill the time.

    `run(workload, count)` gives the rate, the latency quantiles and the command.
    """
    def load(given, server, workload):
        short, _ = run(workload, workload.connections * workload.depth * 50)
        count = max(int(short["rate"] * given.seconds), workload.connections * workload.depth)
        cpu_seconds = server.cpu_seconds()
        found, command = run(workload, count)
        cpu_seconds = server.cpu_seconds() - cpu_seconds
        return found | {"cpu_us": cpu_seconds * 1e6 / count, "command": " ".join(command)}
    return load


def output(*command):
    """The first line that a command prints."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return lines[0] if done.returncode == 0 and lines else "unknown"


def describe_machine():
    """What the figures are of."""
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {"cpus": f"{os.cpu_count()} x {model.group(1) if model else platform.machine()}",
            "kernel": platform.release(), "congestion control": CONGESTION_CONTROL.read_text().strip(),
            "commit": output("git", "rev-parse", "--short", "HEAD"),
            "load average at the end": f"{os.getloadavg()[0]:.1f}", "date": time.strftime("%Y-%m-%d")}
