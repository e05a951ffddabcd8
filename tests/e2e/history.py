"""A made-up past of a few hosts, and what must be answered about it: samples, their buckets, lines.

Nothing here comes from the collector; whatever it answers is compared with this. The samples of a
host come in blocks of random length and density, with gaps of up to hours; some blocks come late,
some twice, some overlap others (with the same values). Parts of it are sent one after the other.
"""

import math
import random

SERIES = 8  # in turn: history.count_0 (a counter), history.level_0 (a gauge), history.count_1, …
TICK_MS = 10_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LINE_BYTES = 40
BLOCKS_OF_A_BATCH = 6
LINES_OF_A_BATCH = 25


def metric(series):
    return f"history.{'level' if series % 2 else 'count'}_{series // 2}"


def is_counter(series):
    return series % 2 == 0


def host_name(host):
    return f"history-{host}"


class History:
    """From `begin_ms` (midnight) to `end_ms`, to be sent in `parts`."""

    def __init__(self, seed, hosts, begin_ms, end_ms, parts):
        self.random = random.Random(seed)
        self.hosts = hosts
        self.begin_ms = begin_ms
        self.end_ms = end_ms
        self.parts = parts
        self.samples = {}  # (host, series): {time_ms: value}, what is sent
        self.lines = {}  # (host, number): (time_ms, body)
        self.blocks = [[] for _ in range(parts)]  # by part: (host, times)
        self.sequences = {}  # (host, stream): the newest
        self.values = {}  # (host, series): a value for each tick
        self.known_buckets = {}  # (host, series, step_ms): what buckets() found
        for host in range(hosts):
            self.make_values(host)
            self.make_blocks(host)
        for part in range(parts):
            for host in range(hosts):
                self.make_lines(host, part)

    def make_values(self, host):
        ticks = (self.end_ms - self.begin_ms) // TICK_MS + 1
        for series in range(SERIES):
            value = float(self.random.randrange(1000))
            values = []
            for _ in range(ticks):
                if is_counter(series):
                    value += self.random.randrange(30)
                    if self.random.random() < 1 / 1000:
                        value = float(self.random.randrange(5))  # a restart
                elif series == 1:
                    value = self.random.gauss(0, 100)  # nothing that compresses
                else:
                    value += self.random.randrange(-8, 9) / 4
                values.append(value)
            self.values[host, series] = values

    def make_blocks(self, host):
        firsts = set()  # a block is known by its first time

        def add(part, times):
            if times[0] in firsts:
                return False
            firsts.add(times[0])
            self.blocks[part].append((host, times))
            for series in range(SERIES):
                values = self.values[host, series]
                known = self.samples.setdefault((host, series), {})
                for time_ms in times:
                    known[time_ms] = values[(time_ms - self.begin_ms) // TICK_MS]
            return True

        now = self.begin_ms
        while now < self.end_ms:
            step = self.random.choice([1, 1, 3, 6]) * TICK_MS
            end = min(now + self.random.randrange(1, 100) * step, self.end_ms, now + 2 * HOUR_MS - 1)
            times = list(range(now, end, step))
            in_time = (now - self.begin_ms) * self.parts // (self.end_ms - self.begin_ms)
            late = self.random.random() < 0.4
            part = self.random.randrange(in_time, self.parts) if late else in_time
            if add(part, times) and self.random.random() < 0.1:
                self.blocks[self.random.randrange(part, self.parts)].append((host, times))
            if self.random.random() < 0.1:
                begin = self.random.choice(times)
                add(self.random.randrange(self.parts),
                    [time for time in range(begin, begin + 30 * step, step) if time < self.end_ms])
            now = end
            if self.random.random() < 0.03:
                now += self.random.randrange(1, 15) * HOUR_MS // 10
            now += -(now - self.begin_ms) % TICK_MS

    def make_lines(self, host, part):
        width = (self.end_ms - self.begin_ms) // self.parts
        for i in range(LINES_OF_A_BATCH):
            number = part * LINES_OF_A_BATCH + i
            time_ms = self.begin_ms + part * width + i * width // LINES_OF_A_BATCH
            body = f"request {number} took {self.random.randrange(1000)} ms"
            self.lines[host, number] = (time_ms, body)

    def next_sequence(self, host, stream):
        number = self.sequences.get((host, stream), 0) + 1
        self.sequences[host, stream] = number
        return number

    def part_as_text(self, part):
        """What history_sender reads. Ask for each part once, in order: batches are numbered."""
        out = []
        for host in range(self.hosts):
            blocks = [times for of_host, times in self.blocks[part] if of_host == host]
            for first in range(0, len(blocks), BLOCKS_OF_A_BATCH):
                out.append(f"batch {host} metrics {self.next_sequence(host, 'metrics')}")
                for times in blocks[first:first + BLOCKS_OF_A_BATCH]:
                    values = [repr(self.values[host, series][(time_ms - self.begin_ms) // TICK_MS])
                              for series in range(SERIES) for time_ms in times]
                    out.append(f"block {len(times)} {' '.join(map(str, times))} {' '.join(values)}")
            out.append(f"batch {host} logs {self.next_sequence(host, 'logs')}")
            for i in range(LINES_OF_A_BATCH):
                number = part * LINES_OF_A_BATCH + i
                time_ms, body = self.lines[host, number]
                severity = 13 if number % 7 == 0 else 9
                out.append(f"line {number * LINE_BYTES} {time_ms} {severity} {body}")
        return "\n".join(out) + "\n"

    def buckets(self, host, series, step_ms):
        """{start_ms: {"count": …, "min": …, …}} of the whole history, by definition: an increase is
        counted from the sample before, if that is at most an hour older; a counter that fell began
        again at 0."""
        if (host, series, step_ms) in self.known_buckets:
            return self.known_buckets[host, series, step_ms]
        out = {}
        before = None
        for time_ms, value in sorted(self.samples[host, series].items()):
            bucket = out.setdefault(time_ms - time_ms % step_ms, {"values": [], "increase": 0.0})
            bucket["values"].append(value)
            if before is not None and time_ms - before[0] <= HOUR_MS:
                bucket["increase"] += value - before[1] if value >= before[1] else value
            before = (time_ms, value)
        for bucket in out.values():
            values = bucket.pop("values")
            bucket.update(count=len(values), min=min(values), max=max(values), last=values[-1],
                          sum=math.fsum(values))
            if not is_counter(series):
                del bucket["increase"]
        self.known_buckets[host, series, step_ms] = out
        return out
