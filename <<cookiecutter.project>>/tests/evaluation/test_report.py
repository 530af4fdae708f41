"""The report, and the model card."""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from xml.etree import ElementTree

from measured import result
from msgspec.structs import replace
from rules_helpers.measured_rules import ruled_evaluation
from sound_evaluation import TRAINING, verdict_of

from categoriser.data.generated_facts import GeneratedFacts, Planted
from categoriser.data.profile import Profile
from categoriser.data.split import HeldOutGroups, LargeGroup, SplitPart
from categoriser.evaluation import report
from categoriser.evaluation.champion import Champion
from categoriser.evaluation.evaluation_file import (
    Behaviour,
    BesideChampion,
    CasesOfKind,
    ClassFigures,
    Evaluation,
    FailedCase,
    PartFigures,
    WrongAnswer,
)
from categoriser.evaluation.judging import judge, judge_interval
from categoriser.evaluation.report import ReportFacts
from categoriser.evaluation.verdict import Decision, FigureVerdict
from categoriser.intervals import Interval, Scores
from categoriser.params import About, Gate

GATE = Gate(
    min_gain_over_majority=0.1,
    max_loss_to_reference=1,
    widest_loss=0,
    max_loss_to_champion=1,
    max_slice_gap=1,
    min_cases_held=None,
    min_accuracy=None,
    min_macro_f1=None,
)
VOID = {"meta", "img", "br"}


DATA = Profile(rows=2000, months={}, shares={}, deciles={}, repeated=0, bad_rows=0, set_aside={})


def facts(
    evaluation: Evaluation | None = None,
    verdicts: Sequence[FigureVerdict] | None = None,
    decision: Decision | None = None,
    data: Profile = DATA,
    generated: GeneratedFacts | None = None,
) -> ReportFacts:
    evaluation = evaluation or result()[0]
    found = judge(evaluation, GATE) if verdicts is None else verdicts
    return ReportFacts(
        about=About(project="Bank <b>& Co", owner="Data science, a@example.com"),
        evaluation=evaluation,
        verdict=verdict_of(*found, model=evaluation.model.digest, decision=decision),
        data=data,
        data_path="data/own.csv",
        generated=generated,
    )


