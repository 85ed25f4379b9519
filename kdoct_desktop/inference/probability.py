"""From the network's outputs to numbers with a meaning; numpy only."""

import numpy as np
from numpy.typing import NDArray


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Calibrated probabilities ``softmax(logits / temperature)`` along the last axis.

    Temperature scaling: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return result


def completeness_errors(
    logits: NDArray[np.float32], cams: NDArray[np.float32], bias: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Largest ``|mean(cam) + bias - logit|`` over the classes, one value a B-scan.

    Args:
        logits: Axes (n, class).
        cams: Axes (n, class, row, column).
        bias: One value a class.
    """
    sums = cams.mean(axis=(2, 3), dtype=np.float64) + bias
    result: NDArray[np.float64] = np.abs(sums - logits).max(axis=1)
    return result


def cosine_distances(
    embeddings: NDArray[np.float32], means: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Cosine distance (0 to 2) of each embedding to the nearest class mean.

    An embedding without length points nowhere and is as far as can be: 2.

    Args:
        embeddings: Axes (n, feature).
        means: Axes (class, feature); none is all zero.
    """
    ours = embeddings.astype(np.float64)
    theirs = means.astype(np.float64)
    theirs = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
    lengths = np.linalg.norm(ours, axis=1, keepdims=True)
    cosines = (ours / np.where(lengths > 0.0, lengths, 1.0)) @ theirs.T
    nearest = 1.0 - cosines.max(axis=1)
    result: NDArray[np.float64] = np.where(lengths[:, 0] > 0.0, nearest, 2.0)
    return result
