"""The features of IMDB reviews."""

from __future__ import annotations

from typing import Any

from tfds_extra.features import flag, float64, int32, label, text

CLASSES = ["neg", "pos"]  # As in the standard builder.


def of_reviews() -> dict[str, Any]:
    """Returns the features of every review."""
    return {
        "text": text("The review, decoded from UTF-8 and otherwise as published."),
        "text_clean": text(
            "The review with `<br />` as a line break, control characters U+0080 to U+009F read as"
            " the Windows-1252 characters that they were before publication, and HTML entities"
            " unescaped."
        ),
        "label": label(
            CLASSES, "Negative (1 to 4 stars) or positive (7 to 10); -1 in unsupervised."
        ),
        "rating": int32(
            "Stars that the author gave, 1-4 or 7-10; 0 in unsupervised, where it is withheld."
        ),
        "review_id": int32("Number of the review; it begins with 0 in each published folder."),
        "path": text("Name of the published file, such as train/pos/0_9.txt."),
        "title_id": text(
            "IMDb's id of the film, such as tt0453418; empty if the list of a part is not there."
        ),
        "title_url": text("The address of the film's reviews, as published; empty as `title_id`."),
        "copies": int32(
            "How many of all 100,000 reviews (of a part, of what is there) have this very text,"
            " itself included."
        ),
        "first_copy": text(
            "Path of the first of these, in the order train/pos, train/neg, train/unsup, test/pos,"
            " test/neg; its own if it is the first, or the only one."
        ),
        "in_other_split": flag(
            "Whether this very text is in the labelled train (of a test review) or test (of a train"
            " review) split, too. Of unsupervised: in either of them."
        ),
        "title_in_other_split": flag("The same of the film; False if it is not known."),
    }


def of_bags() -> dict[str, Any]:
    """Returns the features of the published bag of words."""
    return {
        "bow_index": int32(
            "Words that occur: their rows in the config `vocabulary`, ascending.", (None,)
        ),
        "bow_count": int32("How often each of them occurs, 1 or more.", (None,)),
    }


def of_label_errors() -> dict[str, Any]:
    """Returns the features of wrong labels in the test set."""
    return {
        "label_error": {
            "candidate": flag("Whether five people were asked, because a model doubted the label."),
            "guessed_label": label(CLASSES, "What the model took it for; -1 if nobody was asked."),
            "votes_given": int32(
                "Of five people, how many chose the given label; -1 if not asked."
            ),
            "votes_guessed": int32("How many chose the guessed label; -1 if not asked."),
            "votes_neutral": int32("How many found it neutral; -1 if not asked."),
            "votes_off_topic": int32("How many found it off-topic; -1 if not asked."),
            "is_error": flag("Whether fewer than three chose the given label."),
            "corrected_label": label(
                CLASSES, "The other label if three or more chose it, else -1."
            ),
        },
        "cv_pred_probs": float64(
            "Probability of each class, negative first, by cross-validation; NaN for the 201"
            " reviews that the publisher's index lacks.",
            (2,),
        ),
    }


def of_words() -> dict[str, Any]:
    """Returns the features of a word of the vocabulary."""
    return {
        "word": text("The word, in lower case; ! and ? are words, too."),
        "index": int32("Its number, from 0, by frequency; what `bow_index` holds."),
        "expected_rating": float64(
            "Mean of the ratings in which it occurs, in stars from the mean rating (Potts 2011),"
            " -4.5 to 4.5."
        ),
    }
