"""See: what part of the image does a feature look at.

The names are in ``__init__.pyi``; each is loaded when it is first used, as the readers of models
build upon a part of this room.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
