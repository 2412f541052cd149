#!/usr/bin/env python3
"""The disk's own ceiling: fio's random reads of 4 KiB, O_DIRECT, through io_uring, on the core that a server would have.

What a server reaches that has to read one block for each request is told as a share of this, at the same depth. `random_reads` is
for other scripts; by itself this prints a table. Debian: apt-get install fio.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

DEPTHS = [1, 16, 64]
SERVER_CORE = 0
BLOCK_BYTES = 4096
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def bytes_of(text):
    """`512M` as a number."""
    found = re.fullmatch(r"(\d+)([KMG]?)", text.upper())
    if not found:
        raise argparse.ArgumentTypeError(f"{text}: a number of bytes, or one with K, M or G")
    return int(found[1]) * UNITS[found[2]]


def random_reads(folder, file_bytes=8 << 30, seconds=10, depths=DEPTHS, core=SERVER_CORE):
    """By depth: reads a second, latencies in us, and CPU time a read. The file is written first, lies in `folder`, and goes again."""
    if not shutil.which("fio"):
        sys.exit("fio is missing: apt-get install fio")
    file_bytes -= file_bytes % BLOCK_BYTES
    with tempfile.TemporaryDirectory(prefix="fio-", dir=folder) as place:
        shared = ["--name=reads", f"--filename={place}/file", f"--size={file_bytes}", "--direct=1", "--ioengine=io_uring",
                  "--randrepeat=0", "--output-format=json"]
        # Really written, with bytes that do not compress: a hole or zeros may be answered without the disk.
        run(core, *shared, "--rw=write", "--bs=1M", "--iodepth=4", "--refill_buffers", "--end_fsync=1")
        return {depth: reads(core, shared, depth, seconds) for depth in depths}


def reads(core, shared, depth, seconds):
    report = run(core, *shared, "--rw=randread", f"--bs={BLOCK_BYTES}", f"--iodepth={depth}", "--time_based",
                 f"--runtime={seconds}", "--ramp_time=1")
    job = report["jobs"][0]
    read = job["read"]
    latency = read["clat_ns"]["percentile"]
    cpu_share = (job["usr_cpu"] + job["sys_cpu"]) / 100
    return {"rate": read["iops"], "p50_us": latency["50.000000"] / 1e3, "p99_us": latency["99.000000"] / 1e3,
            "p999_us": latency["99.900000"] / 1e3, "cpu_us": cpu_share * 1e6 / read["iops"]}


def run(core, *options):
    done = subprocess.run(["taskset", "--cpu-list", str(core), "fio", *options], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"fio {' '.join(options)}:\n{done.stdout}{done.stderr}")
    # Notes may stand before the report.
    return json.loads(done.stdout[done.stdout.index("{"):])


def table(by_depth):
    """The lines of a Markdown table."""
    rows = [f"| {depth} | {found['rate']:,.0f} | {found['p50_us']:,.0f} | {found['p99_us']:,.0f} | {found['p999_us']:,.0f} "
            f"| {found['cpu_us']:.1f} |" for depth, found in by_depth.items()]
    return ["| depth | reads/s | p50 us | p99 us | p99.9 us | CPU us a read |", "| --- | --- | --- | --- | --- | --- |", *rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path.cwd(), help="on the disk to measure (default: here)")
    parser.add_argument("--bytes", type=bytes_of, default="8G", help="of the file (default 8G)")
    parser.add_argument("--seconds", type=int, default=10, help="of each depth (default 10)")
    given = parser.parse_args()
    print("\n".join(table(random_reads(given.folder, given.bytes, given.seconds))))


if __name__ == "__main__":
    main()
