"""Files as devices write them: one module a vendor's format, one way through.

In the reading process a format is one function ``parse(path, limits) -> DeviceFile``: it reads the
header, declares what the file holds as plain records (``fields``), and later decodes one picture
at a time. Layouts are numpy dtypes; ``binary`` reads them and never past the end of the file.
``serve`` gives the tasks of the reading process, ``plans`` makes volumes of the records on the
program's side, and ``formats`` is the table of all formats: who claims a file, what was tested on
what, what is read and what is not.
"""
