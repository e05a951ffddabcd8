"""A real Apache Kafka cluster for the end-to-end tests: nodes that are broker and controller (KRaft)."""

import json
import os
import random
import signal
import socket
import subprocess

from harness import Failure, Process, wait_until

FETCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "fetch-kafka")


def quiet_port():
    """A free port below those of outgoing connections: a client that knocks at a stopped broker could
    else be given that very port."""
    while True:
        port = random.randrange(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Cluster:
    """`size` nodes with replication to all, a majority of which must have a record before it counts."""

    def __init__(self, sandbox, size=1, heap="192m"):
        self.jars = subprocess.run([FETCH], check=True, stdout=subprocess.PIPE,
                                   text=True).stdout.strip()
        self.sandbox = sandbox
        self.size = size
        self.heap = heap
        ports = [(quiet_port(), quiet_port()) for _ in range(size)]
        self.addresses = [f"127.0.0.1:{client}" for client, _ in ports]
        voters = ",".join(f"{i + 1}@127.0.0.1:{controller}"
                          for i, (_, controller) in enumerate(ports))
        self.nodes = []
        for i, (client, controller) in enumerate(ports):
            name = f"kafka-{i + 1}"
            logs = sandbox.make(name)
            properties = sandbox.write(f"{name}.properties", f"""
process.roles=broker,controller
node.id={i + 1}
listeners=CLIENT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
controller.quorum.voters={voters}
log.dirs={logs}/data
auto.create.topics.enable=false
default.replication.factor={size}
min.insync.replicas={size // 2 + 1}
offsets.topic.replication.factor={size}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={size}
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=500
log.cleaner.dedupe.buffer.size=4194304
replica.lag.time.max.ms=5000
broker.session.timeout.ms=6000
controller.quorum.election.timeout.ms=1000
controller.quorum.fetch.timeout.ms=2000
unclean.leader.election.enable=false
""")
            self.run_tool("kafka.tools.StorageTool", "format", "--cluster-id",
                          "cGd2aWdpbC10ZXN0cy0wMQ", "--config", properties)
            self.nodes.append(Process(sandbox, name,
                                      self.java("kafka.Kafka", heap) + [properties],
                                      as_ourselves=True))  # the jars are in our own cache

    def java(self, main, heap="96m"):
        return ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{self.jars}/*", main]

    def run_tool(self, main, *arguments, timeout=90, check=True):
        """One of Kafka's own command-line tools; its standard output."""
        done = subprocess.run(self.java(main) + list(arguments), capture_output=True, text=True,
                              timeout=timeout, cwd="/", check=False)
        if check and done.returncode != 0:
            raise Failure(f"{main} {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    @property
    def brokers(self):
        return ",".join(self.addresses)

    def config_brokers(self):
        """As collector.toml wants it."""
        return json.dumps(self.addresses)

    def start(self):
        for node in self.nodes:
            node.start()
        wait_until("Kafka", self.answers, 120, pause=0.5)
        return self

    def answers(self):
        for address in self.addresses:
            host, port = address.split(":")
            with socket.create_connection((host, int(port)), 1):
                pass
        return True

    def topics(self):
        return set(self.run_tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server",
                                 self.brokers, "--list").split())

    def consume(self, topic, count, *more):
        """The first `count` records as the console consumer prints them, one string a line."""
        out = self.run_tool("org.apache.kafka.tools.consumer.ConsoleConsumer",
                            "--bootstrap-server", self.brokers, "--topic", topic,
                            "--from-beginning", "--max-messages", str(count), "--timeout-ms",
                            "30000", *more, check=False)
        return out.splitlines()

    def describe_group(self, group):
        return self.run_tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                             "--bootstrap-server", self.brokers, "--describe", "--group", group,
                             check=False)

    def kill(self):
        for node in self.nodes:
            if node.child is not None:
                if node.alive():
                    node.signal(signal.SIGCONT)
                node.kill()
