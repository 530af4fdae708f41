"""The page in a real browser: `make test-browser` runs this; it needs a Chromium.

The tests beside it drive the same requests over HTTP, and need no browser.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase

import pytest
from review_helpers.browser import Tab, find_chromium, open_tab
from review_helpers.reviewed_project import CAPTURES, Answered, labels_read, write_captures
from review_helpers.running_page import served

from categoriser.paths import RULES
from categoriser.review.opening import open_worklist
from categoriser.rules.rules_file import read_rules

# WCAG 2.2, success criterion 1.4.3.
LEAST_CONTRAST = 4.5
CONTRASTS = """
(() => {
  const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = (colour) => {
    const [red, green, blue] = parts(colour).map((value) => linear(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    const isClear = parts(colour).length === 4 && parts(colour)[3] === 0;
    return isClear && element.parentElement ? behind(element.parentElement) : colour;
  };
  const isWritten = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "";
  const ownText = (element) => [...element.childNodes].some(isWritten);
  const found = {};
  for (const element of document.body.querySelectorAll("*")) {
    if (ownText(element) && element.checkVisibility() && !element.disabled) {
      const [one, two] = [light(getComputedStyle(element).color), light(behind(element))];
      const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
      const name = `${element.tagName} ${element.className}`;
      found[name] = Math.min(contrast, found[name] ?? 21);
    }
  }
  return found;
})()
"""
# A page asks for news when a test calls this, and at no other time.
ASK_WHEN_TOLD = "window.setInterval = (task) => { window.askForNews = task; };"
# Merchants of which nobody has heard, with two rows each, in the order of the page.
MANY = [f"zorg{first}{second}" for first in "abcdefghij" for second in ascii_lowercase]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = find_chromium()
    assert program, "no Chromium here: install one, or name its program in CHROMIUM"
    with open_tab(program, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def page(tab: Tab, address: str) -> Iterator[Tab]:
    """Open the page, and see at the end that the browser had nothing to complain of."""
    open_page(tab, address)
    yield tab
    assert tab.complaints == []


@pytest.fixture
def asked(tab: Tab) -> Iterator[Tab]:
    """Make the tab's pages ask for news when a test says so alone, and see that all went well."""
    script = tab.call("Page.addScriptToEvaluateOnNewDocument", source=ASK_WHEN_TOLD)
    yield tab
    tab.call("Page.removeScriptToEvaluateOnNewDocument", **script)
    assert tab.complaints == []


@pytest.fixture
def many(reviewed: Path, labels: Path) -> Iterator[str]:
    """Serve a page with many groups, and yield its address."""
    calls: dict[str, list[Answered]] = {
        name: [(f"{name} {number}", 5.0, "bills", 0.4) for number in (1, 2)] for name in MANY
    }
    write_captures(reviewed, calls)
    with served(open_worklist(CAPTURES, labels)) as address:
        yield address


def open_page(tab: Tab, address: str) -> None:
    tab.complaints.clear()
    tab.go(address)
    tab.wait_for("document.querySelectorAll('.group').length > 0")


def wait_until_said(tab: Tab, words: str) -> None:
    tab.wait_for(f"document.querySelector('#said').textContent.startsWith({json.dumps(words)})")


def wait_until_done(tab: Tab, script: str = "") -> None:
    """Run a script, and wait until the page has done all that it was asked for."""
    tab.call("Runtime.evaluate", expression=f"{script}; lastTask", awaitPromise=True)


def press(tab: Tab, *keys: str) -> None:
    for key in keys:
        tab.press(key)
    wait_until_done(tab)


def click(tab: Tab, selector: str) -> None:
    tab.click(selector)
    wait_until_done(tab)


def ask_for_news(tab: Tab) -> None:
    wait_until_done(tab, "askForNews()")


def label_elsewhere(labels: Path, number: int, *rows: int) -> None:
    """Label a group, or its rows of these places, with another server."""
    other = open_worklist(CAPTURES, labels)
    chosen = [other.groups[number].first + row for row in rows]
    other.label(number, chosen, "travel", seen=other.store.count, browser="other")


def legend(tab: Tab) -> str:
    return tab.text(".group.selected legend")


def groups(tab: Tab) -> list[str]:
    return tab.texts(".group .pick > .text")


def selected(tab: Tab) -> str:
    return tab.text(".group.selected .pick > .text")


ALL = ["zorgo 1", "ALDI 99 Sydney AU", "shell gore nz", "..."]


def test_a_click_labels_a_group_and_undo_brings_it_back(page: Tab, labels: Path) -> None:
    assert groups(page) == ALL
    assert page.evaluate("location.search") == ""
    page.click('.group.selected [data-category="food"]')
    wait_until_said(page, "2 rows labelled food: zorgo 1")
    assert groups(page) == ALL[1:]
    assert selected(page) == ALL[1]
    assert page.text("#progress-said") == "2 of 7 rows labelled, 1 of 4 groups"
    assert {*labels_read(labels).values()} == {"food"}
    page.click("#undo")
    wait_until_said(page, "Undone: zorgo 1")
    assert (groups(page), selected(page)) == (ALL, ALL[0])
    assert labels_read(labels) == {}


def test_labels_and_undo_outlive_a_reload(page: Tab, address: str, labels: Path) -> None:
    page.click('.group.selected [data-category="food"]')
    wait_until_said(page, "2 rows labelled food")
    open_page(page, address.partition("?")[0])
    assert groups(page) == ALL[1:]
    assert page.text("#undo") == "Undo 2 rows: food"
    page.click("#undo")
    wait_until_said(page, "Undone")
    assert groups(page) == ALL
    assert labels_read(labels) == {}


def test_all_can_be_done_by_keys(page: Tab, labels: Path) -> None:
    page.press("ArrowDown")
    page.wait_for("document.querySelector('.group.selected .text').textContent.startsWith('ALDI')")
    # The focus goes with the selection.
    assert page.evaluate("document.activeElement.matches('.group.selected .pick')")
    page.press("3")
    wait_until_said(page, "3 rows labelled travel: ALDI")
    assert selected(page) == "shell gore nz"
    page.press("m")
    wait_until_said(page, "1 row labelled travel: shell gore nz")
    assert selected(page) == "..."
    page.press("ArrowUp")
    page.wait_for("document.querySelector('.group.selected .text').textContent === 'zorgo 1'")
    page.press("u")
    wait_until_said(page, "Undone: shell gore nz")
    assert selected(page) == "shell gore nz"
    page.press("s")
    wait_until_said(page, "Skipped; 1 group")
    assert groups(page) == ["zorgo 1", "..."]
    assert sorted(labels_read(labels).values()) == ["travel"] * 3


def test_chosen_rows_are_labelled_alone(page: Tab, labels: Path) -> None:
    page.press("ArrowDown")
    page.press("r")
    page.wait_for("document.querySelectorAll('tbody tr').length === 3")
    page.click("tbody tr:nth-child(2) input")
    assert page.text(".group.selected legend") == "Label the chosen 1 row:"
    page.press("3")
    wait_until_said(page, "1 row labelled travel")
    page.wait_for("document.querySelector('.selected .count').innerText.startsWith('2 of 3 rows')")
    page.wait_for("document.querySelector('tbody tr:nth-child(2)').innerText.endsWith('travel')")
    assert page.text(".group.selected legend") == "Label all 2 rows:"
    page.press("2")
    wait_until_said(page, "2 rows labelled food")
    assert sorted(labels_read(labels).values()) == ["food", "food", "travel"]


def test_a_group_becomes_a_rule_by_keys_alone(page: Tab, labels: Path) -> None:
    page.press("d")
    page.wait_for("document.activeElement.name === 'pattern'")
    assert page.evaluate("document.activeElement.value") == "zorgo"
    assert page.evaluate("document.querySelector('.rule select').value") == "bills"
    # Keys of the page are letters in the form.
    page.evaluate("document.querySelector('.rule [name=why]').focus()")
    page.call("Input.insertText", text="Our own canteen, by contract")
    page.press("3")
    page.press("Enter")
    wait_until_said(page, "Rule made: zorgo is bills.")
    [rule] = read_rules(RULES)
    assert (rule.pattern, rule.category, rule.who) == ("zorgo", "bills", "Ann")
    assert (rule.price_from, rule.price_below) == (None, None)
    assert rule.why == "Our own canteen, by contract3"
    assert page.evaluate("document.querySelector('.rule')") is None
    assert page.evaluate("document.activeElement.matches('.group.selected .pick')")
    # The rows keep asking for a label.
    assert groups(page) == ALL
    assert labels_read(labels) == {}


def test_a_rule_that_is_refused_can_be_mended(page: Tab) -> None:
    page.press("ArrowDown")
    page.press("2")
    wait_until_said(page, "3 rows labelled food: ALDI")
    page.click("#show-done")
    page.wait_for("document.querySelectorAll('.group').length === 1")
    page.click(".group.selected .ruling")
    page.wait_for("document.activeElement.name === 'pattern'")
    # The label that the group has is the category.
    assert page.evaluate("document.querySelector('.rule select').value") == "food"
    page.evaluate("document.querySelector('.rule [name=price_from]').value = 'ten'")
    page.evaluate("document.querySelector('.rule [name=why]').value = 'a grocer'")
    page.click(".rule [type=submit]")
    page.wait_for("!document.querySelector('#fault').hidden")
    assert page.text("#fault").startswith("price_from: 'ten' is not a number")
    # The browser's own log tells of the refusal.
    assert [text for text in page.complaints if "409" not in text] == []
    page.complaints.clear()
    assert read_rules(RULES) == ()
    assert page.evaluate("document.querySelector('.rule [name=why]').value") == "a grocer"
    page.evaluate("document.querySelector('.rule [name=price_from]').value = '10'")
    page.click(".rule [type=submit]")
    wait_until_said(page, "Rule made: aldi is food.")
    assert page.evaluate("document.querySelector('#fault').hidden")
    [rule] = read_rules(RULES)
    assert (rule.pattern, rule.price_from, rule.category) == ("aldi", 10.0, "food")


def test_a_rule_in_the_making_outlives_what_another_says(page: Tab, labels: Path) -> None:
    page.press("d")
    page.wait_for("document.activeElement.name === 'pattern'")
    page.call("Input.insertText", text=" two")
    other = open_worklist(CAPTURES, labels)
    other.label(1, [], "food", seen=0, browser="other")
    page.wait_for("document.querySelectorAll('.group').length === 3")
    assert page.evaluate("document.activeElement.name") == "pattern"
    assert page.evaluate("document.activeElement.value") == "zorgo two"
    page.press("Escape")
    page.wait_for("document.querySelector('.rule') === null")
    assert selected(page) == "zorgo 1"
    assert read_rules(RULES) == ()


def test_labels_can_be_looked_at_and_changed(page: Tab, labels: Path) -> None:
    page.press("2")
    wait_until_said(page, "2 rows labelled food")
    page.click("#show-done")
    page.wait_for("document.querySelectorAll('.group').length === 1")
    assert "labelled: food 2" in page.text(".group .facts")
    page.click('.group.selected [data-category="bills"]')
    page.wait_for("document.querySelector('.facts').textContent.includes('labelled: bills 2')")
    assert {*labels_read(labels).values()} == {"bills"}


def test_keys_can_be_switched_off(page: Tab, address: str, labels: Path) -> None:
    page.click(".help summary")
    page.click("#keys-on")
    open_page(page, address.partition("?")[0])
    page.press("2")
    page.press("m")
    page.click(".group:nth-child(3) .pick")
    page.wait_for("document.querySelector('.group.selected .text').textContent.startsWith('shell')")
    assert labels_read(labels) == {}
    page.click(".help summary")
    page.click("#keys-on")


def test_what_another_says_is_shown(page: Tab, labels: Path) -> None:
    other = open_worklist(CAPTURES, labels)
    other.label(0, [], "food", seen=0, browser="other")
    page.wait_for("document.querySelectorAll('.group').length === 3")
    assert page.text("#progress-said") == "2 of 7 rows labelled, 1 of 4 groups"
    # It was not this browser's.
    assert page.evaluate("document.querySelector('#undo').disabled")


def test_what_another_says_before_a_label_is_shown_after_it(
    asked: Tab, address: str, labels: Path
) -> None:
    open_page(asked, address)
    label_elsewhere(labels, 1, 0)
    press(asked, "2")
    assert asked.text("#said") == "2 rows labelled food: zorgo 1"
    assert selected(asked) == ALL[1]
    assert legend(asked) == "Label all 2 rows:"
    press(asked, "2")
    assert Counter(labels_read(labels).values()) == {"food": 4, "travel": 1}


def test_a_group_that_another_has_labelled_is_not_offered_after_a_label(
    asked: Tab, address: str, labels: Path
) -> None:
    open_page(asked, address)
    label_elsewhere(labels, 1)
    press(asked, "2")
    assert groups(asked) == ALL[2:]
    assert selected(asked) == ALL[2]


def test_rows_that_are_shown_have_what_another_said_after_a_label(
    asked: Tab, address: str, labels: Path
) -> None:
    open_page(asked, address)
    press(asked, "ArrowDown", "r")
    click(asked, "tbody tr:nth-child(2) input")
    label_elsewhere(labels, 1, 2)
    press(asked, "2")
    assert selected(asked) == ALL[1]
    assert legend(asked) == "Label this row:"
    assert [text.split()[-1] for text in asked.texts("tbody tr")] == ["–", "food", "travel"]


def test_more_groups_do_not_pass_for_news_of_those_before(
    asked: Tab, many: str, labels: Path
) -> None:
    open_page(asked, many)
    label_elsewhere(labels, 0, 0)
    label_elsewhere(labels, 50, 0)
    click(asked, "#more")
    # It shows two rows still: the label for all of them is the last word.
    assert legend(asked) == "Label all 2 rows:"
    press(asked, "2")
    assert asked.text("#said") == "2 rows labelled food: zorgaa 1"
    # Of the group that came later the page has shown what the other said.
    click(asked, '[data-number="50"] .pick')
    assert legend(asked) == "Label this row:"
    press(asked, "2")
    assert asked.text("#said") == "1 row labelled food: zorgby 1"
    assert Counter(labels_read(labels).values()) == {"food": 3, "travel": 1}


def test_what_another_said_before_more_groups_came_is_news(
    asked: Tab, many: str, labels: Path
) -> None:
    open_page(asked, many)
    label_elsewhere(labels, 0, 0)
    click(asked, "#more")
    ask_for_news(asked)
    assert legend(asked) == "Label this row:"
    assert len(groups(asked)) == 100


def test_news_leave_a_group_far_down_selected_and_its_rule_open(
    asked: Tab, many: str, labels: Path
) -> None:
    open_page(asked, many)
    for _ in range(4):
        click(asked, "#more")
    click(asked, '[data-number="230"] .pick')
    press(asked, "r", "d")
    asked.call("Input.insertText", text=" two")
    label_elsewhere(labels, 0)
    ask_for_news(asked)
    assert selected(asked) == "zorgiw 1"
    assert asked.evaluate("document.activeElement.value") == "zorgiw two"
    # The group of the other is gone, and the next one has come.
    assert groups(asked) == [f"{name} 1" for name in MANY[1:251]]
    press(asked, "Escape", "2")
    assert asked.text("#said") == "2 rows labelled food: zorgiw 1"


def test_news_after_many_skipped_groups_leave_the_others(
    asked: Tab, many: str, labels: Path
) -> None:
    open_page(asked, many)
    press(asked, *"s" * 60)
    assert selected(asked) == "zorgci 1"
    label_elsewhere(labels, 259)
    ask_for_news(asked)
    assert selected(asked) == "zorgci 1"
    assert groups(asked)[0] == "zorgci 1"
    assert asked.evaluate("document.querySelector('#empty').hidden")


def test_groups_after_many_skipped_ones_are_found_again(asked: Tab, many: str) -> None:
    open_page(asked, many)
    press(asked, *"s" * 60)
    click(asked, "#show-done")
    assert groups(asked) == []
    click(asked, "#show-open")
    assert groups(asked)[0] == selected(asked) == "zorgci 1"


def test_a_group_that_another_labels_is_left_for_none_until_a_key_moves_on(
    asked: Tab, address: str, labels: Path
) -> None:
    open_page(asked, address)
    press(asked, "ArrowDown")
    label_elsewhere(labels, 1)
    ask_for_news(asked)
    assert groups(asked) == [ALL[0], *ALL[2:]]
    assert asked.text("#said") == f"Labelled elsewhere: {ALL[1]}"
    # The key was meant for the group that is gone.
    press(asked, "2")
    assert {*labels_read(labels).values()} == {"travel"}
    press(asked, "ArrowDown")
    assert selected(asked) == ALL[2]


def test_a_group_that_another_takes_back_is_selected_where_there_was_none(
    asked: Tab, address: str, labels: Path
) -> None:
    open_page(asked, address)
    for number in range(3):
        label_elsewhere(labels, number)
    press(asked, "ArrowDown", "ArrowDown", "ArrowDown", "2")
    assert groups(asked) == []
    open_worklist(CAPTURES, labels).undo("other")
    ask_for_news(asked)
    assert groups(asked) == [selected(asked)] == [ALL[2]]


def test_undo_brings_back_a_group_that_is_far_down(asked: Tab, many: str, labels: Path) -> None:
    open_page(asked, many)
    for _ in range(4):
        click(asked, "#more")
    click(asked, '[data-number="230"] .pick')
    press(asked, "2")
    open_page(asked, many.partition("?")[0])
    press(asked, "u")
    assert asked.text("#said") == "Undone: zorgiw 1"
    assert selected(asked) == "zorgiw 1"
    assert labels_read(labels) == {}


def test_a_review_that_has_ended_is_told(tab: Tab, reviewed: Path, labels: Path) -> None:
    with served(open_worklist(CAPTURES, labels)) as address:
        open_page(tab, address)
    tab.press("2")
    tab.wait_for("!document.querySelector('#fault').hidden")
    assert "The review does not answer: it has ended." in tab.text("#fault")
    assert labels_read(labels) == {}


def test_markup_in_a_text_is_text(tab: Tab, reviewed: Path, labels: Path) -> None:
    text = "<img src=x onerror=alert(1)> & <b>zorgo</b>"
    calls: dict[str, list[Answered]] = {"hostile": [(text, 900.0, "bills", 0.2)]}
    write_captures(reviewed, calls, name="1")
    with served(open_worklist(CAPTURES, labels)) as address:
        open_page(tab, address)
        assert text in groups(tab)
        assert tab.evaluate("document.querySelectorAll('.group img, .group b').length") == 0
        assert tab.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(page: Tab, scheme: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.call("Emulation.setEmulatedMedia", features=[feature])
    page.evaluate("document.querySelector('.help').open = true")
    page.press("r")
    page.wait_for("document.querySelectorAll('tbody tr').length > 0")
    page.press("d")
    page.wait_for("document.querySelector('.rule') !== null")
    page.evaluate("document.querySelector('#fault').hidden = false")
    page.evaluate("document.querySelector('#fault').textContent = 'A fault.'")
    found: dict[str, float] = page.evaluate(CONTRASTS)
    assert len(found) > 15
    assert {name: value for name, value in found.items() if value < LEAST_CONTRAST} == {}


def test_all_controls_have_a_name_for_a_screen_reader(page: Tab) -> None:
    page.press("r")
    page.wait_for("document.querySelectorAll('tbody tr').length > 0")
    page.press("d")
    page.wait_for("document.querySelector('.rule') !== null")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "checkbox", "progressbar", "list", "group", "table"}
    roles |= {"form", "textbox", "combobox"}
    found = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in roles
    ]
    assert {role for role, _ in found} >= roles - {"list", "group"}
    assert [role for role, name in found if not name] == []
