"""DynamoDB Local: AWS's own emulator, in Java over SQLite.

Its licence is AWS's own, so each user accepts it by fetching it: unpack it anywhere and name the folder in DYNAMODB_LOCAL.
"""

import os
import pathlib

from side_by_side import Failure, output, perf_load
from system import Side, System


class DynamodbLocal(System):
    title = "DynamoDB Local"
    programs, package = ("java",), "default-jre-headless"
    settings = "a file (-dbPath), one database for all (-sharedDb), no telemetry"
    folder = pathlib.Path(os.environ.get("DYNAMODB_LOCAL", "/"))

    @classmethod
    def install(cls, given):
        super().install(given)
        if not (cls.folder / "DynamoDBLocal.jar").exists():
            raise Failure("not fetched by this script, its licence being AWS's own: unpack it and set DYNAMODB_LOCAL to the folder")

    @classmethod
    def version(cls, given):
        return output("java", *cls._jar(), "-version")

    @classmethod
    def _jar(cls):
        return [f"-Djava.library.path={cls.folder / 'DynamoDBLocal_lib'}", "-jar", str(cls.folder / "DynamoDBLocal.jar")]

    def command(self, directory):
        return ["java", *self._jar(), "-port", str(self.port), "-dbPath", directory, "-sharedDb", "-disableTelemetry"]


SIDES = [Side("http", "DynamoDB Local", DynamodbLocal, perf_load("--driver", "http"), "as SQLite does by its defaults")]
