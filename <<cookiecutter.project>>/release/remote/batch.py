"""`make batch IN=s3://... OUT=s3://...`: files of transactions, answered by a batch transform.

The files are read here, as `predict-file` reads them, in bounded memory. A row that the server
would refuse is set aside, since one such row fails a whole transform. The others go to the run's
folder in the data bucket as lines of JSON, and what comes back is written beside all the columns
that a file has.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError
from msgspec import structs

from categoriser.errors import UserError
from categoriser.io.s3_uri import S3Uri
from categoriser.jobs.spec.artifact_keys import RUN_BATCH, run_prefix
from categoriser.model.batch import aside_of, asked_transactions, predict_file
from categoriser.plural import plural
from release.accounts import bucket_name, data_key, train_role
from release.console import console
from release.remote.batch_rows import WrittenAnswers, write_parts
from release.remote.laptop_run import jobs_network, new_run_id
from release.remote.prices import Work, ask_cost
from release.remote.transform import Transform, container_of, run_transform
from release.settings import ReleaseSettings

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# A history may have a column `category` of its own.
PREFIX = "predicted_"
# Of the disk, in sizes of a file: itself, and its answered rows and an object of lines beside it.
TIMES_SIZE = 4
# Transactions that are packed unpack to some ten times.
TIMES_PACKED = 10


@dataclass(frozen=True)
class Source:
    """A file in S3: its place, its name below the place that was asked for, its bytes."""

    place: S3Uri
    name: str
    size: int

    @property
    def target_name(self) -> str:
        """The name of the answered file, which is not packed."""
        return self.name.removesuffix(".gz")

    @property
    def disk(self) -> int:
        """The bytes of the disk that answering it takes, or somewhat fewer."""
        packed = self.target_name != self.name
        return TIMES_SIZE * self.size * (TIMES_PACKED if packed else 1)


@dataclass(frozen=True)
class Prepared:
    """A file on this machine, and the objects of its rows: each one's name and rows."""

    source: Source
    path: Path
    parts: tuple[tuple[str, int], ...]


def categorise(
    settings: ReleaseSettings,
    session: boto3.Session,
    *,
    given: str,
    out: str,
    package: str,
    model: str,
    instances: int,
    minutes: int,
    yes: bool,
) -> None:
    """Answer the files at a place in S3, and write them to another.

    Raises `UserError` for places that cannot be read or written, for a file without a row that can
    be answered, where nobody consents, and where the transform fails.
    """
    s3 = session.client("s3")
    target = S3Uri.parse(out)
    sources = find_sources(s3, S3Uri.parse(given), target)
    require_writable(s3, targets_of(sources[0], target)[0])
    container = container_of(settings, session, package, model)
    transform = transform_of(settings, session, container, instances, minutes)
    size = sum(source.size for source in sources)
    by = ", ".join(transform.container.values())
    console.print(f"answer {plural(len(sources), 'file')}, {size / 2**20:,.1f} MB, by {by}")
    work = Work(
        component="Batch Transform",
        instance=transform.instance,
        minutes=minutes,
        instances=instances,
    )
    ask_cost(settings, session, work, yes=yes)
    with TemporaryDirectory(prefix="categoriser-") as scratch:
        require_space(Path(scratch), sum(source.disk for source in sources))
        every = [
            prepare(s3, source, Path(scratch) / f"{number:05}", S3Uri.parse(transform.rows))
            for number, source in enumerate(sources)
        ]
        files = [file for file in every if file.parts]
        if not files:
            raise UserError(f"IN={given}: not one row can be answered")
        answers = S3Uri.parse(transform.answers)
        count = sum(len(file.parts) for file in files)
        run_transform(
            session,
            # An instance answers whole objects: with fewer of them it would idle, and bill.
            structs.replace(transform, instances=min(instances, count)),
            lambda: f"{len(answers_by_name(s3, answers))} of {plural(count, 'object')} answered",
        )
        places = answers_by_name(s3, answers)
        for file in files:
            write_answered(s3, file, places, target)
    remove_rows_and_answers(session, transform)


def transform_of(
    settings: ReleaseSettings,
    session: boto3.Session,
    container: dict[str, str],
    instances: int,
    minutes: int,
) -> Transform:
    """Return the transform of a new run."""
    run_id = new_run_id()
    folder = f"s3://{bucket_name(settings, 'data', session)}/{run_prefix(run_id)}/{RUN_BATCH}"
    return Transform(
        name=f"{settings.project}-{run_id}-batch",
        container=container,
        role=train_role(settings, session),
        key=data_key(settings, session),
        rows=f"{folder}/rows",
        answers=f"{folder}/answers",
        instance=settings.train.instance,
        instances=instances,
        minutes=minutes,
        network=jobs_network(settings, session),
        tags={"Project": settings.project, "Release": run_id},
    )


def find_sources(s3: S3Client, place: S3Uri, target: S3Uri) -> list[Source]:
    """Return the file at a place, or all files below it.

    Raises `UserError` where there is none, where the place cannot be read, where the answers would
    be written among them, and where an object would be overwritten.
    """
    below = f"{place.key.rstrip('/')}/" if place.key else ""
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.key)
        found = {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}
    except ClientError as error:
        raise UserError(f"IN={place}: {error}") from None
    # The console makes a folder as an object without a byte.
    if found.get(place.key):
        sources = [Source(place, PurePosixPath(place.key).name, found[place.key])]
    else:
        if target.bucket == place.bucket and f"{target.key.rstrip('/')}/".startswith(below):
            raise UserError(
                f"OUT={target} is within IN={place}: the next run would read its answers"
            )
        sources = [
            Source(S3Uri(place.bucket, key), key.removeprefix(below).lstrip("/"), size)
            for key, size in sorted(found.items())
            if key.startswith(below) and size
        ]
    if not sources:
        raise UserError(f"IN={place}: there is no file")
    require_apart(sources, target)
    return sources


