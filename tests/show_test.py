"""Pictures of examples that hold images; recordings are in the tests of their builders."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow_datasets as tfds
from matplotlib import patches

from tfds_extra import show
from tfds_extra.features import PixelImage

_RNG = np.random.default_rng(0)
_DIGITS = tfds.features.ClassLabel(names=[str(digit) for digit in range(10)])
_BOXES = {
    "image": tfds.features.Image(shape=(None, None, 3)),
    "digits": tfds.features.Sequence({"bbox": tfds.features.BBoxFeature(), "label": _DIGITS}),
    "name": tfds.features.Text(),
}
_SHARES = {
    "image": PixelImage(shape=(32, 32, 3)),
    "label": _DIGITS,
    "shares": tfds.features.Tensor(shape=(10,), dtype=np.float64, encoding="bytes"),
}


def _info(features, supervised_keys=None) -> tfds.core.DatasetInfo:
    class Pictures(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")
        pkg_dir_path = None

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                supervised_keys=supervised_keys,
            )

        def _split_generators(self, dl_manager):
            return {}

        def _generate_examples(self):
            yield from ()

    return Pictures(data_dir="/none").info


def _with_boxes(boxes, height=20, width=40):
    return {
        "image": _RNG.integers(0, 256, (height, width, 3), np.uint8),
        "digits": {
            "bbox": np.array(boxes, np.float32).reshape(-1, 4),
            "label": np.arange(len(boxes)) + 1,
        },
        "name": b"1.png",
    }


def test_boxes_are_drawn_with_their_labels(tmp_path):
    examples = [_with_boxes([[0.5, 0.25, 1, 0.75], [0, 0, 0.5, 0.125]]), _with_boxes([])]
    picture = show.draw(_info(_BOXES), examples)
    picture.savefig(tmp_path / "boxes.png")
    image, text, other, _ = picture.axes
    np.testing.assert_array_equal(image.images[0].get_array(), examples[0]["image"])
    boxes = [p for p in image.patches if isinstance(p, patches.Rectangle)]
    assert [b.get_bbox().bounds for b in boxes] == [(9.5, 9.5, 20, 10), (-0.5, -0.5, 5, 10)]
    assert [t.get_text() for t in image.texts] == ["1", "2"]
    assert text.texts[0].get_text() == "name: 1.png"
    assert not other.patches


def test_distribution_is_drawn_with_the_names_of_the_classes(tmp_path):
    shares = np.arange(10) / 45
    image = _RNG.integers(0, 256, (32, 32, 3), np.uint8)
    example = {"image": image, "label": 7, "shares": shares}
    info = _info(_SHARES, ("image", "label"))
    picture = show.draw(info, [example] * 3, distributions=("shares",))
    picture.savefig(tmp_path / "shares.png")
    _, bars, text, *_ = picture.axes
    assert [bar.get_width() for bar in bars.patches] == shares.tolist()
    assert [t.get_text() for t in bars.get_yticklabels()] == _DIGITS.names
    assert text.texts[0].get_text() == "label: 7"
    # Where it is not to be drawn it is text.
    assert "shares:" in show.draw(info, [example]).axes[-1].texts[0].get_text()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_several_stand_in_a_row(count):
    features = {"image": PixelImage(shape=(28, 28, 1)), "label": _DIGITS}
    images = _RNG.integers(0, 256, (count, 28, 28, 1), np.uint8)
    picture = show.draw(
        _info(features), [{"image": image, "label": i} for i, image in enumerate(images)]
    )
    drawn = [axis.images[0] for axis in picture.axes if axis.images]
    np.testing.assert_array_equal([one.get_array() for one in drawn], images[..., 0])
    # A pale image has to look pale.
    assert all(one.get_clim() == (0, 255) for one in drawn)
    texts = [axis.texts[0].get_text() for axis in picture.axes if axis.texts]
    assert texts == [f"label: {i}" for i in range(count)]
    assert picture.axes[0].get_subplotspec().get_gridspec().nrows == -(-count // 3)
