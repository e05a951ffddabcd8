#!/usr/bin/python3
"""What the Kafka feeds write is what other people's software reads: OTLP by the protobuf definitions
that OpenTelemetry publishes for Python, JSON documents by the schemas in proto/schemas/."""

import argparse
import collections
import glob
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

VENV = os.path.expanduser("~/.cache/pgvigil/venv")  # made by tests/support/python_packages
SCHEMAS = os.path.join(os.path.dirname(__file__), "../../proto/schemas")
SEEDS = range(1, 9)
GAUGE, COUNTER, UP_DOWN = 1, 2, 3

if os.path.exists(VENV) and os.path.realpath(sys.prefix) != os.path.realpath(VENV):
    os.execv(f"{VENV}/bin/python3", [f"{VENV}/bin/python3"] + sys.argv)

import jsonschema  # noqa: E402
from google.protobuf import json_format  # noqa: E402
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData  # noqa: E402
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData  # noqa: E402


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def records(directory, feed, encoding):
    """The records of a feed, in order."""
    paths = glob.glob(f"{directory}/{feed}.{encoding}.*")
    check(paths, f"{feed} has {encoding} records")
    for path in sorted(paths, key=lambda name: int(name.rsplit(".", 1)[1])):
        with open(path, "rb") as file:
            yield file.read()


def decode(kind, encoding, content):
    message = kind()
    if encoding == "json":
        json_format.Parse(content.decode(), message)  # refuses unknown keys
    else:
        message.ParseFromString(content)
        check(message.SerializeToString() and not unknown_fields(message), "no unknown fields")
    return message


def unknown_fields(message):
    copy = type(message)()
    copy.CopyFrom(message)
    copy.DiscardUnknownFields()
    return copy.ByteSize() != message.ByteSize()


def attributes(pairs):
    out = {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
    check(len(out) == len(pairs), "each attribute comes once")
    return out


def check_frame(resource, scope):
    check(attributes(resource.attributes) == {"host.name": "db1", "pgvigil.tenant": 3}, "the resource")
    check(scope.name == "pgvigil" and scope.version, "the scope")


def bits(value):
    return "NaN" if math.isnan(value) else struct.pack(">d", value).hex()


def point_key(name, unit, kind, pairs, time, stale, value):
    return (name, unit, kind, tuple(sorted(pairs.items())), time, stale, value)


def decoded_points(directory, encoding):
    for content in records(directory, "otel-metrics", encoding):
        data = decode(MetricsData, encoding, content)
        check(len(content) <= 20_000, "a record keeps to its limit")
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                check_frame(resource.resource, scope.scope)
                for metric in scope.metrics:
                    yield from metric_points(metric)


def metric_points(metric):
    kind = GAUGE
    points = metric.gauge.data_points
    if metric.WhichOneof("data") == "sum":
        check(metric.sum.aggregation_temporality == 2, "sums are cumulative")
        kind = COUNTER if metric.sum.is_monotonic else UP_DOWN
        points = metric.sum.data_points
    for point in points:
        check(point.start_time_unix_nano == 0, "the start is unknown")
        stale = bool(point.flags & 1)
        check(stale == (point.WhichOneof("value") is None), "a stale point has no value")
        yield point_key(metric.name, metric.unit, kind, attributes(point.attributes),
                        point.time_unix_nano, stale, None if stale else bits(point.as_double))


def expected_points(expected):
    for point in expected["points"]:
        value = struct.unpack(">d", bytes.fromhex(point["bits"]))[0]
        yield point_key(point["name"], point["unit"], point["kind"] or GAUGE, point["attributes"],
                        int(point["time"]), point["stale"], None if point["stale"] else bits(value))


def compare(what, got, wanted):
    got, wanted = collections.Counter(got), collections.Counter(wanted)
    check(wanted and got == wanted,
          f"{what}: missing {list(wanted - got)[:2]}, too much {list(got - wanted)[:2]}")
    return sum(got.values())


def log_key(time, observed, number, text, body, pairs):
    return (time, observed, number, text, body, tuple(sorted(pairs.items())))


def decoded_logs(directory, encoding):
    for content in records(directory, "raw-host-logs", encoding):
        for resource in decode(LogsData, encoding, content).resource_logs:
            for scope in resource.scope_logs:
                check_frame(resource.resource, scope.scope)
                for log in scope.log_records:
                    yield log_key(log.time_unix_nano, log.observed_time_unix_nano, log.severity_number,
                                  log.severity_text, log.body.string_value, attributes(log.attributes))


def expected_logs(expected):
    for log in expected["host_logs"]:
        yield log_key(int(log["time"]), int(log["observed"]), log["severity_number"],
                      log["severity_text"], log["body"], log["attributes"])


def strict(schema):
    """The published schema, but a member that it does not name is an error: all must be documented."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: strict(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        out.setdefault("additionalProperties", False)
    return out


def check_documents(directory, feed):
    with open(f"{SCHEMAS}/{feed}.v1.schema.json", encoding="utf-8") as file:
        published = json.load(file)
    jsonschema.Draft202012Validator.check_schema(published)
    validator = jsonschema.Draft202012Validator(strict(published),
                                                format_checker=jsonschema.FormatChecker())
    documents = [json.loads(content) for content in records(directory, feed, "json")]
    for document in documents:
        problem = jsonschema.exceptions.best_match(validator.iter_errors(document))
        check(problem is None, f"{feed}: {problem}")
        for member in published["required"]:
            broken = {key: value for key, value in document.items() if key != member}
            check(not validator.is_valid(broken), f"{feed}: the schema asks for {member}")
    return documents


def run_seed(programs, seed):
    """Returns how many things were compared."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([f"{programs}/feeds_sample", directory, str(seed)], check=True)
        with open(f"{directory}/expected.json", encoding="utf-8") as file:
            expected = json.load(file)
        count = 0
        for encoding in ("proto", "json"):
            count += compare(f"seed {seed}, points in {encoding}", decoded_points(directory, encoding),
                             expected_points(expected))
            count += compare(f"seed {seed}, logs in {encoding}", decoded_logs(directory, encoding),
                             expected_logs(expected))
        events = check_documents(directory, "raw-logs")
        check(len(events) == expected["events"], "a document an event")
        queries = check_documents(directory, "raw-queries")
        kinds = collections.Counter(document["kind"] for document in queries)
        check(kinds["postgresql.statement"] == expected["statements"], "a document a statement")
        texts = sum("text" in document["body"] for document in queries)
        check(texts == expected["texts"], f"each text once: {texts} of {expected['texts']}")
        return count + len(events) + len(queries)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    programs = parser.parse_args().bin
    total = sum(run_seed(programs, seed) for seed in SEEDS)
    print(f"{total} points, records and documents read by others' software")


if __name__ == "__main__":
    main()
