"""Speed, memory and calibration, measured; one module a subject."""
