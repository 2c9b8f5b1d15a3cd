"""How sure an answer is, and what the data cannot tell."""
