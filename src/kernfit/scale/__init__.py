"""Scale: the same verbs on images larger than memory, on many pairs and many machines."""
