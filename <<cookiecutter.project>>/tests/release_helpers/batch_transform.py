"""SageMaker's batch transform as its documentation has it, played on a server of this machine.

Each object is split by line; as many lines as fit into a payload are sent at once; the answers are
joined, with a line feed after each, and written only where all of the object's were given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
from serving_helpers.running_server import Server

from categoriser.io.s3_uri import S3Uri


class Transforms:
    """Transform jobs; each runs when it is created."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.payloads: list[int] = []
        self.objects = 0
        self.status = "Completed"
        self.reason = ""

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        given, written = request["TransformInput"], request["TransformOutput"]
        assert (given["SplitType"], written["AssembleWith"]) == ("Line", "Line")
        assert request["BatchStrategy"] == "MultiRecord"
        source = S3Uri.parse(given["DataSource"]["S3DataSource"]["S3Uri"])
        target = S3Uri.parse(written["S3OutputPath"])
        s3 = boto3.client("s3")
        listed = s3.list_objects_v2(Bucket=source.bucket, Prefix=source.key)["Contents"]
        for key in (item["Key"] for item in listed):
            self.objects += 1
            body = s3.get_object(Bucket=source.bucket, Key=key)["Body"].read()
            answers = self.answers(body, request["MaxPayloadInMB"] * 2**20, given["ContentType"])
            if answers is None:
                break
            name = key.removeprefix(source.key)
            s3.put_object(Bucket=target.bucket, Key=f"{target.key}{name}.out", Body=answers)
        return {"TransformJobArn": "arn:aws:sagemaker:r:111122223333:transform-job/j"}

    def answers(self, body: bytes, most: int, kind: str) -> bytes | None:
        """Return an object's answers; None where the server refuses a payload."""
        parts = []
        for lines in payloads(body.splitlines(), most):
            self.payloads.append(len(lines))
            answer = self.server.request(b"\n".join(lines), kind, accept=kind)
            if answer.status_code != 200:
                self.status, self.reason = "Failed", f"ClientError: {answer.status_code}"
                return None
            parts.append(answer.content + b"\n")
        return b"".join(parts)

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"TransformJobStatus": self.status, "FailureReason": self.reason}


def payloads(lines: list[bytes], most: int) -> Iterator[list[bytes]]:
    """Yield lines in groups of so many bytes at most, the line feeds not counted."""
    group: list[bytes] = []
    size = 0
    for line in lines:
        if size + len(line) > most:
            yield group
            group, size = [], 0
        group.append(line)
        size += len(line)
    yield group
