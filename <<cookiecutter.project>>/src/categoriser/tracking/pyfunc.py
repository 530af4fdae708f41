"""The model as MLflow's pyfunc: it is logged as this file, and run again where it is loaded."""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from msgspec.structs import asdict

from categoriser.contract import FIELDS, transactions
from categoriser.model.package import Categoriser


class CategoriserModel(PythonModel):
    """Answers a frame of `Transaction`'s columns with one of `Prediction`'s, row by row."""

    def load_context(self, context: PythonModelContext) -> None:
        self.categoriser = Categoriser.load(Path(context.artifacts["model"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # as MLflow declares it
    ) -> pd.DataFrame:
        columns = [model_input[name].tolist() for name in FIELDS]
        answers = self.categoriser.predict(transactions(zip(*columns, strict=True)))
        return pd.DataFrame([asdict(answer) for answer in answers])


set_model(CategoriserModel())
