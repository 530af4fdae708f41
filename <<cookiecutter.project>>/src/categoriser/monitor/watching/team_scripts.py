"""The team's own scripts, called as Model Monitor calls them: before and after the analysis."""

import importlib.util
import inspect
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from categoriser.errors import UserError

log = logging.getLogger("categoriser.monitor")

# A captured line as it is, parsed. It is free: the team's script may read any key of it.
CapturedLine = dict[str, Any]


def load_preprocessor(path: Path) -> Callable[[CapturedLine], Any]:
    """Return a script's `preprocess_handler(inference_record[, logger])`, to be given a line.

    Raises `UserError` for a script that cannot be imported or has no such function.
    """
    handler = _handler(path, "preprocess_handler", (1, 2))
    more = (log,) if len(inspect.signature(handler).parameters) > 1 else ()
    return lambda event: handler(inference_record(event), *more)


def load_postprocessor(path: Path) -> Callable[[], Any]:
    """Return a script's `postprocess_handler()`. Loading and calling raise `UserError`."""
    handler = _handler(path, "postprocess_handler", (0,))

    def call() -> None:
        try:
            handler()
        except (Exception, SystemExit) as error:
            raise UserError(f"{path}: postprocess_handler failed: {error!r}") from error

    return call


def _handler(path: Path, name: str, arguments: tuple[int, ...]) -> Callable[..., Any]:
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ImportError("it is not a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UserError(f"{path} cannot be imported: {error!r}") from error
    handler = getattr(module, name, None)
    if not callable(handler):
        raise UserError(f"{path} has no function {name}")
    if len(inspect.signature(handler).parameters) not in arguments:
        raise UserError(f"{path}: {name} must take {' or '.join(map(str, arguments))} arguments")
    return handler  # type: ignore[no-any-return]


def inference_record(event: CapturedLine) -> SimpleNamespace:
    """Return a captured record with the attributes that the prebuilt container's has.

    They are those of the class on AWS's page "Preprocessing and Postprocessing"; `inference_id`,
    `custom_attributes`, and `observed_content_type` are there beside them.
    """
    metadata = event["eventMetadata"]
    sides = event["captureData"]
    attributes = metadata.get("customAttributes")
    return SimpleNamespace(
        event_metadata=SimpleNamespace(
            event_id=metadata["eventId"],
            event_time=metadata["inferenceTime"],
            inference_id=metadata.get("inferenceId"),
            custom_attribute=attributes,
            custom_attributes=attributes,
        ),
        endpoint_input=_side(sides.get("endpointInput")),
        endpoint_output=_side(sides.get("endpointOutput")),
        batch_transform_output=_side(sides.get("batchTransformOutput")),
        ground_truth=_side(event.get("groundTruthData")),
        event_version=event.get("eventVersion"),
        event_dict=event,
        as_dict=lambda: event,
    )


def _side(side: Any) -> SimpleNamespace | None:
    if not isinstance(side, dict):
        return None
    names = ("data", "encoding", "mode", "observedContentType")
    values = {name: side.get(name) for name in names}
    return SimpleNamespace(**values, observed_content_type=values["observedContentType"])
