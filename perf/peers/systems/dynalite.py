"""dynalite: DynamoDB's HTTP API over LevelDB, in JavaScript."""

from side_by_side import perf_load
from system import Side, System, installed

VERSION = "4.0.0"


class Dynalite(System):
    title = "dynalite"
    programs, package = ("node",), "nodejs npm"
    settings = "a LevelDB folder, written without a sync; tables are active at once"
    program = ""

    @classmethod
    def install(cls, given):
        super().install(given)
        cls.program = installed(given, f"dynalite-{VERSION}", "node_modules/dynalite/cli.js",
                                f"npm install --no-audit --no-fund --prefix FOLDER dynalite@{VERSION}")

    @classmethod
    def version(cls, given):
        return VERSION

    def command(self, directory):
        return ["node", self.program, "--port", str(self.port), "--host", "127.0.0.1", "--path", f"{directory}/dynalite",
                "--createTableMs", "0"]


SIDES = [Side("http", "dynalite", Dynalite, perf_load("--driver", "http"), "before any flush")]
