"""What a builder declares for `tfds-extra show`: features that belong together in a picture."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Segments:
    """Features of music that was analyzed in segments, as `tfds-extra show` draws them over time.

    Attributes:
      starts: Name of the feature with the start of each segment, in seconds.
      values: Names of the features with a row of values for each segment.
      marks: Names of the features with times in seconds, such as beats, bars and sections; the
        finest comes first.
      end: Name of the feature with the end of the last segment, in seconds.
    """

    starts: str
    values: tuple[str, ...]
    marks: tuple[str, ...]
    end: str


@dataclasses.dataclass(frozen=True)
class Objects:
    """Features of objects with masks, as `tfds-extra show` draws them over their picture.

    Attributes:
      name: Name of the sequence of objects, which has their boxes and classes.
      rle: Name, in that sequence, of the compressed mask in COCO's form (`formats.coco_rle`).
      keypoints: Name, in that sequence, of x, y and visibility of points, of shape (points, 3);
        empty if there are none.
      limbs: Pairs of points between which a line is drawn.
      captions: Name of the feature with sentences about the picture; empty if there is none.
    """

    name: str
    rle: str
    keypoints: str = ""
    limbs: tuple[tuple[int, int], ...] = ()
    captions: str = ""
