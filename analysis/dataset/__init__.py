"""The dataset folder: `docs/dataset-format.md` is the contract.

This package is the only one here that touches files.
"""

from analysis.dataset.errors import DatasetError as DatasetError
from analysis.dataset.reader import Dataset as Dataset
from analysis.dataset.reader import Partition as Partition
from analysis.dataset.reader import read_dataset as read_dataset
