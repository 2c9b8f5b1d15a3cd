"""The Fourier method: blocks of pixels times the spectrum of the taps."""
