"""Whether what is left over is noise, and if not, what it looks like."""
