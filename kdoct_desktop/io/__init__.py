"""Files in: every foreign file is parsed and decoded in a child process that can be killed.

Two sides, one list. The program's side (``readers``, ``inputs``, ``dicom*``, ``image_stack``,
``plan``, ``decode``, ``studies``, ``devices/plans``) imports nothing but the standard library,
numpy and the domain: it looks at first bytes, asks the reading process for headers, decides which
frames are a volume, and takes the pixels B-scan by B-scan. The reading process (``child``,
``dicom_gate``, ``dicom_header``, ``dicom_layout``, ``dicom_fragments``, ``dicom_pixels``,
``image_pixels``, ``archive``, ``devices/serve`` with a parser a format) alone loads parsers and
codecs; ``contained`` starts it, holds it to its time and memory, and kills it. Long compressed
volumes are dealt out to several such processes (``crew``, ``dealing``).

Pixels cross as raw bytes on a pipe, read with a deadline, rather than through shared memory: that
needs no clean-up after a kill, and the first B-scan is there before the second is decoded.

A new device format is one parser in ``devices`` and one entry in its table of formats. ``writing``
makes DICOM objects of volumes; it is loaded only for that.
"""
