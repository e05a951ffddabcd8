"""Reads the OTLP feeds from Kafka with others' software alone: a Kafka client and OpenTelemetry's protobuf
definitions, both from PyPI. Run by the interpreter of tests/support/python_packages:
  read_feeds.py BROKERS SECONDS
Reads until nothing came for so long, and prints how many different points (host, metric, time) and log
records (host, file, offset) each host has: {"points": {"db1": 500}, "records": {"db1": 10}}"""

import collections
import json
import sys

from google.protobuf import json_format
from kafka import KafkaConsumer
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData


def attribute(attributes, name):
    return next(value.value for value in attributes if value.key == name)


def host_of(resource):
    return attribute(resource.attributes, "host.name").string_value


def points(value):
    for resource in MetricsData.FromString(value).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in (*metric.gauge.data_points, *metric.sum.data_points):
                    yield host_of(resource.resource), (metric.name, point.time_unix_nano)


def records(value):
    for resource in json_format.Parse(value, LogsData()).resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield host_of(resource.resource), record.body.string_value


def main():
    brokers, seconds = sys.argv[1].split(","), float(sys.argv[2])
    consumer = KafkaConsumer("otel-metrics", "raw-host-logs", bootstrap_servers=brokers,
                             group_id=None, auto_offset_reset="earliest",
                             consumer_timeout_ms=int(seconds * 1000))
    found = {"otel-metrics": collections.defaultdict(set),
             "raw-host-logs": collections.defaultdict(set)}
    for message in consumer:
        read = points if message.topic == "otel-metrics" else records
        for host, identity in read(message.value):
            found[message.topic][host].add(identity)
    count = {topic: {host: len(each) for host, each in hosts.items()}
             for topic, hosts in found.items()}
    print(json.dumps({"points": count["otel-metrics"], "records": count["raw-host-logs"]}))


if __name__ == "__main__":
    main()
