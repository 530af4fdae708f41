"""The requests that wait for the model: small ones are answered together, large ones one by one.

A large body is answered in a thread, so that /ping and small requests go on meanwhile (the JSON of
6 MiB is read in one go, and stops them for 0.3 s). Small bodies that come together are answered by
one call of the model.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from categoriser.contract import Prediction
from categoriser.model.package import Categoriser
from categoriser.serving.problem import RequestError
from categoriser.serving.protocol import Rows, parse_rows, render_answers

# The largest body, in bytes, that counts as small.
SMALL_BODY = 8 * 2**10
# Small requests that are answered by one call of the model.
REQUESTS_OF_A_CALL = 16
# Rows of a large request that are answered by one call, which may keep all others from the
# interpreter.
ROWS_OF_A_CALL = 500
# Requests of a worker that wait for the model at once.
MOST_WAITING = 256


class AnswerQueue:
    """Answers bodies with `model`, each when its turn comes."""

    def __init__(self, model: Categoriser) -> None:
        self.model = model
        self.large = ThreadPoolExecutor(1)
        self.small: list[tuple[Rows, asyncio.Future[list[Prediction]]]] = []
        self.waiting = 0

    async def answer(self, body: bytes, kind: str) -> bytes:
        """Return the answer to a body of a media type. Raises `RequestError`."""
        if self.waiting >= MOST_WAITING:
            raise RequestError(429, "too many requests wait for an answer; ask again later")
        self.waiting += 1
        try:
            if len(body) <= SMALL_BODY:
                return await self.answer_together(body, kind)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.large, self.answer_alone, body, kind)
        finally:
            self.waiting -= 1

    def answer_alone(self, body: bytes, kind: str) -> bytes:
        """Return the answer to a large body. Raises `RequestError`."""
        asked = parse_rows(body, kind)
        predictions: list[Prediction] = []
        for start in range(0, len(asked.rows), ROWS_OF_A_CALL):
            predictions += self.model.predict(asked.rows[start : start + ROWS_OF_A_CALL])
        return render_answers(predictions, kind, single=asked.single)

    async def answer_together(self, body: bytes, kind: str) -> bytes:
        """Return the answer to a small body, after the call that others share. Raises as above."""
        asked = parse_rows(body, kind)
        loop = asyncio.get_running_loop()
        predictions: asyncio.Future[list[Prediction]] = loop.create_future()
        if not self.small:
            loop.call_soon(self.predict_first)
        self.small.append((asked, predictions))
        return render_answers(await predictions, kind, single=asked.single)

    def predict_first(self) -> None:
        """Predict the rows of the first small requests in one call; the rest, in the next turn."""
        together = self.small[:REQUESTS_OF_A_CALL]
        self.small = self.small[REQUESTS_OF_A_CALL:]
        if self.small:
            asyncio.get_running_loop().call_soon(self.predict_first)
        try:
            answers = self.model.predict([row for asked, _ in together for row in asked.rows])
        except Exception as error:  # noqa: BLE001  # each request's own log has it
            for _, predictions in together:
                predictions.set_exception(error)
            return
        start = 0
        for asked, predictions in together:
            end = start + len(asked.rows)
            predictions.set_result(answers[start:end])
            start = end
