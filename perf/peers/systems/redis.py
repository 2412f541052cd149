"""Redis, driven by the same load generator as Stator, and by its own redis-benchmark. The best of its clients is what it can do."""

import re
import subprocess

from side_by_side import LOAD_CORE, QUANTILES, bench_tool, output, perf_load
from system import DURABLE, VOLATILE, Side, System


class Redis(System):
    title = "Redis"
    programs, package = ("redis-server", "redis-benchmark"), "redis-server redis-tools"
    port, probe = 6379, (b"PING\r\n", b"+PONG")
    settings = "no snapshots, no append-only file: what it holds goes with the process"
    durability = []

    @classmethod
    def version(cls, given):
        return re.search(r"v=(\S+)", output("redis-server", "--version"))[1]

    def command(self, directory):
        return ["redis-server", "--port", str(self.port), "--dir", directory, "--save", "", *self.durability]


class DurableRedis(Redis):
    title = "Redis, appendfsync always"
    settings = "appendonly yes, appendfsync always, no rewriting of the file, no snapshots"
    durability = ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]


def redis_benchmark(workload, count):
    """One run of redis-benchmark, which waits for all replies to a batch of `depth` before the next."""
    test = {"get": "get", "put": "set"}[workload.operation]
    command = ["redis-benchmark", "-P", str(workload.depth), "-c", str(workload.connections), "-t", test, "-d",
               str(workload.value_bytes), "-r", str(workload.keys), "-n", str(count)]
    text = subprocess.run(["taskset", "--cpu-list", str(LOAD_CORE), *command], check=True, capture_output=True, text=True).stdout
    [rate] = re.findall(r"throughput summary: ([\d.]+)", text)
    reached = [(float(percent), float(ms) * 1000)
               for percent, ms in re.findall(r"^([\d.]+)% <= ([\d.]+) milliseconds", text, re.MULTILINE)]
    latencies = {f"{name}_us": next(us for share, us in reached if share >= percent) for name, percent in QUANTILES.items()}
    return {"rate": float(rate), **latencies}, command


def benchmark_of_filled(given, server, workload):
    """redis-benchmark does not write what it gets: before gets, its own keys are set, nearly all of them."""
    subprocess.run(["redis-benchmark", "-t", "set", "-P", "32", "-d", str(workload.value_bytes), "-r", str(workload.keys), "-n",
                    str(workload.keys * 4)], check=True, capture_output=True)
    return BENCHMARK(given, server, workload)


BENCHMARK = bench_tool(redis_benchmark)
LOCKSTEP = perf_load("--driver", "redis", "--lockstep")
SIDES = [
    Side("get", "Redis, perf load", Redis, perf_load("--driver", "redis"), ""),
    Side("get", "Redis, perf load in lockstep", Redis, LOCKSTEP, "", is_pipelined=True),
    Side("get", "Redis, redis-benchmark", Redis, benchmark_of_filled, ""),
    Side("put", "Redis always, perf load", DurableRedis, perf_load("--driver", "redis"), DURABLE),
    Side("put", "Redis always, perf load in lockstep", DurableRedis, LOCKSTEP, DURABLE, is_pipelined=True),
    Side("put", "Redis always, redis-benchmark", DurableRedis, BENCHMARK, DURABLE),
    Side("put", "Redis volatile, perf load", Redis, perf_load("--driver", "redis"), VOLATILE),
]
