"""What a learnt kernel is called."""