class Page(HTMLParser):
    """Collects text and addresses, and checks that every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self.names: set[str] = set()
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_report_is_one_page_that_asks_nothing_of_a_network() -> None:
    page = Page(report.html(facts()))
    assert {"script", "link", "iframe"}.isdisjoint(page.names)
    # Beside it is the training's own page.
    beside = "diagnostics.html"
    assert page.addresses.count(beside) == 1
    images = [a for a in page.addresses if a != beside and not a.startswith("#")]
    # Overview; curves and confusion for three parts; two columns' slices.
    assert len(images) == 1 + 3 * 2 + 2
    for address in images:
        kind, content = address.split(",", 1)
        assert kind == "data:image/svg+xml;base64"
        ElementTree.fromstring(base64.b64decode(content))


def with_merchants(half: float, held_out: HeldOutGroups) -> Evaluation:
    """Make an evaluation whose accuracy on new merchants has an interval of this half-width."""
    evaluation = copy.deepcopy(result()[0])
    evaluation.parts["merchant"].models["model"].accuracy = Interval(0.7, 0.7 - half, 0.7 + half)
    evaluation.split.held_out = held_out
    return evaluation


def pages(evaluation: Evaluation) -> tuple[str, str]:
    """Return what the report and the model card say, with single spaces."""
    shown = facts(evaluation, verdicts=[])
    page = " ".join(Page(report.html(shown)).texts)
    return " ".join(page.split()), " ".join(report.model_card(shown).split())


def test_a_wide_interval_on_new_merchants_is_said_in_words() -> None:
    for said in pages(with_merchants(0.051, HeldOutGroups())):
        assert "Few merchants carry" in said
        assert "more than 5.0 points to either side" in said
    for said in pages(with_merchants(0.049, HeldOutGroups())):
        assert "Few merchants carry" not in said


def test_the_largest_groups_of_held_out_merchants_are_shown() -> None:
    groups = [
        LargeGroup("amzn", 120, 18, ["amazon uk", "amzn <b>mktp"], 0.04),
        LargeGroup("shll", 90, 7, ["shell"], 0.03),
    ]
    page, card = pages(with_merchants(0.01, HeldOutGroups(0.04, True, 1234, groups)))
    assert "No group is more than 4.0 % of the part merchant" in page
    assert "1,234 rows are left out of all parts" in page
    assert "a line in rules/merchant_groups.csv mends it" in page
    assert "amzn 18 amazon uk amzn <b>mktp 120 4.0 % shll 7 shell 90 3.0 %" in page
    assert "The largest group is 4.0 % of the part merchant" in card
    # The card is kept in Git, where words of the data do not belong.
    assert "amzn" not in card
    assert "amazon" not in card


def test_a_share_that_too_few_groups_cannot_reach_is_said() -> None:
    groups = [LargeGroup("amzn", 120, 18, ["amazon uk"], 0.4)]
    page, card = pages(with_merchants(0.2, HeldOutGroups(0.05, False, 77, groups)))
    assert "Too few groups are held out for each to be at most 5.0 %" in page
    assert "is 40.0 % of the part merchant, where 5.0 % is wanted at most; 77 rows" in card


def test_the_report_shows_the_figures() -> None:
    evaluation = result()[0]
    text = " ".join(Page(report.html(facts())).texts)
    for part in evaluation.parts.values():
        assert f"{100 * part.models['model'].accuracy.value:.1f} %" in text
    assert evaluation.model.digest in text
    assert "No gate failed." in text
    assert "data is generated" not in text
    assert "The data has no such column." in text


def test_the_first_screen_shows_the_model_beside_the_reference() -> None:
    evaluation = copy.deepcopy(result()[0])
    for part in evaluation.parts.values():
        part.lead["reference"] = Scores(
            Interval(0.021, 0.004, 0.038), Interval(-0.039, -0.054, -0.027)
        )
    text = " ".join(" ".join(Page(report.html(facts(evaluation))).texts).split())
    first = text[: text.index("answered without review")]
    assert "The model is better than the reference in accuracy (time), accuracy (merchant)" in first
    assert "+2.1 (+0.4 to +3.8) the model is better by 2.1 points" in first
    assert "−3.9 (−5.4 to −2.7) the model is worse by 3.9 points" in first
    reference = evaluation.parts["time"].models["reference"].accuracy.value
    assert f"{100 * reference:.1f} %" in first
    assert "better than the reference in accuracy" in report.model_card(facts(evaluation))


def test_the_first_screen_shows_the_model_beside_the_champion() -> None:
    evaluation = copy.deepcopy(result()[0])
    lead = Interval(0.021, 0.004, 0.038)
    for part in evaluation.parts.values():
        part.models["champion"] = part.models["reference"]
        part.lead["champion"] = Scores(Interval(0, -0.01, 0.01), Interval(0, -0.01, 0.01))
    own = Interval(0.843, 0.8, 0.9)
    other = Interval(0.822, 0.8, 0.9)
    evaluation.beside_champion = [
        BesideChampion("newest month, 2026-03", 1234, 50, own, other, lead),
        BesideChampion("country: NZ", 321, 40, own, other, Interval(0, -0.01, 0.01)),
    ]
    planted = GeneratedFacts(
        rows=2000,
        seed=0,
        months=["2026-01", "2026-03"],
        label_noise=0.1,
        planted=Planted("country", "NZ", 0.2),
        ceiling=0.912,
        ceiling_by={},
    )
    shown = facts(evaluation, generated=planted)
    text = " ".join(" ".join(Page(report.html(shown)).texts).split())
    first = text[: text.index("answered without review")]
    sentence = (
        "The model is better than the champion in accuracy (newest month, 2026-03, 1,234 rows)"
    )
    assert sentence in first
    row = "newest month, 2026-03, 1,234 rows accuracy 84.3 % 82.2 % +2.1 (+0.4 to +3.8)"
    assert f"{row} the model is better by 2.1 points" in first
    assert "country: NZ, 321 rows accuracy" in first
    assert "the generated data's planted slice is country: NZ" in first
    assert "better than the champion in accuracy" in report.model_card(shown)


def test_without_a_champion_nothing_is_said_beside_it() -> None:
    assert "beside the champion" not in report.html(facts())
    assert "than the champion" not in report.html(facts()) + report.model_card(facts())


def test_what_a_failed_gate_lacks_is_on_top() -> None:
    verdict = FigureVerdict(
        gate="min_accuracy",
        part="time",
        figure="accuracy",
        outcome="failed",
        bound=0.9,
        value=0.8,
        low=0.8,
        high=0.8,
        margin=-0.1,
    )
    text = " ".join(Page(report.html(facts(verdicts=[verdict]))).texts)
    assert "The model may not go on." in text
    assert re.search(r"accuracy \+80\.0 points, 10\.0 under the bound of \+90\.0", text)


def test_generated_data_shows_the_ceiling_and_the_distance_to_it() -> None:
    ceiling = GeneratedFacts(
        rows=2000,
        seed=0,
        months=["2026-01", "2026-03"],
        label_noise=0.1,
        planted=Planted("country", "NZ", 0.2),
        ceiling=0.912,
        ceiling_by={"country": {"NZ": 0.654}},
    )
    text = " ".join(Page(report.html(facts(generated=ceiling))).texts)
    accuracy = result()[0].parts["time"].models["model"].accuracy.value
    assert "91.2 %" in text
    assert "65.4 %" in text
    assert f"{100 * (0.912 - accuracy):.1f} points" in text
    assert "ceiling of 91.2 %" in report.model_card(facts(generated=ceiling))


def test_text_from_the_data_is_escaped_everywhere() -> None:
    # The plots must not set the last as a formula either.
    evil = "<script>alert(1)</script>|`x`$\\frac$"
    evaluation = copy.deepcopy(result()[0])
    country = evaluation.slices["country"]
    assert country
    country.slices[0].name = evil
    country.worst = evil
    country.not_judged = {evil: 3}
    evaluation.slices[evil] = None
    evaluation.labels[0] = evil
    evaluation.model.metadata = replace(evaluation.model.metadata, classes=[evil])
    evaluation.split.key = evil
    evaluation.tokens = {evil: [(evil, 0.5)]}
    level = Interval(0, 0, 0)
    evaluation.beside_champion = [BesideChampion(f"country: {evil}", 9, 9, level, level, level)]
    for part in evaluation.parts.values():
        part.classes[0].label = evil
        part.confused[0].truth = evil
        part.confused[0].answer = evil
        part.confused[0].examples = [WrongAnswer(evil, price=1.0, probability=0.5)]
    shown = facts(evaluation, data=replace(DATA, rows=1, set_aside={evil: 1}))
    page = Page(report.html(shown))
    assert "script" not in page.names
    assert evil in page.texts
    card = report.model_card(shown)
    assert "<script>" not in card
    widths = {
        tuple(len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines())
        for table in re.findall(r"(?:^\|.*\n)+", card, re.MULTILINE)
    }
    assert widths
    assert all(len(set(table)) == 1 for table in widths)


def test_empty_parts_and_slices_are_told() -> None:
    evaluation = copy.deepcopy(result()[0])
    evaluation.parts = {name: PartFigures(rows=0, groups=0) for name in evaluation.parts}
    for compared in evaluation.slices.values():
        if compared:
            compared.slices = []
    nothing = SplitPart(
        rows=0,
        groups=0,
        dates=[],
        key_in_training=None,
        line_in_training=None,
        unseen_classes={},
    )
    for name in ("time", "merchant", "random"):
        evaluation.split.parts[name] = nothing
    text = " ".join(Page(report.html(facts(evaluation))).texts)
    assert text.count("This part is empty") == 3
    assert text.count("No slice has rows enough") == 2
    assert "| time | 0 |" in report.model_card(facts(evaluation))


def test_a_champion_that_could_not_be_read_is_told() -> None:
    champion = Champion("d" * 64, {}, unreadable="too old")
    evaluation = replace(result()[0], champion=champion)
    page = report.html(facts(evaluation))
    assert "d" * 64 in page
    assert "not compared: too old" in page


def test_so_many_classes_that_no_matrix_is_read_have_the_most_confused_and_the_worst() -> None:
    evaluation = copy.deepcopy(result()[0])
    names = [f"class {n}" for n in range(167)]
    evaluation.labels = names
    evaluation.model.metadata = replace(evaluation.model.metadata, classes=names)
    for part in evaluation.parts.values():
        part.confusion = [[0] * 167] * 167
        part.classes = [
            ClassFigures(label=name, rows=9, precision=0.5, recall=0.5, f1=n / 167)
            for n, name in enumerate(names)
        ]
    text = report.html(facts(evaluation))
    assert "Confusion matrix" not in text
    assert "The 15 worst classes" in text
    assert text.count("<summary>All 167 classes</summary>") == 3 + 1
    # A name breaks between names alone.
    assert '<span class="name">class 7,</span>' in text


def test_both_pages_are_headed_by_project_date_data_and_owner() -> None:
    page = report.html(facts())
    card = report.model_card(facts())
    assert "<title>Bank &lt;b&gt;&amp; Co: model report, data to 2026-03-31</title>" in page
    for text in ("2026-01-01 to 2026-03-31", "Data science, a@example.com"):
        assert text in page
        assert text in card.replace("\\", "")
    assert "data/own.csv" in page
    assert card.startswith("# Bank \\<b\\>\\& Co: model card")


def banner(page: str) -> str:
    [kind] = re.findall('class="banner ([a-z-]+)"', page)
    return str(kind)


def test_the_banner_is_green_only_where_all_is_judged() -> None:
    evaluation = copy.deepcopy(result()[0])
    for column in filter(None, evaluation.slices.values()):
        column.not_judged = {}
    passed = [verdict for verdict in judge(evaluation, GATE) if verdict.outcome == "passed"]
    open_ = replace(passed[0], outcome="not judged", why="199 rows, fewer than 200")
    assert banner(report.html(facts(evaluation, verdicts=passed))) == "passed"
    page = report.html(facts(evaluation, verdicts=[*passed, open_]))
    assert banner(page) == "not-judged"
    assert "Not all could be judged." in page
    assert "Not judged: majority, " in page
    assert "Not all could be judged" in report.model_card(
        facts(evaluation, verdicts=[*passed, open_])
    )
    failed = replace(passed[0], outcome="failed")
    assert banner(report.html(facts(evaluation, verdicts=[open_, failed]))) == "failed"
    country = evaluation.slices["country"]
    assert country
    country.not_judged = {"FJ": 3}
    page = report.html(facts(evaluation, verdicts=passed))
    assert banner(page) == "not-judged"
    assert "1 slice has too few rows" in page


def test_too_little_evidence_is_told_first_with_what_would_help() -> None:
    doubtful = judge_interval(
        "majority", "merchant", "errors avoided", 0.25, Interval(0.321, -0.954, 0.702)
    )
    shown = facts(verdicts=[doubtful])
    page = report.html(shown)
    assert banner(page) == "insufficient"
    text = " ".join(" ".join(Page(page).texts).split())
    assert "There is too little evidence for the model to go on." in text
    assert "+32.1 points (−95.4 to +70.2); the lower end must reach +25.0" in text
    assert 'make promote ACCEPT="why"' in text
    card = report.model_card(shown)
    assert "**There is too little evidence for the model to go on.**" in card
    assert card.index("- too little evidence: majority") < card.index("## Intended use")
    assert "| +32.1 | −95.4 to +70.2 | +25.0 | +25.0 | insufficient |" in card.replace("\\", "")


def test_a_decision_to_go_on_is_told_with_who_why_and_when() -> None:
    doubtful = FigureVerdict("majority", "merchant", "errors avoided", "insufficient", why="few")
    decision = Decision(
        why="a new market | watched by hand",
        who="Ann <b>",
        when="2026-11-29T10:00:00Z",
        model="m",
        training=TRAINING,
        accepted=(doubtful,),
    )
    shown = facts(verdicts=[doubtful], decision=decision)
    page = report.html(shown)
    assert banner(page) == "insufficient"
    texts = " ".join(Page(page).texts)
    assert "it goes on by a decision" in texts
    assert "Ann <b> at 2026-11-29T10:00:00Z: a new market | watched by hand" in texts
    card = report.model_card(shown)
    assert "by a decision of Ann \\<b\\>" in card
    assert "a new market \\| watched by hand" in card


def test_cases_of_behaviour_that_fail_are_shown() -> None:
    evaluation = copy.deepcopy(result()[0])
    assert "No file of cases is there" in report.html(facts(evaluation))
    failed = FailedCase(7, "GYM <b> 7", -30.0, "health", "transport", 0.61, wrong=2, rows=9)
    evaluation.behaviour = Behaviour(
        "behaviour/own.csv", {"refund": CasesOfKind(4, 3, [failed])}, {"travel": 2}
    )
    shown = facts(evaluation)
    text = " ".join(" ".join(Page(report.html(shown)).texts).split())
    assert "refund: 3 of 4 hold (75.0 %)" in text
    assert "7 GYM <b> 7, -30.00 health transport 61.0 % 2 of 9" in text
    assert "travel (2)" in text
    card = report.model_card(shown)
    assert "- refund: 3 of 4 hold." in card
    assert "- not asked, 2 cases" in card


def test_the_report_shows_mistakes_and_says_prices_in_words() -> None:
    part = result()[0].parts["random"]
    text = " ".join(Page(report.html(facts())).texts)
    first = part.confused[0]
    assert first.examples[0].words in text
    assert "an amount of " in text
    assert not re.search(r"\b([A-Z])\1\b", text)


def test_rules_have_a_section_and_without_rules_a_line() -> None:
    assert "rules/merchants.csv</code> has none" in report.html(facts())
    evaluation = ruled_evaluation()
    page = report.html(facts(evaluation))
    section = page.partition('<h2 id="rules">')[2].partition('<h2 id="fairness">')[0]
    assert "<strong>1 pair</strong> of rules of different categories" in section
    assert "<strong>1 rule</strong> that no row meets" in section
    assert "that labels contradict" in section
    for part in evaluation.parts.values():
        assert part.rules
        assert f"{part.rules.rows:,} of {part.rows:,}" in section
    assert "4 rules of the team&#39;s" not in page
    card = report.model_card(facts(evaluation))
    assert "4 rules of the team's before" in card
    assert evaluation.model.metadata.rules_digest in card
