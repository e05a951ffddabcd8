"""A real Apache Kafka for the end-to-end tests: one node, or three that survive the loss of one.

Every node is broker and controller (KRaft). Three nodes keep three copies of each record and acknowledge
with two. The nodes run as the user of the tests, not as `postgres`. Jars: tests/support/fetch-kafka.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from harness import Failure, check, wait_until  # noqa: E402  pylint: disable=wrong-import-position

CLUSTER_ID = "cGd2aWdpbC10ZXN0cy0wMQ"
_FETCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fetch-kafka")


def free_port():
    """Below the ports of outgoing connections: a client that knocks at the port of a killed node could
    else be given that very port, and keep the node from coming back."""
    while True:
        port = random.randint(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def _java(jars, main, heap="256m"):
    return ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info", "-cp",
            f"{jars}/*", main]


class Node:
    """One broker and controller."""

    def __init__(self, cluster, number):
        self.cluster = cluster
        self.number = number
        self.port = free_port()
        self.controller_port = free_port()
        self.directory = os.path.join(cluster.sandbox.path, f"kafka{number}")
        self.log_path = os.path.join(self.directory, "server.log")
        self.child = None
        os.makedirs(self.directory)

    def format(self, settings):
        """Writes server.properties and prepares the log directory."""
        with open(os.path.join(self.directory, "server.properties"), "w", encoding="utf-8") as file:
            for key, value in settings.items():
                file.write(f"{key}={value}\n")
        done = subprocess.run(
            [*_java(self.cluster.jars, "kafka.tools.StorageTool"), "format", "--cluster-id",
             CLUSTER_ID, "--config", f"{self.directory}/server.properties"],
            capture_output=True, text=True, check=False)
        check(done.returncode == 0, f"kafka format: {done.stdout}{done.stderr}")

    def start(self, wait=True):
        with open(self.log_path, "wb") as log:
            self.child = subprocess.Popen(
                [*_java(self.cluster.jars, "kafka.Kafka", self.cluster.heap),
                 f"{self.directory}/server.properties"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        if wait:
            self.wait_until_started()
        return self

    def wait_until_started(self, seconds=90):
        def started():
            if not self.alive():
                raise Failure(f"Kafka node {self.number} ended at its start:\n{self.log()[-4000:]}")
            return "Kafka Server started" in self.log()
        wait_until(f"Kafka node {self.number}", started, seconds)

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def kill(self):
        """SIGKILL, at once."""
        if self.alive():
            self.child.kill()
            self.child.wait()

    def stop(self, seconds=60):
        """SIGTERM: the node hands its partitions over and leaves."""
        if not self.alive():
            return
        self.child.terminate()
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"Kafka node {self.number} did not stop within {seconds} s") from None

    def freeze(self):
        self.child.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.child.send_signal(signal.SIGCONT)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()


class Kafka:
    """A cluster of `nodes` (1 or 3) in the sandbox of a test.

        kafka = Kafka(sandbox, nodes=3).start()
        collector_config = f"[kafka]\\nbrokers = {kafka.toml_brokers()}"
        kafka.nodes[1].kill()
        kafka.nodes[1].start()
        kafka.remove()
    """

    def __init__(self, sandbox, nodes=1, settings=None, heap="256m"):
        self.sandbox = sandbox
        self.heap = heap
        self.jars = subprocess.run([_FETCH], check=True, capture_output=True,
                                   text=True).stdout.strip()
        self.nodes = [Node(self, number + 1) for number in range(nodes)]
        voters = ",".join(f"{n.number}@127.0.0.1:{n.controller_port}" for n in self.nodes)
        copies, least = (3, 2) if nodes >= 3 else (1, 1)
        for node in self.nodes:
            node.format({
                "process.roles": "broker,controller",
                "node.id": node.number,
                "listeners": f"CLIENT://127.0.0.1:{node.port},"
                             f"CONTROLLER://127.0.0.1:{node.controller_port}",
                "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "inter.broker.listener.name": "CLIENT",
                "controller.listener.names": "CONTROLLER",
                "controller.quorum.voters": voters,
                "log.dirs": f"{node.directory}/logs",
                "auto.create.topics.enable": "false",
                "default.replication.factor": copies,
                "min.insync.replicas": least,
                "offsets.topic.replication.factor": copies,
                "offsets.topic.num.partitions": 3,
                "transaction.state.log.replication.factor": copies,
                "transaction.state.log.min.isr": least,
                "group.initial.rebalance.delay.ms": 0,
                # After SIGKILL the controllers take a node back when the session of its former
                # life is over; the others lead its partitions from then on.
                "broker.session.timeout.ms": 3000,
                "broker.heartbeat.interval.ms": 300,
                "controller.quorum.election.timeout.ms": 500,
                "controller.quorum.fetch.timeout.ms": 1000,
                "replica.lag.time.max.ms": 5000,
                "log.cleaner.dedupe.buffer.size": 4194304,
                **(settings or {})})

    def start(self):
        for node in self.nodes:
            node.start(wait=False)
        for node in self.nodes:
            node.wait_until_started()
        return self

    def brokers(self):
        """["127.0.0.1:20123", …]"""
        return [f"127.0.0.1:{node.port}" for node in self.nodes]

    def toml_brokers(self):
        return "[" + ", ".join(f'"{broker}"' for broker in self.brokers()) + "]"

    def stop(self):
        for node in self.nodes:
            node.kill()

    def remove(self):
        """Kills all nodes and deletes their data, which the sandbox may not do: KEEP is for logs."""
        self.stop()
        for node in self.nodes:
            shutil.rmtree(os.path.join(node.directory, "logs"), ignore_errors=True)

    def tool(self, main, *arguments, timeout=60, check_status=True):
        """The output of one of Kafka's own command line programs, given by its class."""
        done = subprocess.run(
            [*_java(self.jars, main), "--bootstrap-server", ",".join(self.brokers()), *arguments],
            capture_output=True, text=True, errors="replace", timeout=timeout, check=False)
        if check_status:
            check(done.returncode == 0, f"{main} {arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def create_topic(self, topic, partitions=3, **settings):
        config = [word for name, value in settings.items()
                  for word in ("--config", f"{name.replace('_', '.')}={value}")]
        self.tool("org.apache.kafka.tools.TopicCommand", "--create", "--topic", topic,
                  "--partitions", str(partitions), *config)

    def delete_topic(self, topic):
        self.tool("org.apache.kafka.tools.TopicCommand", "--delete", "--topic", topic)

    def topics(self):
        """{name: line of kafka-topics.sh --describe}"""
        lines = self.tool("org.apache.kafka.tools.TopicCommand", "--describe").splitlines()
        return {line.split("\t")[0].removeprefix("Topic: ").strip(): line for line in lines
                if line.startswith("Topic: ")}

    def console_consumer(self, topic, messages=None, seconds=10, properties=()):
        """What kafka-console-consumer.sh shows of a topic from its beginning, as lines; ends after
        `messages` or when nothing came for `seconds`."""
        arguments = ["--topic", topic, "--from-beginning", "--timeout-ms", str(seconds * 1000)]
        if messages is not None:
            arguments += ["--max-messages", str(messages)]
        for name in properties:  # "print.headers=true"
            arguments += ["--formatter-property", name]
        output = self.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", *arguments,
                           timeout=seconds + 60, check_status=False)
        return output.splitlines()

    def describe_group(self, group):
        """[{"TOPIC": …, "PARTITION": …, "CURRENT-OFFSET": …, "LOG-END-OFFSET": …, "LAG": …}, …] of
        kafka-consumer-groups.sh."""
        output = self.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--describe",
                           "--group", group, check_status=False)
        lines = [line.split() for line in output.splitlines() if line.strip()]
        header = next((i for i, words in enumerate(lines) if words[:2] == ["GROUP", "TOPIC"]), None)
        if header is None:
            return []
        return [dict(zip(lines[header], words)) for words in lines[header + 1:]]


