#!/usr/bin/env python3
"""Build each contestant in its own target directory; with --clean, from nothing and timed.
usage: build.py [--clean] [name ...]     result of --clean goes to results/build.jsonl"""
import json, os, resource, shutil, subprocess, sys, time
HERE = os.path.dirname(os.path.abspath(__file__))
os.makedirs(f"{HERE}/results", exist_ok=True)
ALL = ["raw-mio", "zmq-b", "zenoh-b", "libp2p-b", "iroh-b", "rs2p-b"]
clean = "--clean" in sys.argv
names = [a for a in sys.argv[1:] if not a.startswith("-")] or ALL
for n in names:
    tgt = f"{HERE}/build/{n}"
    if clean:
        shutil.rmtree(tgt, ignore_errors=True)
    env = dict(os.environ, CARGO_BUILD_JOBS="2")
    r0, t0, l0 = resource.getrusage(resource.RUSAGE_CHILDREN), time.time(), os.getloadavg()[0]
    log = open(f"{HERE}/results/build-{n}.log", "w")
    rc = subprocess.call(["nice", "-n", "5", "cargo", "build", "--locked", "--release", "-p", n, "--target-dir", tgt],
                         cwd=HERE, env=env, stdout=log, stderr=log)
    t1, r1 = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    if rc:
        print(n, "BUILD FAILED, see results/build-%s.log" % n); continue
    bin = f"{tgt}/release/{n}"
    if not clean:
        print(n, "ok"); continue
    tree = subprocess.run(["cargo", "tree", "-p", n, "-e", "normal,build", "--prefix", "none", "-f", "{p}"],
                          cwd=HERE, capture_output=True, text=True).stdout
    crates = {l.replace(" (*)", "").split(" (proc-macro)")[0].strip() for l in tree.splitlines() if l.strip()}
    crates = {c for c in crates if HERE not in c}
    compiled = open(log.name).read().count("Compiling ")
    st = bin + ".stripped"
    subprocess.call(["strip", "-o", st, bin])
    d = dict(name=n, wall_s=round(t1 - t0, 1), cpu_s=round(r1.ru_utime + r1.ru_stime - r0.ru_utime - r0.ru_stime, 1),
             crates_in_tree=len(crates), compiled_units=compiled, bin_kb=os.path.getsize(bin) // 1024,
             bin_stripped_kb=os.path.getsize(st) // 1024, load_before=l0, load_after=os.getloadavg()[0])
    print(json.dumps(d), flush=True)
    with open(f"{HERE}/results/build.jsonl", "a") as f:
        f.write(json.dumps(d) + "\n")
