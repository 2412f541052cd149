"""Stator beside Redis, interleaved: server on core 0, load on core 1, the same congestion control for both.

Usage: redis.py [--rounds 5] [--seconds 4] [--only get,put,cores]
Needs Debian's redis-server, and `cargo build --release -p server -p perf` done before. Run as root: it sets
net.ipv4.tcp_congestion_control to cubic while it runs (the default of many kernels paces loopback).

Three comparisons, each of `rounds` rounds in which both sides are measured in turn:
  get    binary GetItem of 100 B items          redis-benchmark -P 32 -c 16 -t get
  put    durable binary PutItem, 100 B           redis-benchmark -P 32 -c 16 -t set, appendfsync always
  cores  the core-aware client on two cores      a client that knows one core only, which forwards the rest
Writes perf/results/redis.json with every figure and perf/results/redis.md with the medians.
"""

import argparse
import csv
import io
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARIES = ROOT / "target" / "release"
RESULTS = ROOT / "perf" / "results"
KEYS, CONNECTIONS, DEPTH, BYTES = 100_000, 16, 32, 100
CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")
READY = re.compile(r"ready http=(\S+) wire=(\S+) admin=(\S+)")


class Stator:
    def __init__(self, folder, cores="0"):
        command = [str(BINARIES / "stator"), "serve", "--data-dir", f"{folder}/stator", "--cores", cores]
        for kind in ("http", "wire", "admin"):
            command += [f"--{kind}-address", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.http, self.wire, self.admin = READY.match(self.process.stdout.readline()).groups()

    def load(self, workload, seconds, *arguments):
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            command = [str(BINARIES / "perf"), "load", "--driver", "wire", "--address", self.wire, "--workload", workload,
                       "--keys", str(KEYS), "--size", str(BYTES), "--connections", str(CONNECTIONS),
                       "--depth", str(DEPTH), "--cpu", "1", "--duration", str(seconds), *arguments]
            subprocess.run([*command, "--json", report.name], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            found = json.load(open(report.name))
        assert found["counts"]["failed"] == 0 and found["counts"]["wrong"] == 0, found["first_failure"]
        latency = found["operations"][0]["latency_us"]
        return {"command": " ".join(command), "rate": found["rate"], "forwarded": found["counts"]["forwarded"],
                "p50_us": latency["p50"], "p99_us": latency["p99"], "p999_us": latency["p999"]}

    def forwarded(self):
        text = urllib.request.urlopen(f"http://{self.admin}/metrics").read().decode()
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("stator_forwarded_total"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Redis:
    def __init__(self, folder, durable, port=17379):
        Path(folder, "redis").mkdir(exist_ok=True)
        settings = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
        command = ["taskset", "-c", "0", "redis-server", "--port", str(port), "--save", "", "--dir", f"{folder}/redis", *settings]
        self.port = port
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True).returncode != 0:
            time.sleep(0.05)

    def load(self, test, requests):
        command = ["taskset", "-c", "1", "redis-benchmark", "-p", str(self.port), "-P", str(DEPTH), "-c", str(CONNECTIONS),
                   "-t", test, "-d", str(BYTES), "-r", str(KEYS), "-n", str(requests), "--csv"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        row = next(csv.DictReader(io.StringIO(text)))
        return {"command": " ".join(command), "rate": float(row["rps"]), "p50_us": float(row["p50_latency_ms"]) * 1000,
                "p99_us": float(row["p99_latency_ms"]) * 1000, "p999_us": self.p999(test)}

    def p999(self, test):
        """redis-benchmark tells no p99.9: the same load generator that Stator has measures it."""
        workload = {"get": "get", "set": "put"}[test]
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            command = [str(BINARIES / "perf"), "load", "--driver", "redis", "--address", f"127.0.0.1:{self.port}",
                       "--workload", workload, "--keys", str(KEYS), "--size", str(BYTES), "--load",
                       "--connections", str(CONNECTIONS), "--depth", str(DEPTH), "--cpu", "1", "--duration", "2"]
            subprocess.run([*command, "--json", report.name], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return json.load(open(report.name))["operations"][0]["latency_us"]["p999"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def compare_get(folder, rounds, seconds):
    stator, redis = Stator(folder), Redis(folder, durable=False)
    stator.load("get", 1, "--load")
    redis.load("set", 5 * KEYS)
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(stator.load("get", seconds))
        theirs.append(redis.load("get", 400_000 * seconds))
    stator.stop()
    redis.stop()
    return "binary GetItem 100 B, 16 x 32", "redis-benchmark -P 32 -t get", ours, theirs


def compare_put(folder, rounds, seconds):
    stator, redis = Stator(folder), Redis(folder, durable=True)
    stator.load("put", 1, "--load")
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(stator.load("put", seconds))
        theirs.append(redis.load("set", 60_000 * seconds))
    stator.stop()
    redis.stop()
    return "durable PutItem 100 B, 16 x 32", "redis appendfsync always, -P 32 -t set", ours, theirs


def compare_cores(folder, rounds, seconds):
    stator = Stator(folder, "0,1")
    stator.load("get", 1, "--load")
    ours, theirs = [], []
    for _ in range(rounds):
        before = stator.forwarded()
        ours.append(stator.load("get", seconds))
        between = stator.forwarded()
        theirs.append(stator.load("get", seconds, "--plain"))
        ours[-1]["forwarded_by_server"] = between - before
        theirs[-1]["forwarded_by_server"] = stator.forwarded() - between
    stator.stop()
    return "two cores, core-aware client", "two cores, client on one core", ours, theirs


COMPARISONS = {"get": compare_get, "put": compare_put, "cores": compare_cores}


def median(runs, figure):
    return statistics.median(run[figure] for run in runs)


def row(name, runs):
    figures = " | ".join(f"{median(runs, figure):,.0f}" for figure in ("rate", "p50_us", "p99_us", "p999_us"))
    return f"| {name} | {figures} |"


def report(found):
    lines = ["# Beside Redis", "",
             f"{platform.machine()}, Linux {platform.release()}, {os.cpu_count()} cores, "
             f"{subprocess.run(['redis-server', '--version'], capture_output=True, text=True).stdout.split()[2]}; server on core 0, "
             "load on core 1, loopback, cubic. Medians of interleaved rounds; latencies in microseconds. Machines are noisy: read the ratios."]
    for name, other, ours, theirs in found:
        ratios = sorted(our["rate"] / their["rate"] for our, their in zip(ours, theirs))
        lines += ["", "| what | rate /s | p50 | p99 | p99.9 |", "| --- | --- | --- | --- | --- |", row(name, ours), row(other, theirs), "",
                  f"Ratio of rates, round by round: median **{statistics.median(ratios):.2f}**, {ratios[0]:.2f} to {ratios[-1]:.2f} "
                  f"over {len(ratios)} rounds."]
        if "forwarded_by_server" in ours[0]:
            lines += [f"Forwarded between cores: {median(ours, 'forwarded_by_server'):,.0f} operations a run with the core-aware "
                      f"client, {median(theirs, 'forwarded_by_server'):,.0f} with the other. (The load shares core 1 with the second worker.)"]
        lines += ["", f"    {ours[0]['command']}", f"    {theirs[0]['command']}"]
    return "\n".join(lines).replace(str(ROOT) + "/", "") + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", default="get,put,cores")
    arguments = parser.parse_args()
    assert shutil.which("redis-benchmark"), "redis-server is missing: apt-get install redis-server"
    before = CONGESTION.read_text()
    CONGESTION.write_text("cubic")
    found = []
    try:
        for name in arguments.only.split(","):
            with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
                found.append(COMPARISONS[name](folder, arguments.rounds, arguments.seconds))
                print(report(found[-1:]), flush=True)
    finally:
        CONGESTION.write_text(before)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "redis.json").write_text(json.dumps(found, indent=1).replace(str(ROOT) + "/", "") + "\n")
    (RESULTS / "redis.md").write_text(report(found))


if __name__ == "__main__":
    main()
