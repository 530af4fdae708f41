"""`train` and `process evaluate`: the pipeline's stages as SageMaker's jobs run them.

Both jobs get `transactions.csv` and, beside it, the manifest that it was made of, and both validate
and prepare it anew: the same rows give the same parts. They work in a scratch folder, on a copy of
the settings in the working directory; besides they write into the folders under `/opt/ml` that
SageMaker makes, which may be another user's.
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from msgspec.structs import asdict

from categoriser import manifest, paths
from categoriser.archives import unpack
from categoriser.data import prepare, validate
from categoriser.errors import UserError, run
from categoriser.files import Json, digest, give_up_root, read_json, write_json
from categoriser.model import evaluate, gate, measure, package, train
from categoriser.monitor import baseline
from categoriser.params import set_params
from categoriser.process import leave, words

ML = Path("/opt/ml")


@contextmanager
def prepared(data: Path, knobs: Mapping[str, Any]) -> Iterator[None]:
    """Work in a scratch folder with the rows of a job's channel, validated and prepared.

    `knobs` are values of params.yaml by dotted name. Labels are of the newest months, of which
    `prepare.months` would let none be trained on: with a manifest of labels it is 0, and merchants
    and rows, those months' too, are what is held out. Raises `UserError` for bad rows, and where
    the channel lacks its manifest.
    """
    try:
        content = (data / manifest.NAME).read_bytes()
    except OSError as error:
        raise UserError(
            f"{error}: the channel needs the rows and the manifest that Build writes"
        ) from None
    made = manifest.parse(content, str(data / manifest.NAME))
    months = {"prepare.months": 0} if made.made_by == "labels" else {}
    with tempfile.TemporaryDirectory(prefix="categoriser-") as scratch:
        shutil.copy(paths.PARAMS, scratch)
        for folder in (paths.MONITORING.parent, paths.CHAMPION):
            shutil.copytree(folder, scratch / folder)
        with chdir(scratch):
            set_params(paths.PARAMS, {**knobs, **months, "data.path": f"{data}/transactions.csv"})
            validate.main()
            prepare.main()
            yield


def fit(ml: Path = ML) -> None:
    """Train on the channel `data`, and leave the model where SageMaker takes it from.

    Hyperparameters, which are texts, are the classifier's knobs. What is raised is in
    `output/failure` too.
    """
    try:
        given = read_json(ml / "input/config/hyperparameters.json", "SageMaker")
        knobs = {f"train.classifier.{name}": yaml.safe_load(text) for name, text in given.items()}
        with prepared(ml / "input/data/data", knobs):
            train.main()
            for path in [*paths.MODEL.iterdir()]:
                shutil.move(path, ml / "model" / path.name)
    except Exception as error:
        leave(words(error), ml / "output/failure")
        raise


def process(ml: Path = ML) -> str:
    """Evaluate the model beside the champion, if there is one, and return the exit message.

    A model that the gate refuses is no failure, since a failed job's output is not kept:
    `gate.json` says it, and the message. Raises `UserError` for a model of other training rows.
    """
    given, output = ml / "processing/input", ml / "processing/output"
    with prepared(given / "data", {}):
        unpack(given / "model/model.tar.gz", paths.MODEL)
        trained = read_json(paths.MODEL / package.METADATA, "train")["train_digest"]
        if trained != digest(paths.PREPARED / "train.parquet"):
            raise UserError(f"{given / 'model'} was trained on other rows than {given / 'data'}")
        write_json(paths.CHAMPION_FACTS, crowned(given / "champion/model.tar.gz"))
        measure.main()
        baseline.main()
        evaluate.main()
        faults = gate.decide()
        write_json(output / "golden.json", golden())
        for path in (*paths.REPORT.parent.glob("*.*"), paths.BASELINE):
            shutil.move(path, output / path.name)
    return f"Refused: {'; '.join(faults)}" if faults else "Completed: the model may go on"


def crowned(live: Path) -> Json | None:
    """Unpack the live model as the champion, whatever Git's is, and return its facts.

    There is none where nothing is live, and where the live model's classes are others than the
    model's and Git says that this is meant: its champion was retired, or has the model's classes.
    """
    if not live.exists():
        return None
    unpack(live, paths.CHAMPION_MODEL)
    in_git = read_json(paths.CHAMPION_FACTS, "make promote")
    both = (paths.MODEL, paths.CHAMPION_MODEL)
    new, old = ({*read_json(model / package.METADATA, "train")["classes"]} for model in both)
    if new != old and (in_git is None or {*in_git.get("classes", ())} == new):
        return None
    return {"digest": digest(paths.CHAMPION_MODEL), "metrics": {}}


def golden() -> dict[str, Any]:
    """Return cases that an endpoint with this model answers as written here.

    They are held-out rows, of each class the two surest that are right and need no review.
    """
    model = package.Categoriser.load(paths.MODEL)
    held = [paths.PREPARED / f"{part}.parquet" for part in measure.PARTS]
    rows = pl.read_parquet(held, columns=["text", "price", "category"]).unique("text", keep="first")
    answered = model.predict(rows["text"].to_list(), rows["price"].to_list())
    answers = pl.DataFrame([asdict(answer) for answer in answered])
    rows = rows.with_columns(answers.rename({"category": "answer"}).get_columns())
    right = rows.filter(pl.col("answer") == pl.col("category"), ~pl.col("review"))
    surest = right.sort("category", -pl.col("probability"), "text").group_by("category").head(2)
    cases = surest.drop("answer", "probability", "review").sort("category", maintain_order=True)
    return {"classes": list(model.classes), "cases": cases.to_dicts()}


def main() -> None:
    """Train: the command `train`."""
    give_up_root(ML / "model", ML / "output")
    fit()


if __name__ == "__main__":
    run(main)
