"""The form of each part of `cloudformation/settings.yaml`."""

from pydantic import ConfigDict

from categoriser.params import Section


class StrictSection(Section):
    """A part of the file: a quoted number is not taken as one, and an account's id is quoted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
