"""The built-in data: balanced, unique, nothing near-equal across splits, and hard for a rule on food words."""

from __future__ import annotations

import csv
import re
from collections import Counter
from importlib.resources import files
from itertools import combinations

import pytest

# A rule that a person would write first: any of these words makes a caption food.
FOOD_WORDS = re.compile(
    r"\b(food|eat\w*|meal|breakfast|lunch\w*|dinner|supper|snack|dish(es)?|plates?|bowls?|soup|stew|curry|rice|noodles?|"
    r"pasta|spaghetti|pizza|bread\w*|toast|bun|buns|rolls?|sandwich\w*|burger|cake\w*|pie|pies|pudding\w*|biscuits?|"
    r"cookies?|pancakes?|waffles?|chocolate|candy|sugar|honey|jam|butter|cheese|cheesy|cream|milk|yoghurt|yogurt|eggs?|"
    r"meat|beef|pork|ham|bacon|sausages?|chicken|turkey|duck|lamb|fish|salmon|sardines?|crab|lobster|shrimps?|prawns?|"
    r"oysters?|salads?|lettuce|cabbage|carrots?|potato\w*|tomato\w*|onions?|garlic|peppers?|chil\w+|beans?|peas?|"
    r"corn|mushrooms?|olives?|apples?|oranges?|lemons?|limes?|bananas?|cherry|cherries|grapes?|peach\w*|pears?|plums?|"
    r"melons?|berries|strawberr\w+|raspberr\w+|blackberr\w+|nuts?|nutty|peanuts?|almonds?|coffee|tea|espresso|juice|"
    r"wine|beer|cocktail\w*|drink\w*|fried|grilled|roast\w*|baked|boiled|steamed|sauce|salt|spice\w*|spicy|sushi|"
    r"ramen|tacos?|doughnuts?|popcorn|pickles?|jelly|mango\w*|pineapple|pumpkin|waffle|dumplings?|kebabs?)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def rows():
    text = (files("edgetext.data") / "food_not_food.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture(scope="module")
def hard():
    text = (files("edgetext.data") / "food_not_food_hard.csv").read_text("utf-8")
    return {row["text"]: row["kind"] for row in csv.DictReader(text.splitlines())}


def words(text):
    return frozenset(re.findall(r"\w+", text.casefold()))


def test_every_part_is_balanced(rows):
    assert Counter((row["split"], row["label"]) for row in rows) == {
        ("train", "food"): 300,
        ("train", "not_food"): 300,
        ("validation", "food"): 600,
        ("validation", "not_food"): 600,
        ("test", "food"): 200,
        ("test", "not_food"): 200,
    }


def test_no_caption_stands_twice(rows):
    assert len({" ".join(row["text"].casefold().split()) for row in rows}) == 2200


def test_captions_are_clean_and_of_caption_length(rows):
    for row in rows:
        assert row["text"] == " ".join(row["text"].split())
        assert 4 <= len(row["text"].split()) <= 30, row["text"]


def test_no_two_captions_nearly_agree(rows):
    bags = [words(row["text"]) for row in rows]
    near = [(one, other) for one, other in combinations(bags, 2) if len(one & other) > 0.6 * len(one | other)]
    assert near == []


def test_captions_are_no_template(rows):
    openings = Counter(" ".join(row["text"].casefold().split()[:3]) for row in rows)
    assert max(openings.values()) <= len(rows) / 200


def test_over_a_third_are_hard_in_every_part(rows, hard):
    assert set(hard) <= {row["text"] for row in rows}
    for split in ("train", "validation", "test"):
        part = [row for row in rows if row["split"] == split]
        kinds = Counter(hard[row["text"]] for row in part if row["text"] in hard)
        assert set(kinds) == {"dish", "unnamed", "figurative", "animal", "kitchen", "fake"}
        assert sum(kinds.values()) > len(part) / 3


def test_a_rule_on_food_words_does_badly_on_the_hard_part(rows, hard):
    right = Counter()
    for row in rows:
        part = "hard" if row["text"] in hard else "plain"
        guess = "food" if FOOD_WORDS.search(row["text"]) else "not_food"
        right[part] += guess == row["label"]
    assert right["hard"] / len(hard) < 0.5
    assert right["plain"] / (len(rows) - len(hard)) > 0.8  # it is no straw man


def test_the_data_card_ships_and_counts_right(rows, hard):
    card = (files("edgetext.data") / "food_not_food.md").read_text("utf-8")
    assert "2,200 image captions" in card
    for kind, count in Counter(hard.values()).items():
        assert re.search(rf"\| `{kind}` \| \w+ \| {count} \|", card)
