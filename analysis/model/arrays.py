"""Names for the array types: mypy reads them, people read the comment."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.uint8]
Texts = NDArray[np.str_]
AnyArray = NDArray[Any]
