#!/usr/bin/python3
"""Peers that mean harm, each a function of one `Target`; run as a program, they do so in a process of
their own, so that who measures the others is not held up:
    hostile_peers.py ATTACK PORT [CA_FILE]
prints "attacking" when the harm is under way, ends with its standard input (or when it is done, for
those that end), and prints a JSON object of what it saw as its last line."""

import gzip
import json
import socket
import ssl
import sys
import threading
import zlib

LORIS = 2000
FLOOD_BYTES = 400 << 20
BOMB_BYTES = 1 << 30


class Target:
    """Connects to the listener, within TLS if it has an authority, from many loopback addresses, so
    that the bound of connections by address is no defence."""

    def __init__(self, port, ca_file=None):
        self.port = port
        self.context = ssl.create_default_context(cafile=ca_file) if ca_file else None
        self.opened = 0

    def connect(self):
        address = f"127.0.0.{2 + self.opened // 200 % 250}"
        self.opened += 1
        plain = socket.create_connection(("127.0.0.1", self.port), 60, (address, 0))
        if self.context is None:
            return plain
        return self.context.wrap_socket(plain, server_hostname="localhost")


def status_of(connection):
    """The status of the answer, 0 when there was none."""
    text = b""
    try:
        while b"\r\n" not in text:
            piece = connection.recv(4096)
            if not piece:
                break
            text += piece
    except OSError:
        pass
    return int(text.split()[1]) if text.startswith(b"HTTP/1.1 ") else 0


def send_all(connection, data):
    """Sends until the peer has enough of it; the bytes that it took."""
    sent = 0
    try:
        while sent < len(data):
            sent += connection.send(data[sent:sent + 65536])
    except OSError:
        pass
    return sent


def hold(connections, dribble):
    """Keeps them open, each a byte now and then, until we are told to end."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    print("attacking", flush=True)
    alive = list(connections)
    while not ended.wait(1):
        for connection in list(alive):
            try:
                connection.send(dribble)
            except OSError:
                alive.remove(connection)
    return {"connections": len(connections), "alive_at_the_end": len(alive)}


def slow_headers(target):
    connections = [target.connect() for _ in range(LORIS)]
    for connection in connections:
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    return hold(connections, b"x")


def slow_bodies(target):
    """Each announces the largest body that is allowed, and sends next to nothing of it."""
    connections = [target.connect() for _ in range(LORIS)]
    for connection in connections:
        connection.send(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                        b"Content-Encoding: zstd\r\nContent-Length: 16777216\r\n\r\n")
    return hold(connections, b"x")


def silent(target):
    """Says nothing at all: with TLS, not even hello."""
    plain = Target(target.port)
    return hold([plain.connect() for _ in range(LORIS)], b"")


def flood(target):
    """400 MiB without a line's end."""
    connection = target.connect()
    print("attacking", flush=True)
    sent = 0
    piece = b"x" * (1 << 20)
    while sent < FLOOD_BYTES:
        taken = send_all(connection, piece)
        sent += taken
        if taken < len(piece):
            break
    return {"taken_bytes": sent, "status": status_of(connection)}


def snappy_of_zeros(size):
    """As the reference describes it: the length, one literal zero, then copies of it, 64 at a time."""
    length = b""
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return length + bytes([size, 0, 0]) + b"\xfe\x01\x00" * 16384


def bombs(target):
    """A gigabyte of zeros in every encoding that somebody speaks, eight times each."""
    zeros = bytes(1 << 20)
    deflater = zlib.compressobj(9)
    deflated = b"".join(deflater.compress(zeros) for _ in range(BOMB_BYTES >> 20)) + deflater.flush()
    import subprocess  # pylint: disable=import-outside-toplevel
    zstd = subprocess.run(f"head -c {BOMB_BYTES} /dev/zero | zstd -19 -c", shell=True, check=True,
                          capture_output=True).stdout
    bodies = {"zstd": zstd, "deflate": deflated, "snappy": snappy_of_zeros(BOMB_BYTES),
              "gzip": gzip.compress(deflated)}
    print("attacking", flush=True)
    seen = {}
    for name, body in bodies.items():
        for _ in range(8):
            connection = target.connect()
            head = (f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                    f"Content-Encoding: {name}\r\nContent-Length: {len(body)}\r\n\r\n")
            send_all(connection, head.encode() + body)
            status = f"{name} {status_of(connection)}"
            seen[status] = seen.get(status, 0) + 1
            connection.close()
    return seen


def crooked(target):
    """What parsers disagree about; each must be refused, and its connection closed."""
    post = "POST /v1/batches HTTP/1.1\r\nHost: x\r\n"
    get = "GET /healthz HTTP/1.1\r\nHost: x\r\n"
    requests = {
        "chunk size overflows": post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nx\r\n",
        "chunk size is negative": post + "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n",
        "both lengths": post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "two lengths": post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "length overflows": post + "Content-Length: 18446744073709551617\r\n\r\nx",
        "unknown transfer encoding": post + "Transfer-Encoding: gzip\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "chunked hides": post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "ten thousand headers": get + "".join(f"X{i}: y\r\n" for i in range(10000)) + "\r\n",
        "header without a colon": get + "nonsense\r\n\r\n",
        "space before the colon": get + "Content-Length : 4\r\n\r\nabcd",
        "line feeds alone": "GET /healthz HTTP/1.1\nHost: x\n\n",
        "carriage return in a value": get + "X: a\rContent-Length: 4\r\n\r\n",
        "zero byte in a value": get + "X: a\0b\r\n\r\n",
        "no host": "GET /healthz HTTP/1.1\r\n\r\n",
        "two hosts": get + "Host: y\r\n\r\n",
        "line break in the path": "GET /healthz%0d%0aX:%20y HTTP/1.1\r\nHost: x\r\n\r\n",
    }
    print("attacking", flush=True)
    seen = {}
    for name, text in requests.items():
        connection = target.connect()
        send_all(connection, text.encode("latin-1"))
        seen[name] = status_of(connection)
        connection.close()
    return seen


ATTACKS = {attack.__name__: attack for attack in
           (slow_headers, slow_bodies, silent, flood, bombs, crooked)}


def main():
    target = Target(int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
    print(json.dumps(ATTACKS[sys.argv[1]](target)), flush=True)


if __name__ == "__main__":
    import resource
    _, MOST = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, MOST), MOST))
    main()
