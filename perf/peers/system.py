"""A server under measurement: how it comes here, starts, gets ready and ends, and what it takes. Each system is one file in systems/."""

import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable

from side_by_side import SERVER_CORE, Failure

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60
PROBE_PAUSE_SECONDS = 0.001
# When a put is answered: so, or in a side's own words.
DURABLE, VOLATILE = "after its flush", "in memory alone"
LIST_TABLES = (
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\n"
    b"X-Amz-Date: 20250101T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20250101/us-east-1/dynamodb/"
    b"aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + b"0" * 64 + b"\r\nContent-Length: 2\r\n\r\n{}")


class System:
    """One run of a server, from `with` to its end, on its cores, with a directory of its own on the disk of the binaries.

    A subclass says how to install it, its command, and which first answer makes it ready. `under` goes before the command.
    """
    title = ""
    programs = ()  # That have to be there, from `package`.
    package = ""
    port = 8000
    probe = (LIST_TABLES, b"HTTP/1.1 200")
    settings = ""  # What it runs with, for the reader.

    def __init__(self, given, cores=str(SERVER_CORE), under=()):
        self.given, self.cores, self.under = given, cores, under

    @classmethod
    def install(cls, given):
        """Makes its programs be there, or tells by a Failure what is missing."""
        for program in cls.programs:
            if not shutil.which(program):
                raise Failure(f"{program} is missing: apt-get install {cls.package}")

    @classmethod
    def version(cls, given):
        raise NotImplementedError

    def command(self, directory):
        raise NotImplementedError

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="side-by-side-", dir=self.given.binaries))
        self.log = self.directory / "log"
        command = ["taskset", "--cpu-list", self.cores, *self.under, *self.command(str(self.directory / "data"))]
        (self.directory / "data").mkdir()
        begin = time.monotonic()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while not self._answers():
                if self.process.poll() is not None or time.monotonic() - begin > READY_SECONDS_MAX:
                    raise Failure(f"{self.title} does not start{self.last_words()}")
                time.sleep(PROBE_PAUSE_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        self.ready_seconds = time.monotonic() - begin
        self.ready_bytes = self.resident_bytes()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory)

    def _answers(self):
        request, expected = self.probe
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as stream:
                stream.sendall(request)
                answer = b""
                while len(answer) < len(expected):
                    part = stream.recv(len(expected) - len(answer))
                    if not part:
                        return False
                    answer += part
                return answer == expected
        except OSError:
            return False

    def last_words(self):
        """What it logged, if it has ended by itself."""
        return "" if self.process.poll() is None else f"; {self.title} ended with {self.process.poll()}: {self.log.read_text()[-300:].strip()}"

    def resident_bytes(self):
        """Memory in use now, the page cache not counted."""
        pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        """CPU time so far, of all its threads."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Side:
    """A system in the workloads of one group, with one load. `acknowledged` tells when a put is answered: the reader compares like with like."""
    group: str
    label: str
    system: type[System]
    load: Callable
    acknowledged: str
    cores: str = str(SERVER_CORE)
    is_pipelined: bool = False  # Makes no difference, and is left out, where the depth is 1.

    def turn(self, given, workload):
        with self.system(given, self.cores) as server:
            try:
                found = self.load(given, server, workload)
            except (Failure, subprocess.CalledProcessError) as reason:
                raise Failure(f"{reason}{server.last_words()}") from reason
            return found | {"resident_bytes": server.resident_bytes(), "ready_seconds": server.ready_seconds,
                            "ready_bytes": server.ready_bytes}


def installed(given, name, program, *commands):
    """A program in a folder of this name in the cache, put there by commands the first time; `FOLDER` in them is that folder."""
    folder = given.cache / name
    if not (folder / program).exists():
        print(f"installing {name} into {folder}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for command in commands:
            words = [word.replace("FOLDER", str(folder)) for word in command.split()]
            if not shutil.which(words[0]):
                raise Failure(f"{words[0]} is missing, which would install it")
            done = subprocess.run(words, capture_output=True, text=True, cwd=folder)
            if done.returncode != 0:
                raise Failure(f"{' '.join(words)}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    return str(folder / program)
