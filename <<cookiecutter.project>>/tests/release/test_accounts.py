"""Sessions in the accounts."""

from __future__ import annotations

import pytest
from release_helpers.fake_aws import PROD, TOOLS, FakeAws
from release_helpers.settings import changed

from categoriser.errors import UserError
from release.accounts import open_session


def test_credentials_of_another_account_are_refused_for_prod(cloud: FakeAws) -> None:
    settings = changed(prod_account_id=PROD, prod_profile="")

    with pytest.raises(UserError, match=rf"{PROD}.*prod_profile.*{TOOLS}"):
        open_session(settings, "prod")
