"""What is stored: whether it is still what was written, and what has to be made again if it is not."""
