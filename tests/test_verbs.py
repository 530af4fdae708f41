"""The project's verbs with parameters: what is missing is said before anything is installed."""

import os
import subprocess

import pytest

EXAMPLE = 'TEXT="spotify p0d3d89b19 sydney au" PRICE=11.99'


@pytest.fixture(scope="module")
def fresh(bake):
    return bake()


def make(folder, *arguments, **variables):
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=os.environ | variables, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("verb", "missing", "example"),
    [
        ("predict", "TEXT", EXAMPLE),
        ("explain", "TEXT", EXAMPLE),
        ("monitor", "CAPTURE", "CAPTURE=captures TRUTH=labels"),
        ("feedback", "CAPTURE", "CAPTURE=captures TRUTH=labels"),
        ("review", "CAPTURE", "CAPTURE=captures LABELS=labels"),
        ("review-export", "CAPTURE", "CAPTURE=captures LABELS=labels"),
        ("review-import", "FILE", "FILE=output.manifest"),
        ("data", "FILE", "FILE=my.csv"),
        ("data-release", "FILE", "FILE=my.csv"),
        ("remote", "URL", "URL=s3://bucket/prefix"),
        ("accept", "GATE", 'GATE=gate.json WHY="a new market, watched by hand for a month"'),
        ("batch", "IN", "IN=s3://bucket/history/ OUT=s3://bucket/answered/"),
        ("why", "PREDICTION", "PREDICTION=0123456789abcdef0123456789abcdef"),
    ],
)
def test_a_missing_parameter_is_explained_with_an_example(fresh, verb, missing, example):
    for given in ({}, {missing: ""}):
        done = make(fresh, verb, **given)
        assert done.returncode == 2
        first, second, *_ = done.stderr.splitlines()
        assert first.startswith(f"error: make {verb} needs {missing}: ")
        assert second == f"  for example: make {verb} {example}"
    assert not (fresh / ".venv").exists()


def test_the_second_of_two_parameters_is_explained_too(fresh):
    assert "make predict needs PRICE: the amount" in make(fresh, "predict", TEXT="x").stderr
    assert "make feedback needs TRUTH: " in make(fresh, "feedback", CAPTURE="x").stderr


def test_every_verb_is_listed_with_what_it_does(fresh):
    lines = make(fresh, "help").stdout.splitlines()
    listed = {line.split()[1] for line in lines if line.startswith("  make ")}
    groups = [line for line in lines if line and not line.startswith(" ")]
    assert groups == [
        "The model",
        "Serving",
        "Monitoring",
        "The release, on this machine",
        "The release, on AWS",
        "From this machine, on AWS",
        "The code",
    ]
    phony = make(fresh, "--print-data-base", "--question", "help").stdout
    [names] = [line for line in phony.splitlines() if line.startswith(".PHONY:")]
    assert listed == set(names.split()[1:])
