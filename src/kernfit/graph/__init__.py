"""Layers as geometry, exactly: rules, graphs of them, and the windows that follow."""
