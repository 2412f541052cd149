"""Stator: over its binary protocol beside Redis and etcd, over HTTP beside other DynamoDB servers, and on one core beside two."""

from side_by_side import LOAD_CORE, SERVER_CORE, Failure, output, perf_load
from system import DURABLE, Side, System

BOTH_CORES = f"{SERVER_CORE},{LOAD_CORE}"


class Stator(System):
    title = "Stator"
    settings = "as it comes; encrypted at rest; answers after the flush; any signature of the right form is accepted on loopback"
    wire_address, http_address = "127.0.0.1:8001", "127.0.0.1:8000"

    @classmethod
    def binary(cls, given):
        return given.binaries / "stator"

    @classmethod
    def version(cls, given):
        return output(str(cls.binary(given)), "--version")

    def command(self, directory):
        return [str(self.binary(self.given)), "serve", "--data-dir", directory, "--cores", self.cores,
                "--http-address", self.http_address, "--wire-address", self.wire_address]


class StatorByProfile(Stator):
    title = "Stator, perf/pgo"
    settings = f"{Stator.settings}; built by a profile of itself at work"

    @classmethod
    def binary(cls, given):
        return given.binaries.parent / "pgo" / "release" / "stator"

    @classmethod
    def install(cls, given):
        if not cls.binary(given).exists():
            raise Failure("perf/pgo builds it")


ACCESS_KEY = {"AWS_ACCESS_KEY_ID": "PEER", "AWS_SECRET_ACCESS_KEY": "known-to-both-sides"}


class Checking(Stator):
    """It lets only those call who sign with its one access key."""
    title = "Stator, signatures checked"
    settings = "as it comes, with --credentials: each request's SigV4 signature is verified"
    probe = (b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n", b"HTTP/1.1 200")

    def command(self, directory):
        credentials = self.directory / "credentials"
        credentials.write_text("[load]\n" + "".join(f"{name.lower()} = {value}\n" for name, value in ACCESS_KEY.items()))
        credentials.chmod(0o600)
        return [*super().command(directory), "--credentials", str(credentials)]


class CheckingByProfile(Checking, StatorByProfile):
    title = "Stator, perf/pgo, signatures checked"
    settings = f"{Checking.settings}; built by a profile of itself at work"


# Ratios are to the first of a workload.
SIDES = [
    Side("get", "Stator, perf/pgo", StatorByProfile, perf_load("--driver", "wire"), ""),
    Side("get", "Stator", Stator, perf_load("--driver", "wire"), ""),
    Side("put", "Stator, perf/pgo", StatorByProfile, perf_load("--driver", "wire"), DURABLE),
    Side("put", "Stator", Stator, perf_load("--driver", "wire"), DURABLE),
    Side("http", "Stator, HTTP, perf/pgo", StatorByProfile, perf_load("--driver", "http"), DURABLE),
    Side("http", "Stator, HTTP", Stator, perf_load("--driver", "http"), DURABLE),
    Side("http", "Stator, HTTP, signed, perf/pgo", CheckingByProfile, perf_load("--driver", "http", "--sign", **ACCESS_KEY), DURABLE),
    Side("http", "Stator, HTTP, signed", Checking, perf_load("--driver", "http", "--sign", **ACCESS_KEY), DURABLE),
    Side("http", "Stator, binary protocol", Stator, perf_load("--driver", "wire"), DURABLE),
    # Two cores: server and load share both, so the rates say how much work a request is, not what two free cores reach.
    Side("cores", "Stator, one core", Stator, perf_load("--driver", "wire"), DURABLE),
    Side("cores", "Stator, two cores", Stator, perf_load("--driver", "wire", cpu=None), DURABLE, BOTH_CORES),
    Side("cores", "Stator, two cores, plain client", Stator, perf_load("--driver", "wire", "--plain", cpu=None), DURABLE,
         BOTH_CORES),
]
