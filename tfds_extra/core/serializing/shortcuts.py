"""Encodes the values of the common feature classes without TFDS's own code.

`compile_feature` turns a feature into a function that does what the feature's
`encode_example` and the serializer do. A feature class whose `encode_example` is known and
simple has a shortcut for the values that occur in practice. Each shortcut passes all other
values (bad ones too) to the feature itself, so that TFDS handles errors and odd inputs. A
subclass may encode otherwise, so that shortcuts go by the exact class.

A shortcut must not consume a value that it passes on, so that none of them reads from an
iterator or a file object.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import utils
from tensorflow_datasets.core.features import bounding_boxes_utils

from tfds_extra import tfds_seam
from tfds_extra.core.serializing import fields as fields_lib
from tfds_extra.core.serializing import wire
from tfds_extra.core.serializing.fields import Field, NotPlain, Store
from tfds_extra.features.encoded_audio import EncodedAudio
from tfds_extra.features.pixel_image import PixelImage
from tfds_extra.features.rgb_image import RgbImage

_BBoxFormat = bounding_boxes_utils.BBoxFormat
# Formats whose coordinates must be floats from 0 to 1, and those where the second corner
# must not lie before the first one.
_RELATIVE_BOXES = (_BBoxFormat.REL_YXYX, _BBoxFormat.REL_XYXY)
_ORDERED_BOXES = (_BBoxFormat.REL_YXYX, _BBoxFormat.YXYX)
_FLOATS = frozenset({float, np.float32, np.float64})


class SerializationError(Exception):
    """Carries an error of the serialization past the handlers for errors of the encoding.

    Attributes:
      error: What to raise in the end.
    """

    def __init__(self, error: Exception):
        super().__init__(error)
        self.error = error


# Stores the values of one feature inside of sequences. It takes the values of all rows,
# their number, the lengths of the inner lists for each level of nesting, and the parts. It
# raises an exception if it cannot handle one of the values.
_Column = Callable[[Any, int, list, list], None]


def compile_features(
    features: tfds.features.FeatureConnector, fields: Mapping[str, Field]
) -> tuple[Store, list[tuple[str, Store, str]] | None]:
    """Compiles the features of a dataset.

    Args:
      features: The features.
      fields: Fields of all features, by flat name.

    Returns:
      A function that encodes and stores an example, and, for a plain `FeaturesDict`,
      what `compile_items` returns.
    """
    encode = _by_the_feature_itself(features, None, fields)
    if type(features) is not tfds.features.FeaturesDict:
        return encode, None
    items = compile_items(features, None, fields)
    return _dict_store(items, encode), items


def compile_feature(
    feature: tfds.features.FeatureConnector, key: str, fields: Mapping[str, Field]
) -> Store:
    """Returns a function that encodes and stores a value of the feature.

    Args:
      feature: Any feature.
      key: Its flat name.
      fields: Fields of all features, by flat name.
    """
    kind = type(feature)
    encode = _by_the_feature_itself(feature, key, fields)
    if kind is tfds.features.FeaturesDict:
        return _dict_store(compile_items(feature, key, fields), encode)
    if kind is tfds.features.Sequence:
        return _compile_sequence(feature, key, fields, encode)
    field = fields.get(key)
    if field is None:  # Stored as several tensors.
        return encode
    if is_plain_tensor(feature):
        return field.store(encode)
    if kind is tfds.features.ClassLabel:
        return _compile_label(feature, field, encode)
    if kind is tfds.features.BBoxFeature:
        return _compile_box(feature, field, encode)
    if takes_published_bytes(feature):
        return _compile_bytes(field, encode)
    return encode


def is_plain_tensor(feature: tfds.features.FeatureConnector) -> bool:
    """Returns whether values of the feature are stored as numpy arrays of its dtype and shape."""
    if type(feature) not in (
        tfds.features.Tensor,
        tfds.features.Scalar,
        tfds.features.Text,
    ):
        return False
    value, stored = feature.get_tensor_info(), feature.get_serialized_info()
    return (  # A tensor with an encoding is stored otherwise, as bytes.
        not isinstance(stored, dict)
        and np.dtype(value.np_dtype) == np.dtype(stored.np_dtype)
        and value.shape == stored.shape
    )


def takes_published_bytes(feature: tfds.features.FeatureConnector) -> bool:
    """Returns whether the feature takes the bytes of a published file as they are."""
    return type(feature) is EncodedAudio or (  # float32 images can only be made of arrays.
        type(feature) in (tfds.features.Image, RgbImage)
        and np.dtype(feature.get_tensor_info().np_dtype) != np.float32
    )


def is_stored_raw(feature: tfds.features.FeatureConnector) -> bool:
    """Returns whether values of the feature are arrays of one shape, stored as their bytes."""
    if type(feature) is not PixelImage and not (
        type(feature) is tfds.features.Tensor and tfds_seam.is_stored_as_bytes(feature)
    ):
        return False
    value = feature.get_tensor_info()
    dtype = np.dtype(value.np_dtype)
    return None not in value.shape and dtype.kind in "iuf" and dtype.isnative


def raw_rows(feature: tfds.features.FeatureConnector, values: Sequence | np.ndarray) -> np.ndarray:
    """Returns the stored bytes of values, one value a row.

    Args:
      feature: One that `is_stored_raw`.
      values: An array of them, or a list or tuple of arrays.

    Raises:
      NotPlain: Some have another type, dtype or shape than the feature takes.
    """
    dtype = np.dtype(feature.np_dtype)
    if type(values) is not np.ndarray:
        if any(type(v) is not np.ndarray or v.dtype != dtype for v in values):
            raise NotPlain
        values = np.stack(list(values))
    assert isinstance(values, np.ndarray)
    if values.dtype != dtype or values.shape[1:] != feature.shape:
        raise NotPlain
    return np.ascontiguousarray(values).reshape(len(values), -1).view(np.uint8)


def class_numbers(feature: tfds.features.ClassLabel, values: Sequence) -> Any:
    """Returns class labels as numbers.

    Args:
      feature: The class label.
      values: List, tuple or array of numbers, or of names.

    Raises:
      NotPlain: Some are out of range.
      Exception: As TFDS, for an unknown name, or what is neither number nor name.
    """
    n = feature.num_classes
    if n is None:
        raise NotPlain
    if type(values) is np.ndarray:
        if values.dtype.kind not in "iu" or values.ndim != 1:
            raise NotPlain
        if values.size and not (-1 <= values.min() and values.max() < n):
            raise NotPlain
        return values.astype(np.int64)
    if len(values) and type(values[0]) is str:
        return list(map(feature.str2int, values))
    found = set(values)
    if found and not (-1 <= min(found) and max(found) < n):
        raise NotPlain
    return values


def _pack_labels(feature: tfds.features.ClassLabel, values: Sequence) -> bytes:
    """Returns the content of the list of class labels; see `class_numbers`."""
    if type(values) is list and 0 < (feature.num_classes or 0) <= 0x80:
        try:
            return wire.byte_list(values, feature.num_classes)
        except (TypeError, ValueError):
            pass  # Names, or -1.
    numbers = class_numbers(feature, values)
    return (wire.int_array if type(numbers) is np.ndarray else wire.int_list)(numbers)


def _by_the_feature_itself(
    feature: tfds.features.FeatureConnector, key: str | None, fields: Mapping[str, Field]
) -> Store:
    specs = feature.get_serialized_info()
    flat_specs = utils.flatten_nest_dict(specs if key is None else {key: specs})
    store_tree = fields_lib.by_tfds(flat_specs, fields)

    def by_tfds(encoded: Any, parts: list) -> None:
        try:
            store_tree(encoded if key is None else {key: encoded}, parts)
        except Exception as e:
            raise SerializationError(e) from e

    field = None if key is None else fields.get(key)
    store = field.store(by_tfds) if field and not field.rank else by_tfds

    def encode(value: Any, parts: list) -> None:
        store(feature.encode_example(value), parts)

    return encode


def compile_items(
    features: Mapping[str, tfds.features.FeatureConnector],
    key: str | None,
    fields: Mapping[str, Field],
) -> list[tuple[str, Store, str]]:
    """Returns the functions that encode and store the features of a `FeaturesDict`.

    Args:
      features: The dict.
      key: Its flat name, None for the whole example.
      fields: Fields of all features, by flat name.

    Returns:
      For each feature its name in the dict, the function, and the words with which
      TFDS begins an error that the function raises.
    """
    prefix = "" if key is None else f"{key}/"
    return [
        (
            name,
            compile_feature(feature, prefix + name, fields),
            f'In <{type(feature).__name__}> with name "{name}":\n',
        )
        for name, feature in features.items()
    ]


def _dict_store(items: list[tuple[str, Store, str]], otherwise: Store) -> Store:
    def encode(example: Any, parts: list) -> None:
        # If the number of keys is right and every key is found, there are no other keys.
        if type(example) is not dict or len(example) != len(items):
            return otherwise(example, parts)
        for name, encode_item, place in items:
            value = example[name]
            try:
                encode_item(value, parts)
            except SerializationError:
                for other, _, _ in items:
                    example[other]  # TFDS notices a missing key before it serializes.
                raise
            except Exception as e:
                utils.reraise(e, place)

    return encode


def store_each(store: Store, place: str, values: Any, rows: list[list]) -> None:
    """Encodes and stores one value for each row; `store` and `place`: see `compile_items`."""
    for value, parts in zip(values, rows):
        try:
            store(value, parts)
        except SerializationError:
            raise  # The error names the feature already.
        except Exception as e:
            utils.reraise(e, place)


def _compile_label(feature: tfds.features.ClassLabel, field: Field, otherwise: Store) -> Store:
    store = field.store(otherwise)

    def encode(value: Any, parts: list) -> None:
        n = feature.num_classes  # It may be set only after this function is compiled.
        if n is None:
            return otherwise(value, parts)
        kind = type(value)
        if kind is str:
            value = feature.str2int(value)
        elif kind is not int and kind is not np.int64:
            return otherwise(value, parts)
        if -1 <= value < n:
            store(value, parts)
        else:
            otherwise(value, parts)

    return encode


def _compile_bytes(field: Field, otherwise: Store) -> Store:
    put = field.entry.put

    def encode(value: Any, parts: list) -> None:
        if type(value) is bytes:  # A str would be a path.
            put(value, parts)
        else:
            otherwise(value, parts)

    return encode


def _compile_box(feature: tfds.features.BBoxFeature, field: Field, otherwise: Store) -> Store:
    pack = _box_packer(feature)
    put = field.entry.put_list

    def encode(value: Any, parts: list) -> None:
        try:
            return put(pack([value]), parts)
        except Exception:
            pass
        otherwise(value, parts)

    return encode


def _box_packer(feature: tfds.features.BBoxFeature) -> Callable[[Sequence], bytes]:
    """Returns a function that packs boxes: `BBox` or arrays in a list, or a 2-D array."""
    relative = feature.bbox_format in _RELATIVE_BOXES
    ordered = feature.bbox_format in _ORDERED_BOXES

    def pack(values: Any) -> bytes:
        is_table = type(values) is np.ndarray and values.ndim == 2
        types = {np.ndarray} if is_table else set(map(type, values))
        if types == {tfds.features.BBox}:
            numbers = list(itertools.chain.from_iterable(values))
            # Only some formats accept integers, so that the feature itself handles them.
            if not _FLOATS.issuperset(map(type, numbers)):
                raise NotPlain
            if relative and ordered:  # The default, hence the usual format.
                for y0, x0, y1, x1 in values:
                    if not (0.0 <= y0 <= y1 <= 1.0 and 0.0 <= x0 <= x1 <= 1.0):
                        raise NotPlain
                return wire.float_list(numbers)
        elif is_table:
            if values.shape[1] != 4 or values.dtype.kind != "f":
                raise NotPlain
        elif types != {np.ndarray} or any(v.shape != (4,) or v.dtype.kind != "f" for v in values):
            raise NotPlain
        boxes = np.array(values, np.float64)
        if relative and not ((boxes >= 0) & (boxes <= 1)).all():
            raise NotPlain
        if ordered and (boxes[:, 2:] < boxes[:, :2]).any():
            raise NotPlain
        return wire.float_array(boxes)

    return pack


def _compile_sequence(
    feature: tfds.features.Sequence, key: str, fields: Mapping[str, Field], otherwise: Store
) -> Store:
    inner, field = feature.feature, fields.get(key)
    pack = _row_packer(inner, field) if field else None
    if pack and field and field.info.shape[0] is None and field.rank == 1:
        return _list_store(pack, field, otherwise)
    column = _compile_column(inner, key, fields)
    if column is None:
        return otherwise

    def encode(value: Any, parts: list) -> None:
        try:
            rows = value
            while type(rows) is dict:  # A dict of columns; all have the same length.
                rows = next(iter(rows.values()))
            return column(value, len(rows), [], parts)
        except Exception:
            pass
        otherwise(value, parts)

    return encode


def _list_store(pack: Callable[[Sequence], bytes], field: Field, otherwise: Store) -> Store:
    """Returns a function that stores a sequence of single values, of any length."""
    slot, around = field.entry.slot, field.entry.headers.around

    def encode(value: Any, parts: list) -> None:
        if type(value) not in fields_lib.SEQUENCES or not len(value):
            return otherwise(value, parts)
        try:
            content = pack(value)
        except Exception:
            content = None
        if content is None:
            return otherwise(value, parts)
        parts[slot] = around[len(content)]
        parts[slot + 1] = content

    return encode


def _compile_column(
    feature: tfds.features.FeatureConnector, key: str, fields: Mapping[str, Field]
) -> _Column | None:
    """Returns a function that stores many values of a feature, None if there is no shortcut."""
    kind = type(feature)
    if kind is tfds.features.FeaturesDict:
        columns = {}
        for name, sub in feature.items():
            if (made := _compile_column(sub, f"{key}/{name}", fields)) is None:
                return None
            columns[name] = made
        return _dict_column(columns) if columns else None
    if kind is tfds.features.Sequence:
        inner = _compile_column(feature.feature, key, fields)
        return _nested_column(inner) if inner else None
    field = fields.get(key)
    if field is None or (pack := _row_packer(feature, field)) is None:
        return None
    slot, around = field.entry.slot, field.entry.headers.around
    is_simple = field.rank == 1 and field.info.shape[0] is None

    def column(values: Any, n: int, lengths: list, parts: list) -> None:
        if type(values) not in fields_lib.SEQUENCES or len(values) != n:
            raise NotPlain
        if n and is_simple:
            content = pack(values)
            parts[slot] = around[len(content)]
            parts[slot + 1] = content
        else:
            field.put_rows(values, lengths, parts, pack)

    return column


def _row_packer(
    feature: tfds.features.FeatureConnector, field: Field
) -> Callable[[Sequence], bytes] | None:
    """Returns a function that packs many values of a feature, see `Field.pack_rows`."""
    kind = type(feature)
    if is_plain_tensor(feature):
        return field.pack_rows
    if kind is tfds.features.ClassLabel:
        return lambda values: _pack_labels(feature, values)
    if kind is tfds.features.BBoxFeature:
        return _box_packer(feature)
    if takes_published_bytes(feature):
        return lambda values: field.pack_rows(_all_bytes(values))
    if is_stored_raw(feature):
        return lambda values: field.pack_rows([r.tobytes() for r in raw_rows(feature, values)])
    return None


def _all_bytes(values: Sequence) -> Sequence:
    if set(map(type, values)) != {bytes}:
        raise NotPlain
    return values


def _dict_column(columns: Mapping[str, _Column]) -> _Column:
    """Returns the column of a `FeaturesDict`: values are a dict of columns or a list of dicts."""

    def column(values: Any, n: int, lengths: list, parts: list) -> None:
        if type(values) is dict:
            if len(values) != len(columns):
                raise NotPlain
            for k, store in columns.items():
                store(values[k], n, lengths, parts)
            return
        if type(values) not in (list, tuple) or len(values) != n:
            raise NotPlain
        if n and (set(map(type, values)) != {dict} or set(map(len, values)) != {len(columns)}):
            raise NotPlain
        for k, store in columns.items():
            store([row[k] for row in values], n, lengths, parts)

    return column


def _nested_column(inner: _Column) -> _Column:
    """Returns the column of a `Sequence`: values are lists of the inner feature's values."""

    def column(values: Any, n: int, lengths: list, parts: list) -> None:
        flat, sizes = fields_lib.join_rows(values)
        if len(sizes) != n:
            raise NotPlain
        inner(flat, len(flat), [*lengths, sizes], parts)

    return column
