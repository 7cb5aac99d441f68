"""Published file formats, one a module: functions of bytes that know nothing of TFDS."""


class FormatError(ValueError):
    """Bytes that are not what their format demands; the message says what and at which offset."""
