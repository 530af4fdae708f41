"""The commands of the project's README, run in the order in which they stand."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest

CLIENT = """
import boto3
client = boto3.client("sagemaker-runtime")
asked = {"EndpointName": "any", "ContentType": "text/csv", "Body": b"spotify sydney au,11.99"}
print(client.invoke_endpoint(**asked)["Body"].read().decode())
"""
# What is not run here, and why.
LEFT_OUT = {
    "make data FILE=my.csv": "the project's own tests take files of many kinds",
    "make run": "the pipeline has run, and `track` is run by the project's tests",
    "dvc exp run": "the project's own tests run one",
    "make tune": "five minutes",
    "make train-remote": "needs AWS",
    "make compare": "the project's own tests compare runs",
    "make promote ACCEPT": "there is evidence enough; the project's own tests accept too little",
    "make rehearse": "minutes; the project's CI runs it",
    "make loop": "minutes; tests/test_project.py runs it",
    "make load": "minutes, and its figures are for a person",
    "make fuzz": "minutes; the project's own tests run a short one",
    "make image": "needs Docker",
    "make test-image": "needs Docker",
    "make preflight": "needs AWS",
    "make deploy": "needs AWS",
    "git push": "needs AWS",
    "make status": "needs AWS",
}
# A part of what a command says.
SAYS = {
    "dvc repro": "Data and pipelines are up to date",
    "dvc exp show": "accuracy",
    "curl": '"category":',
    "AWS_ENDPOINT_URL": "__label__",
    "make predict": "subscriptions|entertainment",
    "make explain": "spotify",
    "python -m categoriser predict-file": "1 row in answers.csv",
    "make monitor CAPTURE=captures": "report",
    "make drift": "CompletedWithViolations: ",
    "make monitor CAPTURE=reports": "CompletedWithViolations: ",
    "make feedback": "feedback/train.csv",
    "make data": "rows",
}


def commands(text):
    """Give the commands of the README's blocks that name no language, without their comments."""
    found = []
    for language, block in re.findall(r"^```(.*?)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if language:
            continue
        for line in block.replace("\\\n", " ").splitlines():
            command = re.sub(r"\s+# .*", "", line).strip()
            if re.match(r"(make|dvc|curl|git|python|[A-Z_]+=\S+) ", command):
                found.append(command)
    return found


class Reader:
    """Somebody who types one command after the other into a shell with the environment active."""

    def __init__(self, folder):
        self.folder = folder
        self.server = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])

    def shell(self, command):
        own = ["bash", "-c", f". .venv/bin/activate; {command.replace('8080', self.port)}"]
        return {"args": own, "cwd": self.folder, "env": {**os.environ, "PORT": self.port}}

    def type(self, command):
        """Run a command to its end; give its status and what it said."""
        done = subprocess.run(**self.shell(command), capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def start(self, command):
        """Start a server in place of the one before, and wait until it answers."""
        self.stop()
        with (self.folder / "server.log").open("w") as log:
            self.server = subprocess.Popen(
                **self.shell(command), stdout=log, stderr=log, start_new_session=True
            )
        for _ in range(3000):
            try:
                urlopen(f"http://127.0.0.1:{self.port}/health").close()
            except URLError as error:
                if getattr(error, "code", None):
                    return
                assert self.server.poll() is None, (self.folder / "server.log").read_text()
                time.sleep(0.1)
            else:
                return
        raise AssertionError(f"{command} does not answer")

    def stop(self):
        if self.server:
            os.killpg(self.server.pid, signal.SIGTERM)
            self.server.wait(60)
            self.server = None


@pytest.fixture
def reader(repeated, tmp_path):
    """A reader of a copy of the project, whose pipeline has run, with a file and a client."""
    project, _, _ = repeated
    folder = tmp_path / "project"
    shutil.copytree(project.folder, folder, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    subprocess.run(["cp", "-RlP", project.folder / ".venv", folder / ".venv"], check=True)
    for store in ("mlflow.db", "mlruns"):
        subprocess.run(["rm", "-rf", folder / store], check=True)
    (folder / "my_client.py").write_text(CLIENT)
    (folder / "my.csv").write_text("text,price\nspotify p0d3d89b19 sydney au,11.99\n")
    reader = Reader(folder)
    yield reader
    reader.stop()
    shutil.rmtree(folder)


def test_the_commands_work_in_the_order_in_which_they_stand(reader):
    run = []
    for command in commands((reader.folder / "README.md").read_text(encoding="utf-8")):
        if command.startswith(tuple(LEFT_OUT)):
            continue
        run.append(command)
        if command.startswith(("make ui", "make review ")):
            # The endpoint's server, which the README starts before it, is asked by what follows.
            other = Reader(reader.folder)
            other.start(command)
            other.stop()
            continue
        if command.startswith("make serve"):
            reader.start(command)
            continue
        status, said = reader.type(command)
        assert status == 0, f"{command}\n{said}"
        expected = [part for start, part in SAYS.items() if command.startswith(start)]
        assert all(re.search(part, said) for part in expected), f"{command}\n{said}"
    assert [start for start in SAYS if not any(one.startswith(start) for one in run)] == []
    answers = (reader.folder / "answers.csv").read_text(encoding="utf-8")
    assert answers.startswith("text,price,category,probability,review,source\nspotify")
    feedback = (reader.folder / "feedback/train.csv").read_text(encoding="utf-8")
    assert feedback.partition("\n")[0] == "date,text,price,category,country"
    assert (reader.folder / "reports/monitor/report.html").stat().st_size > 100_000