def _self_test():
    """`/usr/bin/python3 tests/support/kafka.py`: three nodes lose one, and one comes back."""
    import harness  # pylint: disable=import-outside-toplevel
    sandbox = harness.Sandbox("kafka")
    began = time.monotonic()
    kafka = Kafka(sandbox, nodes=3)
    try:
        kafka.start()
        print(f"three nodes after {time.monotonic() - began:.1f} s")
        kafka.create_topic("a", 3, max_message_bytes=2000000)
        check(list(kafka.topics()) == ["a"], kafka.topics())
        kafka.nodes[0].kill()
        subprocess.run([*_java(kafka.jars, "org.apache.kafka.tools.ConsoleProducer"),
                        "--bootstrap-server", ",".join(kafka.brokers()), "--topic", "a",
                        "--command-property", "acks=all"], input="one\ntwo\n", text=True,
                       check=True, timeout=60)
        check(sorted(kafka.console_consumer("a", 2)) == ["one", "two"], "two lines")
        kafka.nodes[0].start()
        kafka.delete_topic("a")
        check("a" not in kafka.topics(), kafka.topics())
        print(f"done after {time.monotonic() - began:.1f} s")
    finally:
        kafka.remove()
        sandbox.remove()


if __name__ == "__main__":
    _self_test()
