"""A double of AWS in a process of its own: moto's server, which records what SageMaker is asked.

`python -m workflow_helpers.recorded_aws FOLDER` prints its address, and serves until it is ended.
In the folder it writes `requests.jsonl`, a line `{"operation": …, "request": …}` for each request
of SageMaker's, and reads `faults.json` anew at each request: a list of `Fault`. moto's jobs are
done as soon as they are made, and its server takes any credentials.
"""

import io
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from msgspec import Struct
from msgspec.json import decode
from werkzeug.serving import make_server

REQUESTS = "requests.jsonl"
FAULTS = "faults.json"
# The header in which an operation of SageMaker's is named, as WSGI writes it.
TARGET = "HTTP_X_AMZ_TARGET"
SAGEMAKER = "SageMaker."

Start = Callable[..., Any]
Environment = dict[str, Any]


class Fault(Struct, frozen=True):
    """What an operation answers in place of what it would: an error, or other fields.

    The first `times` requests of the operation get it. An error has a `code` and a `message`;
    without a code the `answer` is laid over moto's, or is all of it where moto knows no such
    operation (`unknown`).
    """

    operation: str
    times: int = 1_000_000
    code: str = ""
    message: str = "a fault of the test"
    answer: dict[str, Any] = {}
    unknown: bool = False


class RecordedSageMaker:
    """moto's server as a WSGI application, and before it what is recorded and goes wrong."""

    def __init__(self, moto: Any, folder: Path) -> None:
        self._moto = moto
        self._folder = folder
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()

    def __call__(self, environment: Environment, start: Start) -> Iterable[bytes]:
        target = environment.get(TARGET, "")
        if not target.startswith(SAGEMAKER):
            answered: Iterable[bytes] = self._moto(environment, start)
            return answered
        operation = target.removeprefix(SAGEMAKER)
        body = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
        environment["wsgi.input"] = io.BytesIO(body)
        fault = self._record(operation, json.loads(body or b"{}"))
        if fault and fault.code:
            error = {"__type": fault.code, "message": fault.message}
            return reply(start, "400 Bad Request", error)
        if fault and fault.unknown:
            return reply(start, "200 OK", fault.answer)
        if fault:
            status, answer = self._ask_moto(environment)
            return reply(start, status, answer | fault.answer)
        return list(self._moto(environment, start))

    def _record(self, operation: str, request: dict[str, Any]) -> Fault | None:
        """Write a request down; give the fault that it meets."""
        with self._lock:
            with (self._folder / REQUESTS).open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"operation": operation, "request": request}) + "\n")
            self._asked[operation] += 1
            for fault in self._faults():
                if fault.operation == operation and self._asked[operation] <= fault.times:
                    return fault
        return None

    def _faults(self) -> list[Fault]:
        path = self._folder / FAULTS
        return decode(path.read_bytes(), type=list[Fault]) if path.exists() else []

    def _ask_moto(self, environment: Environment) -> tuple[str, dict[str, Any]]:
        statuses: list[str] = []

        def start(status: str, *_: Any) -> None:
            statuses.append(status)

        content = b"".join(self._moto(environment, start))
        return statuses[0], json.loads(content or b"{}")


def reply(start: Start, status: str, answer: dict[str, Any]) -> list[bytes]:
    """Answer as SageMaker does: JSON 1.1."""
    content = json.dumps(answer, default=str).encode()
    start(status, [("Content-Type", "application/x-amz-json-1.1")])
    return [content]


def main(folder: str) -> None:
    moto = DomainDispatcherApplication(create_backend_app)
    recorded = RecordedSageMaker(moto, Path(folder))
    server = make_server("127.0.0.1", 0, recorded, threaded=True)
    sys.stdout.write(f"http://127.0.0.1:{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
