"""What a scale would cost on the machine at hand, from a few measured steps."""
