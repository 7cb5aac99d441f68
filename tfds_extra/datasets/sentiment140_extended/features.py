"""The features of Sentiment140, and their meaning."""

from __future__ import annotations

from typing import Any

from tfds_extra.features import flag, int32, int64, label, text

# By the published number.
CLASSES = {0: "negative", 2: "neutral", 4: "positive"}
BINARY = [CLASSES[0], CLASSES[4]]


def of_standard_builder() -> dict[str, Any]:
    """Returns the five features of the standard `sentiment140`, with its reading of the bytes."""
    return {
        "polarity": _polarity(),
        "date": _date(),
        "query": text("What was searched for, or NO_QUERY, decoded as ISO-8859-1."),
        "user": text("Name of the author, decoded as ISO-8859-1."),
        "text": text(
            "The tweet, decoded as ISO-8859-1 although its bytes are UTF-8: what is not ASCII in it"
            " is mojibake. The other configs have it right."
        ),
    }


def of_tweets(classes: list[str]) -> dict[str, Any]:
    """Returns all that was published of a tweet, and all that is found out about it.

    Args:
      classes: Names of the label.
    """
    fallback = "decoded from UTF-8 (as ISO-8859-1 if it is none)"
    return {
        "text": text(
            f"The tweet as published, {fallback}. HTML entities and the space where an emoticon was"
            " cut off are kept."
        ),
        "text_unescaped": text("`text` with its HTML entities replaced, once."),
        "text_repaired": text(
            "`text` with mojibake (UTF-8 that was taken for ISO-8859-1 or Windows-1252) turned back"
            " and then its HTML entities replaced. What U+FFFD stands for is lost."
        ),
        "text_bytes": text(
            "The published bytes of the tweet where they are not valid UTF-8, else empty."
        ),
        "label": label(
            classes,
            "Sentiment. In training it is that of the emoticon that was searched for, in test it was"
            " given by hand.",
        ),
        "polarity": _polarity(),
        "id": int64(
            "Published id: of Twitter in training, where some occur twice; a small number in test."
        ),
        "date": _date(),
        "timestamp": int64("`date` in seconds since 1970-01-01 00:00:00 UTC."),
        "query": text(f"What was searched for, {fallback}; NO_QUERY in training."),
        "has_query": flag("Whether `query` is one, and not NO_QUERY."),
        "user": text(f"Screen name of the author, without @, {fallback}."),
        "row": int64("Row in the published file, from 0."),
        "id_count": int32("How many tweets of the file have this id."),
        "is_conflicting": flag(
            "Whether another tweet of the file has this id and another polarity."
        ),
        "text_count": int32("How many tweets of the file have exactly this text."),
        "text_first_row": int64(
            "`row` of the first tweet with exactly this text: where it is `row`, keep the tweet, and"
            " no text is there twice."
        ),
        "is_text_conflicting": flag(
            "Whether another tweet of the file has this text and another polarity."
        ),
        "utf8_valid": flag("Whether the published bytes of the tweet are valid UTF-8."),
        "has_replacement": flag(
            "Whether U+FFFD is in `text`: a character that was lost before publication."
        ),
        "has_mojibake": flag("Whether mojibake was turned back in `text_repaired`."),
        "has_entities": flag("Whether HTML entities were replaced in `text_unescaped`."),
    }


def _polarity() -> Any:
    return int32("Published number of the sentiment: 0 negative, 2 neutral, 4 positive.")


def _date() -> Any:
    return text("When it was written, as published: Mon Apr 06 22:19:45 PDT 2009.")
