"""The server as the scripts of this folder start it: on ports of the system's choice, with a fresh directory."""

import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
SERVER = REPOSITORY / "target" / "release" / "stator"
READY = re.compile(r"ready http=(\S+) wire=(\S+) admin=(\S+)")


class ServerFailure(SystemExit):
    """The server is not there, did not start, or did not end well. Uncaught, it ends the script with its text."""


class Stator:
    """One run of the server, from `with` to its end; what it logged is shown when it did not end well."""

    def __init__(self, binary, *flags):
        self.binary, self.flags = binary, flags

    def __enter__(self):
        if not pathlib.Path(self.binary).exists():
            raise ServerFailure(f"{self.binary} is missing: cargo build --release -p server")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stator-"))
        addresses = [word for which in ("http", "wire", "admin") for word in (f"--{which}-address", "127.0.0.1:0")]
        self.log = (self.folder / "log").open("w+")
        self.process = subprocess.Popen(
            [str(self.binary), "serve", "--data-dir", str(self.folder / "data"), "--segment-size", "16M", *addresses, *self.flags],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        ready = READY.match(self.process.stdout.readline())
        if not ready:
            self.process.wait()
            raise ServerFailure(f"the server did not start:\n{self._log_text()}")
        self.addresses = dict(zip(("http", "wire", "admin"), ready.groups()))
        self.http = f"http://{ready[1]}"
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        text = self._log_text()
        self.log.close()
        shutil.rmtree(self.folder)
        if code != 0:
            raise ServerFailure(f"the server ended with {code}:\n{text[-4000:]}")

    def _log_text(self):
        self.log.seek(0)
        return self.log.read()
