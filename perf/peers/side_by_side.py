"""Two servers measured side by side: started afresh for each turn, on one core, loaded from the other.

What every comparison here shares: a network of its own with TCP congestion control cubic (Linux' usual bbr paces even
loopback), servers that are started and stopped, `perf load` and `redis-benchmark` as functions, turns that are
interleaved, medians and ratios, and a JSON and a Markdown file in perf/results/.

The network is a namespace: it ends with the script, so nothing of the machine's settings is changed.
"""

import argparse
import fcntl
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
RESULTS = REPOSITORY / "perf" / "results"
CONGESTION_CONTROL = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")
SERVER_CORE, LOAD_CORE = 0, 1
KEYS = 100_000
VALUE_BYTES = 100
CONNECTIONS = 16
DEPTH = 32
REDIS_PORT = 6379  # In a network of our own every port is free.


def options(description):
    """The command line that all comparisons have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side (default 5)")
    parser.add_argument("--seconds", type=int, default=5, help="seconds of each turn (default 5)")
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS, help="where to write (default perf/results)")
    return parse(parser)


def parse(parser, arguments=None):
    """What was given on the command line, and the binaries, which must be there."""
    target = os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")
    parser.add_argument("--binaries", type=pathlib.Path, default=pathlib.Path(target) / "release",
                        help="where `stator` and `perf` are (default: cargo's release directory)")
    given = parser.parse_args(arguments)
    for program in [given.binaries / "stator", given.binaries / "perf"]:
        if not program.exists():
            sys.exit(f"{program} is missing: cargo build --release -p server -p perf")
    return given


def own_network():
    """Goes on in a network namespace with a loopback and cubic; the process is replaced once."""
    if os.environ.get("SIDE_BY_SIDE_NETWORK") != str(os.getpid()):
        os.environ["SIDE_BY_SIDE_NETWORK"] = str(os.getpid())  # exec keeps the process id.
        as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
        os.execvp("unshare", ["unshare", *as_root, "--net", sys.executable, *sys.argv])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 1)  # IFF_UP
        fcntl.ioctl(control, 0x8914, request)  # SIOCSIFFLAGS
    CONGESTION_CONTROL.write_text("cubic")


def need_redis():
    """Redis' programs, or how to get them."""
    for program in ["redis-server", "redis-benchmark"]:
        if not shutil.which(program):
            sys.exit(f"{program} is missing: apt-get install redis-server redis-tools")


class Process:
    """A server that lives as long as a `with` block, on the given cores, with a directory of its own beside the repository's
    build (a real disk, the same for all)."""

    def __init__(self, command, cores, disk):
        self.directory = tempfile.mkdtemp(prefix="side-by-side-", dir=disk)
        self.command = ["taskset", "--cpu-list", cores, *[word.replace("DIRECTORY", self.directory) for word in command]]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        shutil.rmtree(self.directory)


class Stator(Process):
    """`stator serve` on free ports; `under` goes before the command."""

    def __init__(self, given, cores, under=()):
        addresses = [word for name in ["http", "wire", "admin"] for word in (f"--{name}-address", "127.0.0.1:0")]
        command = [*under, str(given.binaries / "stator"), "serve", "--data-dir", "DIRECTORY", "--cores", cores, *addresses]
        super().__init__(command, cores, given.binaries)

    def __enter__(self):
        super().__enter__()
        ready = self.process.stdout.readline()
        if not ready.startswith("ready "):
            sys.exit("stator is not ready: " + self.process.communicate()[1])
        self.addresses = dict(word.split("=") for word in ready.split()[1:])
        return self

    def metric(self, name):
        """The sum over all cores of one figure of /metrics."""
        text = urllib.request.urlopen(f"http://{self.addresses['admin']}/metrics").read().decode()
        return sum(float(value) for value in re.findall(rf"^\w*{name}(?:_total)?(?:{{.*}})? (\S+)$", text, re.MULTILINE))


class Redis(Process):
    """`redis-server`, without snapshots; `durable`: nothing is acknowledged before its fsync."""

    def __init__(self, given, durable):
        command = ["redis-server", "--port", str(REDIS_PORT), "--dir", "DIRECTORY", "--save", ""]
        if durable:
            command += ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]
        super().__init__(command, str(SERVER_CORE), given.binaries)

    def __enter__(self):
        super().__enter__()
        for _ in range(200):
            if subprocess.run(["redis-cli", "-p", str(REDIS_PORT), "ping"], capture_output=True).stdout == b"PONG\n":
                return self
            time.sleep(0.02)
        sys.exit("redis-server is not ready")


