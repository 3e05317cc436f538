"""One socket of py2p 0.2.136, `py2p.net.secure_socket`, for interoperability tests.

It only IMPORTS the reference implementation, as installed by pip:

    pip install py2p==0.2.136 rsa

    rsa_peer.py server          listens, and prints {"port": PORT}
    rsa_peer.py client PORT     dials 127.0.0.1, and sends b"hello from py2p"

The first line of stdin is the key, a JSON object with decimal strings n, e, d, p and q: Python
takes half a minute to make one of 4,096 bits.  Either role then sends back every message that
comes, reversed, until the connection ends.  At last it prints {"echoed": COUNT, "peer_keysize":
BITS, "own": HASH}, where HASH is the SHA-512 of its own signature over b"signed".
"""
import hashlib
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

# The library prints what it does to stdout: keep the real one to ourselves.
out = os.fdopen(os.dup(1), "w", 1)
os.dup2(2, 1)

import rsa  # noqa: E402
from py2p import net  # noqa: E402


def tell(**what):
    out.write(json.dumps(what) + "\n")


def main(role, port=0):
    key = dict((name, int(value)) for name, value in json.loads(sys.stdin.readline()).items())
    pair = (rsa.PublicKey(key["n"], key["e"]), rsa.PrivateKey(*[key[part] for part in "nedpq"]))
    net.newkeys = lambda bits: pair
    sock = net.secure_socket(keysize=key["n"].bit_length(), silent=True)
    if role == "server":
        sock.bind(("127.0.0.1", 0))
        sock.listen(1)
        tell(port=sock.getsockname()[1])
        conn, _ = sock.accept()
    else:
        conn = sock
        conn.connect(("127.0.0.1", int(port)))
        conn.send(b"hello from py2p")
    assert conn.key is not None
    peer_keysize, count = conn.peer_keysize, 0
    while True:
        try:
            message = conn.recv()
        except net.decryption_error:
            break  # How rsa 4 puts the end of a connection.
        if not message:
            break
        conn.send(message[::-1])
        count += 1
    signature = conn.sign(b"signed")
    tell(echoed=count, peer_keysize=peer_keysize, own=hashlib.sha512(signature).hexdigest())


main(*sys.argv[1:])
