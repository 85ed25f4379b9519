"""Volumes out as DICOM: Ophthalmic Tomography, its localizer, and the device's layers.

Written are valid objects of three IODs of DICOM PS3.3: A.52 Ophthalmic Tomography Image, A.41
Ophthalmic Photography 8 Bit Image, A.91 Height Map Segmentation. What the standard demands and
nobody knows is never invented:

- Without an eye or a time of acquisition there is no object: both are type 1.
- Without a scale the Pixel Measures item stays empty, which the standard allows as long as
  Ophthalmic Volumetric Properties Flag is NO. It is always NO: YES would also demand a slice
  thickness and positions in the patient, which no reader knows.
- The Plane Position and Orientation items stay empty for the same reason: where B-scans lie is told
  on the localizer.
- Text that identifies the patient must not be in the pixels; of pictures somebody must say so.
- Lossy compression is told with its method and ratio, or there is no object.
- Manufacturer, model, serial number and software are type 1: ``UNKNOWN`` where they are. So is
  the family of the algorithm that drew the layers.
- Image Type is DERIVED: the pixels went through the reader's grey transform, and the attributes
  of the light source that ORIGINAL demands are unknown.

Every identifier follows from the source's hash and from what is written, so that converting twice
gives the same bytes. Importing this package loads pydicom; only the command for it does.
"""
