#!/usr/bin/python3
"""One fault of Kafka or of the store at a time, as real processes meet it; then the books are balanced.

The broker's disk is full; the broker is away for longer than the queue holds; leaders move among three
brokers; a store dies by SIGKILL at three moments between COPY and COMMIT. Simulated agents
(ledger_agents) send all the while. In the end every acknowledged batch is stored exactly once.
"""

import os
import random
import subprocess
import sys
import time

import psycopg2

import harness
from harness import check, wait_until
from kafka_books import Agents, stored, wait_until_balanced

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from kafka import Kafka  # noqa: E402  pylint: disable=wrong-import-position

SEED = int(os.environ.get("E2E_SEED", str(random.SystemRandom().randrange(10**6))))
TOPIC = "pgvigil.batches.v1"


class World:
    """PostgreSQL, Kafka, one process that ingests, one that stores, and agents. A context manager."""

    def __init__(self, name, programs, nodes=1, settings=None, patience="4s", queue="64MiB"):
        self.programs = programs
        self.sandbox = harness.Sandbox(name)
        self.store = harness.make_store(self.sandbox)
        self.cluster = Kafka(self.sandbox, nodes=nodes, settings=settings, heap="192m")
        config = f"""
[kafka]
brokers = {self.cluster.toml_brokers()}
partitions = 4
delivery_timeout = "{patience}"
queue_size = "{queue}"
session_timeout = "10s"
"""
        self.collectors = [harness.Collector(self.sandbox, programs, self.store, config, name=role,
                                             roles=[role]) for role in ("ingest", "store")]
        self.ingest, self.storing = self.collectors
        self.agents = None

    def __enter__(self):
        self.cluster.start()
        for collector in self.collectors:
            collector.start()
        return self

    def send(self, seconds, agents=6):
        """Lets agents send for so long; returns when each has something stored."""
        self.agents = Agents(self.programs, SEED, agents, seconds, [self.ingest.url])
        wait_until("the first batches", lambda: len(stored(self.store)) == agents)

    def balance(self):
        """The books, once they are balanced. No record was given up, all processes live."""
        books = self.agents.books()
        wait_until_balanced(books, self.store)
        dead = self.store.query("select reason, message from pgvigil.dead_letter",
                                database="pgvigil")
        check(not dead, f"dead letters: {dead[:3]}")
        for collector in self.collectors:
            check(collector.process.stop() == 0, f"{collector.process.name} stops cleanly")
        samples = sum(agent["samples"] for agent in books["agents"])
        print(f"{samples} samples, {books['failures']} attempts failed, {books['told_to_wait']} were "
              "told to come back: 0 lost, 0 doubled", flush=True)
        return books

    def __exit__(self, kind, error, trace):
        if error is not None:
            for collector in self.collectors:
                print(collector.process.tail(12))
        if self.agents is not None:
            self.agents.kill()
        for collector in self.collectors:
            if collector.process.alive():
                collector.process.kill()
        self.cluster.remove()
        if self.store.process.alive():
            self.store.process.kill()
        self.sandbox.remove()


def resident_bytes(collector):
    with open(f"/proc/{collector.process.child.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def not_ready(collector):
    """What /readyz says; nothing when all is well."""
    status, body = collector.get_raw("/readyz")
    return body if status == 503 else ""


def a_full_disk_of_the_broker(programs):
    """A log directory on a file system of its own that something else fills: the broker gives up, ingest
    asks agents to come back, and goes on when there is room and a broker again."""
    disk = f"/tmp/pgvigil-disk-{os.getpid()}"
    os.makedirs(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk], check=True)
    try:
        with World("kafka-disk", programs, settings={
                "log.dirs": f"{disk}/logs", "log.index.size.max.bytes": 65536}) as world:
            node = world.cluster.nodes[0]
            world.send(20)
            filler = os.path.join(disk, "filler")
            with open(filler, "wb") as file:
                try:
                    while True:
                        file.write(bytes(1 << 16))
                        file.flush()
                except OSError:
                    pass
            wait_until("the broker gives up", lambda: not node.alive(), 90)
            check("No space left on device" in node.log() or "unsafe memory access" in node.log(),
                  f"the broker gave up for another reason: {node.log()[-2000:]}")
            wait_until("ingest is not ready", lambda: "Kafka" in not_ready(world.ingest))
            wait_until("batches are refused", lambda: world.ingest.metric(
                'collector_kafka_batches_total{result="unavailable"}') > 0)
            os.remove(filler)
            node.start()
            books = world.balance()
            check(books["told_to_wait"] > 0, "no agent was told to come back")
            check(books["told_to_wait"] == books["failures"], f"some failed otherwise: {books}")
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
        os.rmdir(disk)


