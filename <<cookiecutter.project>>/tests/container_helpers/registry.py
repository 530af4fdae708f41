"""A registry for `docker push`."""

from __future__ import annotations

import hashlib
import json
import uuid
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import unquote


class Registry(BaseHTTPRequestHandler):
    """A registry for `docker push` that keeps the sizes of blobs, and the types of manifests.

    https://distribution.github.io/distribution/spec/api/
    """

    protocol_version = "HTTP/1.1"
    sizes: ClassVar[dict[str, int]] = {}  # by an upload's path, then by digest
    manifests: ClassVar[list[str]] = []

    def reply(self, status: int, size: int = 0, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": f"{size}"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def do_GET(self) -> None:
        self.reply(200)

    def do_HEAD(self) -> None:
        digest = self.path.rpartition("/")[2]
        self.reply(200 if digest in self.sizes else 404, self.sizes.get(digest, 0))

    def do_POST(self) -> None:
        self.reply(202, Location=self.path + uuid.uuid4().hex, Range="0-0")

    def do_PATCH(self) -> None:
        assert self.headers["Transfer-Encoding"] == "chunked"
        total = 0
        while size := int(self.rfile.readline(), 16):
            total += len(self.rfile.read(size + 2)) - 2
        self.rfile.readline()
        self.sizes[self.path] = total
        self.reply(202, Location=self.path, Range=f"0-{total - 1}")

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path, upload, digest = self.path.partition("?digest=")
        if upload:
            digest = unquote(digest)
            self.sizes[digest] = self.sizes[path]
        else:
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            self.manifests.append(json.loads(content)["mediaType"])
        self.reply(201, Docker_Content_Digest=digest)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""
