"""A collector under attack: what it needs meanwhile, and what its other clients feel."""

import json
import os
import re
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time

import harness

HERE = os.path.dirname(os.path.abspath(__file__))


def make_certificate(sandbox):
    """(authority, certificate, key): a self-signed one for localhost is all three."""
    cert, key = (os.path.join(sandbox.path, name) for name in ("tls.pem", "tls.key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days",
                    "60", "-subj", "/CN=siege", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    for path in (cert, key):
        os.chown(path, *harness.account())
    return cert, cert, key


class Siege:
    """One collector without a PostgreSQL behind it: what is besieged is the listener."""

    def __init__(self, sandbox, bin_directory, tls):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(20480, most), most))  # as in the unit
        self.ca_file, cert, key = make_certificate(sandbox) if tls else (None, None, None)
        self.name = "tls" if tls else "plain"
        self.port = harness.free_port()
        config = sandbox.write(f"{self.name}.toml", f"""
[http]
listen = "127.0.0.1:{self.port}"
{f'[http.tls]{chr(10)}cert_file = "{cert}"{chr(10)}key_file = "{key}"' if tls else ''}
[access]
keys = "none"
[postgres]
host = "{sandbox.path}"
connect_timeout = "1s"
""")
        self.process = harness.Process(
            sandbox, self.name, [f"{bin_directory}/pgvigil-collector", "run", "--config", config])
        self.process.start()
        harness.wait_until("the listener", lambda: self.get("/healthz")[0] == 200)

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), 60)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.ca_file:
            return plain
        context = ssl.create_default_context(cafile=self.ca_file)
        return context.wrap_socket(plain, server_hostname="localhost")

    def get(self, path, connection=None):
        """(status, body) over a connection that is kept, or one of its own."""
        own = connection or self.connect()
        own.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        text = b""
        length = None
        while length is None or len(text) < length:
            piece = own.recv(65536)
            if not piece:
                raise OSError("the collector closed the connection")
            text += piece
            if length is None and b"\r\n\r\n" in text:
                head = text.index(b"\r\n\r\n") + 4
                length = head + int(re.search(rb"Content-Length: (\d+)", text).group(1))
        if connection is None:
            own.close()
        return int(text.split()[1]), text[head:].decode()

    def counters(self):
        """Of /metrics: what was refused, by reason."""
        return {match[1]: int(float(match[2])) for match in re.finditer(
            r'collector_(?:http_refused|tls_handshake_failures)_total\{reason="(\w+)"\} (\S+)',
            self.get("/metrics")[1])}

    def rss_bytes(self):
        with open(f"/proc/{self.process.child.pid}/status", encoding="utf-8") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) << 10

    def endure(self, attack, seconds):
        """Asks on, over a kept connection and over new ones, while it goes on, for `seconds` once it
        is under way, or until it is over."""
        before = self.rss_bytes()
        arguments = [sys.executable, os.path.join(HERE, "hostile_peers.py"), attack, str(self.port)]
        attacker = subprocess.Popen(arguments + ([self.ca_file] if self.ca_file else []),
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        kept = self.connect()
        latencies, peak, asked = [], before, 0
        attacking_since = None
        output = []
        reader = threading.Thread(target=lambda: output.extend(attacker.stdout), daemon=True)
        reader.start()
        while attacker.poll() is None:
            if attacking_since is None and output:
                attacking_since = time.monotonic()
            if attacking_since is not None and time.monotonic() > attacking_since + seconds:
                break
            asked += 1
            begin = time.monotonic()
            status, _ = self.get("/healthz", None if asked % 10 == 0 else kept)
            latencies.append(time.monotonic() - begin)
            harness.check(status == 200, f"{attack}: /healthz answered {status}")
            peak = max(peak, self.rss_bytes())
            time.sleep(0.005)
        attacker.stdin.close()
        harness.check(attacker.wait(120) == 0, f"{attack}: the attacker failed: {output}")
        reader.join()
        latencies.sort()
        return {"rss_growth_mib": round((max(peak, self.rss_bytes()) - before) / (1 << 20), 1),
                "p50_ms": round(1000 * latencies[len(latencies) // 2], 2),
                "p99_ms": round(1000 * latencies[len(latencies) * 99 // 100], 2),
                "asked": len(latencies), "attacker": json.loads(output[-1])}

    def stop(self):
        self.process.stop()
