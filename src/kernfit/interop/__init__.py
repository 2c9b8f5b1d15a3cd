"""Other programs' models and kernels; each program is imported only when its model is passed."""
