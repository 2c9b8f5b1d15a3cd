"""How the after image lies to the before image, found from the two."""
