"""The last words of a job, of which SageMaker shows the first 1,024 bytes."""

from pathlib import Path

from categoriser.errors import UserError

LONGEST = 1024


def words(error: BaseException) -> str:
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def leave(text: str, message: Path) -> None:
    """Write the exit message: UTF-8, cut between characters."""
    message.parent.mkdir(parents=True, exist_ok=True)
    message.write_bytes(text.encode()[:LONGEST].decode(errors="ignore").encode())
