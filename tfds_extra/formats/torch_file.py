"""Reads files of `torch.save` that hold a dict of NumPy arrays and plain values, without torch.

Such a file is a zip whose members are stored: `<folder>/data.pkl`, a pickle, and
`<folder>/version`. Tensors of torch, which are separate members, are not read. Nothing that the
pickle names is run (`safe_pickle`).
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

from tfds_extra.formats import FormatError, parser, reading, safe_pickle

_PICKLE = "/data.pkl"


@parser
def load_dict(content: bytes) -> dict[str, Any]:
    """Reads a saved dict.

    Args:
      content: The file, in the zip format that torch writes from release 1.6 on.

    Returns:
      See `safe_pickle.load_dict`.

    Raises:
      FormatError: It is another file, is damaged, or holds anything else.
    """
    with reading("no file of torch.save, or a damaged one"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            pickles = [i for i in archive.infolist() if i.filename.endswith(_PICKLE)]
            if len(pickles) != 1:
                raise FormatError(f"{len(pickles)} members are called data.pkl, not one")
            # torch compresses nothing, so that no member can be larger than the file.
            if pickles[0].compress_type != zipfile.ZIP_STORED:
                raise FormatError(f"{pickles[0].filename} is compressed, which torch does not do")
            pickled = archive.read(pickles[0])
    with reading(pickles[0].filename[:100]):
        return safe_pickle.load_dict(pickled)