def perf_load(given, *arguments, cpu=LOAD_CORE, seconds=None):
    """One run of `perf load`, which writes the data set first: what its report says, and the command."""
    pinned = [] if cpu is None else ["--cpu", str(cpu)]
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [str(given.binaries / "perf"), "load", *arguments, *pinned, "--load", "--keys", str(KEYS),
                   "--size", str(VALUE_BYTES), "--connections", str(CONNECTIONS), "--depth", str(DEPTH),
                   "--duration", str(seconds or given.seconds), "--json", report.name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
        result = json.load(report)
    [operation] = result["operations"]
    latency = operation["latency_us"]
    return {"rate": result["rate"], "p50_us": latency["p50"], "p99_us": latency["p99"], "p999_us": latency["p999"],
            "forwarded": result["counts"]["forwarded"], "generator_cpu_share": result["generator_cpu_share"],
            "command": " ".join(["perf", *command[1:-2]])}


def redis_benchmark(given, test):
    """One run of `redis-benchmark` that lasts about as long as the others."""
    def run(count):
        command = ["taskset", "--cpu-list", str(LOAD_CORE), "redis-benchmark", "-p", str(REDIS_PORT), "-P", str(DEPTH),
                   "-c", str(CONNECTIONS), "-t", test, "-d", str(VALUE_BYTES), "-r", str(KEYS), "-n", str(count)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        [rate] = re.findall(r"throughput summary: ([\d.]+)", text)
        return float(rate), text, command
    rate, _, _ = run(CONNECTIONS * DEPTH * 200)
    rate, text, command = run(int(rate * given.seconds))
    latencies = [(float(percent), float(ms) * 1000)
                 for percent, ms in re.findall(r"^([\d.]+)% <= ([\d.]+) milliseconds", text, re.MULTILINE)]
    def quantile(percent):
        return next(us for reached, us in latencies if reached >= percent)
    return {"rate": rate, "p50_us": quantile(50), "p99_us": quantile(99), "p999_us": quantile(99.9),
            "command": " ".join(command)}


def interleave(given, sides):
    """Each side once a round, in turns that start with another side each time: the results by side."""
    results = {name: [] for name in sides}
    names = list(sides)
    for turn in range(given.rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            result = sides[name]()
            results[name].append(result)
            print(f"round {turn + 1}: {name:<34} {result['rate']:>10.0f} /s  p50 {result['p50_us']:.0f} us  "
                  f"p99 {result['p99_us']:.0f} us", flush=True)
    return results


def write_results(given, name, title, results, base, notes=()):
    """perf/results/NAME.json and NAME.md: medians, and ratios of each round to the side `base`."""
    def median(side, figure):
        return statistics.median(result[figure] for result in results[side])
    def ratios(side):
        return [one["rate"] / other["rate"] for one, other in zip(results[side], results[base])]
    rows = []
    for side, turns in results.items():
        low, high = min(turn["rate"] for turn in turns), max(turn["rate"] for turn in turns)
        rows.append(f"| {side} | {median(side, 'rate'):,.0f} | {low:,.0f} - {high:,.0f} "
                    f"| **{statistics.median(ratios(side)):.2f}** | {min(ratios(side)):.2f} - {max(ratios(side)):.2f} "
                    f"| {median(side, 'p50_us'):,.0f} | {median(side, 'p99_us'):,.0f} | {median(side, 'p999_us'):,.0f} |")
    commands = [f"{side}: {turns[-1]['command']}" for side, turns in results.items()]
    machine = describe_machine()
    text = "\n".join([
        f"# {title}", "",
        f"{given.rounds} interleaved rounds of {given.seconds} s. Medians; rates in operations/s; ratios of the same round "
        f"to {base}; latencies in us.", "",
        "| side | rate | range | ratio | range | p50 | p99 | p99.9 |", "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows, "", *[f"- {note}" for note in notes], "", "```text", *commands, "```", "",
        *[f"- {what}: {value}" for what, value in machine.items()], ""])
    given.results.mkdir(parents=True, exist_ok=True)
    (given.results / f"{name}.md").write_text(text)
    everything = {"title": title, "base": base, "seconds": given.seconds, "results": results, "machine": machine}
    (given.results / f"{name}.json").write_text(json.dumps(everything, indent=1) + "\n")
    print(text)


def describe_machine():
    """What the figures are of."""
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    def output(*command):
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
        return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "unknown"
    redis = output("redis-server", "--version") if shutil.which("redis-server") else "none"
    return {"cpus": f"{os.cpu_count()} x {model.group(1) if model else platform.machine()}",
            "kernel": platform.release(), "congestion control": CONGESTION_CONTROL.read_text().strip(),
            "redis": " ".join(redis.split()[:3]), "commit": output("git", "rev-parse", "--short", "HEAD"),
            "load average at the end": f"{os.getloadavg()[0]:.1f}", "date": time.strftime("%Y-%m-%d")}
