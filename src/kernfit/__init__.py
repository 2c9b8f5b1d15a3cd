"""Find, apply and explain 2-D kernels.

The names are in ``__init__.pyi``; each is loaded when it is first used, so that
``kernfit --help`` need not wait for a compiler.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.1.0"
