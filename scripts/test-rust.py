#!/usr/bin/env python3
"""Runs all Rust tests: what `cargo test --workspace` runs, two of its programs at a time.

Many tests wait for timers and other processes, so one program after the other would leave the processors idle.
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

CARGO = os.environ.get("CARGO", "cargo")
TEST = [CARGO, "test", "--workspace", "--locked"]
AT_A_TIME = 2


def programs():
    """Builds the test programs. Returns the path of each and the folder of its package."""
    build = subprocess.run([*TEST, "--no-run", "--message-format=json-render-diagnostics"], stdout=subprocess.PIPE, check=True)
    for line in build.stdout.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            yield message["executable"], pathlib.Path(message["manifest_path"]).parent


def run(program, package):
    """Runs a program as cargo does, in the folder of its package, and prints what it says. Returns whether it passed."""
    environment = {**os.environ, "CARGO": CARGO, "CARGO_MANIFEST_DIR": str(package)}
    ran = subprocess.run([program], cwd=package, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    sys.stdout.buffer.write(f"\n{program}\n".encode() + ran.stdout)
    sys.stdout.flush()
    return ran.returncode == 0


def main():
    found = list(programs())
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        passed = list(pool.map(lambda pair: run(*pair), found))
    failed = [program for (program, _), is_good in zip(found, passed) if not is_good]
    documentation = subprocess.run([*TEST, "--doc"])
    for program in failed:
        print(f"failed: {program}")
    sys.exit(bool(failed) or documentation.returncode)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
