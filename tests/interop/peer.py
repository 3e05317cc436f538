#!/usr/bin/env python
# -*- coding: utf-8 -*-
"""Scriptable py2p 0.2.136 node for interoperability tests.

It only IMPORTS the reference implementation, as installed by pip:

    pip install py2p==0.2.136 rsa

One line of JSON per command on stdin, one line of JSON per answer or event on
stdout.  stderr carries whatever the library prints.  Works on CPython 2.7 and
on every CPython 3 for which py2p 0.2.136 still imports (checked: 2.7, 3.11, 3.13).

Command line
    --addr A            address to bind (default 127.0.0.1)
    --port P            port to bind (default 0: a free one is picked first)
    --subnet S          protocol subnet (default "mesh")
    --encryption E      "Plaintext" (default) or "PKCS1_v1.5"
    --out-addr H:P      address announced in the handshake ("null" announces
                        JSON null; it is applied after construction)
    --compression L     comma list replacing the library's preference list,
                        e.g. "gzip", "bz2,gzip"; "none" for an empty list
    --salt TEXT         fixed user salt, so that the node id is reproducible
    --max-outgoing N    replaces mesh.max_outgoing
    --keysize N         RSA bits used for every secure_socket (default 1024)
    --rsa-key FILE      JSON object with decimal strings n, e, d, p, q: a fixed key
                        instead of a generated one (give the matching --keysize)
    --secure-timeout S  the library gives every secure connection a read timeout of
                        0.01 s, and a timeout between a message and its signature
                        silently loses both; this raises it (default 3, 0: as shipped)
    --connect-timeout S the library gives connect() 0.01 s; this raises it
    --clock N           freeze the library's clock at unix second N
    --clock-offset N    shift the library's clock by N seconds
    --debug N           the library's debug_level (its prints go to stderr)
    --no-events         no unsolicited event lines
    --max-life S        hard limit on the life of the process (default 900)

First line printed:  {"event": "ready", "id": ..., "addr": [..], ...}

Commands        {"cmd": NAME, "tag": anything, ...} -> {"answer": NAME, "tag": ..., "ok": true, ...}
    connect     addr, port [, id]        -> result true/false ("false": already connected, or own address)
    send        packets [, type]         -> broadcast; type replaces the sub-flag
    whisper     to, packets [, flag]     -> one neighbour; flag replaces the sub-flag "whisper"
    raw         to, main, packets        -> connection.send(main, *packets): any main flag / sub-flag
    bytes       to, hex                  -> raw bytes on the neighbour's socket
    recv        [timeout] [, max]        -> messages (each gets a number "n"; with --no-events or not)
    reply       n, packets               -> message.reply(*packets) of message number n
    request     what [, rid]             -> node.send(rid, what, type="request"), what is an id or "*"
    renegotiate to, methods              -> sends renegotiate/compression
    setcomp     to, methods              -> silently sets what this side believes (provokes a mismatch)
    resend      to                       -> sends renegotiate/resend
    peers       -                        -> routing table, awaiting connections
    pending     -                        -> ids of open requests
    waterfalls  -                        -> [[message id, time], ...]
    disconnect  to                       -> shuts the socket down (the daemon then removes it)
    status      -                        -> "Nominal" or list of [exception, last traceback line]
    clearstatus -                        -> empties the exception list
    id | ping | quit

In every command packets are given as "packets": ["text", ...] (UTF-8) or as
"packets_hex": ["00ff", ...]; every message comes back with both forms
(text entries are null where the packet is not UTF-8).

Events: ready, message, peer_join, peer_leave, exception, daemon_dead, bye
"""
from __future__ import print_function

import argparse
import binascii
import json
import os
import socket
import sys
import threading
import time
import traceback
import warnings

warnings.simplefilter("ignore")

PY2 = sys.version_info[0] == 2

# The library prints to stdout now and then: keep the real stdout to ourselves.
_out = os.fdopen(os.dup(1), "wb", 0)
sys.stdout.flush()
os.dup2(2, 1)
_out_lock = threading.Lock()


def emit(obj):
    line = json.dumps(obj, sort_keys=True)
    if not isinstance(line, bytes):
        line = line.encode("utf-8")
    with _out_lock:
        try:
            _out.write(line + b"\n")
        except (IOError, OSError):
            os._exit(3)


