"""CountVectorizer, TfidfVectorizer and TfidfTransformer: weights of the words of a vocabulary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tfsoftmax.columns.column import Terms
from tfsoftmax.convert.uses import Uses, Weighed, Words
from tfsoftmax.convert.walk import Walk

# Patterns of words that a graph can find, and the fewest characters that each takes for a word.
_PATTERNS = {r"(?u)\b\w\w+\b": 2, r"\b\w\w+\b": 2, r"(?u)\b\w+\b": 1, r"\b\w+\b": 1}
_USUAL = {"analyzer": "word", "preprocessor": None, "tokenizer": None, "strip_accents": None}
_USUAL |= {"input": "content"}


def counts(step: Any, uses: Uses, walk: Walk) -> Uses:
    """What becomes of the texts that a CountVectorizer counts the words of."""
    weighed = [use for column in uses for use in column if isinstance(use, Weighed)]
    if not weighed:
        return _texts(step, walk.weights(uses), Terms(norm=None), walk)
    if len(weighed) != sum(map(len, uses)) or len({id(use.by) for use in weighed}) > 1:
        walk.refuse("its counts are taken by several steps; give each a CountVectorizer of its own")
    return _texts(step, np.array([use.row for use in weighed]), weighed[0].by, walk)


def tfidf(step: Any, uses: Uses, walk: Walk) -> Uses:
    """What becomes of the texts that a TfidfVectorizer counts and weighs the words of."""
    return _texts(step, walk.weights(uses), _weighing(step), walk)


def tfidf_of_counts(step: Any, uses: Uses, walk: Walk) -> Uses:
    """What becomes of the counts that a TfidfTransformer weighs."""
    by = _weighing(step)
    return [[Weighed(row, by)] for row in walk.weights(uses)]


def _weighing(step: Any) -> Terms:
    weights = tuple(step.idf_.tolist()) if step.use_idf else ()
    return Terms(sublinear=step.sublinear_tf, weights=weights, norm=step.norm)


def _texts(step: Any, rows: np.ndarray, by: Terms, walk: Walk) -> Uses:
    for setting, usual in _USUAL.items():
        if getattr(step, setting) != usual:
            walk.refuse(
                f"{setting}={getattr(step, setting)!r} is nothing that a graph can do exactly; fit "
                f"it with {setting}={usual!r}"
            )
    if step.token_pattern not in _PATTERNS:
        walk.refuse(
            f"token_pattern={step.token_pattern!r} is not known to find the same words in a graph; "
            f"fit it with one of {', '.join(_PATTERNS)}"
        )
    if step.stop_words is not None and step.ngram_range[1] > 1:
        walk.refuse(
            "stop_words leaves out words before it makes sequences of the others; fit it with "
            "stop_words=None, or ngram_range=(1, 1)"
        )
    walk.notes.append(
        f"{walk.where} refuses a missing text; the converted model takes it for one without words"
    )
    vocabulary = sorted(step.vocabulary_, key=step.vocabulary_.__getitem__)
    terms = replace(
        by,
        lowercase=step.lowercase,
        shortest_word=_PATTERNS[step.token_pattern],
        lengths=tuple(step.ngram_range),
        binary=step.binary,
    )
    return [[Words(tuple(vocabulary), rows, terms)]]
