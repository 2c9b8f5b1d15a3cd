"""The answer: a fit, its verdict, its words, its file."""