def a_broker_away_for_longer_than_the_queue_holds(programs):
    """Memory is bounded while Kafka is away, and nothing that was acknowledged is lost."""
    # What agents send again because nobody answered in time fills the queue in a few seconds.
    with World("kafka-away", programs, patience="1s", queue="1MiB") as world:
        node = world.cluster.nodes[0]
        world.send(25, agents=40)
        before = resident_bytes(world.ingest)
        node.kill()
        away_until = time.monotonic() + 18
        wait_until("the queue is full", lambda: world.ingest.metric(
            'collector_kafka_send_errors_total{reason="queue_full"}') > 0)
        while time.monotonic() < away_until:
            check(world.ingest.metric("collector_kafka_queue_bytes") <= 1 << 20, "the queue is bounded")
            check("Kafka" in not_ready(world.ingest), "ingest is ready without a broker")
            check(not not_ready(world.storing).startswith("store: store"), "PostgreSQL is there")
            time.sleep(0.5)
        grown = resident_bytes(world.ingest) - before
        check(grown < 64 << 20, f"ingest grew by {grown >> 20} MiB")
        node.start()
        books = world.balance()
        check(books["told_to_wait"] > 0, "no agent was told to come back")


def leaders(cluster):
    """{partition: leader} of the batches' topic."""
    output = cluster.tool("org.apache.kafka.tools.TopicCommand", "--describe", "--topic", TOPIC)
    out = {}
    for line in output.splitlines():
        words = line.split()
        if "Partition:" in words:
            out[words[words.index("Partition:") + 1]] = words[words.index("Leader:") + 1]
    return out


def elects_preferred(cluster):
    """Makes each partition's first replica its leader; False while one of these is not in sync."""
    try:
        cluster.tool("org.apache.kafka.tools.LeaderElectionCommand", "--election-type", "preferred",
                     "--all-topic-partitions")
        return True
    except harness.Failure:
        return False


def leaders_that_move(programs):
    """Leadership of every partition moves by order and because a broker leaves: producers and consumers
    find the new leader."""
    with World("kafka-leaders", programs, nodes=3) as world:
        cluster = world.cluster
        world.send(40)
        moves = 0
        for node in cluster.nodes:
            if not world.agents.running():
                break
            before = leaders(cluster)
            node.stop()  # in order: the controller moves its partitions first
            wait_until("other leaders", lambda n=node: str(n.number) not in leaders(cluster).values())
            moved = [one for one, leader in leaders(cluster).items() if leader != before[one]]
            check(moved or str(node.number) not in before.values(), f"nothing moved: {before}")
            moves += len(moved)
            node.start()
            wait_until("an election, once it has caught up", lambda: elects_preferred(cluster), 90)
        check(moves > 0, "no leader moved while agents were sending")
        world.balance()


# Where a transaction of the store stands still while somebody holds the lock 4711.
MOMENTS = {
    "after COPY": "create trigger held after insert on pgvigil.block for each statement"
                  " execute function public.hold()",
    "while positions move": "create trigger held before update on pgvigil.kafka_position for each row"
                            " when (new.next_offset <> old.next_offset) execute function public.hold()",
    "within COMMIT": "create constraint trigger held after update on pgvigil.kafka_position deferrable"
                     " initially deferred for each row when (new.next_offset <> old.next_offset)"
                     " execute function public.hold()",
}


def a_store_killed_between_copy_and_commit(programs):
    """At each moment the process dies by SIGKILL; what its transaction becomes is PostgreSQL's affair
    (rolled back, or committed with nobody to hear it), and the next process finds out."""
    with World("kafka-commit", programs) as world:
        world.send(25)
        world.store.query("create function public.hold() returns trigger language plpgsql as $$ begin"
                          " perform pg_catalog.pg_advisory_xact_lock_shared(4711); return new; end $$",
                          database="pgvigil")
        for moment, trigger in MOMENTS.items():
            check(world.agents.running(), f"the agents ended before: {moment}")
            holder = world.store.connect("pgvigil")
            with holder.cursor() as cursor:
                cursor.execute("select pg_advisory_lock(4711)")
                holder.commit()
                world.store.query(trigger, database="pgvigil")
                wait_until(moment, lambda: world.store.query(
                    "select 1 from pg_stat_activity where wait_event = 'advisory' and"
                    " application_name like 'pgvigil-collector record writer%'"))
                world.storing.process.kill()
                # The next one claims while the transaction of the dead one hangs.
                world.storing.start(ready=False)
                wait_until("the group has a member", lambda: world.storing.metric(
                    "collector_kafka_assigned_partitions") > 0)
            holder.close()
            table = trigger.split(" on ")[1].split(" ")[0]
            wait_until("the lock is free", lambda: drop_trigger(world.store, table))
            wait_until("the store goes on", world.storing.ready)
        world.balance()


def drop_trigger(store, table):
    """Whether it could be dropped at once: a transaction under way holds the table."""
    try:
        store.query(f"set lock_timeout = '2s'; drop trigger held on {table}", database="pgvigil")
        return True
    except psycopg2.errors.LockNotAvailable:
        return False


if __name__ == "__main__":
    print(f"seed {SEED}", flush=True)
    harness.run_tests([a_full_disk_of_the_broker, a_broker_away_for_longer_than_the_queue_holds,
                       leaders_that_move, a_store_killed_between_copy_and_commit],
                      ["ledger_agents"])
