"""Dynoxide: DynamoDB's HTTP API over SQLite, in Rust."""

from side_by_side import output, perf_load
from system import DURABLE, VOLATILE, Side, System, installed

VERSION = "3.2.0"


class Dynoxide(System):
    title = "Dynoxide"
    settings = "a file; SQLite's WAL with synchronous FULL, its default: every commit is flushed"
    program = ""

    @classmethod
    def install(cls, given):
        Dynoxide.program = installed(given, f"dynoxide-{VERSION}", "bin/dynoxide",
                                     f"cargo install dynoxide-rs --version {VERSION} --locked --root FOLDER")

    @classmethod
    def version(cls, given):
        return output(Dynoxide.program, "--version")

    def command(self, directory):
        return [self.program, "serve", "--port", str(self.port), "--db-path", f"{directory}/dynoxide.db"]


class VolatileDynoxide(Dynoxide):
    title = "Dynoxide, in memory"
    settings = "no file, its default"

    def command(self, directory):
        return [self.program, "serve", "--port", str(self.port)]


SIDES = [
    Side("http", "Dynoxide", Dynoxide, perf_load("--driver", "http"), DURABLE),
    Side("http", "Dynoxide, in memory", VolatileDynoxide, perf_load("--driver", "http"), VOLATILE),
]
