"""In the reading process: a parsed device file, whatever its format."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from kdoct_desktop.io.devices.fields import DeviceInfo


class DeviceFile(ABC):
    """A parsed header that can decode the pictures of its file one at a time.

    Attributes:
        info: What the header says.
    """

    info: DeviceInfo

    @abstractmethod
    def picture(self, number: int, *, colour: bool) -> NDArray[np.uint8]:
        """Decode one picture.

        Args:
            number: Among the pictures of the file, as `info` counts them.
            colour: A colour picture may stay so, axes (row, column, RGB).

        Raises:
            IngestError: It cannot be decoded.
        """

    def layers(self, volume: int) -> NDArray[np.float32]:
        """Heights of the layer boundaries of a volume in pixels of depth from 0, NaN for none.

        Args:
            volume: Its place in ``info.volumes``.

        Returns:
            Axes (boundary, bscan, ascan), in the order of the volume's ``pictures``.

        Raises:
            IngestError: They cannot be read.
        """
        raise NotImplementedError
