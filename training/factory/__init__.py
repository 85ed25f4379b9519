"""What the model that ships learns from: painted lesions, phantoms and real B-scans, as a data set.

It is learned from like any other data set: see `training.learning`.
"""
