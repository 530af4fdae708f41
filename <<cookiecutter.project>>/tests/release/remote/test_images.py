"""Which image a job gets."""

from __future__ import annotations

import pytest
from release_helpers.remote_aws import NEWEST_JOB, NEWEST_SERVE, REPOSITORY, RemoteAws
from release_helpers.settings import changed, tools_session

from categoriser.errors import UserError
from release.remote.images import image_or_newest


@pytest.mark.parametrize(("target", "digest"), [("job", NEWEST_JOB), ("serve", NEWEST_SERVE)])
def test_the_newest_image_of_a_target_is_taken_by_its_digest(
    target: str, digest: str, remote: RemoteAws
) -> None:
    assert image_or_newest(changed(), tools_session(), target) == f"{REPOSITORY}@{digest}"


def test_a_given_image_is_taken_where_its_digest_names_it(remote: RemoteAws) -> None:
    given = f"other/images@sha256:{'4' * 64}"
    assert image_or_newest(changed(), tools_session(), "job", given) == given
    with pytest.raises(UserError, match="is not named by its digest"):
        image_or_newest(changed(), tools_session(), "job", "other/images:latest")


def test_where_no_release_has_pushed_one_it_is_said_how_one_comes(remote: RemoteAws) -> None:
    remote.answers["DescribeImages"] = {"imageDetails": []}

    with pytest.raises(UserError, match="no image whose tag ends in -job"):
        image_or_newest(changed(), tools_session(), "job")
