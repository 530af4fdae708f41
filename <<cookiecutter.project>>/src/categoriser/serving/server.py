"""The server's start: it loads the model, gives up root, listens, and serves until it is stopped.

The server is a stand-in for an endpoint too: boto3's `invoke_endpoint` asks it where
AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME is its address.
"""

import logging
from functools import partial

from categoriser.io.privileges import give_up_root
from categoriser.model.package import Categoriser
from categoriser.serving.app import App
from categoriser.serving.capture import Writer, capture_folder
from categoriser.serving.log import JsonLine, lines
from categoriser.serving.parent import listen, serve_with_workers
from categoriser.serving.patience import within
from categoriser.serving.settings import ServerSettings
from categoriser.serving.worker import LAST_WORDS_SECONDS

# SageMaker waits four minutes for the first answer.
LOAD_SECONDS = 180

log = logging.getLogger("categoriser.serving")


def serve_model(settings: ServerSettings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises `UserError` for settings beyond their bounds, a model that cannot be loaded, and an
    address that cannot be had.
    """
    settings.check()
    logging.basicConfig(level=logging.INFO, handlers=[JsonLine()])
    # What uvicorn says of its start and stop is said below.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)

    model = settings.model
    late = f"{model} could not be loaded within {LOAD_SECONDS} s; `dvc repro` makes it anew"
    with within(LOAD_SECONDS, late):
        categoriser = Categoriser.load(model)
    make_writer = None
    if settings.capture is None:
        give_up_root()
    else:
        give_up_root(settings.capture)
        folder = capture_folder(settings.capture, settings.endpoint_name)
        make_writer = partial(Writer, folder, settings.capture_percent)
    listener = listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    log.info(
        {
            "event": "listening",
            "host": host,
            "port": port,
            "workers": settings.workers,
            "model": str(model),
        }
    )
    try:
        serve_with_workers(App(categoriser, make_writer), listener, settings.workers)
        log.info({"event": "stopped"})
    finally:
        lines.flush(LAST_WORDS_SECONDS)
