"""An endpoint's name is made and read in one place."""

from __future__ import annotations

from categoriser.release_names import endpoint_name, release_of

RELEASE = "20261122-120000-0a1b2c3"


def test_an_endpoint_says_its_release() -> None:
    name = endpoint_name("project-of-a-team", RELEASE)
    assert name == f"project-of-a-team-{RELEASE}"
    assert release_of(name) == RELEASE


def test_an_endpoint_of_a_shorter_name_is_named_by_the_whole() -> None:
    assert release_of("local") == "local"
