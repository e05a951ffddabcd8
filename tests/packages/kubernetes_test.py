#!/usr/bin/python3
"""The manifests of packaging/kubernetes: what the API server's schemas say of them, that our programs accept
the configurations in them, that what they mount is where the configurations look, and that alerts ask for
metrics that there are."""

import argparse
import glob
import os
import re
import sys
import tempfile

SITE = glob.glob(os.path.expanduser("~/.cache/pgvigil/venv/lib/python3*/site-packages"))
sys.path[:0] = SITE

import kubernetes_validate  # noqa: E402
import yaml  # noqa: E402

from story import Failure, check, equal, run, step, tell  # noqa: E402

SOURCE = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
FOLDER = f"{SOURCE}/packaging/kubernetes"
FOREIGN = ("ServiceMonitor", "PrometheusRule", "Kustomization")  # no schemas in the API server


def documents():
    for path in sorted(glob.glob(f"{FOLDER}/*.yaml")):
        with open(path, encoding="utf-8") as file:
            for document in yaml.safe_load_all(file):
                yield os.path.basename(path), document


def schemas():
    step("the API server's schemas")
    seen = 0
    for path, document in documents():
        if document["kind"] in FOREIGN:
            continue
        seen += 1
        try:
            kubernetes_validate.validate(document, "1.31", strict=True)
        except kubernetes_validate.ValidationError as error:
            raise Failure(f"{path}: {document['kind']}: {'.'.join(map(str, error.path))}: {error.message}") from error
    check(seen > 8, f"expected more than 8 documents, got {seen}")
    with open(f"{FOLDER}/kustomization.yaml", encoding="utf-8") as file:
        listed = yaml.safe_load(file)["resources"]
    equal(sorted(listed), sorted(path for path in os.listdir(FOLDER) if path.endswith(".yaml")
                                 and path != "kustomization.yaml"), "resources of kustomization.yaml")


def configurations(programs):
    step("our programs accept what the ConfigMaps hold")
    seen = 0
    for path, document in documents():
        if document["kind"] != "ConfigMap":
            continue
        for name, text in document["data"].items():
            seen += 1
            part = name.removesuffix(".toml")
            with tempfile.TemporaryDirectory() as directory:
                for secret in re.findall(r"\$\{cred:([^}]+)}", text) + ["ca.pem"]:
                    with open(f"{directory}/{secret}", "w", encoding="utf-8") as file:
                        file.write("secret")
                with open(f"{directory}/{name}", "w", encoding="utf-8") as file:
                    file.write(text.replace("/etc/pgvigil-secrets", directory))
                run(f"{programs}/pgvigil-{part}", "config", "check", "--config", f"{directory}/{name}",
                    env={"CREDENTIALS_DIRECTORY": directory, "NODE_NAME": "node-1"})
    equal(seen, 3, "configurations")


def mounts():
    step("each secret that is named is mounted, each volume is there, each pod has no rights")
    for path, document in documents():
        if document["kind"] not in ("Deployment", "DaemonSet"):
            continue
        pod = document["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        where = f"{path}: {document['kind']}"
        equal(sorted(mount["name"] for mount in container["volumeMounts"]),
              sorted(volume["name"] for volume in pod["volumes"]), f"{where}: volumes that are mounted")
        security = container["securityContext"]
        equal((security["allowPrivilegeEscalation"], security["readOnlyRootFilesystem"], security["capabilities"]),
              (False, True, {"drop": ["ALL"]}), f"{where}: rights")
        environment = {one["name"]: one.get("value") for one in container["env"]}
        mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        equal(environment["CREDENTIALS_DIRECTORY"], mounted["secrets"], f"{where}: where credentials are")


def alerts():
    step("alerts ask for metrics that the collector has")
    sources = run("grep", "-rhoE", '"collector_[a-z_]+"', f"{SOURCE}/collector", "--include=*.cc")
    known = set(re.findall(r"collector_[a-z_]+", sources))
    asked = set()
    for _, document in documents():
        if document["kind"] == "PrometheusRule":
            for group in document["spec"]["groups"]:
                for rule in group["rules"]:
                    asked |= set(re.findall(r"\bcollector_[a-z_]+", rule["expr"]))
    check(len(asked) >= 5, f"expected five metrics at least, got {sorted(asked)}")
    equal(sorted(asked - known), [], "metrics that alerts name and the collector does not have")


def story(programs):
    schemas()
    configurations(programs)
    mounts()
    alerts()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build-dir", required=True)
    parser.add_argument("--packages")
    arguments = parser.parse_args()
    tell(lambda: story(f"{arguments.build_dir}/bin"))


if __name__ == "__main__":
    main()
