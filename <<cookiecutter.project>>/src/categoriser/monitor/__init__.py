"""What captured requests and labels say of the live model."""
