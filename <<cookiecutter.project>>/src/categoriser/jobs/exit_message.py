"""The last words of a job. SageMaker shows their first 1,024 bytes."""

from pathlib import Path

from categoriser.errors import UserError

MESSAGE_BYTES = 1024


def fault_message(error: BaseException) -> str:
    """Say what was raised; the kind of exception too, where it is not meant for a reader."""
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def write_message(text: str, message: Path) -> None:
    """Write the exit message: UTF-8, cut between characters."""
    message.parent.mkdir(parents=True, exist_ok=True)
    message.write_bytes(text.encode()[:MESSAGE_BYTES].decode(errors="ignore").encode())
