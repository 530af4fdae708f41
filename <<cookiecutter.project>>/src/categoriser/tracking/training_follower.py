"""Following a training's series into MLflow while it trains.

The run that it goes into becomes the one of the state that the training leads to: see `Mirror`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from categoriser import paths
from categoriser.diagnostics.series import Series, read_series
from categoriser.errors import UserError
from categoriser.params import Experiment, read_mapping

SECONDS_BETWEEN_LOOKS = 0.5


@contextmanager
def following_training() -> Iterator[None]:
    """Follow the training that begins while the block runs, if one does.

    MLflow is a mirror: where it cannot be used the block goes on, and `make track` says why.
    """
    done = threading.Event()
    thread = threading.Thread(target=_follow, args=(_current(), done))
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _current() -> Series | None:
    """Return the series as they stand; none where another file is in their place."""
    with suppress(UserError):
        return read_series(paths.SERIES)
    return None


def _follow(before: Series | None, done: threading.Event) -> None:
    known = before.head.training if before else ""
    ended = False
    while not ended:
        ended = done.wait(SECONDS_BETWEEN_LOOKS)
        series = _current()
        if series and series.head.training != known:
            with suppress(UserError):
                _bring(series, known, done)
            return


def _bring(series: Series, before: str, done: threading.Event) -> None:
    """Bring the steps of a training into a run, as they come, and at the end what became of it.

    `before` is the training before it, whose run may have been left without an end.
    """
    # Here, since MLflow takes seconds to import, and most runs of the pipeline train nothing.
    from categoriser.tracking.track import opened_mirror

    with opened_mirror() as mirror:
        experiment = Experiment.model_validate(read_mapping(paths.PARAMS).get("experiment", {}))
        mirror.end_abandoned(before)
        run_id = mirror.start_training(series.head, experiment)
        try:
            ended = False
            brought = 0
            while not ended:
                ended = done.wait(SECONDS_BETWEEN_LOOKS)
                series = read_series(paths.SERIES) or series
                mirror.add_steps(run_id, series.steps[brought:])
                brought = len(series.steps)
            mirror.end_training(run_id, series)
        except BaseException:
            mirror.client.set_terminated(run_id, "KILLED")
            raise