def text(b):
    """bytes -> JSON-able text, None where not UTF-8; other values through repr."""
    if b is None:
        return None
    if isinstance(b, bytes):
        try:
            return b.decode("utf-8")
        except UnicodeDecodeError:
            return None
    return u"%s" % (b,)


def to_bytes(s):
    return s if isinstance(s, bytes) else s.encode("utf-8")


def hexs(b):
    return binascii.hexlify(to_bytes(b)).decode("ascii")


def packets_of(cmd):
    if "packets_hex" in cmd:
        return [binascii.unhexlify(to_bytes(p)) for p in cmd["packets_hex"]]
    return [to_bytes(p) for p in cmd.get("packets", [])]


def parse_args():
    p = argparse.ArgumentParser()
    p.add_argument("--addr", default="127.0.0.1")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--subnet", default="mesh")
    p.add_argument("--encryption", default="Plaintext")
    p.add_argument("--out-addr")
    p.add_argument("--compression")
    p.add_argument("--salt")
    p.add_argument("--max-outgoing", type=int)
    p.add_argument("--keysize", type=int)
    p.add_argument("--rsa-key")
    p.add_argument("--secure-timeout", type=float, default=3.0)
    p.add_argument("--connect-timeout", type=float)
    p.add_argument("--clock", type=int)
    p.add_argument("--clock-offset", type=int)
    p.add_argument("--debug", type=int, default=0)
    p.add_argument("--no-events", action="store_true")
    p.add_argument("--max-life", type=float, default=900.0)
    return p.parse_args()


def free_port(addr):
    s = socket.socket()
    try:
        s.bind((addr, 0))
        return s.getsockname()[1]
    finally:
        s.close()


