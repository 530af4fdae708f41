"""Rules as tests make them."""
