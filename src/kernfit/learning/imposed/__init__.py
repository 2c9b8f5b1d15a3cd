"""What is known of a kernel beforehand: constraints and penalties."""