def require_apart(sources: Sequence[Source], target: S3Uri) -> None:
    """Raise `UserError` where an object would be overwritten: one that is read, or an answer."""
    read = {source.place for source in sources}
    written: dict[S3Uri, Source] = {}
    for source in sources:
        for place in targets_of(source, target):
            if place in read:
                raise UserError(f"OUT={target}: {place} is read, and would be overwritten")
            other = written.setdefault(place, source)
            if other is not source:
                raise UserError(
                    f"{other.place} and {source.place} would both be answered in {place}: rename "
                    "one of them"
                )


def targets_of(source: Source, target: S3Uri) -> tuple[S3Uri, S3Uri]:
    """Return the places of a file's answers, and of its rows that are set aside."""
    answered = PurePosixPath(target.key) / source.target_name
    aside = answered.with_name(aside_of(Path(answered.name)).name)
    return S3Uri(target.bucket, str(answered)), S3Uri(target.bucket, str(aside))


def require_writable(s3: S3Client, place: S3Uri) -> None:
    """Raise `UserError` where the caller may not write an object.

    An upload in parts is begun and given up. That takes the rights to the bucket and to its key
    that a whole upload takes, and leaves neither an object nor a version of one.
    """
    try:
        begun = s3.create_multipart_upload(Bucket=place.bucket, Key=place.key)
    except ClientError as error:
        raise UserError(
            f"OUT: {place} cannot be written: {error}. It takes s3:PutObject, and where the bucket "
            "has a key of its own kms:GenerateDataKey and kms:Decrypt"
        ) from None
    try:
        s3.abort_multipart_upload(Bucket=place.bucket, Key=place.key, UploadId=begun["UploadId"])
    except ClientError as error:
        # It has no part, so it costs nothing, and must not stop who may write.
        console.print(f"an upload without parts is left at {place}: {error}")


def require_space(folder: Path, needed: int) -> None:
    """Raise `UserError` where the disk has no room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder} has {free / 2**30:.1f} GB free, and {needed / 2**30:.1f} GB are needed: "
            "name another disk (TMPDIR=...), or fewer files"
        )


def prepare(s3: S3Client, source: Source, folder: Path, rows: S3Uri) -> Prepared:
    """Fetch a file into a folder, and upload its rows, of which there may be none."""
    folder.mkdir()
    path = folder / PurePosixPath(source.name).name
    s3.download_file(source.place.bucket, source.place.key, str(path))
    parts = []
    for part, count in write_parts(asked_transactions(path, PREFIX), folder, folder.name):
        s3.upload_file(str(part), rows.bucket, f"{rows.key}/{part.name}")
        parts.append((part.name, count))
    asked = sum(count for _, count in parts)
    words = f"{plural(asked, 'row')} in {plural(len(parts), 'object')}"
    console.print(f"{source.name}: {words if parts else 'not one row can be answered'}")
    return Prepared(source, path, tuple(parts))


def answers_by_name(s3: S3Client, answers: S3Uri) -> dict[str, S3Uri]:
    """Return the objects of answers by the names of the objects of rows."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=answers.bucket, Prefix=f"{answers.key}/"
    )
    keys = (item["Key"] for page in pages for item in page.get("Contents", []))
    # SageMaker may put them into a folder of its own below the prefix.
    return {
        PurePosixPath(key).name.removesuffix(".out"): S3Uri(answers.bucket, key) for key in keys
    }


def write_answered(s3: S3Client, file: Prepared, keys: Mapping[str, S3Uri], target: S3Uri) -> None:
    """Write a file's rows with their answers to S3, and those that were set aside beside it."""
    local = file.path.parent / "answered" / PurePosixPath(file.source.target_name).name
    answers = WrittenAnswers(answered_parts(s3, file, keys))
    done = predict_file(answers, file.path, local, PREFIX)
    answers.require_end()
    console.print(
        f"{file.source.name}: {plural(done.answered, 'row')} answered, {done.set_aside:,} set aside"
    )
    for written, place in zip(
        (local, aside_of(local)), targets_of(file.source, target), strict=True
    ):
        if written.exists():
            s3.upload_file(str(written), place.bucket, place.key)
            console.print(f"  {place}")
            written.unlink()


def answered_parts(
    s3: S3Client, file: Prepared, keys: Mapping[str, S3Uri]
) -> Iterator[tuple[str, int, Iterable[bytes]]]:
    """Yield a file's objects of answers: each one's name, rows, and lines as they are read.

    An object is on the disk while it is read. Raises `UserError` where one is missing.
    """
    for name, rows in file.parts:
        if name not in keys:
            raise UserError(
                f"the transform wrote no answers to {name}: {file.source.name} is not answered"
            )
        place = keys[name]
        path = file.path.parent / f"{name}.out"
        s3.download_file(place.bucket, place.key, str(path))
        with path.open("rb") as lines:
            yield str(place), rows, lines
        path.unlink()


def remove_rows_and_answers(session: boto3.Session, transform: Transform) -> None:
    """Delete the transform's own rows and answers: they are copies of what people have written."""
    folder = S3Uri.parse(transform.rows.rpartition("/")[0])
    bucket = session.resource("s3").Bucket(folder.bucket)
    try:
        bucket.objects.filter(Prefix=f"{folder.key}/").delete()
    except ClientError as error:
        # The answers are written, and that is what was asked for.
        console.print(f"the rows and answers of the transform are still in {folder}: {error}")
