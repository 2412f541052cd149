"""Stator: over its binary protocol beside Redis and etcd, over HTTP beside other DynamoDB servers, and on one core beside two."""

from side_by_side import LOAD_CORE, SERVER_CORE, output, perf_load
from system import DURABLE, Side, System

BOTH_CORES = f"{SERVER_CORE},{LOAD_CORE}"


class Stator(System):
    title = "Stator"
    settings = "as it comes; encrypted at rest; answers after the flush; any signature of the right form is accepted on loopback"
    wire_address, http_address = "127.0.0.1:8001", "127.0.0.1:8000"

    @classmethod
    def version(cls, given):
        return output(str(given.binaries / "stator"), "--version")

    def command(self, directory):
        return [str(self.given.binaries / "stator"), "serve", "--data-dir", directory, "--cores", self.cores,
                "--http-address", self.http_address, "--wire-address", self.wire_address]


SIDES = [
    Side("get", "Stator", Stator, perf_load("--driver", "wire"), ""),
    Side("put", "Stator", Stator, perf_load("--driver", "wire"), DURABLE),
    Side("http", "Stator, HTTP", Stator, perf_load("--driver", "http"), DURABLE),
    Side("http", "Stator, binary protocol", Stator, perf_load("--driver", "wire"), DURABLE),
    # Two cores: server and load share both, so the rates say how much work a request is, not what two free cores reach.
    Side("cores", "Stator, one core", Stator, perf_load("--driver", "wire"), DURABLE),
    Side("cores", "Stator, two cores", Stator, perf_load("--driver", "wire", cpu=None), DURABLE, BOTH_CORES),
    Side("cores", "Stator, two cores, plain client", Stator, perf_load("--driver", "wire", "--plain", cpu=None), DURABLE,
         BOTH_CORES),
]
