"""The model at run time: package, preprocessing, session, prediction, and the process for it."""
