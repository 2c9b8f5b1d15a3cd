"""The direct method: every tap times every pixel, plane by plane or channels together."""
