"""etcd, driven over gRPC by its project's own `benchmark`: its JSON gateway would put a second server into every request.

benchmark has no pipeline: `connections` carry `connections x depth` clients, each with one put in flight.
"""

import re
import subprocess

from side_by_side import LOAD_CORE, QUANTILES, bench_tool, output
from system import DURABLE, Side, System, installed

BENCHMARK = "go.etcd.io/etcd/v3/tools/benchmark"
BENCHMARK_VERSION = "v3.5.21"


class Etcd(System):
    title = "etcd"
    programs, package = ("etcd",), "etcd-server"
    port, probe = 2379, (b"GET /health HTTP/1.1\r\nHost: etcd\r\n\r\n", b"HTTP/1.1 200")
    settings = f"one member, as it comes; every batch is flushed; load by etcd's benchmark {BENCHMARK_VERSION}"
    benchmark = ""  # Where `install` has put it.

    @classmethod
    def install(cls, given):
        super().install(given)
        # By way of a module of its own: etcd's has replacements, which `go install` refuses.
        cls.benchmark = installed(given, "etcd-benchmark", "benchmark", "go mod init load",
                                  f"go get {BENCHMARK}@{BENCHMARK_VERSION}", f"go build -o FOLDER/benchmark {BENCHMARK}")

    @classmethod
    def version(cls, given):
        return output("etcd", "--version").removeprefix("etcd Version: ")

    def command(self, directory):
        return ["etcd", "--data-dir", directory]


def benchmark(workload, count):
    """One run of benchmark."""
    command = ["benchmark", "put", "--conns", str(workload.connections), "--clients", str(workload.connections * workload.depth),
               "--total", str(count), "--key-size", "16", "--val-size", str(workload.value_bytes), "--key-space-size", str(workload.keys)]
    text = subprocess.run(["taskset", "--cpu-list", str(LOAD_CORE), Etcd.benchmark, *command[1:]], check=True, capture_output=True,
                          text=True).stdout
    [rate] = re.findall(r"Requests/sec:\s+([\d.]+)", text)
    reached = {float(percent): float(seconds) * 1e6 for percent, seconds in re.findall(r"([\d.]+)% in ([\d.]+) secs", text)}
    return {"rate": float(rate), **{f"{name}_us": reached[percent] for name, percent in QUANTILES.items()}}, command


SIDES = [Side("put", "etcd, its benchmark", Etcd, bench_tool(benchmark), DURABLE)]
