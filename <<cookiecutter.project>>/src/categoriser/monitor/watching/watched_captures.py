"""From captured calls to the features that are watched."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl

from categoriser.contract import FIELDS
from categoriser.errors import UserError
from categoriser.features import normalise
from categoriser.io.digests import digest
from categoriser.monitor.formats.baseline_facts import (
    BASELINE_MADE_BY,
    BaselineFacts,
    WatchedWith,
    read_baseline_facts,
)
from categoriser.monitor.formats.captures import SCRIPT_ONLY, captured_rows
from categoriser.monitor.formats.event_frames import INPUT_COLUMNS
from categoriser.monitor.formats.feature_statistics import FeatureStatistics, Statistics
from categoriser.monitor.formats.problems import Problems
from categoriser.monitor.summaries.summary import Summary, summarise
from categoriser.monitor.summaries.summary_statistics import statistics_of
from categoriser.monitor.watching.capture_shares import CaptureShare, EventIds, ShareSummary
from categoriser.monitor.watching.team_scripts import load_preprocessor
from categoriser.monitor.watching.watched_features import UNKNOWN_COUNTRY, SeenInTraining, watch

# Rows among which examples of new texts are looked for.
SAMPLED = 50_000
UNSEEN = "unseen_tokens"


def watched_with(leave_out: Sequence[str], preprocessor: Path | None) -> WatchedWith:
    script = digest(preprocessor) if preprocessor and preprocessor.is_file() else None
    return WatchedWith(sorted(leave_out), script)


class NewText(NamedTuple):
    """An example of a wording that has words which training lacks.

    `rows` counts those of the wording, and `unseen` is the share of its words that are new.
    `answer` is the model's, None where it was not captured.
    """

    text: str
    answer: str | None
    unseen: float
    rows: int


class BaselineView(NamedTuple):
    """What of a baseline's folder captures are watched with."""

    facts: BaselineFacts
    seen: SeenInTraining

    def features(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the watched features of captured rows (`CapturedRows.frame`)."""
        return watch(frame, self.seen, self.facts.classes, self.facts.review_threshold)


def view_baseline(folder: Path) -> BaselineView:
    """Read what the stage `baseline` wrote. Raises `UserError` for files missing or damaged."""
    return BaselineView(read_baseline_facts(folder), SeenInTraining.load(folder))


@dataclass(frozen=True)
class Watching:
    """How captures are watched: what a process or a worker needs to know, and can be sent.

    `baseline` is the folder that the stage `baseline` writes, `preprocessor` the team's script.
    Without a baseline only the script's features are watched: so any captures can be read.
    """

    baseline: Path | None
    start: datetime | None = None
    end: datetime | None = None
    preprocessor: Path | None = None
    leave_out: tuple[str, ...] = ()

    def batches(
        self,
        files: Sequence[str],
        problems: Problems,
        fresh: Callable[[str], bool] | None = None,
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Yield captured rows (`CapturedRows.frame`), and as many rows of watched features.

        `fresh` is that of `captured_rows`. Raises `UserError` without a baseline and a script.
        """
        script = load_preprocessor(self.preprocessor) if self.preprocessor else None
        if not self.baseline and not script:
            raise UserError(
                "captures are watched with what the training rows held: name the folder that "
                f"`{BASELINE_MADE_BY}` writes in the environment variable baseline, or a script "
                "that reads them in record_preprocessor_script"
            )
        baseline = view_baseline(self.baseline) if self.baseline else None
        for batch in captured_rows(
            files,
            baseline.facts.classes if baseline else [],
            problems,
            start=self.start,
            end=self.end,
            preprocess=script,
            fresh=fresh,
        ):
            watched = batch.extra if batch.extra is not None else pl.DataFrame()
            if baseline:
                # The script's features go before the project's own.
                watched = baseline.features(batch.frame).with_columns(watched.get_columns())
            yield batch.frame, watched.drop(self.leave_out, strict=False)
        if not baseline:
            # Without a baseline all records are the script's to read.
            problems.forget(SCRIPT_ONLY)

    def summarise(self, share: CaptureShare) -> bytes:
        """Summarise a worker's share; the result, a `ShareSummary` as bytes, can be sent."""
        problems = Problems()
        ids = EventIds({*np.frombuffer(share.elsewhere, np.uint64).tolist()})
        frames = (features for _, features in self.batches(share.files, problems, ids.fresh))
        summary = summarise(batch for frame in frames for batch in frame.to_arrow().to_batches())
        own = np.fromiter(ids.own, np.uint64, len(ids.own))
        return msgspec.msgpack.encode(ShareSummary(summary.to_bytes(), problems, own.tobytes()))

    def new_texts(self, files: Sequence[str], most: int) -> list[NewText]:
        """Return texts with words that training lacks: the most frequent wordings, an example each.

        They are looked for among the first `SAMPLED` rows. These are people's own texts: they are
        for the one who looks, and for no report that is kept.
        """
        found = []
        looked_at = 0
        for frame, watched in self.batches(files, Problems()):
            if UNSEEN not in watched.columns or looked_at >= SAMPLED:
                break
            looked_at += frame.height
            rows = frame.select("text", answer="label").with_columns(unseen=watched[UNSEEN])
            found.append(rows.filter(pl.col("unseen").cast(pl.Float64) > 0))
        if not found:
            return []
        texts = pl.concat(found)
        wording = pl.Series("wording", normalise(texts["text"].to_list()), dtype=pl.String)
        grouped = texts.with_columns(wording).group_by("wording", maintain_order=True)
        lines = grouped.agg(pl.first("text", "answer", "unseen"), rows=pl.len())
        frequent = lines.sort("rows", "unseen", "wording", descending=[True, True, False])
        examples = frequent.head(most).select(NewText._fields)
        return [NewText(*example) for example in examples.iter_rows()]

    def statistics(self, summary: Summary, problems: Problems) -> Statistics:
        """Return the statistics of a summary, with completeness by what was captured.

        Where only inputs are captured, a row has no answer that could be missing: features of the
        answer are complete by the rows whose output was captured, and without any such row they
        are not captured. The same holds for inputs.
        """
        found = statistics_of(summary)
        seen = problems.seen
        if not self.baseline or not (seen["without_input"] or seen["without_output"]):
            return found
        without: dict[str, int] = {}
        for side, names in sides(self.baseline).items():
            without |= dict.fromkeys(names, seen[f"without_{side}"])
        features: dict[str, FeatureStatistics] = {}
        for name, feature in found.features.items():
            missing = max(0, feature.missing - without.get(name, 0))
            rows = feature.present + missing
            if rows:
                share = feature.present / rows
                features[name] = replace(feature, missing=missing, completeness=share)
        lost = tuple(name for name in found.features if name not in features)
        return replace(found, features=features, not_captured=lost)


def sides(baseline: Path) -> dict[str, list[str]]:
    """Return the watched features that have no value without an input, and without an output.

    Nothing lists them: the project's own `watch` is asked, with a row that lacks each.
    """
    view = view_baseline(baseline)
    classes = view.facts.classes
    evenly = [1 / len(classes)] * len(classes)
    table = pl.Array(pl.Float64, len(classes))
    inputs = {
        name: pl.Series([None, "a" if kind == pl.String else 1.0], dtype=kind)
        for name, kind in INPUT_COLUMNS.items()
    }
    outputs = {
        "label": pl.Series([classes[0], None], dtype=pl.String),
        "probabilities": pl.Series([evenly, None], dtype=table),
    }
    blank = view.features(pl.DataFrame(inputs | outputs)).select(pl.all().is_null())
    return {
        side: [name for name in blank.columns if blank[name][row]]
        for row, side in enumerate(("input", "output"))
    }


def with_country(
    watching: Watching, files: Sequence[str], problems: Problems
) -> Iterator[pl.DataFrame]:
    """Yield captured rows with the country that their texts name, `unknown` where they name none.

    The rows stay as they are where the country is not watched, or is a column of their own.
    """
    for frame, watched in watching.batches(files, problems):
        if "country" in watched.columns and "country" not in FIELDS:
            frame = frame.with_columns(watched["country"].fill_null(UNKNOWN_COUNTRY))
        yield frame
