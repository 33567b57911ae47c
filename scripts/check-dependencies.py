#!/usr/bin/env python3
"""Licences, duplicate versions and unsafe code, without network: `cargo metadata --offline`, once dependencies are downloaded.

Fails for a licence that is not listed, for a crate in two versions that is not listed, for a listed one that is not there any more,
and for unsafe code without a `SAFETY:` comment above it.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Permissive licences. None asks for more than its text and the names of the authors.
LICENCES = {
    "MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Unicode-3.0",
    "BSL-1.0", "0BSD", "Unlicense", "CC0-1.0", "CDLA-Permissive-2.0", "NCSA",
}
# MPL-2.0 asks for the source of its own files alone, and they are used unchanged.
SYMPHONIA = "reads FLAC and Ogg files, decodes sound; MPL-2.0, used unchanged"
# Crates with another licence, and why that is acceptable.
EXCEPTIONS = {
    "epaint_default_fonts": "fonts of the figures in the report; not in the program",
    "symphonia": SYMPHONIA,
    "symphonia-bundle-flac": SYMPHONIA,
    "symphonia-bundle-mp3": SYMPHONIA,
    "symphonia-codec-aac": SYMPHONIA,
    "symphonia-codec-vorbis": SYMPHONIA,
    "symphonia-common": SYMPHONIA,
    "symphonia-core": SYMPHONIA,
    "symphonia-format-ogg": SYMPHONIA,
    "symphonia-metadata": SYMPHONIA,
}
# Crates in two versions, and who needs the older or newer one. A new pair needs a reason here, or one version less.
DUPLICATES = {
    "base64": "hyper-util and reqwest are ahead of everything else",
    "bitflags": "png 0.17, of the report's figures, is behind",
    "block-buffer": "digest 0.10",
    "const-oid": "digest 0.10",
    "cpufeatures": "digest 0.10",
    "crypto-common": "digest 0.10",
    "digest": "ed25519-dalek and jsonwebtoken stay on 0.10 until their next releases",
    "getrandom": "rand 0.8, and ring",
    "hmac": "s3s, of tests, is ahead of digest 0.10",
    "itertools": "criterion is behind object_store; not in the program",
    "matchit": "axum is behind socketioxide",
    "md-5": "flacenc is behind",
    "miniz_oxide": "png 0.17, of the report's figures, is behind",
    "nom": "s3s, of tests, is ahead of x509-parser",
    "rand": "jsonwebtoken and rsa stay on 0.8",
    "rand_core": "rand 0.8",
    "sha2": "digest 0.10",
    "spin": "lazy_static, of rustls-acme, is behind crc-fast, of object_store",
    "syn": "derive macros move from 2 to 3 one by one; not in the program",
    "synstructure": "syn",
    "tower-http": "reqwest is behind axum's users",
}

ATOM = re.compile(r"\(|\)|\bAND\b|\bOR\b|[A-Za-z0-9.+-]+(?: WITH [A-Za-z0-9.-]+)?")


def allows(expression):
    """Whether the licence expression (SPDX; `/` is an old way to write OR) can be met."""
    parts = ATOM.findall(expression.replace("/", " OR "))
    python = {"(": "(", ")": ")", "AND": "and", "OR": "or"}
    return eval(" ".join(python.get(part) or str(part in LICENCES) for part in parts))  # of True, False, and, or alone


def packages():
    command = ["cargo", "metadata", "--locked", "--offline", "--format-version", "1"]
    metadata = json.loads(subprocess.check_output(command + ["--filter-platform", "x86_64-unknown-linux-gnu"], cwd=ROOT))
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    return [package for package in metadata["packages"] if package["id"] in used]


def licences(found):
    for package in found:
        name, licence = package["name"], package["license"]
        if name not in EXCEPTIONS and not (licence and allows(licence)):
            yield f"{name} {package['version']} has the licence {licence}, which is not in scripts/check-dependencies.py"
    for name in EXCEPTIONS.keys() - {package["name"] for package in found}:
        yield f"{name} is not used any more: remove it from EXCEPTIONS"


def duplicates(found):
    versions = collections.defaultdict(set)
    for package in found:
        versions[package["name"]].add(package["version"])
    twice = {name: sorted(all) for name, all in versions.items() if len(all) > 1}
    for name in sorted(twice.keys() - DUPLICATES.keys()):
        yield f"{name} is there in versions {', '.join(twice[name])}: use one, or give the reason in DUPLICATES"
    for name in sorted(DUPLICATES.keys() - twice.keys()):
        yield f"{name} is there in one version now: remove it from DUPLICATES"


def unsafe_code():
    files = subprocess.check_output(["git", "ls-files", "*.rs"], cwd=ROOT, text=True).split()
    for name in files:
        lines = (ROOT / name).read_text().splitlines()
        for number, line in enumerate(lines):
            code = line.split("//")[0]
            if not re.search(r"\bunsafe\s+(\{|impl|extern)", code):
                continue
            before = number
            while before > 0 and lines[before - 1].strip().startswith(("//", "#[")):
                before -= 1
            if not any("SAFETY:" in comment for comment in lines[before:number]):
                yield f"{name}:{number + 1}: unsafe code without a SAFETY comment above it"


found = packages()
problems = [*licences(found), *duplicates(found), *unsafe_code()]
print(*problems, sep="\n") if problems else print(f"{len(found)} crates: licences and versions as listed; unsafe code is justified")
sys.exit(bool(problems))
