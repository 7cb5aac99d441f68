"""Files that operating systems, cloud folders and tools leave among the published ones.

No corpus has files of these names, so they are passed over in every folder and archive.
"""

from __future__ import annotations

import re

# Files, wherever they lie.
_FILES = (
    r"\.DS_Store",  # macOS
    r"\._.*",  # macOS, on disks of other systems and in archives made there
    r"\.localized",  # macOS
    r"Thumbs\.db",  # Windows
    r"ehthumbs\.db",  # Windows
    r"desktop\.ini",  # Windows
    r"~\$.*",  # Microsoft Office, while a document is open
    r"\.directory",  # KDE
    r"\.nfs[0-9a-f]+",  # NFS, of a file that was removed while open
)
# Folders, with all that is in them.
_FOLDERS = (
    r"__MACOSX",  # macOS, in zips
    r"\.(?:Spotlight-V100|Trashes|fseventsd|TemporaryItems)",  # macOS, at the top of a disk
    r"@eaDir",  # Synology
    r"#recycle",  # Synology
    r"\$RECYCLE\.BIN",  # Windows
    r"System Volume Information",  # Windows
    r"\.ipynb_checkpoints",  # Jupyter
    r"\.git",  # a clone
    r"\.Trash-[0-9]+",  # Linux desktops
)
_SYSTEM = re.compile(
    rf"(?:.*/)?(?:(?:{'|'.join(_FILES)})|(?:{'|'.join(_FOLDERS)})(?:/.*)?)",
    # Windows does not tell upper from lower case.
    re.DOTALL | re.IGNORECASE,
)


def is_system_file(name: str) -> bool:
    """Returns whether a file or folder was left by a system or tool, and is not of the corpus.

    Args:
      name: Posix path of a file or folder below the root of the tree.
    """
    return _SYSTEM.fullmatch(name) is not None
