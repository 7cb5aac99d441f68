"""The features of Twenty Newsgroups."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import tensorflow_datasets as tfds

from tfds_extra.datasets.twenty_newsgroups import bodies
from tfds_extra.features import flag, float64, int32, int64, label, text

# By group, in the order of the labels, which is scikit-learn's: its subject on the home page.
TOPIC_OF = {
    "alt.atheism": "religion",
    "comp.graphics": "comp",
    "comp.os.ms-windows.misc": "comp",
    "comp.sys.ibm.pc.hardware": "comp",
    "comp.sys.mac.hardware": "comp",
    "comp.windows.x": "comp",
    "misc.forsale": "misc",
    "rec.autos": "rec",
    "rec.motorcycles": "rec",
    "rec.sport.baseball": "rec",
    "rec.sport.hockey": "rec",
    "sci.crypt": "sci",
    "sci.electronics": "sci",
    "sci.med": "sci",
    "sci.space": "sci",
    "soc.religion.christian": "religion",
    "talk.politics.guns": "politics",
    "talk.politics.mideast": "politics",
    "talk.politics.misc": "politics",
    "talk.religion.misc": "religion",
}
GROUPS = list(TOPIC_OF)
TOPICS = sorted(set(TOPIC_OF.values()))
HIERARCHIES = sorted({group.partition(".")[0] for group in GROUPS})

# Header fields that are one text each, by the name of the feature.
TEXT_FIELDS = {
    "subject": "Subject",
    "from_": "From",
    "organization": "Organization",
    "date": "Date",
    "message_id": "Message-ID",
    "reply_to": "Reply-To",
    "sender": "Sender",
    "distribution": "Distribution",
    "keywords": "Keywords",
    "summary": "Summary",
    "nntp_posting_host": "NNTP-Posting-Host",
    "x_newsreader": "X-Newsreader",
    "in_reply_to": "In-Reply-To",
    "approved": "Approved",
    "followup_to": "Followup-To",
    "path_header": "Path",
    "xref": "Xref",
}


def without(remove: Collection[str]) -> str:
    """Returns the name of the feature that has the text without some of its parts.

    Args:
      remove: As in `sklearn.datasets.fetch_20newsgroups`: some of "headers", "footers", "quotes".

    Raises:
      ValueError: It is something else.
    """
    if isinstance(remove, str) or not set(remove) <= set(bodies.REMOVABLE):
        raise ValueError(f"remove is a tuple of some of {bodies.REMOVABLE}, not {remove!r}.")
    return "_".join(["without", *(part for part in bodies.REMOVABLE if part in remove)])


def of_messages() -> dict[str, Any]:
    """Returns the features of every message."""
    fields = {
        feature: text(f"Header field {name}, its lines joined with blanks; empty if not known.")
        for feature, name in TEXT_FIELDS.items()
    }
    return {
        "text": text("The whole message; each byte is a character of ISO 8859-1."),
        "raw": text(
            "The bytes of the file: mostly ASCII, otherwise in an encoding that it does not tell."
        ),
        "label": label(GROUPS, "The group."),
        "topic": label(TOPICS, "Subject of the group, as the home page has it."),
        "hierarchy": label(HIERARCHIES, "First part of the group's name."),
        "id": text("Number of the message in its group, such as 49960; other groups have it, too."),
        "path": text("Name of the published file, such as 20news-bydate-train/sci.med/57110."),
        "headers": tfds.features.Sequence(
            {
                "name": text("Name as published; empty for a line that belongs to no field."),
                "value": text("Value, its lines joined with blanks."),
            },
            doc="All header fields of the file, in order.",
        ),
        "header": text("What stands before the first empty line."),
        "body": text("What stands behind it."),
        **fields,
        "from_name": text("Full name of who posted it; empty if From has none."),
        "from_email": text("Address of who posted it; empty if From has none."),
        "timestamp": int64(
            "The date in seconds from 1970, UTC; -1 if not known. A time zone that is missing, or"
            " unknown to RFC 822, counts as UTC."
        ),
        "references": tfds.features.Sequence(
            text("Id, with its brackets."),
            doc="Ids of the messages that this one follows, the oldest first.",
        ),
        "newsgroups": tfds.features.Sequence(
            text("Name of a group."),
            doc="Groups that it was posted to, of which most are none of the twenty.",
        ),
        "num_newsgroups": int32("Number of these; 0 if not known."),
        "cross_posted_labels": tfds.features.Sequence(
            label(GROUPS, "A group."), doc="The other ones of the twenty among these."
        ),
        "lines": int32("Number of lines that the header field Lines states; -1 if it states none."),
        "line_kinds": tfds.features.Sequence(
            label(bodies.PARTS, "Kind of a line."),
            doc="What each line of `body` is, which is split at line feeds; told by its form.",
        ),
        "written": text("Lines of the body that the author wrote."),
        "quoted": text("Lines that begin with > or | or : as those of other messages do."),
        "attribution": text("Lines that say who is quoted: In article <...> X writes:"),
        "signature": text("Lines from the last one on that is `--`, if it is near the end."),
        **{
            without(chosen): text(
                f"The text as scikit-learn gives it for remove={chosen}, which are guesses."
            )
            for chosen in bodies.CHOICES
        },
        "duplicates": tfds.features.Sequence(
            text("`path` of one."), doc="Other files of this edition with the same Message-ID."
        ),
        "same_body": tfds.features.Sequence(
            text("`path` of one."),
            doc="Other files of this edition with the same body, unless that is blank.",
        ),
        "same_body_in_other_split": flag("Whether one of these is in train, and one in test."),
        "twin": text(
            "`path` in edition 19997 of the same message, from which come header fields that the"
            " file lacks; empty if it is not known, or this is that edition."
        ),
        "body_altered": flag("Whether its body is another one there; False if not known."),
    }


def of_label_errors() -> dict[str, Any]:
    """Returns the features of wrong labels in the test set of bydate."""
    return {
        "label_error": {
            "candidate": flag("Whether five people were asked, because a model doubted the label."),
            "guessed_label": label(GROUPS, "What the model took it for; -1 if nobody was asked."),
            "votes_given": int32(
                "Of five people, how many chose the given label; -1 if not asked."
            ),
            "votes_guessed": int32("How many chose the guessed label; -1 if not asked."),
            "votes_neither": int32("How many chose neither of them; -1 if not asked."),
            "votes_both": int32("How many found that both fit; -1 if not asked."),
            "is_error": flag("Whether fewer than three chose the given label."),
            "corrected_label": label(
                GROUPS, "The guessed label if three or more chose it, else -1."
            ),
        },
        "cv_pred_probs": float64("Probability of each label, by cross-validation.", (len(GROUPS),)),
        "cv_pred_label": label(GROUPS, "The label with the largest of them."),
    }
