"""Importers: one module a public layout, and generic ones for a site's own folders and tables.

An importer looks at names, tables and headers, and yields `survey.Candidate` rows; reading and
hashing the pictures is `training.data.import_data`'s. What does not fit is reported to the
`survey.Survey` and never guessed, replaced or skipped: the caller lists all of it in one error.
"""
