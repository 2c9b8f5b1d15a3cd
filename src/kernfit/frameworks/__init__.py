"""Models of other programs: read, run, and measured; a program is imported only with its model."""
