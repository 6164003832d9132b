"""A folder, or one file, as a Handler.

`Folder(root, **settings)` and `SingleFile(path, **settings)`; the settings are the members of `FolderSettings`.
"""

from salver.files.folder import Folder
from salver.files.settings import FolderSettings
from salver.files.single_file import SingleFile

__all__ = ["Folder", "FolderSettings", "SingleFile"]