class Peer(object):
    def __init__(self, args):
        import py2p
        from py2p import base, mesh
        self.base, self.mesh, self.py2p = base, mesh, py2p
        if args.encryption == "PKCS1_v1.5":
            # The library says "import net", which Python 3 takes as a top-level
            # module.  Handing it the packaged module under that name is enough.
            from py2p import net
            sys.modules.setdefault("net", net)
            if args.keysize:
                # secure_socket's parameters: family, type, proto, fileno, keysize, silent
                init = net.secure_socket.__init__
                defaults = list(init.__func__.__defaults__ if PY2 else init.__defaults__)
                defaults[4] = args.keysize
                (init.__func__ if PY2 else init).__defaults__ = tuple(defaults)
            if args.rsa_key:
                import rsa
                with open(args.rsa_key) as f:
                    k = dict((name, int(v)) for name, v in json.load(f).items() if name in "nedpq")
                pair = (rsa.PublicKey(k["n"], k["e"]), rsa.PrivateKey(*[k[x] for x in "nedpq"]))
                net.newkeys = lambda bits: pair
            if args.secure_timeout:
                plain = net.secure_socket.settimeout
                if PY2:
                    plain = plain.__func__
                net.secure_socket.settimeout = lambda sock, t: plain(
                    sock, args.secure_timeout if t is not None and t <= 0.011 else t)
        if args.compression is not None:
            names = [] if args.compression in ("", "none") else args.compression.split(",")
            # one list object shared by base and mesh: change it in place
            base.compression[:] = [to_bytes(n) for n in names]
        if args.salt is not None:
            mesh.user_salt = base.user_salt = to_bytes(args.salt)
        if args.max_outgoing is not None:
            mesh.max_outgoing = args.max_outgoing
        if args.clock is not None or args.clock_offset is not None:
            real = base.getUTC
            fixed, offset = args.clock, args.clock_offset or 0
            clock = (lambda: fixed) if fixed is not None else (lambda: real() + offset)
            base.getUTC = mesh.getUTC = clock
        if args.connect_timeout is not None:
            self._patch_connect_timeout(args.connect_timeout)
        port = args.port or free_port(args.addr)
        out = None
        if args.out_addr and args.out_addr != "null":
            host, _, p = args.out_addr.rpartition(":")
            out = (host, int(p))
        prot = base.protocol(args.subnet, args.encryption)
        self.node = mesh.mesh_socket(args.addr, port, prot, out_addr=out, debug_level=args.debug)
        if args.out_addr == "null":
            self.node.out_addr = None
        self.events = not args.no_events
        self.kept = {}
        self.count = 0
        self.inbox = []
        self.cond = threading.Condition()
        self.seen_exc = 0
        emit({"event": "ready", "id": text(self.node.id), "addr": [args.addr, port],
              "out_addr": self.node.out_addr, "protocol": [args.subnet, args.encryption],
              "protocol_id": text(prot.id), "version": py2p.__version__,
              "python": "%d.%d.%d" % sys.version_info[:3],
              "compression": [text(m) for m in base.compression], "pid": os.getpid()})
        t = threading.Thread(target=self.watch)
        t.daemon = True
        t.start()

    def _patch_connect_timeout(self, seconds):
        """The library calls settimeout(0.01) just before connect(); a socket class
        that ignores that value until connected makes connect() patient."""
        class patient(socket.socket):
            def connect(self, where):
                before = self.gettimeout()
                socket.socket.settimeout(self, seconds)
                try:
                    return socket.socket.connect(self, where)
                finally:
                    socket.socket.settimeout(self, before)

        class proxy(object):
            def __getattr__(self, name):
                return getattr(socket, name)
        px = proxy()
        px.socket = patient
        self.mesh.socket = px

    # -- watching ----------------------------------------------------------
    def describe(self, msg):
        self.count += 1
        n = self.count
        self.kept[n] = msg
        packets = list(msg.packets)
        return {"n": n, "main": text(msg.msg.msg_type), "sender": text(msg.sender),
                "sender_hex": hexs(msg.sender), "id": text(msg.id), "time": int(msg.time),
                "packets": [text(p) for p in packets], "packets_hex": [hexs(p) for p in packets],
                "compression_fail": bool(msg.msg.compression_fail), "at": time.time()}

    def table(self):
        for _ in range(50):
            try:
                return list(self.node.routing_table.items())
            except RuntimeError:      # changed while being listed
                continue
        return []

    def watch(self):
        known, dead = set(), False
        while True:
            with self.cond:
                while self.node.queue:
                    d = self.describe(self.node.queue.pop())
                    self.inbox.append(d)
                    self.cond.notify_all()
                    if self.events:
                        emit(dict(d, event="message"))
            now = set((text(k), type(k).__name__) for k, _ in self.table())
            if self.events:
                for k, t in sorted(now - known):
                    emit({"event": "peer_join", "id": k, "key_type": t})
                for k, t in sorted(known - now):
                    emit({"event": "peer_leave", "id": k, "key_type": t})
                exc = self.node.daemon.exceptions
                while self.seen_exc < len(exc) and self.seen_exc < 200:
                    e, tb = exc[self.seen_exc]
                    self.seen_exc += 1
                    emit({"event": "exception", "type": type(e).__name__, "text": str(e),
                          "where": self.where(tb)})
                if not dead and not self.node.daemon.daemon.is_alive():
                    dead = True
                    emit({"event": "daemon_dead"})
            known = now
            time.sleep(0.01)

    @staticmethod
    def where(tb):
        lines = [l.strip() for l in tb.strip().splitlines() if l.strip().startswith("File")]
        return lines[-1].replace(os.path.dirname(os.path.abspath(__file__)), ".") if lines else ""

    def handler(self, ident):
        want = to_bytes(ident)
        for k, h in self.table():
            if k == want or k == ident:
                return h
        raise KeyError("no such neighbour")

    # -- commands ----------------------------------------------------------
    def do_connect(self, c):
        ident = to_bytes(c["id"]) if c.get("id") is not None else None
        host = c["addr"]
        host = str(host) if PY2 else host
        r = self.node.connect(host, int(c["port"]), ident)
        return {"result": r is not False}

    def do_send(self, c):
        kw = {"type": to_bytes(c["type"])} if c.get("type") else {}
        self.node.send(*packets_of(c), **kw)

    def do_whisper(self, c):
        f = self.base.flags
        self.handler(c["to"]).send(f.whisper, to_bytes(c.get("flag", f.whisper)), *packets_of(c))

    def do_raw(self, c):
        self.handler(c["to"]).send(to_bytes(c["main"]), *packets_of(c))

    def do_bytes(self, c):
        self.handler(c["to"]).sock.send(binascii.unhexlify(to_bytes(c["hex"])))

    def do_recv(self, c):
        until = time.time() + float(c.get("timeout", 0))
        limit = int(c.get("max", 1 << 30))
        with self.cond:
            while not self.inbox:
                left = until - time.time()
                if left <= 0:
                    break
                self.cond.wait(min(left, 0.05))
            got, self.inbox = self.inbox[:limit], self.inbox[limit:]
        return {"messages": got}

    def do_reply(self, c):
        self.kept[int(c["n"])].reply(*packets_of(c))

    def do_request(self, c):
        what = to_bytes(c["what"])
        rid = to_bytes(c["rid"]) if c.get("rid") else self.base.to_base_58(int(time.time() * 1000))
        self.node.send(rid, what, type=self.base.flags.request)
        return {"rid": text(rid)}

    def do_renegotiate(self, c):
        f = self.base.flags
        self.handler(c["to"]).send(f.renegotiate, f.compression, json.dumps(c["methods"]))

    def do_setcomp(self, c):
        self.handler(c["to"]).compression = [to_bytes(m) for m in c["methods"]]

    def do_resend(self, c):
        f = self.base.flags
        self.handler(c["to"]).send(f.renegotiate, f.resend)

    def do_peers(self, c):
        out = []
        for k, h in self.table():
            out.append({"id": text(k), "key_type": type(k).__name__, "handler_id": text(h.id),
                        "addr": h.addr, "outgoing": bool(h.outgoing),
                        "compression": [text(m) for m in h.compression], "fileno": h.fileno()})
        return {"peers": out, "awaiting": len(self.node.awaiting_ids),
                "outgoing": [text(i) for i in self.node.outgoing],
                "incoming": [text(i) for i in self.node.incoming]}

    def do_pending(self, c):
        return {"pending": [text(k) for k in list(self.node.requests)]}

    def do_waterfalls(self, c):
        return {"waterfalls": [[text(i), int(t)] for i, t in list(self.node.waterfalls)]}

    def do_disconnect(self, c):
        h = self.handler(c["to"])
        try:
            h.sock.shutdown(socket.SHUT_RDWR)
        except (IOError, OSError) as e:
            return {"note": str(e)}

    def do_status(self, c):
        s = self.node.status
        if s != "Nominal":
            s = [[type(e).__name__, str(e), self.where(tb)] for e, tb in list(s)]
        return {"status": s, "daemon_alive": self.node.daemon.daemon.is_alive(),
                "queued": len(self.node.queue) + len(self.inbox)}

    def do_clearstatus(self, c):
        del self.node.daemon.exceptions[:]
        self.seen_exc = 0

    def do_id(self, c):
        return {"id": text(self.node.id), "protocol_id": text(self.node.protocol.id),
                "out_addr": self.node.out_addr}

    def do_ping(self, c):
        return {"time": time.time()}

    def run(self):
        while True:
            line = sys.stdin.readline()
            if not line:
                return
            line = line.strip()
            if not line:
                continue
            tag, name = None, None
            try:
                c = json.loads(line)
                tag, name = c.get("tag"), c["cmd"]
                if name == "quit":
                    emit({"answer": "quit", "tag": tag, "ok": True})
                    return
                r = getattr(self, "do_" + name)(c) or {}
                emit(dict({"answer": name, "tag": tag, "ok": True}, **r))
            except Exception as e:      # every failure is an answer
                emit({"answer": name, "tag": tag, "ok": False, "error": type(e).__name__,
                      "text": str(e), "trace": traceback.format_exc().splitlines()[-3:]})


def main():
    args = parse_args()
    killer = threading.Timer(args.max_life, lambda: os._exit(4))
    killer.daemon = True
    killer.start()
    try:
        peer = Peer(args)
    except Exception as e:
        emit({"event": "failed", "error": type(e).__name__, "text": str(e)})
        os._exit(1)
    peer.run()
    emit({"event": "bye"})
    # The library has no close(): leaving the process is the only clean stop.
    os._exit(0)


if __name__ == "__main__":
    main()
